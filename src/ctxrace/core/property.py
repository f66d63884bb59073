"""A property: a named sentence that must hold in every interleaving."""

from dataclasses import dataclass

__all__ = ["Property"]


@dataclass(frozen=True, slots=True)
class Property:
    """Name one sentence that must hold.

    kind: the word users type (``exclusive``, ``balanced``, ...).
    subjects: the functions or variables it is about, in the order they were declared.
    sentence: what must be true, as a reviewer would say it.
    """

    kind: str
    subjects: tuple[str, ...] = ()
    sentence: str = ""

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(self.subjects)})" if self.subjects else self.kind
