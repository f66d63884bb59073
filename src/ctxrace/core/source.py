"""A place in a source file."""

from dataclasses import dataclass

__all__ = ["Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a source file; `text` is that line, stripped, or empty where the file is not at hand."""

    file: str
    line: int
    text: str = ""
