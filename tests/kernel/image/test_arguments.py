"""Arguments of which an entry may be given any: another one at each attempt, and all of them are explored."""

from pathlib import Path

import pytest

from ctxrace.core.errors import CtxraceError, VacuousError
from ctxrace.core.schedule import Schedule
from ctxrace.core.turn import Turn
from ctxrace.core.verdict import Outcome, Result
from ctxrace.explore.watch import Engine, Limits
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import check
from ctxrace.kernel.image.written import ways
from ctxrace.kernel.program import Build
from ctxrace.kernel.replay import replay

from .test_objects import HEADER, compiled

GATE = (
    HEADER
    + """\
static volatile int gate, busy;
noinline void body(void) { barrier(); }
void attempt(int how)
{
	if (how == 0) {
		gate = 1;
	} else if (how == 1) {
		if (gate && !busy) {
			busy = 1;
			body();
			busy = 0;
		}
	} else {
		gate = 0;
	}
}
void keeper(int how)
{
	if (how == 1)
		gate = 1;
	if (how == 2 && busy)
		body();
}
"""
)


def checked(file: Path, given: str, tasks: int = 2) -> Result:
    change = ScenarioChange.read({"tasks": [f"{tasks}:attempt"], "exclusive": ["body"]})
    program = Build(arg=(("attempt", (given,)),)).load(file, change)
    return check(program, change.apply(program.scenario))


def test_each_attempt_may_be_given_another_argument(tmp_path: Path) -> None:
    file = compiled(tmp_path, text=GATE)
    for alone in ("0", "1", "1..1", "2..9"):  # nobody opens the gate, or nobody goes through it
        with pytest.raises(VacuousError, match=r"body\(\) never runs in any interleaving"):
            checked(file, alone)
    verdict = checked(file, "0..2").verdicts[0]
    found = verdict.interleaving
    assert found is not None
    # One opens the gate and reads it and busy; the other does the same and enters; the first writes busy and enters.
    assert (verdict.outcome, found.switches, len(found.events)) == (Outcome.VIOLATED, 2, 7)
    given = [row.begins for row in found.rows if isinstance(row, Turn) and row.entry]
    assert given == ["attempt(0)", "attempt(1)", "attempt(1)"]
    assert checked(file, "0..2", tasks=1).outcome is Outcome.HOLDS


def test_the_schedule_says_which_and_can_be_replayed(tmp_path: Path) -> None:
    file = compiled(tmp_path, text=GATE)
    change = ScenarioChange.read({"tasks": ["2:attempt"], "exclusive": ["body"]})
    program = Build(arg=(("attempt", ("0..2",)),)).load(file, change)
    scenario = change.apply(program.scenario)
    found = check(program, scenario).verdicts[0].interleaving
    assert found is not None
    _, _, stints = found.schedule.partition(":")
    assert stints.split()[0] == "A(0):0"
    again, broken = replay(program, Schedule.parse(found.schedule), scenario)
    assert again.rows == found.rows
    assert [str(prop) for prop in broken] == ["exclusive(body)"]
    with pytest.raises(CtxraceError, match=r"'A\(7\):0', stint 1 .* who could run there: A\(0\), A\(1\), A\(2\)"):
        replay(program, Schedule.parse(found.schedule.replace("A(0)", "A(7)")), scenario)


@pytest.mark.parametrize("handler", ["softirq", "nmi"])
def test_handlers_too_and_both_engines_agree(tmp_path: Path, handler: str) -> None:
    file = compiled(tmp_path, text=GATE)
    change = ScenarioChange.read({"tasks": ["1:attempt"], handler: ["keeper"], "exclusive": ["body"]})
    shown = []
    for keeper in ("0..1", "0..2"):
        program = Build(arg=(("attempt", ("1",)), ("keeper", (keeper,)))).load(file, change)
        scenario = change.apply(program.scenario)
        found = [check(program, scenario, limits=Limits(engine=engine)).verdicts[0] for engine in Engine]
        assert found[0].interleaving == found[1].interleaving
        shown.append(found[0].interleaving)
    never, found_one = shown
    assert never is None
    assert found_one is not None
    given = [row.begins for row in found_one.rows if isinstance(row, Turn) and row.entry]
    assert given == ["keeper(1)", "attempt", "keeper(2)"]
    assert found_one.schedule.split(":", 1)[1] == f"{handler}(1):0 {handler}:1 A:3 {handler}(2):0 {handler}:1"


def test_ranges_that_are_none(tmp_path: Path) -> None:
    assert ways("f", ["0..1", "&table", "-1..0x1"]) == [
        *(("0", "&table", "-1"), ("0", "&table", "0"), ("0", "&table", "1")),
        *(("1", "&table", "-1"), ("1", "&table", "0"), ("1", "&table", "1")),
    ]
    assert ways("f", ["3", "table"]) == [("3", "table")]
    assert len(ways("f", ["0..63"])) == 64
    file = compiled(tmp_path, text=GATE)
    for given, message in {
        "3..1": "arg='attempt=3..1' is an empty range; write the lower end first",
        "0..64": "stands for more than 64 ways to call it; give smaller ranges",
        "0..18446744073709551615": "more than 64 ways",
        "0..": "is neither a number of 64 bits, nor a range of them",
        "a..b": "is neither a number of 64 bits, nor a range of them",
    }.items():
        with pytest.raises(CtxraceError, match=message):
            checked(file, given)
