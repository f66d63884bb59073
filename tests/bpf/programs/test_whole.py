"""The check of a whole object: what one pair takes is not taken from the others."""

import time
from collections.abc import Iterator

import pytest

from ctxrace.bpf.programs import whole
from ctxrace.bpf.programs.check import PairCheck
from ctxrace.bpf.programs.meet.decide import Answer
from ctxrace.bpf.programs.request import Request
from ctxrace.core.limits import Budget, spend, within
from ctxrace.core.meeting import ProgramsResult
from ctxrace.core.verdict import Outcome
from ctxrace.explore.watch import Limits

from .compiled import compiled
from .verdicts import kernel

HARD = {"on_exec", "on_exit"}


def checked() -> ProgramsResult:
    return whole.check_object(compiled("scratch"), Request(kernel()), limits=Limits(max_states=2_000))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which stands still unless something moves it."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(("timeout", "left"), [(100, True), (None, False)])
def test_a_hard_pair_does_not_starve_the_others(
    timeout: int | None, left: bool, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 100 seconds and some pairs, the first takes its share, and is the only one that is not decided."""
    answers, everything = PairCheck.answers, checked()

    def slow(running: PairCheck) -> Iterator[Answer]:
        if left and {each.function.name for each in running.programs} == HARD:
            while True:
                clock[0] += 1
                spend("searching")
        yield from answers(running)

    monkeypatch.setattr(PairCheck, "answers", slow)
    with within(Budget(timeout)):
        result = checked()
    if not left:
        assert result == everything
        return
    ((pair, why),) = result.unfollowed
    assert set(pair.split(" with ")) == HARD
    assert why.endswith("the timeout of 100 s is over while searching, after 0 states")
    assert clock[0] <= 100 / everything.searched + 1
    others = [each for each in everything.findings if {one.name for one in each.programs} != HARD]
    assert [each for each in others if each.outcome is Outcome.VIOLATED]
    assert all(each in result.findings for each in others if not each.also)
