"""A property: a named sentence about the interleavings of a system."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

__all__ = ["Expectation", "Property"]


class Expectation(StrEnum):
    """What a property says, and what a step has to do with it.

    ALWAYS: it is an invariant; a step that breaks it names it in `Step.broken`.
    SOMETIMES: some interleaving shows it; a step that does names it in `Step.witnessed`.
    ALWAYS_POSSIBLE: from every reachable state some run leads to a goal (AG EF goal). The initial state is a goal, and
    so is every state to which a step leads that names the property in `Step.witnessed`.
    """

    ALWAYS = "always"
    SOMETIMES = "sometimes"
    ALWAYS_POSSIBLE = "always possible"


@dataclass(frozen=True, slots=True)
class Property:
    """Name one sentence. Subclasses add the condition under which a step breaks or witnesses it.

    kind: the word users type (``exclusive``, ``balanced``, ...).
    subjects: the functions or variables it is about, in the order they were declared.
    sentence: what must be true, as a reviewer would say it.
    """

    expectation: ClassVar[Expectation] = Expectation.ALWAYS

    kind: str
    subjects: tuple[str, ...] = ()
    sentence: str = ""

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(self.subjects)})" if self.subjects else self.kind
