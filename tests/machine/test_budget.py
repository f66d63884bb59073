"""The budget of a command is consulted in every phase that may take long. None of this measures time."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ctxrace.core.errors import LimitReached
from ctxrace.core.facts.reason import SearchEnded
from ctxrace.core.facts.stop import TimeLimit
from ctxrace.core.limits import Budget, within
from ctxrace.kernel.check import check
from ctxrace.kernel.program import Program, load
from ctxrace.machine.image import load_image
from ctxrace.machine.lift import Lifter
from ctxrace.machine.liveness import Liveness

SOURCE = """
#include <ctxrace/kernel.h>
int active;
void attempt(void)
{
	volatile int spin = 0;

	for (spin = 0; spin < 20000; spin++)
		;
	WRITE_ONCE(active, 1);
}
CTXRACE_TASKS(1, attempt);
CTXRACE_BALANCED(active);
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("budget")
    (folder / "case.c").write_text(SOURCE, encoding="utf-8")
    return load(folder / "case.c", cache=folder / "cache")


def assert_ends(doing: str, work: Callable[[], object]) -> None:
    with within(Budget(timeout=0)), pytest.raises(LimitReached, match=f"^the timeout of 0 s is over while {doing}"):
        work()


def test_compiling(tmp_path: Path) -> None:
    (tmp_path / "case.c").write_text(SOURCE, encoding="utf-8")
    cache = tmp_path / "cache"
    load(tmp_path / "case.c", cache=cache)  # so that the compiler's version is known
    assert_ends(r"compiling .*case\.c$", lambda: load(tmp_path / "case.c", cache=cache, flags=["-DX"]))
    assert not list(cache.glob("build-*")) + list(cache.glob("new-*"))


def test_reading(program: Program) -> None:
    image = program.image
    assert_ends("reading sections$", lambda: load_image(image.path, image.arch))
    fresh = load_image(image.path, image.arch)
    assert_ends("reading debug information$", lambda: fresh.source(image.symbols["attempt"].address))
    assert_ends("reading debug information$", lambda: fresh.place("active", 0, 4))


def test_lifting_and_liveness(program: Program) -> None:
    start = program.image.symbols["attempt"].address
    assert_ends("lifting ", lambda: Liveness(Lifter(program.image), [start]))
    lifter = Lifter(program.image)
    Liveness(lifter, [start])
    assert_ends("finding out which registers are read$", lambda: Liveness(lifter, [start]))


def test_a_private_loop_ends_a_check_as_incomplete(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is over after so many looks, which the search has not enough states for."""
    looks = 0

    def exhausted(budget: Budget) -> TimeLimit | None:
        del budget
        return TimeLimit(7) if looks > 400 else None

    def spend(budget: Budget, doing: str = "") -> None:
        nonlocal looks
        looks += 1
        if exhausted(budget):
            raise LimitReached(TimeLimit(7, doing))

    monkeypatch.setattr(Budget, "exhausted", exhausted)
    monkeypatch.setattr(Budget, "spend", spend)
    (verdict,) = check(program).verdicts
    assert str(verdict.outcome) == "incomplete"
    assert isinstance(verdict.reason, SearchEnded)
    assert isinstance(verdict.reason.stop, TimeLimit)
    assert verdict.reason.stop.doing.startswith("running attempt+0x")
