"""No empty proof: checks that never run, entries that never begin, lines that no interleaving executes."""

import random
from pathlib import Path

import pytest
from tests.kernel.random_kernels import random_text

from ctxrace.core.facts.reason import NoCheckRuns, Reason
from ctxrace.core.facts.remark import NeverBegins
from ctxrace.core.source import Branch, Coverage, Line, Source
from ctxrace.core.verdict import Outcome, Result
from ctxrace.explore.watch import Engine, Limits
from ctxrace.kernel.check import check, explore
from ctxrace.kernel.coverage import coverage_of
from ctxrace.kernel.program import load
from ctxrace.report.coverage import coverage_listing, never_executed, never_taken
from ctxrace.report.text import render_result

from .cases import Build

EMPTY = """
int enabled, x;
void entry(void)
{
	if (!READ_ONCE(enabled))
		return;
	WARN_ON(x != 0);
	x = 1;
}
CTXRACE_TASKS(2, entry);
"""
ENABLES = "void irq(void) { WRITE_ONCE(enabled, 1); } CTXRACE_HARDIRQ(irq);"


def only(result: Result) -> tuple[Outcome, Reason | None]:
    (verdict,) = result.verdicts
    return verdict.outcome, verdict.reason


def test_a_check_that_never_runs_proves_nothing(build: Build) -> None:
    outcome, reason = only(check(build(EMPTY)))
    assert outcome is Outcome.INCOMPLETE
    assert reason == NoCheckRuns()


def test_a_check_that_runs_and_is_true_holds(build: Build) -> None:
    """The condition is executed, the call that says it failed is not."""
    assert only(check(build("int x; void e(void) { ctxrace_check(!READ_ONCE(x)); } CTXRACE_TASKS(2, e);"))) == (
        Outcome.HOLDS,
        None,
    )


def test_a_check_that_runs_where_an_interrupt_lets_it(build: Build) -> None:
    assert only(check(build(EMPTY + ENABLES)))[0] is Outcome.VIOLATED
    one = EMPTY.replace("TASKS(2", "TASKS(1").replace("\tx = 1;\n", "")
    assert only(check(build(one + ENABLES)))[0] is Outcome.HOLDS


def test_one_check_of_two_is_enough(build: Build) -> None:
    program = build("""
        int on, x;
        void e(void) { if (READ_ONCE(on)) ctxrace_check(READ_ONCE(x) == 1); ctxrace_check(READ_ONCE(x) == 0); }
        CTXRACE_TASKS(1, e);""")
    assert only(check(program))[0] is Outcome.HOLDS


def lines(result: Result) -> dict[int, int]:
    return {line.source.line: line.steps for line in result.coverage.lines if line.source.file == "case.c"}


def test_lines_that_no_interleaving_executes(build: Build) -> None:
    result = check(build(EMPTY))
    assert result.coverage.complete
    executed = lines(result)
    assert executed[6] > 0
    assert (executed[8], executed[9]) == (0, 0)
    assert [line.source.line for line in result.coverage.never] == [8, 9]
    assert "\ncoverage: no interleaving executes case.c:8-9\n" in render_result(result)
    assert all(line.function == "entry" for line in result.coverage.never)


def test_nothing_is_said_of_what_was_not_searched(build: Build) -> None:
    result = check(build(EMPTY + ENABLES), limits=Limits(max_states=1))
    assert not result.coverage.complete
    assert result.coverage.never == ()
    assert "coverage" not in render_result(result)


def test_tasks_that_never_begin(build: Build) -> None:
    """Each entry begins in some interleaving, whichever is first."""
    program = build("""
        int x;
        void urgent(void) { for (;;) WRITE_ONCE(x, 1); }
        void other(void) { WRITE_ONCE(x, 0); }
        CTXRACE_FIFO_TASKS(1, urgent); CTXRACE_TASKS(1, other);""")
    assert not any(isinstance(note, NeverBegins) for note in check(program).notes)


ONE_WAY = """
int x, y;
void entry(void)
{
	if (READ_ONCE(x) == 0)
		WRITE_ONCE(y, 1);
	WRITE_ONCE(y, 2);
	if (READ_ONCE(x) == 7)
		WRITE_ONCE(y, 3);
	ctxrace_check(READ_ONCE(x) == 0 || READ_ONCE(x) == 1);
	BUG_ON(READ_ONCE(x) == 6);
	while (READ_ONCE(x) == 2)
		barrier();
}
CTXRACE_TASKS(1, entry);
"""
OTHER_WAY = "void irq(void) { WRITE_ONCE(x, 1); } CTXRACE_HARDIRQ(irq);"


def untaken(result: Result) -> list[tuple[int, int]]:
    return [(branch.source.line, branch.to.line) for branch in result.coverage.untaken]


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("arch", ["arm64", "arm64-be", "riscv64", "x86-64"])
def test_branches_that_only_ever_go_one_way(build: Build, arch: str, engine: Engine) -> None:
    """Where the first condition is always true, the branch from line 6 to 8 is never taken, as all lines run."""
    limits = Limits(engine=engine)
    result = check(build(ONE_WAY, arch=arch), limits=limits)
    assert untaken(result) == [(6, 8), (9, 10), (13, 13)]
    assert 10 in [line.source.line for line in result.coverage.never]
    assert "\ncoverage: no interleaving branches from case.c:6 to 8, 13 to 13\n" in render_result(result)
    other = check(build(ONE_WAY + OTHER_WAY, arch=arch), limits=limits)
    assert untaken(other) == [(9, 10), (13, 13)]


def test_of_a_line_that_is_there_twice_both_ways_count(build: Build) -> None:
    """An inlined function's branch goes one way in each place, and both ways taken together."""
    result = check(build("""
        int x, y;
        static inline __attribute__((always_inline)) void set(int to)
        {
            if (READ_ONCE(x) == to)
                WRITE_ONCE(y, 1);
            WRITE_ONCE(y, 2);
        }
        void entry(void) { set(0); set(1); }
        CTXRACE_TASKS(1, entry);"""))
    assert result.coverage.complete
    assert untaken(result) == []


@pytest.mark.parametrize("seed", range(4))
def test_both_engines_take_the_same_branches(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "case.c"
    path.write_text(random_text(random.Random(f"branches {seed}")), encoding="utf-8")
    found = [explore(load(path), load(path).scenario, Limits(engine=engine), everything=True) for engine in Engine]
    covered = [coverage_of(system, complete=exploration.exhausted) for system, exploration in found]
    assert covered[0].complete and covered[1].complete
    assert covered[0].untaken == covered[1].untaken
    assert [bool(branch.steps) for branch in covered[0].branches] == [bool(one.steps) for one in covered[1].branches]


LISTED = Coverage(
    (
        Line(Source("dir/a.c", 3, "first();"), "f", 12),
        Line(Source("dir/a.c", 5, "never();"), "f", 0),
        Line(Source("dir/a.c", 6, "never();"), "f", 0),
        Line(Source("dir/a.c", 9, "never();"), "f", 0),
        Line(Source("dir/b.c", 1, "x" * 200), "g", 0),
    ),
    complete=True,
    branches=(
        Branch(Source("dir/a.c", 3, "first();"), Source("dir/a.c", 5, "never();"), "f", 0),
        Branch(Source("dir/a.c", 3, "first();"), Source("dir/a.c", 8, ""), "f", 0),
        Branch(Source("dir/a.c", 3, "first();"), Source("dir/b.h", 2, ""), "f", 0),
        Branch(Source("dir/a.c", 3, "first();"), Source("dir/a.c", 3, "first();"), "f", 1),
        Branch(Source("dir/a.c", 5, "never();"), Source("dir/a.c", 8, ""), "f", 0),
    ),
)


def test_the_listing_is_as_of_gcov() -> None:
    assert list(coverage_listing(LISTED, 60)) == [
        "coverage: how many different steps of single contexts executed each line",
        "",
        "dir/a.c:",
        "       12      3  first();",
        "    #####         branch to 5",
        "    #####         branch to 8",
        "    #####         branch to b.h:2",
        "    #####      5  never();",
        "    #####      6  never();",
        "    #####      9  never();",
        "",
        "dir/b.c:",
        "    #####      1  " + "x" * 41 + "…",
    ]


@pytest.mark.parametrize(("complete", "said"), [(True, "a.c:5-6, 9; b.c:1"), (False, "")])
def test_what_was_never_executed_is_said_in_a_line(complete: bool, said: str) -> None:
    found = Coverage(LISTED.lines, complete, LISTED.branches)
    assert never_executed(found) == (f"coverage: no interleaving executes {said}" if said else "")
    assert never_taken(found) == ("coverage: no interleaving branches from a.c:3 to 8, 3 to b.h:2" if complete else "")
    assert found.untaken == (LISTED.branches[:3] if complete else ())


def test_headers_of_ctxrace_are_not_listed(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {line.source.file for line in check(build(EMPTY)).coverage.lines} == {"case.c"}
    monkeypatch.chdir(tmp_path)  # where their own names are short
    assert {line.source.file for line in check(build(EMPTY)).coverage.lines} == {"case.c"}


def test_headers_of_another_installation_are_not_listed(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has compiled may come from the cache."""
    program = build("int x; void e(void) { ctxrace_check(!READ_ONCE(x)); } CTXRACE_TASKS(2, e);")
    monkeypatch.setattr("ctxrace.kernel.coverage.INCLUDE", Path("/elsewhere/ctxrace/kernel/include"))
    assert {line.source.file for line in check(program).coverage.lines} == {"case.c"}
