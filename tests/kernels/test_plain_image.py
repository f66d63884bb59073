"""Debian's kernels as they boot: what is read out of an Image or a bzImage is what the vmlinux with DWARF says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ctxrace.core.facts.remark import LinesUnknown
from ctxrace.core.verdict import Outcome, Result
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import check
from ctxrace.kernel.image.vmlinux import Vmlinux
from ctxrace.kernel.program import Build
from ctxrace.machine.arch import architecture

from .edits import without_preempt_disable

pytestmark = pytest.mark.kernels

EXAMPLES = Path(__file__).parents[2] / "examples" / "kernel"
PLAIN, SLEEPABLE = "bpf_recursion", "bpf_recursion_sleepable"
KIND = {PLAIN: "", SLEEPABLE: "sleepable_"}
KERNELS = [("6.12", "arm64", "arm64"), ("7.2", "arm64", "arm64"), ("7.2", "amd64", "x86-64")]
Find = Callable[[str, str], Path]


@pytest.mark.parametrize(("version", "package", "arch"), KERNELS)
def test_everything_lies_where_the_vmlinux_has_it(
    shipped: Find, bootable: Find, version: str, package: str, arch: str
) -> None:
    one = Vmlinux(shipped(version, package), architecture(arch))
    other = Vmlinux(bootable(version, package), architecture(arch))
    assert (one.version, one.per_cpu, one.preemption) == (other.version, other.per_cpu, other.preemption)
    assert one.preemptible_rcu == other.preemptible_rcu
    places = {(symbol.name, symbol.address) for same in one.elf.symbols.values() for symbol in same}
    found = {(symbol.name, symbol.address) for same in other.elf.symbols.values() for symbol in same}
    assert found <= places and len(found) > 100_000
    for section in one.elf.sections:
        if section.loaded and section.size and section.name != ".head.text":  # its header is signed
            same = one.read(section.address, section.size) == other.read(section.address, section.size)
            assert same, section.name
    for name in (".BTF", ".altinstructions"):
        assert one.elf.contents(name) == other.elf.contents(name), name
        assert one.elf.section(name).address == other.elf.section(name).address  # type: ignore[union-attr]


def checked(kernel: Path, harness: str, *, edited: bool, rcu: bool, cpu: tuple[str, ...], interrupts: bool) -> Result:
    patch = None
    if edited:
        functions = [f"__bpf_prog_{step}_{KIND[harness]}recur" for step in ("enter", "exit")]
        patch = without_preempt_disable(Vmlinux(kernel, architecture("arm64")), *functions, rcu=rcu)
    change = ScenarioChange.read({"softirq": ["attempt"]} if interrupts else {})
    program = Build(kernel=str(kernel), patch=patch, cpu=cpu or None).load(EXAMPLES / f"{harness}.c", change)
    return check(program, change.apply(program.scenario))




@pytest.mark.parametrize(("version", "package", "harness", "edited", "rcu", "cpu", "interrupts", "outcome"), [
    ("7.2", "arm64", PLAIN, False, False, (), True, Outcome.HOLDS),
    ("7.2", "arm64", PLAIN, True, False, (), False, Outcome.HOLDS),
    ("7.2", "arm64", PLAIN, True, True, (), False, Outcome.VIOLATED),
    ("7.2", "arm64", SLEEPABLE, False, False, (), False, Outcome.HOLDS),
    ("7.2", "arm64", SLEEPABLE, True, False, (), False, Outcome.VIOLATED),
    ("6.12", "arm64", PLAIN, False, False, ("lse",), True, Outcome.HOLDS),
    ("7.2", "amd64", PLAIN, False, False, (), True, Outcome.HOLDS),
])  # fmt: skip
def test_the_guards_verdicts_are_those_of_the_vmlinux(
    shipped: Find, bootable: Find, version: str, package: str, harness: str, *, edited: bool, rcu: bool,
    cpu: tuple[str, ...], interrupts: bool, outcome: Outcome,
) -> None:  # fmt: skip
    results = [
        checked(kernel(version, package), harness, edited=edited, rcu=rcu, cpu=cpu, interrupts=interrupts)
        for kernel in (shipped, bootable)
    ]
    one, other = results
    assert one.outcome is other.outcome is outcome
    assert one.setup == other.setup
    for verdict, same in zip(one.verdicts, other.verdicts, strict=True):
        assert (verdict.property, verdict.outcome, verdict.states) == (same.property, same.outcome, same.states)
        if verdict.interleaving is not None and same.interleaving is not None:
            runs = (verdict.interleaving, same.interleaving)
            # The schedules' first word is a digest of the image, whose sections differ.
            assert len({run.schedule.partition(".")[2] for run in runs}) == 1
            assert not any(event.source for event in same.interleaving.events if event.function.startswith("__bpf"))
    told = [[note for note in result.notes if isinstance(note, LinesUnknown)] for result in results]
    assert told == [[], [LinesUnknown(bootable(version, package).name)]]
