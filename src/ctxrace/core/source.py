"""Places in source files, and which of them some interleaving executed."""

from dataclasses import dataclass

__all__ = ["Coverage", "Line", "Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a source file; `text` is that line, stripped, or empty where the file is not at hand."""

    file: str
    line: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line from which instructions of the entries come.

    function: in which they are. steps: how many different steps of single contexts have executed one of them; 0 where
    no interleaving does.
    """

    source: Source
    function: str
    steps: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """All lines of the entries and of what they call, by file and number.

    complete: whether the search saw all states.
    """

    lines: tuple[Line, ...] = ()
    complete: bool = False

    @property
    def never(self) -> tuple[Line, ...]:
        """The lines that no interleaving executes; nothing where the search did not see all states."""
        return tuple(line for line in self.lines if not line.steps) if self.complete else ()
