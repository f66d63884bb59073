"""What a verdict may claim: never more than the search has seen."""

from pathlib import Path

from ctxrace.bpf.guards.known import guard_path
from ctxrace.core.facts.reason import BodyNeverRuns, SearchEnded
from ctxrace.core.facts.stop import StateLimit
from ctxrace.core.verdict import Outcome
from ctxrace.explore.search import Limits
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import check
from ctxrace.kernel.program import load

# The body is broken at once; the check only where the other task comes between write and read.
LATE = """
#include <ctxrace/kernel.h>
int late;
noinline void body(void) { barrier(); }
void attempt(void)
{
	body();
	int v = READ_ONCE(late);
	WRITE_ONCE(late, v + 1);
	ctxrace_check(READ_ONCE(late) == v + 1);
	WRITE_ONCE(late, 0);
}
CTXRACE_TASKS(2, attempt);
CTXRACE_EXCLUSIVE(body);
"""


def source(folder: Path) -> Path:
    path = folder / "late.c"
    path.write_text(LATE)
    return path


def test_a_check_is_decided_although_all_declared_properties_were_before(tmp_path: Path) -> None:
    outcomes = {verdict.property.kind: verdict.outcome for verdict in check(load(source(tmp_path))).verdicts}
    assert outcomes == {"exclusive": Outcome.VIOLATED, "check": Outcome.VIOLATED}


def test_what_is_shown_under_a_limit_is_the_shortest_or_says_that_it_may_not_be(tmp_path: Path) -> None:
    program = load(source(tmp_path))
    whole = check(program)
    longest = {verdict.property: verdict.interleaving for verdict in whole.verdicts}
    doubted = 0
    for limit in range(1, whole.verdicts[0].states):
        for verdict in check(program, limits=Limits(max_states=limit)).verdicts:
            assert verdict.outcome in (Outcome.VIOLATED, Outcome.INCOMPLETE)
            if verdict.outcome is Outcome.INCOMPLETE or verdict.reason:
                doubted += verdict.outcome is Outcome.VIOLATED
                assert verdict.reason
            else:
                assert verdict.interleaving == longest[verdict.property]
    assert doubted


def test_what_would_hold_for_nothing_is_incomplete_beside_a_violation(tmp_path: Path) -> None:
    (tmp_path / "nothing.c").write_text("""
        #include <ctxrace/kernel.h>
        int x;
        noinline void body(void) { WRITE_ONCE(x, 1); }
        noinline void never(void) { WRITE_ONCE(x, 1); }
        void task(void) { body(); if (READ_ONCE(x) == 2) never(); }
        void spin(void) { for (;;) WRITE_ONCE(x, 1); }
        CTXRACE_TASKS(2, task);
        CTXRACE_EXCLUSIVE(body);
        CTXRACE_EXCLUSIVE(never);
        #ifdef SPIN
        CTXRACE_TASKS(1, spin);
        CTXRACE_BALANCED(x);
        #endif
    """)
    body, never = check(load(tmp_path / "nothing.c", cache=tmp_path)).verdicts
    assert (body.outcome, never.outcome) == (Outcome.VIOLATED, Outcome.INCOMPLETE)
    assert never.reason == BodyNeverRuns("never")
    balanced = check(load(tmp_path / "nothing.c", cache=tmp_path, flags=["-DSPIN"])).verdicts[2]
    assert balanced.outcome is Outcome.VIOLATED  # found while spin, which begins last, has not begun


def test_ctrl_c_while_a_forecast_is_made_keeps_what_was_found() -> None:
    def ctrl_c(*_: float) -> None:
        raise KeyboardInterrupt

    program = load(guard_path("generic-llsc"))
    scenario = ScenarioChange.of(tasks=30).apply(program.scenario)
    result = check(program, scenario, limits=Limits(1), progress=ctrl_c)
    assert {verdict.reason for verdict in result.verdicts} == {SearchEnded(StateLimit(1))}
