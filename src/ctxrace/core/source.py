"""Places in source files, and which of them some interleaving executed."""

from dataclasses import dataclass

__all__ = ["Branch", "Coverage", "Line", "Source"]


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
class Branch:
    """The ways by which conditional branches of the line `source` lead to the line `to`.

    function: in which they are. steps: how many different steps of single contexts have gone one of them; 0 where no
    interleaving does.
    """

    source: Source
    to: Source
    function: str
    steps: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """All lines of the entries and of what they call, and the branches from line to line, by file and number.

    complete: whether the search saw all states.
    """

    lines: tuple[Line, ...] = ()
    complete: bool = False
    branches: tuple[Branch, ...] = ()

    @property
    def never(self) -> tuple[Line, ...]:
        """The lines that no interleaving executes; nothing where the search did not see all states."""
        return tuple(line for line in self.lines if not line.steps) if self.complete else ()

    @property
    def untaken(self) -> tuple[Branch, ...]:
        """The branches that no interleaving takes, from lines that some interleaving executes; see `never`."""
        never = {line.source for line in self.never}
        found = (branch for branch in self.branches if not branch.steps and branch.source not in never)
        return tuple(found) if self.complete else ()
