"""What a search takes for granted until the code shows otherwise, and how it is begun again without it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from ctxrace.kernel.model.flows import CurrentSeen, IdentityEscapes
from ctxrace.kernel.model.foreign import StackEscapes
from ctxrace.machine.discovery import Discovered

__all__ = ["EVERYTHING", "Assumptions", "every_way", "without_wrong_ones"]

Found = TypeVar("Found")


class Assumptions(NamedTuple):
    """What is taken for granted.

    symmetric: tasks with the same entry count as one another. blind: interrupts cannot tell whom they cut in on.
    shared_stacks: stacks are memory that all can reach, which is what remains where they are not private.
    Where the code turns out to be otherwise, a step raises `IdentityEscapes`, `CurrentSeen` or `StackEscapes`.
    """

    symmetric: bool = True
    blind: bool = True
    shared_stacks: bool = False


EVERYTHING = Assumptions()
"""As much as can be taken for granted."""


def without_wrong_ones(explore: Callable[[Assumptions], Found]) -> Found:
    """Return what `explore` finds with as much taken for granted as the code allows.

    Whether tasks can be told apart, and whether stacks are private, shows only while the code runs: where an
    assumption turns out wrong, `explore` is called again without it. It is also called again when a run has found
    something new of an image that is looked at only where it runs.
    """
    assumed = EVERYTHING
    while True:
        try:
            return explore(assumed)
        except Discovered:
            pass  # the image knows it now
        except (CurrentSeen, IdentityEscapes, StackEscapes) as wrong:
            assumed = _weaker(assumed, type(wrong))


def every_way() -> Iterator[Assumptions]:
    """Return all assumptions that a search may have ended with, the most first."""
    waiting = [EVERYTHING]
    seen: list[Assumptions] = []
    while waiting:
        assumed = waiting.pop(0)
        if assumed not in seen:
            seen.append(assumed)
            yield assumed
            waiting += [_weaker(assumed, wrong) for wrong in (CurrentSeen, IdentityEscapes, StackEscapes)]


def _weaker(assumed: Assumptions, wrong: type[Exception]) -> Assumptions:
    if wrong is CurrentSeen:
        return assumed._replace(blind=False)
    # Interrupts may look at whom they cut in on once tasks are told apart: `blind` says nothing any more.
    return Assumptions(False, False, assumed.shared_stacks or wrong is StackEscapes)
