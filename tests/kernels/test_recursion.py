"""BPF's recursion guard in Debian's kernels: the machine code that ships, and what it is without its preempt_disable().

The same kernels agree when they run: with the merged preempt_disable() pairs patched out, the counter of a sleepable
program sticks within seconds.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ctxrace.bpf.kernel.check import kernel_cases, run_kernel
from ctxrace.core.verdict import Outcome, Result
from ctxrace.explore.watch import Engine, Limits
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import check
from ctxrace.kernel.image.vmlinux import Vmlinux
from ctxrace.kernel.program import Build
from ctxrace.machine.arch import architecture

from .edits import without_preempt_disable

pytestmark = pytest.mark.kernels

EXAMPLES = Path(__file__).parents[2] / "examples" / "kernel"
LEVELS = ("softirq", "hardirq", "nmi")
Shipped = Callable[[str, str], Path]


def checked(
    kernel: Path, harness: str, levels: Sequence[str] = (), attempts: str = "unlimited", **build: Any  # noqa: ANN401 - as Build has them
) -> Result:
    change = ScenarioChange.read({"attempts": attempts, **{level: ["attempt"] for level in levels}})
    program = Build(kernel=str(kernel), **build).load(EXAMPLES / f"{harness}.c", change)
    # Step by step, three levels over a program that may sleep have more than 3,000,000 states.
    limits = Limits(engine=Engine.SUMMARIES) if levels else Limits()
    return check(program, change.apply(program.scenario), limits=limits)


def outcomes(result: Result) -> dict[str, Outcome]:
    return {verdict.property.kind: verdict.outcome for verdict in result.verdicts}


def edits(kernel: Path, kind: str, *, rcu: bool = False) -> tuple[tuple[int, bytes], ...]:
    names = (f"__bpf_prog_enter_{kind}recur", f"__bpf_prog_exit_{kind}recur")
    return without_preempt_disable(Vmlinux(kernel, architecture("arm64")), *names, rcu=rcu)


@pytest.mark.parametrize("levels", [(), LEVELS], ids=["tasks", "all levels"])
def test_a_program_that_may_not_sleep_is_guarded(shipped: Shipped, levels: tuple[str, ...]) -> None:
    result = checked(shipped("7.2", "arm64"), "bpf_recursion", levels)
    assert result.outcome is Outcome.HOLDS
    assert result.setup.rcu == "non-preemptible" and result.setup.preemption == "full"


def test_rcu_read_lock_guards_it_too_where_rcu_is_not_preemptible(shipped: Shipped) -> None:
    kernel = shipped("7.2", "arm64")
    assert checked(kernel, "bpf_recursion", patch=edits(kernel, "")).outcome is Outcome.HOLDS


def test_with_neither_the_bytes_are_torn(shipped: Shipped) -> None:
    kernel = shipped("7.2", "arm64")
    result = checked(kernel, "bpf_recursion", patch=edits(kernel, "", rcu=True))
    assert set(outcomes(result).values()) == {Outcome.VIOLATED}
    assert set(outcomes(result)) == {"exclusive", "balanced", "recovers", "progress"}


@pytest.mark.parametrize("levels", [(), ("hardirq",), ("nmi",), LEVELS], ids=" ".join)
def test_a_program_that_may_sleep_is_guarded(shipped: Shipped, levels: tuple[str, ...]) -> None:
    assert checked(shipped("7.2", "arm64"), "bpf_recursion_sleepable", levels).outcome is Outcome.HOLDS


def test_of_one_that_may_sleep_the_bytes_are_torn_at_the_kernels_lines(shipped: Shipped) -> None:
    kernel = shipped("7.2", "arm64")
    result = checked(kernel, "bpf_recursion_sleepable", patch=edits(kernel, "sleepable_"))
    verdict = next(verdict for verdict in result.verdicts if verdict.property.kind == "exclusive")
    assert verdict.outcome is Outcome.VIOLATED and verdict.interleaving is not None
    torn = [event for event in verdict.interleaving.events if any("active" in it.name for it in event.accesses)]
    # A loads 0; B loads 0, stores 1 and reads 1; A stores 1 and reads 1.
    assert len(torn) == 6
    assert {Path(event.source.file).name for event in torn if event.source} == {"bpf.h"}


@pytest.mark.parametrize("levels", [(), LEVELS], ids=["tasks", "all levels"])
def test_on_x86_one_instruction_counts(shipped: Shipped, levels: tuple[str, ...]) -> None:
    result = checked(shipped("7.2", "amd64"), "bpf_recursion", levels, arch="x86-64")
    assert result.outcome is Outcome.HOLDS and result.setup.rcu == "preemptible"


def test_on_x86_a_count_that_is_not_given_back_is_found(shipped: Shipped) -> None:
    kernel = shipped("7.2", "amd64")
    symbol = Vmlinux(kernel, architecture("x86-64")).elf.symbols["__bpf_prog_exit_recur"][0]
    code = Vmlinux(kernel, architecture("x86-64")).read(symbol.address, symbol.size)
    decrement = bytes.fromhex("65ff08")  # decl %gs:(%rax)
    assert code is not None and code.count(decrement) == 1
    never = ((symbol.address + code.index(decrement), bytes.fromhex("0f1f00")),)
    kinds = outcomes(checked(kernel, "bpf_recursion", attempts="2", arch="x86-64", patch=never))
    assert kinds["recovers"] is kinds["balanced"] is Outcome.VIOLATED and kinds["exclusive"] is Outcome.HOLDS


@pytest.mark.parametrize("cpu", [(), ("lse",)], ids=["LL/SC", "LSE"])
def test_the_atomic_counter_needs_no_preempt_disable(shipped: Shipped, cpu: tuple[str, ...]) -> None:
    result = checked(shipped("6.12", "arm64"), "bpf_recursion", LEVELS, cpu=cpu)
    assert result.outcome is Outcome.HOLDS and result.setup.preemption == "voluntary"


def test_the_flagships_table_of_a_kernel_tells_the_right_one_from_the_wrong_one(shipped: Shipped) -> None:
    kernel = shipped("7.2", "arm64")
    for patch, expected in (
        ((), [Outcome.HOLDS] * 4),
        (edits(kernel, "sleepable_"), [Outcome.HOLDS, Outcome.HOLDS, Outcome.VIOLATED, Outcome.VIOLATED]),
    ):
        cases = kernel_cases(Build(kernel=str(kernel), patch=patch or None), ScenarioChange(), Limits())
        assert [result.outcome for result in run_kernel(cases, 1).results] == expected
