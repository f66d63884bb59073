"""What is taken for granted of the code, and what is left of that once the code shows otherwise."""

from collections.abc import Sequence

import pytest

from ctxrace.kernel.model.assumptions import EVERYTHING, Assumptions, every_way, without_wrong_ones
from ctxrace.kernel.model.flows import CurrentSeen, IdentityEscapes
from ctxrace.kernel.model.foreign import StackEscapes
from ctxrace.machine.discovery import Discovered

SEEN = Assumptions(symmetric=True, blind=False, shared_stacks=False)
APART = Assumptions(symmetric=False, blind=False, shared_stacks=False)
SHARED = Assumptions(symmetric=False, blind=False, shared_stacks=True)


def test_everything_is_as_much_as_can_be() -> None:
    assert Assumptions(symmetric=True, blind=True, shared_stacks=False) == EVERYTHING


@pytest.mark.parametrize(
    ("shown", "assumed"),
    [
        ([], [EVERYTHING]),
        ([Discovered], [EVERYTHING, EVERYTHING]),
        ([CurrentSeen], [EVERYTHING, SEEN]),
        ([IdentityEscapes], [EVERYTHING, APART]),
        ([StackEscapes], [EVERYTHING, SHARED]),
        ([CurrentSeen, IdentityEscapes, StackEscapes], [EVERYTHING, SEEN, APART, SHARED]),
        ([StackEscapes, IdentityEscapes], [EVERYTHING, SHARED, SHARED]),
        ([CurrentSeen, Discovered], [EVERYTHING, SEEN, SEEN]),
    ],
)
def test_a_search_begins_again_without_what_the_code_shows_to_be_wrong(
    shown: Sequence[type[Exception]], assumed: list[Assumptions]
) -> None:
    tried: list[Assumptions] = []

    def explore(assumptions: Assumptions) -> str:
        tried.append(assumptions)
        if len(tried) <= len(shown):
            raise shown[len(tried) - 1]
        return "found"

    assert (without_wrong_ones(explore), tried) == ("found", assumed)


def test_what_a_search_may_have_ended_with() -> None:
    assert list(every_way()) == [EVERYTHING, SEEN, APART, SHARED]
