"""Hangs: the classic deadlocks, right and wrong; random kernels of locks against brute force; what is said of them."""

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from ctxrace.core.facts.reason import EndedByViolations, NoCheckRuns, SearchEnded
from ctxrace.core.facts.stop import StateLimit
from ctxrace.core.hang import Activity, Hang, Hindrance, Stuck
from ctxrace.core.schedule import Schedule
from ctxrace.core.verdict import Outcome, Result
from ctxrace.explore.watch import Engine, Limits
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import check, explore
from ctxrace.kernel.program import Program, load
from ctxrace.kernel.properties.hang import HANG
from ctxrace.kernel.replay import replay
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.kernel.scenario import Handler, Tasks, validate
from ctxrace.report.text import render_result

from .brute_hang import HEAD, Kernel, c_function, hangs, random_function, random_kernel
from .cases import Build

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "hangs"

# (switches, events) of the shortest way to the first state from which nothing helps, worked out by hand. arm64 without
# LSE: taking a lock is a load and a store, preempt_disable() and each other access one event.
CLASSICS = {
    "abba": (0, 6),  # on each CPU: preemption off, and the first lock taken
    "endless_loop": (0, 0),
    "handler_waits_for_task": (1, 1),  # busy is 1, and the handler comes
    "lost_wakeup": (1, 1),  # ready is read, and the only wakeup comes
    "never_given_back": (1, 4),  # the handler's store; then the lock is taken, and broken is read
    "nmi_takes_lock": (1, 4),  # interrupts off, preemption off, the lock taken
    "reader_upgrades": (0, 6),  # each: preemption off, and the load and the store of atomic_inc()
    "self_deadlock_hardirq": (1, 3),
    "self_deadlock_softirq": (1, 3),
    "seqcount_reader_in_handler": (1, 1),
    "spinning_fifo": (1, 2),  # the lock is taken, and the real-time task begins
    "spinning_without_preemption": (0, 0),  # the consumer begins first
    "taken_twice": (0, 0),  # once it has begun, nothing but the deadlock follows
    "waits_with_interrupts_off": (0, 0),
}


def hang_of(result: Result) -> tuple[int, int] | None:
    """The length of the way to a hang, None where there is none."""
    assert result.hang is not None
    assert result.hang.outcome is not Outcome.INCOMPLETE
    run = result.hang.interleaving
    assert (run is not None) == (result.hang.outcome is Outcome.VIOLATED)
    return None if run is None else (run.switches, len(run.events))


@pytest.mark.parametrize("name", CLASSICS)
def test_classic_deadlocks(name: str, cache: Path) -> None:
    wrong, right = (check(load(EXAMPLES / f"{name}.c", flags=flags, cache=cache)) for flags in ((), ("-DRIGHT",)))
    assert hang_of(wrong) == CLASSICS[name]
    assert hang_of(right) is None
    assert right.outcome is Outcome.HOLDS


def test_the_docs_show_each_of_them() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\(\.\./examples/hangs/(\w+)\.c\) \| .* \| (\d+), (\d+) \|", DOCS, re.MULTILINE)
    assert {name: (int(switches), int(events)) for name, _, switches, events in rows} == CLASSICS
    assert all(name == file for name, file, _, _ in rows)
    assert {path.stem for path in EXAMPLES.glob("*.c")} == set(CLASSICS)


DOCS = (ROOT / "docs" / "hangs.md").read_text(encoding="utf-8")


def test_the_docs_show_what_is_printed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = render_result(check(load("examples/hangs/self_deadlock_hardirq.c", cache=cache)))
    assert text.partition("\nviolated:")[2].rstrip() in DOCS


# What is said

DEADLOCK = """
static int word;
static noinline void body(void) { barrier(); }
static void take(void) { preempt_disable(); while (xchg(&word, 1)) barrier(); }
static void drop(void) { smp_store_release(&word, 0); preempt_enable(); }
void task(void) { take(); body(); drop(); }
void irq(void) { take(); body(); drop(); }
CTXRACE_TASKS(1, task); CTXRACE_HARDIRQ(irq);
"""

RACE = """
static unsigned int active;
static noinline void body(void) { barrier(); }
void attempt(void)
{
    WRITE_ONCE(active, (READ_ONCE(active) + 1) & 7);
    if (READ_ONCE(active) == 1)
        body();
    WRITE_ONCE(active, (READ_ONCE(active) - 1) & 7);
}
CTXRACE_TASKS(2, attempt); CTXRACE_NMI(attempt); CTXRACE_EXCLUSIVE(body);
"""


def summary(result: Result) -> Hang:
    assert result.hang is not None
    assert result.hang.interleaving is not None
    (ending,) = result.hang.interleaving.endings
    assert isinstance(ending, Hang)
    return ending


def briefly(stuck: Stuck) -> tuple[str, int, Activity, str, list[tuple[str, str, Hindrance]]]:
    changers = [(it.name, each.context, each.hindrance) for it in stuck.waits_for for each in it.changers]
    return stuck.context, stuck.cpu, stuck.activity, stuck.by, changers


def test_a_deadlock_beside_properties_that_hold(build: Build) -> None:
    """What once was called right: every property of the source holds."""
    demands = ("EXCLUSIVE(body)", "BALANCED(word)", "RECOVERS(task, body)", "PROGRESS(task, body)")
    result = check(build(DEADLOCK + "".join(f"CTXRACE_{demand};" for demand in demands)))
    assert [str(verdict.outcome) for verdict in result.verdicts] == [*["holds"] * 4, "violated"]
    assert hang_of(result) == (1, 3)
    hang = summary(result)
    assert hang.settled
    assert [briefly(stuck) for stuck in hang.contexts] == [
        ("A", 0, Activity.INTERRUPTED, "hardirq", []),
        ("hardirq", 0, Activity.SPINS, "", [("word", "A", Hindrance.INTERRUPTED)]),
    ]
    assert [(stuck.entry, stuck.level) for stuck in hang.contexts] == [("task", "task"), ("irq", "hardirq")]
    assert hang.contexts[1].waits_for[0].values == (1,)
    assert hang.contexts[1].source is not None
    assert hang.contexts[1].source.line == 5


def test_cpus_that_wait_for_each_other(cache: Path) -> None:
    hang = summary(check(load(EXAMPLES / "abba.c", cache=cache)))
    assert [briefly(stuck) for stuck in hang.contexts] == [
        ("A", 0, Activity.SPINS, "", [("b", "B", Hindrance.STUCK)]),
        ("B", 1, Activity.SPINS, "", [("a", "A", Hindrance.STUCK)]),
    ]


def test_a_wakeup_that_will_not_come_again(cache: Path) -> None:
    """Where the interleaving ends, the task has yet to lie down; it is told where it stays."""
    (stuck,) = summary(check(load(EXAMPLES / "lost_wakeup.c", cache=cache))).contexts
    assert stuck.activity is Activity.SPINS
    assert [(it.name, [c.hindrance for c in it.changers]) for it in stuck.waits_for] == [
        ("sleeping", [Hindrance.NO_ATTEMPT])
    ]


def test_a_task_that_does_not_get_the_cpu(cache: Path) -> None:
    hang = summary(check(load(EXAMPLES / "spinning_fifo.c", cache=cache)))
    assert [briefly(stuck) for stuck in hang.contexts] == [
        ("A", 0, Activity.OFF_CPU, "B", []),
        ("B", 0, Activity.SPINS, "", [("word", "A", Hindrance.OFF_CPU)]),
    ]


def test_a_loop_without_an_event(cache: Path) -> None:
    hang = summary(check(load(EXAMPLES / "endless_loop.c", cache=cache)))
    assert [briefly(stuck)[:3] for stuck in hang.contexts] == [("A", 0, Activity.LOOPS)]


def test_a_loop_without_an_event_does_not_keep_others_from_running(build: Build) -> None:
    """The task that loops has taken an event before, and is preempted and interrupted like any other."""
    program = build("""
        int x, y, z;
        void loops(void) { WRITE_ONCE(x, 1); for (;;) barrier(); }
        void other(void) { if (READ_ONCE(x)) WRITE_ONCE(y, 1); ctxrace_check(!READ_ONCE(y)); }
        void irq(void) { ctxrace_check(!READ_ONCE(x)); }
        CTXRACE_TASKS(1, loops); CTXRACE_TASKS(1, other); CTXRACE_HARDIRQ(irq);""")
    result = check(program)
    assert [str(verdict.property) for verdict in result.verdicts] == ["check", "no hang"]
    assert result.verdicts[0].interleaving is not None
    assert len(result.verdicts[0].interleaving.events) == 2
    assert hang_of(result) == (0, 0)


def test_the_schedule_of_a_hang_leads_to_it_again(build: Build) -> None:
    program = build(DEADLOCK)
    result = check(program)
    assert result.hang is not None
    assert result.hang.interleaving is not None
    told, broken = replay(program, Schedule.parse(result.hang.interleaving.schedule))
    assert (told, broken) == (result.hang.interleaving, (HANG,))


def test_a_limit_proves_nothing(build: Build) -> None:
    result = check(build(DEADLOCK), limits=Limits(max_states=3))
    assert result.hang is not None
    assert (result.hang.outcome, result.hang.reason) == (Outcome.INCOMPLETE, SearchEnded(StateLimit(3)))
    assert result.verdicts == (result.hang,)  # nothing else is declared


def test_a_property_that_is_asked_for_alone_is_alone(build: Build) -> None:
    program = build(RACE)
    all_of_them = check(program)
    assert [str(verdict.property) for verdict in all_of_them.verdicts] == ["exclusive(body)"]
    assert all_of_them.hang is not None
    assert (all_of_them.hang.outcome, all_of_them.hang.reason) == (Outcome.INCOMPLETE, EndedByViolations())
    alone = check(program, ScenarioChange.of(only="exclusive").apply(program.scenario))
    assert (alone.judged, alone.hang) == (alone.verdicts, None)
    assert alone.verdicts[0].interleaving == all_of_them.verdicts[0].interleaving
    for engine in Engine:
        asked = check(program, ScenarioChange.of(only="hang").apply(program.scenario), limits=Limits(engine=engine))
        assert [(str(verdict.property), verdict.outcome) for verdict in asked.judged] == [("no hang", Outcome.HOLDS)]
        assert asked.verdicts == (asked.hang,)
    asked = check(build(DEADLOCK), ScenarioChange.of(only="hang").apply(build(DEADLOCK).scenario))
    assert hang_of(asked) == hang_of(check(build(DEADLOCK)))


def test_checks_that_are_asked_for_and_not_there_prove_nothing(build: Build) -> None:
    program = build(DEADLOCK)
    (verdict,) = check(program, ScenarioChange.of(only="check").apply(program.scenario)).judged
    assert (verdict.outcome, verdict.reason) == (Outcome.INCOMPLETE, NoCheckRuns())


# Against brute force


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, list[tuple[Kernel, bool]]]:
    """Random kernels, all of functions of one program, and whether they hang."""
    rng = random.Random(20261127)
    functions = {n: random_function(rng, task=n < 40) for n in range(60)}
    text = HEAD + "\n".join(c_function(f"f{n}", function) for n, function in functions.items())
    path = tmp_path_factory.mktemp("hang") / "kernels.c"
    path.write_text(f"{text}\nCTXRACE_TASKS(1, f0);", encoding="utf-8")
    drawn = [random_kernel(rng, 1 + (n % 4 == 3), range(40), range(40, 60)) for n in range(400)]
    return load(path, cache=path.parent), [(kernel, hangs(kernel, functions)) for kernel in drawn]


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, 5))])
def test_random_kernels_hang_as_brute_force_says(
    kernels: tuple[Program, list[tuple[Kernel, bool]]], part: int
) -> None:
    program, drawn = kernels
    for kernel, expected in drawn[part * 80 : (part + 1) * 80]:
        scenario = replace(
            program.scenario,
            tasks=tuple(Tasks(1, f"f{number}") for number in kernel.tasks),
            handlers=tuple(
                Handler(level, f"f{number}")
                for level, number in zip((Level.HARDIRQ, Level.NMI), kernel.handlers, strict=True)
                if number is not None
            ),
            cpus=kernel.cpus,
            preemption=Preemption.FULL if kernel.preemptible else Preemption.NONE,
        )
        runs = []
        for engine in Engine:
            _, found = explore(program, validate(scenario, program.image), Limits(engine=engine), everything=True)
            assert (HANG in found.runs, HANG in found.possible) == (expected, not expected), (kernel, engine)
            runs.append([step.label for _, step in found.runs.get(HANG, [])])
        assert runs[0] == runs[1], kernel


def test_random_kernels_are_of_both_kinds(kernels: tuple[Program, list[tuple[Kernel, bool]]]) -> None:
    _, drawn = kernels
    for cpus, count in ((1, 300), (2, 100)):
        found = [expected for kernel, expected in drawn if kernel.cpus == cpus]
        assert len(found) == count
        assert count // 5 < sum(found) < count * 4 // 5
