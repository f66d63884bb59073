"""All ways through a nested run, of which a summary is made."""

from collections.abc import Hashable
from typing import Any

from ctxrace.core.system import System
from ctxrace.explore.walk import Walk

__all__ = ["Opened", "Procedure"]

Opened = tuple[tuple[int, Hashable], ...]
"""Steps one after the other, those of nested runs among them: the rank of each in its state, and its label."""


class Procedure(Walk):
    """All ways through the nested run that begins in `start`, or through the outermost run from the initial state.

    ends: to which a nested run comes, each with its shortest length; with `broken`, they are its summary.
    shown: the run to show to each end, violation or hopeless state that was asked for.
    """

    def __init__(self, system: System[Any], start: Hashable, *, keep_edges: bool) -> None:
        self._begin(system, start, keep_edges)
        self.ends: dict[Hashable, int] = {}
        self.shown: dict[Hashable, Opened] = {}
