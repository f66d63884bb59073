"""Harnesses for a kernel image: the kernel's own code, as boot leaves it, and what a harness puts in its place."""

import re
from pathlib import Path
from typing import Any

import pytest

from ctxrace.core.errors import CtxraceError, ToolchainError
from ctxrace.core.schedule import Schedule
from ctxrace.core.verdict import Outcome, Result
from ctxrace.kernel.check import check
from ctxrace.kernel.image.vmlinux import Vmlinux
from ctxrace.kernel.program import Build
from ctxrace.kernel.replay import replay
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.machine.arch import architecture

from .small import HARNESS, build


@pytest.fixture(scope="session")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("kernel"))


def checked(kernel: Path, folder: Path, text: str = HARNESS, **options: Any) -> Result:  # noqa: ANN401 - of each its own type
    source = folder / "harness.c"
    source.write_text(text + "CTXRACE_PREEMPTION(full);\n")
    return check(Build(kernel=str(kernel), **options).load(source))


def test_the_kernels_own_code_is_torn(kernel: Path, tmp_path: Path) -> None:
    (verdict,) = checked(kernel, tmp_path).verdicts
    assert verdict.outcome is Outcome.VIOLATED and verdict.interleaving is not None
    # A loads 0; B loads 0, stores 1 and enters; A stores 1 and enters.
    assert (verdict.interleaving.switches, len(verdict.interleaving.events)) == (2, 4)
    assert {access.name for event in verdict.interleaving.events for access in event.accesses} == {"counter"}
    assert {event.function for event in verdict.interleaving.events} == {"guard_enter"}


def test_a_feature_of_the_cpu_makes_the_addition_one_instruction(kernel: Path, tmp_path: Path) -> None:
    assert checked(kernel, tmp_path, cpu=("lse",)).outcome is Outcome.HOLDS


def test_a_static_key_that_is_on_turns_preemption_off(kernel: Path, tmp_path: Path) -> None:
    assert checked(kernel, tmp_path, static_key=(("guard_key", True),)).outcome is Outcome.HOLDS
    assert checked(kernel, tmp_path, static_key=(("guard_key", False),)).outcome is Outcome.VIOLATED


def test_what_the_harness_defines_replaces_the_kernels_function(kernel: Path, tmp_path: Path) -> None:
    assert "fault" in {verdict.property.kind for verdict in checked(kernel, tmp_path, ACCOUNTS, cpu=("lse",)).verdicts}
    own = ACCOUNTS + "unsigned long clock(void) { return 2; }\n"
    assert checked(kernel, tmp_path, own, cpu=("lse",)).outcome is Outcome.HOLDS


def test_the_schedulers_entries_are_the_tools(kernel: Path, tmp_path: Path) -> None:
    sleeps = HARNESS.replace("\tguard_exit();", "\tschedule();\n\tguard_exit();").replace(
        "extern int", "extern void schedule(void);\nextern int"
    )
    assert checked(kernel, tmp_path, sleeps, cpu=("lse",)).outcome is Outcome.HOLDS


def test_other_bytes_take_the_place_of_the_kernels(kernel: Path, tmp_path: Path) -> None:
    address = Vmlinux(kernel, architecture("arm64")).elf.address("guard_exit")
    never = ((address, bytes.fromhex("c0035fd6")),)  # ret: the count is never given back
    text = HARNESS + "CTXRACE_ATTEMPTS(2);\nCTXRACE_RECOVERS(attempt, body);\n"
    kinds = {v.property.kind: v.outcome for v in checked(kernel, tmp_path, text, cpu=("lse",), patch=never).verdicts}
    assert kinds["recovers"] is Outcome.VIOLATED


ACCOUNTS = HARNESS.replace("\tguard_exit();", "\tguard_account();\n\tguard_exit();").replace(
    "extern int", "extern void guard_account(void);\nextern int"
)


def test_a_stub_takes_the_place_of_a_function(kernel: Path, tmp_path: Path) -> None:
    assert checked(kernel, tmp_path, ACCOUNTS, cpu=("lse",), stub=(("clock", 3),)).outcome is Outcome.HOLDS


def test_what_nobody_defines_is_named_and_a_stub_defines_it(kernel: Path, tmp_path: Path) -> None:
    text = HARNESS.replace("\tguard_exit();", "\tsomewhere_else();\n\tguard_exit();").replace(
        "extern int", "extern void somewhere_else(void);\nextern int"
    )
    with pytest.raises(CtxraceError, match=r"uses what neither it nor .* defines: somewhere_else \(referenced by .*"):
        checked(kernel, tmp_path, text)
    assert checked(kernel, tmp_path, text, cpu=("lse",), stub=(("somewhere_else", 0),)).outcome is Outcome.HOLDS


def test_a_function_that_nobody_calls_is_named_with_the_one_that_is_meant(kernel: Path, tmp_path: Path) -> None:
    helper = HARNESS.replace("\tbody();", "\thelper();", 1).replace(
        "void attempt", "noinline void helper(void) { body(); }\nvoid attempt"
    )
    assert checked(kernel, tmp_path, helper, cpu=("lse",)).outcome is Outcome.HOLDS
    wrong = HARNESS + "unsigned long clok(void) { return 2; }\n"
    message = r"defines clok\(\), which neither the kernel nor the harness calls; is clock meant\?"
    with pytest.raises(CtxraceError, match=message):
        checked(kernel, tmp_path, wrong)


def test_a_build_tree_has_its_vmlinux(kernel: Path, tmp_path: Path) -> None:
    assert checked(kernel.parent, tmp_path, cpu=("lse",)).outcome is Outcome.HOLDS
    with pytest.raises(CtxraceError, match="has no vmlinux; build one there: make vmlinux"):
        checked(tmp_path, tmp_path)


def test_a_statistic_may_be_a_member(kernel: Path, tmp_path: Path) -> None:
    declared = "extern struct task_struct init_task;\nCTXRACE_STATISTIC(init_task.thread_info.flags);\n"
    program = tmp_path / "harness.c"
    program.write_text(HARNESS + "static struct { int a, b; } pair;\nCTXRACE_STATISTIC(pair.b);\n")
    image = Build(kernel=str(kernel)).load(program).image
    pair, second = image.variable("pair"), image.variable("pair.b")
    assert pair is not None and second is not None and (second.address, second.size) == (pair.address + 4, 4)
    assert image.variable("pair.c") is None and image.variable("nothing.b") is None
    with pytest.raises(CtxraceError, match=r"has no variable 'init_task.thread_info.flags'"):
        checked(kernel, tmp_path, HARNESS + declared)  # BTF has the types of per-CPU variables only


def test_lines_of_the_kernel_are_shown_where_its_sources_are(kernel: Path, tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    for tree, text in (
        (None, ""),
        (here, '__asm__ volatile("661: ldr %w0, [%1]\\n"'),
        (str(tmp_path), ""),
    ):
        (verdict,) = checked(kernel, tmp_path, source=tree).verdicts
        assert verdict.interleaving is not None
        sources = {event.source for event in verdict.interleaving.events}
        assert {(Path(it.file).name, it.text) for it in sources if it} == {("small_vmlinux.c", text)}


@pytest.mark.parametrize("more", [(), ("-ffunction-sections",), ("-gdwarf-4",), ("-gdwarf-4", "-ffunction-sections")])
def test_lines_are_known_without_debug_aranges(tmp_path: Path, more: tuple[str, ...]) -> None:
    (verdict,) = checked(build(tmp_path, more=more), tmp_path, source=str(Path(__file__).parent)).verdicts
    assert verdict.interleaving is not None
    sources = {event.source for event in verdict.interleaving.events}
    assert {it.text for it in sources if it} == {'__asm__ volatile("661: ldr %w0, [%1]\\n"'}


def test_a_schedule_is_replayed_on_the_kernel(kernel: Path, tmp_path: Path) -> None:
    (verdict,) = checked(kernel, tmp_path).verdicts
    told = verdict.interleaving
    assert told is not None
    again, broken = replay(Build(kernel=str(kernel)).load(tmp_path / "harness.c"), Schedule.parse(told.schedule))
    assert (again, broken) == (told, (verdict.property,))
    with pytest.raises(CtxraceError, match="the schedule was made for other machine code"):
        replay(Build(kernel=str(kernel), cpu=("lse",)).load(tmp_path / "harness.c"), Schedule.parse(told.schedule))


def test_an_instruction_that_is_refused_says_how_it_was_reached(kernel: Path, tmp_path: Path) -> None:
    address = Vmlinux(kernel, architecture("arm64")).elf.address("guard_exit")
    unknown = ((address, bytes.fromhex("00e03bd5")),)  # mrs x0, cntfrq_el0
    with pytest.raises(CtxraceError, match=r"reached through .*guard_exit: define one of them in the harness, or pass"):
        checked(kernel, tmp_path, cpu=("lse",), patch=unknown)


def test_the_image_says_how_the_kernel_was_built(kernel: Path) -> None:
    image = Vmlinux(kernel, architecture("arm64"))
    assert image.version == (7, 0)
    assert image.preemption is Preemption.VOLUNTARY and not image.preemptible_rcu


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cpu": ("sve",)}, "is no CPU feature that ctxrace knows: lse"),
        ({"static_key": (("no_key", True),)}, "has no symbol 'no_key'"),
        ({"static_key": (("counter", True),)}, "the kernel tests no static key of that name"),
        ({"patch": ((0x10, b"\0\0\0\0"),)}, "the kernel has nothing there"),
        ({"arch": "x86-64"}, "code for EM_AARCH64, not for x86-64"),
    ],
)
def test_what_does_not_fit_is_named(kernel: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(CtxraceError, match=re.escape(message)):
        checked(kernel, tmp_path, **options)


def test_types_that_differ_from_the_image_do_not_compile(kernel: Path, tmp_path: Path) -> None:
    for text in (
        "struct task_struct { int other; };\n",  # the kernel has one with other members
        "extern void guard_enter(int how);\n",  # the harness declares it twice
    ):
        with pytest.raises(CtxraceError, match=r"harness\.c does not compile") as raised:
            checked(kernel, tmp_path, HARNESS + text)
        assert isinstance(raised.value, ToolchainError) and "error: " in raised.value.output


def test_a_kernel_without_btf_or_symbols_or_the_half_of_one_is_refused(kernel: Path, tmp_path: Path) -> None:
    with pytest.raises(CtxraceError, match="has no BTF: the layout of its types cannot be known"):
        checked(build(tmp_path, btf=False, more=("-g0",)), tmp_path)
    stripped = build(tmp_path, link=("--strip-all",))
    with pytest.raises(CtxraceError, match=r"has no symbol table \(it is stripped\); take the vmlinux of the package"):
        checked(stripped, tmp_path)
    half = tmp_path / "half"
    half.write_bytes(kernel.read_bytes()[:4096])
    with pytest.raises(CtxraceError, match="is truncated: its section headers lie outside of the file"):
        checked(half, tmp_path)
    with pytest.raises(CtxraceError, match="is not a regular file"):
        checked(tmp_path / "nothing", tmp_path)
