"""Counters that only grow: what is left out of a search, that it makes no difference, and what is said of it."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from ctxrace.core.errors import ExecutionError
from ctxrace.core.facts.reason import SearchEnded
from ctxrace.core.facts.remark import DriftsLeftOut, StatisticsProved
from ctxrace.core.facts.stop import CountersGrow
from ctxrace.core.schedule import Schedule
from ctxrace.core.system import Run
from ctxrace.core.verdict import Outcome
from ctxrace.explore.search import Exploration
from ctxrace.explore.watch import Engine, Limits
from ctxrace.kernel import counting as counting_module
from ctxrace.kernel.change import SCENARIO, ScenarioChange
from ctxrace.kernel.check import check, explore, explore_counting
from ctxrace.kernel.counting import Counting, Variable, places_of
from ctxrace.kernel.model.groups import tasks_of
from ctxrace.kernel.model.layout import Layout
from ctxrace.kernel.option import command_words
from ctxrace.kernel.program import Build, Program, load
from ctxrace.kernel.replay import replay
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.scenario import Handler, Scenario, Tasks, balanced, exclusive, progress, recovers, validate
from ctxrace.machine.drift.number import DriftObserved

from .cases import Cases, verdict
from .random_counters import COUNTED, ENTRIES, random_counters

ENOUGH = Limits(60_000, engine=Engine.REFERENCE)


def reduced(program: Program, scenario: Scenario, names: tuple[str, ...]) -> tuple[Exploration, Counting]:
    """Search without what the variables `names` have grown by, as far as it can be proved that this changes nothing."""
    layout = Layout(program.image, tasks_of(scenario), cpus=scenario.cpus)
    counting = Counting(layout, scenario)
    counting.add(Variable(name, place) for name in names for place in places_of(layout, name))
    while True:
        try:
            return explore_counting(program, scenario, counting, ENOUGH, everything=True)[1], counting
        except DriftObserved as seen:
            counting.learn(seen)


def length(run: Run) -> tuple[int, int]:
    return sum(step.switches for _, step in run), sum(step.events for _, step in run)


def random_scenario(rng: random.Random, base: Scenario) -> Scenario:
    first, second = rng.sample(ENTRIES, 2)
    level = rng.choice((Level.SOFTIRQ, Level.HARDIRQ, Level.NMI))
    handlers = (Handler(level, second),) if rng.random() < 0.7 else ()
    tasks = (Tasks(rng.choice((1, 1, 2)), first),) if handlers else (Tasks(1, first), Tasks(1, second))
    wanted = (exclusive("body"), balanced("x"), progress(first, "body"), recovers(second, "body"))
    return replace(base, tasks=tasks, handlers=handlers, properties=wanted)


def compare(seed: int, folder: Path, times: int, *, exclusives: bool = False) -> Counter[str]:
    """Compare reduced searches of a random program with plain ones; return what came of how many."""
    rng = random.Random(seed)
    path = folder / f"counters{seed}.c"
    path.write_text(random_counters(rng, exclusives=exclusives), encoding="utf-8")
    arch, optimize = rng.choice(("arm64", "arm64", "x86-64", "riscv64")), rng.choice(("-O0", "-O2", "-Os"))
    program = Build(arch=arch, optimize=optimize).load(path, cache=folder)
    found: Counter[str] = Counter()
    for _ in range(times):
        scenario = validate(random_scenario(rng, program.scenario), program.image)
        fewer, counting = reduced(program, scenario, rng.choice((COUNTED, COUNTED[:2])))
        if counting.counters is None:
            found["nothing is left out"] += 1
            continue
        plain = explore(program, scenario, ENOUGH, everything=True)[1]
        if not (plain.exhausted and fewer.exhausted):
            found["too large"] += 1
            found["too large without"] += fewer.exhausted
            continue
        where = (seed, arch, optimize, str(scenario), counting.statistics, counting.groups)
        assert (fewer.witnessed, fewer.possible) == (plain.witnessed, plain.possible), where
        assert fewer.runs.keys() == plain.runs.keys(), where
        if not counting.statistics:  # whose accesses are no events
            assert {prop: length(run) for prop, run in fewer.runs.items()} == {
                prop: length(run) for prop, run in plain.runs.items()
            }, where
            assert fewer.shortest == plain.shortest, where
        assert all(prop in run[-1][1].broken for prop, run in fewer.runs.items()), where
        found["alike"] += 1
        found["more states"] += fewer.states > plain.states  # a drifting number and one that is known are told apart
        found["violated"] += len(fewer.runs)
        found["statistics"] += bool(counting.statistics)
        found["drifts"] += bool(counting.groups)
        found["a third"] += fewer.states * 3 < plain.states
    return found


def test_random_counters_are_judged_as_without_the_reduction(tmp_path: Path) -> None:
    found = sum((compare(seed, tmp_path, 6) for seed in (200, 208, 210, 212)), Counter[str]())
    assert found["alike"] == 24, found
    assert min(found["violated"], found["drifts"], found["statistics"]) > 5, found


@pytest.mark.slow
def test_many_random_counters_are_judged_as_without_the_reduction(tmp_path: Path) -> None:
    found = sum((compare(seed, tmp_path, 8) for seed in range(100, 140)), Counter[str]())
    assert found["alike"] > 150, found
    assert min(found["violated"], found["drifts"], found["statistics"]) > 100, found
    assert found["a third"] > 30, found
    assert found["more states"] < 20, found


@pytest.mark.slow
def test_counters_in_exclusives_are_judged_as_without_the_reduction(tmp_path: Path) -> None:
    found = sum((compare(seed, tmp_path, 6, exclusives=True) for seed in range(300, 312)), Counter[str]())
    assert min(found["alike"], found["violated"], found["drifts"]) > 20, found


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at searches early, so that tests need few states."""
    monkeypatch.setattr(counting_module, "FIRST_LOOK", 1000)


RING = """
#define SIZE 4
u32 head, tail; u8 slots[SIZE];
void produce(void)
{
	u32 h = READ_ONCE(head);
	if (h - READ_ONCE(tail) %s SIZE)
		return;
	WRITE_ONCE(slots[h & (SIZE - 1)], 1);
	WRITE_ONCE(head, h + 1);
}
void consume(void)
{
	u32 t = READ_ONCE(tail);
	if (t == READ_ONCE(head))
		return;
	ctxrace_check(READ_ONCE(slots[t & (SIZE - 1)]) == 1);
	WRITE_ONCE(slots[t & (SIZE - 1)], 0);
	WRITE_ONCE(tail, t + 1);
}
CTXRACE_TASKS(1, consume); CTXRACE_HARDIRQ(produce);
"""


@pytest.mark.usefixtures("early")
@pytest.mark.parametrize(("arch", "optimize", "states"), [("arm64", "-O2", 584), ("x86-64", "-O0", 872)])
def test_a_ring_with_free_running_indices_comes_to_a_verdict(
    tmp_path: Path, arch: str, optimize: str, states: int
) -> None:
    path = tmp_path / "ring.c"
    path.write_text("#include <ctxrace/kernel.h>\n" + RING % ">=")
    result = check(Build(arch=arch, optimize=optimize).load(path, cache=tmp_path), limits=Limits(100_000))
    assert [(str(v.property), v.outcome, v.states) for v in result.judged] == [
        ("check", Outcome.HOLDS, states), ("no hang", Outcome.HOLDS, states),
    ]  # fmt: skip
    assert result.notes == (DriftsLeftOut(("head", "tail"), 4),)


@pytest.mark.usefixtures("early")
def test_a_ring_that_overruns_is_found(cases: Cases) -> None:
    # A full ring: the fifth of `produce` is one too many, and its slot is not empty.
    found = cases.found(RING.replace("if (h", "ctxrace_check(h - READ_ONCE(tail) <= SIZE); if (h") % ">")
    assert isinstance(found, tuple)
    assert found[0] == 5  # the fifth is one too many, and the consumer empties the first slot twice


TICKETS = """
#define CTXRACE_SMP 1
#include <ctxrace/kernel.h>
static %s next, owner;
static noinline void body(void) { barrier(); }
void e(void)
{
	typeof(next) mine = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);

	while (READ_ONCE(owner) != mine)
		cpu_relax();
	%s
	WRITE_ONCE(owner, mine + 1);
	%s
}
CTXRACE_TASKS(2, e); CTXRACE_CPUS(2); CTXRACE_EXCLUSIVE(body);
"""


def tickets(folder: Path, kind: str, march: str, *, right: bool) -> Program:
    path = folder / "tickets.c"
    path.write_text(TICKETS % (kind, *(("body();", "") if right else ("", "body();"))))
    return load(path, flags=[march], cache=folder)


@pytest.mark.usefixtures("early")
@pytest.mark.parametrize(("march", "states"), [("-march=armv8-a", 245), ("-march=armv8.1-a", 76)])
def test_a_ticket_lock_of_two_cpus_comes_to_a_verdict(tmp_path: Path, march: str, states: int) -> None:
    result = check(tickets(tmp_path, "u32", march, right=True), limits=Limits(100_000))
    assert [(str(v.property), v.outcome, v.states) for v in result.judged] == [
        ("exclusive(body)", Outcome.HOLDS, states), ("no hang", Outcome.HOLDS, states),
    ]  # fmt: skip
    assert DriftsLeftOut(("next", "owner"), 1) in result.notes


@pytest.mark.parametrize("right", [True, False])
def test_tickets_of_a_byte_are_judged_as_without_the_reduction(tmp_path: Path, right: bool) -> None:
    program = tickets(tmp_path, "u8", "-march=armv8.1-a", right=right)
    scenario = validate(program.scenario, program.image)
    fewer, counting = reduced(program, scenario, ("next", "owner"))
    assert list(counting.groups.values()) == [["next", "owner"]]
    plain = explore(program, scenario, ENOUGH, everything=True)[1]
    assert (plain.exhausted, fewer.exhausted) == (True, True)
    assert plain.states == 256 * fewer.states
    assert (fewer.witnessed, fewer.possible, fewer.shortest) == (plain.witnessed, plain.possible, plain.shortest)
    lengths = [{str(prop): length(run) for prop, run in found.runs.items()} for found in (fewer, plain)]
    assert lengths == [{} if right else {"exclusive(body)": (1, 6)}] * 2


TRYLOCK = """
int lock; unsigned long shared;
static noinline void body(void) { shared++; }
static noinline void other(void) { barrier(); }
void e(void) { %s if (!xchg(&lock, 1)) { body(); smp_store_release(&lock, 0); } }
CTXRACE_TASKS(2, e); CTXRACE_NMI(e); CTXRACE_EXCLUSIVE(body); CTXRACE_EXCLUSIVE(other);
"""


@pytest.mark.usefixtures("early")
def test_a_variable_that_is_only_counted_is_left_out_and_named(cases: Cases) -> None:
    program = cases.program(TRYLOCK % "preempt_disable(); other(); preempt_enable();")
    result = check(program, limits=Limits(100_000), replay="ctxrace replay x.c --tasks 2 -- -DX=1")
    assert verdict(result, "exclusive(body)").outcome is Outcome.HOLDS
    assert verdict(result, "exclusive(other)").outcome is Outcome.VIOLATED  # by the NMI
    assert result.notes == (StatisticsProved(("shared",)),)
    assert result.replay == "ctxrace replay x.c --tasks 2 --statistic shared -- -DX=1"
    run = verdict(result, "exclusive(other)").interleaving
    assert run is not None
    without = ScenarioChange.of(statistic="shared").apply(program.scenario)
    again, broken = replay(program, Schedule.parse(run.schedule), without)
    assert (again, [str(prop) for prop in broken]) == (run, ["exclusive(other)"])


@pytest.mark.usefixtures("early")
@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("u64 n; int x; void e(void) { u64 was = READ_ONCE(n); WRITE_ONCE(x, 1); WRITE_ONCE(n, was + 3); }",
         StatisticsProved(("n",))),  # its old value is kept across an event
        ("struct { u8 pad; u16 n; } s; int x; void e(void) { s.n++; WRITE_ONCE(x, 1); }", StatisticsProved(("s.n",))),
        ("u64 n, last; int x; void e(void) { last = n; n++; WRITE_ONCE(x, 1); }",
         StatisticsProved(("n", "last"))),  # where it goes
        ("u32 n; int x; void e(void) { WRITE_ONCE(n, READ_ONCE(n) + 1); if (READ_ONCE(n) & 2) WRITE_ONCE(x, 1); "
         "else WRITE_ONCE(x, 0); }", DriftsLeftOut(("n",), 4)),
    ],
)  # fmt: skip
def test_what_makes_no_difference_is_left_out(cases: Cases, text: str, remark: object) -> None:
    end = "void look(void) { ctxrace_check(READ_ONCE(x) < 2); } CTXRACE_TASKS(1, e); CTXRACE_NMI(look);"
    result = cases.check(text + end)
    assert (verdict(result, "check").outcome, result.notes) == (Outcome.HOLDS, (remark,))


@pytest.mark.usefixtures("early")
def test_a_counter_that_a_branch_depends_on_is_named_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "limit.c"
    path.write_text("""#include <ctxrace/kernel.h>
u32 count; int full;
void e(void)
{
	u32 c = READ_ONCE(count);
	WRITE_ONCE(count, c + 1);
	if (c > 1000000)
		WRITE_ONCE(full, 1);
	ctxrace_check(!READ_ONCE(full));
}
CTXRACE_TASKS(1, e); CTXRACE_NMI(e);
""")
    result = check(load(path, cache=tmp_path), limits=Limits(20_000))
    reason = verdict(result, "check").reason
    assert isinstance(reason, SearchEnded)
    assert isinstance(reason.stop, CountersGrow)
    assert reason.stop.visited < 3000
    [grows] = reason.grows
    assert (grows.name, grows.size, grows.asked_for, grows.depends and grows.depends.line) == ("count", 4, False, 7)
    assert result.notes == ()


@pytest.mark.usefixtures("early")
def test_a_counter_that_a_property_asks_for_is_named(cases: Cases) -> None:
    text = "u32 count; void e(void) { WRITE_ONCE(count, READ_ONCE(count) + 1); } CTXRACE_TASKS(1, e); CTXRACE_NMI(e);"
    program = cases.program(text + "void body(void) { barrier(); } CTXRACE_BALANCED(count);")
    wanted = replace(program.scenario, properties=(*program.scenario.properties, progress("e", "e")))
    result = check(program, wanted, limits=Limits(20_000))
    assert verdict(result, "balanced(count)").outcome is Outcome.VIOLATED
    reason = verdict(result, "progress(e, e)").reason
    assert isinstance(reason, SearchEnded)
    assert [(grows.name, grows.asked_for) for grows in reason.grows] == [("count", True)]


@pytest.mark.usefixtures("early")
def test_small_counters_are_visited_to_the_end(cases: Cases) -> None:
    text = "u8 n; void e(void) { u8 was = n; WRITE_ONCE(n, was + 1); ctxrace_check(was != 200); } CTXRACE_TASKS(1, e);"
    assert cases.found(text) == (0, 402)  # read and written 201 times


def test_a_statistic_is_not_accessed_together_with_its_neighbour(tmp_path: Path) -> None:
    path = tmp_path / "word.c"
    path.write_text("""#include <ctxrace/kernel.h>
union { struct { u8 hits, active; }; u16 both; } s;
void e(void) { ctxrace_check(READ_ONCE(s.both) < 512); }
CTXRACE_TASKS(1, e);
""")
    program = load(path, cache=tmp_path)
    with pytest.raises(ExecutionError, match=r"s\.hits together with what follows it.*statistic"):
        check(program, replace(program.scenario, statistics=("s.hits",)))


def test_a_statistic_is_an_option(cases: Cases) -> None:
    program = cases.program(TRYLOCK % "")
    change = ScenarioChange.of(statistic=("shared", "lock"))
    assert list(command_words(SCENARIO, change)) == ["--statistic", "shared", "--statistic", "lock"]
    assert change.apply(program.scenario).statistics == ("shared", "lock")
    declared = replace(program.scenario, statistics=("lock",))
    assert change.apply(declared).statistics == ("lock", "shared")


SEQUENCE = """
static unsigned int sequence; static int a, b;
void writer(void)
{
	WRITE_ONCE(sequence, sequence + 1); WRITE_ONCE(a, !a); WRITE_ONCE(b, !b); WRITE_ONCE(sequence, sequence + 1);
}
void reader(void)
{
	unsigned int s = READ_ONCE(sequence); int x, y;

	if (s & 1) return;
	x = READ_ONCE(a); y = READ_ONCE(b);
	if (READ_ONCE(sequence) == s) ctxrace_check(x == y);
}
CTXRACE_TASKS(1, reader); CTXRACE_HARDIRQ(writer);
"""


@pytest.mark.usefixtures("early")
def test_a_counter_that_runs_ahead_of_what_was_read_of_it_is_named(tmp_path: Path) -> None:
    """With 2^31 writers in between the reader sees its number again: nothing bounds the distance but its type."""
    path = tmp_path / "sequence.c"
    path.write_text("#include <ctxrace/kernel.h>\n" + SEQUENCE)
    program = load(path, cache=tmp_path)
    result = check(program, limits=Limits(40_000))
    (found,) = result.verdicts
    assert isinstance(found.reason, SearchEnded)
    (grows,) = found.reason.grows
    assert (grows.name, grows.size, grows.held) == ("sequence", 4, True)
    assert check(program, replace(program.scenario, attempts=2)).outcome is Outcome.HOLDS
