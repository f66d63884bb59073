"""Two programs on one CPU: what memory both can reach, and what there is to be decided about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from ctxrace.bpf.programs.follow.alone import Access, Graph
from ctxrace.bpf.programs.follow.operands import Code
from ctxrace.bpf.programs.follow.values import Region, Space

__all__ = ["Aliases", "Question", "Topic", "Touch", "coarse_question", "questions", "touches"]

ANY = "*"


class Topic(StrEnum):
    """What is asked about memory."""

    UNMIXED = "unmixed"
    LOST_UPDATE = "lost update"
    GUARD = "leaked"


class Aliases:
    """Which regions of two programs are the same memory.

    graphs: of both; other_task: whether they run in two tasks, so that what belongs to the current task differs.
    An element whose key is not known may be any of its map, and so may one whose key has a name, beside others: then
    all elements of the map count as one.
    """

    def __init__(self, graphs: tuple[Graph, Graph], *, other_task: bool) -> None:
        self.other_task = other_task
        regions: list[set[Region]] = [set(), set()]
        repeated: list[set[Region]] = [set(), set()]
        for side, graph in enumerate(graphs):
            for facts in graph.facts.values():
                for access in facts.accesses:
                    regions[side].add(access.region)
                    key = access.region.key
                    if isinstance(key, tuple) and key[0] == "?" and key[1] in graph.repeated:
                        repeated[side].add(access.region)
        keys: dict[str, set[object]] = {}
        for region in (*regions[0], *regions[1]):
            if region.space is Space.ELEMENT:
                keys.setdefault(region.name, set()).add(region.key)
        self.wild = {name for name, known in keys.items() if _may_coincide(known)}
        self.uncertain: tuple[set[str], set[str]] = (set(), set())
        for side in (0, 1):
            for name in self.wild:
                mine = {region for region in regions[side] if region.name == name}
                if len(mine) > 1 or mine & repeated[side]:
                    self.uncertain[side].add(name)

    def of(self, side: int, region: Region) -> tuple[Region, bool]:
        """Return the one name of a region, and whether a program always means the same memory by it."""
        if region.space is Space.ELEMENT and region.name in self.wild:
            return Region(Space.ELEMENT, region.name, ANY), region.name not in self.uncertain[side]
        key = region.key
        if self.other_task and isinstance(key, tuple) and key[0] != "cpu":
            return region._replace(key=(key, side)), True
        return region, True


def _may_coincide(keys: set[object]) -> bool:
    """Return whether two different keys may be the same number: not where all are numbers."""
    named = {key for key in keys if isinstance(key, tuple)}
    return any(key[0] == "?" for key in named) or (bool(named) and len(keys) > 1)


@dataclass(frozen=True, slots=True)
class Touch:
    """An access of one of the programs, by the one name of its region. exact: it always touches all of it."""

    side: int
    node: int
    access: Access
    region: Region
    exact: bool

    def covers(self, low: int, high: int) -> bool:
        """Return whether it may touch one of the bytes from `low` up to `high`."""
        return self.access.low < high and low < self.access.high


def touches(graphs: tuple[Graph, Graph], aliases: Aliases) -> dict[Region, list[Touch]]:
    """Return by region the touches of memory that both programs reach and at least one writes."""
    found: dict[Region, list[Touch]] = {}
    for side, graph in enumerate(graphs):
        for node, facts in graph.facts.items():
            for access in facts.accesses:
                region, certain = aliases.of(side, access.region)
                found.setdefault(region, []).append(Touch(side, node, access, region, access.exact and certain))
    return {
        region: group
        for region, group in found.items()
        if {touch.side for touch in group} == {0, 1} and any(touch.access.writes for touch in group)
    }


@dataclass(frozen=True, slots=True)
class Question:
    """Something to decide about some bytes of a region, all of which are touched by the same instructions.

    low, high: one of them, or the cell that is updated. ranges: all of them.
    coarse: all the ranges at once, as if they were one byte that its sender never overwrites: where that holds, so does
    each of them.
    loads, stores: for a lost update, the nodes of each program that load the cell, and that store what they make of it.
    """

    topic: Topic
    region: Region
    low: int
    high: int
    ranges: tuple[tuple[int, int], ...] = ()
    loads: tuple[frozenset[int], frozenset[int]] = field(default=(frozenset(), frozenset()))
    stores: tuple[frozenset[int], frozenset[int]] = field(default=(frozenset(), frozenset()))
    coarse: bool = False


def questions(found: dict[Region, list[Touch]]) -> Iterator[Question]:
    """Yield what there is to decide about the memory that two programs share."""
    for region in sorted(found, key=repr):
        group = found[region]
        yield from _mixed(region, group)
        yield from _updates(region, group)


def coarse_question(several: Sequence[Question]) -> Question:
    """Return the one question that, where it holds, answers several about mixed bytes of a region."""
    ranges = tuple(sorted(span for question in several for span in question.ranges))
    low, high = ranges[0][0], max(high for _, high in ranges)
    return Question(Topic.UNMIXED, several[0].region, low, high, ranges, coarse=True)


def _mixed(region: Region, group: list[Touch]) -> Iterator[Question]:
    """One question for each set of bytes with the same touches, where one program sends what the other writes."""
    ends = sorted({end for touch in group for end in (touch.access.low, touch.access.high)})
    classes: dict[tuple[tuple[int, int, str], ...], list[tuple[int, int]]] = {}
    for low, high in pairwise(ends):
        here = [touch for touch in group if touch.covers(low, high)]
        if any(
            first.access.kind == "s" and second.access.writes and first.side != second.side
            for first in here
            for second in here
        ):
            signature = tuple(sorted((touch.side, touch.node, touch.access.kind) for touch in here))
            classes.setdefault(signature, []).append((low, high))
    for ranges in classes.values():
        low = ranges[0][0]
        yield Question(Topic.UNMIXED, region, low, low + 1, tuple(ranges))


def _updates(region: Region, group: list[Touch]) -> Iterator[Question]:
    """One question for each cell that a program loads and stores again, and the other writes."""
    cells: dict[tuple[int, int], tuple[tuple[set[int], set[int]], tuple[set[int], set[int]]]] = {}
    for store in group:
        if store.access.kind != "w" or not store.access.size:
            continue
        for load in group:
            if load.side == store.side and load.access.kind == "r" and load.node in store.access.origins and (
                load.covers(store.access.low, store.access.high)
            ):  # fmt: skip
                cell = store.access.low, store.access.high
                loads, stores = cells.setdefault(cell, ((set(), set()), (set(), set())))
                loads[store.side].add(load.node)
                stores[store.side].add(store.node)
    for (low, high), (loads, stores) in sorted(cells.items()):
        sides = {side for side in (0, 1) if stores[side]}
        if any(touch.access.writes and touch.covers(low, high) and {1 - touch.side} & sides for touch in group):
            yield Question(
                Topic.LOST_UPDATE, region, low, high, ((low, high),),
                (frozenset(loads[0]), frozenset(loads[1])), (frozenset(stores[0]), frozenset(stores[1])),
            )  # fmt: skip


def initial_bytes(code: Code, region: Region, low: int, high: int) -> bytes:
    """Return what memory holds when the programs are attached: global data as compiled, all else zeros."""
    if region.space is Space.DATA:
        return code.object.maps[region.name].initial[low:high].ljust(high - low, b"\0")
    return bytes(high - low)


__all__ += ["initial_bytes"]
