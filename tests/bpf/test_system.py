"""The whole system, pinned: guard by architecture, trampoline, one or two programs, sleepable or not."""

from collections.abc import Callable, Sequence

import pytest
from tests.bpf.test_guards import needed

from ctxrace.bpf.caller import Caller
from ctxrace.bpf.guards.case import Case
from ctxrace.bpf.guards.known import GUARDS_OF
from ctxrace.bpf.guards.load import load_guard
from ctxrace.bpf.guards.run import run
from ctxrace.bpf.table import cells, system_cases
from ctxrace.core.ending import Difference, Ending, ValuesLeft
from ctxrace.core.property import Property
from ctxrace.core.schedule import Schedule
from ctxrace.core.verdict import Outcome, Result
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import check
from ctxrace.kernel.program import Build
from ctxrace.kernel.replay import replay
from ctxrace.kernel.rules.preemption import Rcu
from ctxrace.kernel.scenario import balanced, progress, recovers
from ctxrace.report.grid import render_grid

from .guard_cases import guard_case

ARCHS = ("arm64", "x86-64")
TRAMPOLINES = ("fentry", "fexit", "fmod_ret")


def left(name: str) -> tuple[Ending, ...]:
    """Return that the CPU is idle, and `name` is 1 instead of 0."""
    return (ValuesLeft((Difference(name, 1, 0),)),)


def letters(result: Result) -> str:
    """The kinds of properties that are violated, each as its initial; a dot where all hold."""
    broken = {v.property.kind[0] for v in result.verdicts if v.outcome is Outcome.VIOLATED}
    return "".join(sorted(broken, key="ebrp".find)) or ("." if result.outcome is Outcome.HOLDS else "?")


def lengths(result: Result) -> dict[str, tuple[int, int]]:
    """Switches and events of the shortest interleaving of each violated property."""
    return {
        str(v.property): (v.interleaving.switches, len(v.interleaving.events))
        for v in result.verdicts
        if v.interleaving is not None
    }


def pinned(wanted: Sequence[Case], results: Sequence[Result]) -> str:
    """A line for each cell: what is violated, in how many switches and events, states and transitions."""
    lines = []
    for case, result in zip(wanted, results, strict=True):
        told = " ".join(f"{name.replace(', ', ',')} {s}/{e}" for name, (s, e) in lengths(result).items())
        size = f"{result.verdicts[0].states:,} states, {result.verdicts[0].transitions:,} transitions"
        lines.append(f"{case.arch} {case.label}: {told or result.outcome}; {size}")
    return "\n".join(lines) + "\n"


def test_one_program(golden: Callable[[str, str], None]) -> None:
    wanted = system_cases()
    results = list(run(wanted, 2).results)
    golden("system-table.txt", render_grid(cells(wanted, results), "the system", ("guard", "program")))
    golden("system-one-program.txt", pinned(wanted, results))


@pytest.mark.parametrize(
    ("name", "some"),
    [("main", True), pytest.param("others", False, marks=pytest.mark.slow)],
)
def test_two_programs(name: str, some: bool, golden: Callable[[str, str], None]) -> None:
    wanted = [case for case in system_cases(programs=[2]) if (case.guard in ("arm64-v1", "arm64-merged")) is some]
    golden(f"system-two-programs-{name}.txt", pinned(wanted, list(run(wanted, 2).results)))


@pytest.mark.parametrize("guard", ["arm64-v1", "plain-int"])
@pytest.mark.parametrize("trampoline", [*TRAMPOLINES, "raw_tp"])
def test_a_trampoline_adds_no_event_to_the_shortest_interleavings(guard: str, trampoline: str) -> None:
    # What enter and exit do besides is private, so that the guard alone says what the shortest way is.
    alone, called = (guard_case(guard, "full", caller=caller).check() for caller in (Caller(), Caller(trampoline)))
    assert lengths(called) == lengths(alone)


@pytest.mark.parametrize("arch", ARCHS)
def test_where_rcu_is_not_preemptible_only_sleepable_programs_race(arch: str) -> None:
    # As Debian's 7.2 kernel is configured: rcu_read_lock() turns preemption off, which rcu_read_lock_trace() does not.
    def found(guard: str, sleepable: bool) -> str:
        caller = Caller("fentry", 1, sleepable, Rcu.NON_PREEMPTIBLE)
        return letters(guard_case(guard, "full", arch=arch, caller=caller).check())

    assert [found("arm64-v1", False), found("arm64-merged", False), found("arm64-merged", True)] == [".", ".", "."]
    assert found("arm64-v1", True) == {"arm64": "ebrp", "x86-64": "p"}[arch]


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize(("guard", "expected"), [("arm64-v1", {"arm64": "ebrp", "x86-64": "p"}), ("arm64-merged", "."),
                                                 ("no-exit", "brp")])  # fmt: skip
def test_a_tracepoint_uses_the_guard_inline(arch: str, guard: str, expected: dict[str, str] | str) -> None:
    wanted = expected if isinstance(expected, str) else expected[arch]
    assert letters(guard_case(guard, "full", arch=arch, caller=Caller("raw_tp")).check()) == wanted


@pytest.mark.parametrize("sleepable", [False, True])
@pytest.mark.parametrize("guard", ["arm64-v1", "arm64-merged"])
def test_without_preemption_others_run_only_where_a_program_sleeps(guard: str, sleepable: bool) -> None:
    assert letters(guard_case(guard, "none", caller=Caller("fentry", sleepable=sleepable)).check()) == "."


# Recursion: the program calls the function that it is attached to.


def decide(
    caller: Caller,
    arch: str,
    *properties: Property,
    guard: str = "arm64-merged",
    tasks: str = "2",
    attempts: str | None = None,
) -> Result:
    program = load_guard(guard, caller, Build(arch))
    change = ScenarioChange.of(tasks=tasks, properties=properties or None, attempts=attempts)
    return check(program, change.apply(program.scenario))


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("trampoline", TRAMPOLINES)
def test_a_program_that_calls_its_own_function_is_refused(arch: str, trampoline: str) -> None:
    result = decide(Caller(trampoline, defines=("BPF_RECURSIVE",)), arch)
    assert {str(v.property): str(v.outcome) for v in result.verdicts} == {
        "exclusive(body)": "holds",  # nested, too
        "balanced(active)": "holds",
        "recovers(attempt, body)": "holds",
        "progress(attempt, body)": "holds",
    }


@pytest.mark.parametrize("arch", ARCHS)
def test_the_run_that_is_refused_is_counted(arch: str) -> None:
    alone = Caller("fentry", interrupts=(), defines=("BPF_COUNT", "BPF_RECURSIVE"))
    result = decide(alone, arch, balanced("stats"), tasks="1", attempts="1")
    assert result.verdicts[0].interleaving is not None
    assert result.verdicts[0].interleaving.endings == left("stats.misses")
    # Without recursion and without anybody else nothing is refused.
    quiet = decide(Caller("fentry", interrupts=(), defines=("BPF_COUNT",)), arch, balanced("stats"), tasks="1",
                   attempts="1")  # fmt: skip
    assert quiet.outcome is Outcome.HOLDS


def test_an_interrupt_that_hits_the_traced_function_is_counted() -> None:
    caller = Caller("fentry", interrupts=("nmi",), defines=("BPF_COUNT",))
    found = decide(caller, "arm64", balanced("stats"), tasks="1", attempts="1").verdicts[0].interleaving
    assert found is not None
    assert (found.contexts, found.endings) == (("A", "nmi"), left("stats.misses"))


@pytest.mark.parametrize("arch", ARCHS)
def test_every_attempt_is_answered_for(arch: str) -> None:
    # By the program that runs or by recursion_detected(), wherever interrupts and other tasks come between.
    guard = {"arm64": "generic-lse", "x86-64": "generic"}[arch]
    result = decide(Caller("fentry", defines=("BPF_RECURSIVE", "BPF_LEDGER")), arch, guard=guard)
    assert str(result.verdicts[-1].property) == "balanced(ledger)"
    assert result.outcome is Outcome.HOLDS


def test_statistics_count_runs_and_time_once_they_are_switched_on() -> None:
    on = Caller("fentry", interrupts=(), defines=("BPF_COUNT", "BPF_STATS"))
    found = decide(on, "arm64", balanced("stats"), tasks="1", attempts="1").verdicts[0].interleaving
    assert found is not None
    assert found.endings == left("stats.cnt")


# What must be caught.


@pytest.mark.parametrize("arch", ARCHS)
def test_without_the_recursion_check_the_program_runs_twice(arch: str) -> None:
    assert letters(decide(Caller("fentry", defines=("BPF_UNCHECKED",)), arch)) == "e"


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("trampoline", TRAMPOLINES)
def test_a_trampoline_that_forgets_exit_leaves_the_run_context_behind(arch: str, trampoline: str) -> None:
    # Where enter puts back the rest, the guard's count leaks (no-exit in the tables); here it does not.
    result = decide(Caller(trampoline, defines=("BPF_NO_UNDO",)), arch, guard="no-exit")
    assert [str(v.property) for v in result.verdicts if v.outcome is Outcome.VIOLATED] == ["restored"]


# fmod_ret.


@pytest.mark.parametrize("arch", ARCHS)
def test_fmod_ret_skips_the_function_and_the_next_program_where_one_returns_something(arch: str) -> None:
    own = (recovers("attempt", "traced_body"), progress("attempt", "traced_body"))
    assert letters(decide(Caller("fmod_ret"), arch, *own)) == "."
    assert letters(decide(Caller("fmod_ret", defines=("BPF_RETURN=1",)), arch, *own)) == "rp"
    both = [recovers("attempt", body) for body in ("body", "body2")]
    found = decide(Caller("fmod_ret", 2, defines=("BPF_RETURN=1",)), arch, *both)
    assert [str(v.outcome) for v in found.verdicts] == ["holds", "violated"]
    assert letters(decide(Caller("fexit", defines=("BPF_RETURN=1",)), arch, *own)) == "."  # there it means nothing


# Schedules, compilers.


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("caller", [Caller(name, number, sleeps) for name in TRAMPOLINES
                                    for number, sleeps in ((1, True), (2, False))], ids=str)  # fmt: skip
def test_every_violation_replays(arch: str, caller: Caller) -> None:
    case = guard_case("arm64-v1", "full", arch=arch, caller=caller)
    program, scenario = case.load()
    found = [verdict for verdict in case.check().verdicts if verdict.interleaving is not None]
    assert len(found) == caller.programs * {"arm64": 4, "x86-64": 1}[arch]
    for verdict in found:
        assert verdict.interleaving is not None
        told, broken = replay(program, Schedule.parse(verdict.interleaving.schedule), scenario)
        assert told == verdict.interleaving
        assert verdict.property in broken


@pytest.mark.parametrize(("arch", "cc"), [("arm64", "aarch64-linux-gnu-gcc"), ("x86-64", "x86_64-linux-gnu-gcc")])
def test_gcc_says_the_same(arch: str, cc: str) -> None:
    needed(cc)
    found = {g: letters(guard_case(g, "full", arch=arch, cc=cc, caller=Caller("fmod_ret", 2)).check())
             for g in ("arm64-v1", "arm64-merged")}  # fmt: skip
    assert found == {"arm64-v1": {"arm64": "ebrp", "x86-64": "p"}[arch], "arm64-merged": "."}


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("caller", [Caller("fentry"), Caller("fexit", 2, True), Caller("fmod_ret", 2),
                                    Caller("raw_tp", 2)], ids=str)  # fmt: skip
def test_everything_compiles_without_a_word(arch: str, caller: Caller) -> None:
    flags = ["-Wall", "-Wextra", "-Wno-unused-parameter"]
    assert load_guard("arm64-merged", caller, Build(arch, flags=tuple(flags))).messages == ""


@pytest.mark.slow
@pytest.mark.parametrize("optimize", ["-O1", "-O3", "-Os"])
def test_the_table_is_the_same_at_every_level(optimize: str) -> None:
    plain, other = system_cases(), system_cases(build=Build(optimize=optimize))
    assert [letters(r) for r in run(other, 2).results] == [letters(r) for r in run(plain, 2).results]


@pytest.mark.slow
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("trampoline", [*TRAMPOLINES, "raw_tp"])
def test_softirqs_and_hardirqs_find_nothing_that_an_nmi_does_not(arch: str, trampoline: str) -> None:
    def found(interrupts: tuple[str, ...]) -> dict[str, str]:
        caller = Caller(trampoline, interrupts=interrupts)
        cases = {guard: guard_case(guard, "full", arch=arch, caller=caller) for guard in GUARDS_OF[arch]}
        return {guard: letters(case.check()) for guard, case in cases.items()}

    assert found(("softirq", "hardirq", "nmi")) == found(("nmi",))
