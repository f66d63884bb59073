"""Variables that only count: which grow without end, and what depends on them."""

from dataclasses import dataclass

from ctxrace.core.facts.fact import Fact
from ctxrace.core.source import Source

__all__ = ["Grows"]


@dataclass(frozen=True, slots=True)
class Grows(Fact):
    """A variable had so many values, and more the longer the search went on.

    size: in bytes. depends: the line whose instruction depends on its value, None where that is not known.
    asked_for: whether a property asks for its value. held: whether its value makes no difference, but how far it is
    ahead of what a context has read of it; then `values` are the distances.
    """

    name: str
    size: int
    values: int
    depends: Source | None = None
    asked_for: bool = False
    held: bool = False
