"""Following a run by its labels leads to the run itself, or says where and why it cannot."""

from typing import Any

import pytest

from ctxrace.core.errors import CtxraceError
from ctxrace.core.system import System
from ctxrace.explore.expand import expand, follow
from ctxrace.explore.search import search

from .toys import Counter, Edge, Graph, Guard, Lock, Peterson, chain


def test_expand_keeps_the_order_of_the_system() -> None:
    graph = Graph({"s": [Edge("b"), Edge("a"), Edge("b", 1)]})
    assert [step.label for step in expand(graph, "s")] == ["s to b #0", "s to a #1", "s to b #2"]
    assert list(expand(graph, "a")) == []
    assert [step.label for step in expand(Counter(), Counter().initial())] == ["A", "B"]


@pytest.mark.parametrize("system", [Counter(), Lock(), Guard()], ids=["counter", "lock", "guard"])
def test_every_run_found_is_followed_to_itself(system: System[Any]) -> None:
    runs = search(system, frozenset()).runs
    assert runs
    for run in runs.values():
        assert follow(system, [step.label for _, step in run]) == run


def test_nothing_to_follow() -> None:
    assert follow(Peterson(), []) == []


def test_labels_may_repeat() -> None:
    run = follow(Peterson(), "AAAAAA")
    assert [state.at for state, _ in run] == [(0, 0), (1, 0), (2, 0), (3, 0), (0, 0), (1, 0)]


def test_the_number_counts_from_1() -> None:
    with pytest.raises(CtxraceError, match=r"^step 1 cannot be C; possible there: A, B; was this run made for other"):
        follow(Lock(), "C")


def test_what_was_possible_before_is_not_possible_for_ever() -> None:
    """A is done after three steps."""
    with pytest.raises(CtxraceError, match=r"^step 5 cannot be A; possible there: B; "):
        follow(Counter(), "AAABA")


def test_beyond_the_end() -> None:
    with pytest.raises(CtxraceError, match=r"^step 2 cannot be on; possible there: nothing; "):
        follow(chain(2), ["0 to 1 #0", "on"])


def test_labels_are_compared_as_they_are() -> None:
    """A label that only looks the same is another one."""

    class Number:
        def __str__(self) -> str:
            return "A"

    with pytest.raises(CtxraceError, match=r"^step 1 cannot be A; possible there: A, B"):
        follow(Lock(), [Number()])
