"""What a page is made of: plain data, which the template lays out."""

from dataclasses import dataclass

from ctxrace.core.interleaving import Interleaving
from ctxrace.core.source import Coverage

__all__ = ["Cell", "Page", "Section", "Story", "Table"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table. link: the section that it leads to; answer: the word that colours it, if one does."""

    text: str
    link: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; its first row names the columns. numbers: which columns end, not begin, in line."""

    caption: str
    rows: tuple[tuple[Cell, ...], ...]
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Story:
    """An interleaving, with what is said above it, what stands still at its end, and what shows it again."""

    title: str
    lines: tuple[str, ...]
    run: Interleaving
    hang: tuple[str, ...] = ()
    command: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One result. anchor: what links to it; empty: it is the page's only one, and has no title of its own."""

    anchor: str = ""
    title: str = ""
    answer: str = ""
    lines: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    stories: tuple[Story, ...] = ()
    coverage: Coverage | None = None
    command: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report.

    title: its first line, the answer. answer: the word that colours it. lines: what was checked; notes: what a reader
    must know besides, below the tables.
    """

    title: str
    answer: str
    lines: tuple[str, ...]
    tables: tuple[Table, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
