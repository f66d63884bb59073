"""The slice of a program that matters for some of its instructions: the rest is stepped over.

What is left out changes neither which relevant instruction comes next nor what one finds. A branch whose two ways lead
to different relevant instructions is relevant itself, and so is whatever computes what a relevant instruction uses.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ctxrace.bpf.programs.follow.alone import Graph
from ctxrace.bpf.programs.follow.state import is_register

__all__ = ["END", "Slice", "Slicer"]

END = -1
"""Where a program leads that comes to no relevant instruction any more."""

COUNTERS = 2  # locations below zero: PREEMPT_OFF and IRQ_OFF


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice. executed: the nodes whose instruction is executed; the other relevant ones only touch memory.

    drawn: of these, the calls whose result matters, and nothing that they are given.
    keep: by relevant node, the locations that matter from there on. first: by any node, the relevant one that comes
    next, the node itself included; `END` for none; nothing where the program goes round and round without any.
    """

    relevant: frozenset[int]
    executed: frozenset[int]
    drawn: frozenset[int]
    keep: dict[int, frozenset[int]]
    first: dict[int, int]


class Slicer:
    """Makes the slices of one program, each of them once."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._known: dict[tuple[frozenset[int], frozenset[int]], Slice] = {}

    @cached_property
    def flow(self) -> "_Flow":
        """What each node uses and changes."""
        return _Flow(self.graph)

    def slice_of(self, touched: Iterable[int], executed: Iterable[int]) -> Slice:
        """Return the slice for the nodes `touched`, and `executed`, whose operands matter, too."""
        key = frozenset(touched), frozenset(executed)
        if key not in self._known:
            self._known[key] = _Slicing(self.flow, set(key[0]), set(key[1])).run()
        return self._known[key]


class _Flow:
    """What each node of a program uses and changes, as masks of locations, and where it is come from."""

    def __init__(self, graph: Graph) -> None:
        self.graph, facts = graph, graph.facts
        self.uses = {number: _mask(found.used) for number, found in facts.items()}
        self.kills = {number: _mask(found.set_) for number, found in facts.items()}
        self.changes = {number: _mask(found.set_ | found.touched) for number, found in facts.items()}
        self.before: dict[int, set[int]] = {number: set() for number in facts}
        for number, found in facts.items():
            for after in found.successors:
                self.before[after].add(number)
        self.order = list(facts)
        # Of a call that draws its result: the memory that it may change besides.
        self.besides = {
            number: _mask(at for at in (*found.set_, *found.touched) if not is_register(at))
            for number, found in facts.items()
            if found.draws
        }


class _Slicing:
    def __init__(self, flow: _Flow, touched: set[int], executed: set[int]) -> None:
        self.graph = flow.graph
        facts = flow.graph.facts
        self.executed = {number for number in executed if number in facts}
        self.drawn: set[int] = set()
        self.relevant = {number for number in touched if number in facts} | self.executed
        self.uses, self.kills, self.changes, self.besides = flow.uses, flow.kills, flow.changes, flow.besides
        self.before, self.order = flow.before, flow.order
        for number, changed in self.changes.items():
            if changed & ((1 << COUNTERS) - 1):  # what is off must always be known
                self.relevant.add(number)
                self.executed.add(number)
        self.needed: dict[int, int] = dict.fromkeys(facts, 0)

    def run(self) -> Slice:
        first = self.close_control()
        while self.close_data() | self.add_heads():
            first = self.close_control()
        keep = {number: _locations(self.needed[number]) for number in self.relevant}
        drawn = frozenset(self.drawn - self.executed)
        return Slice(frozenset(self.relevant), frozenset(self.executed), drawn, keep, first)

    def close_data(self) -> bool:
        """Find the locations that matter before every node; return whether more nodes have become relevant."""
        facts, grown = self.graph.facts, False
        work = list(self.order)  # from the end
        waiting = set(work)
        while work:
            number = work.pop()
            waiting.discard(number)
            after = 0
            for successor in facts[number].successors:
                after |= self.needed[successor]
            if self.changes[number] & after and number not in self.executed:
                only_result = self.besides.get(number, after) & after == 0
                wanted = self.drawn if only_result else self.executed
                if number not in wanted:
                    wanted.add(number)
                    self.relevant.add(number)
                    grown = True
            before = after
            if number in self.executed:
                before = after & ~self.kills[number] | self.uses[number]
            elif number in self.drawn:
                before = after & ~self.kills[number]
            if before != self.needed[number]:
                self.needed[number] = before
                for predecessor in self.before[number]:
                    if predecessor not in waiting:
                        waiting.add(predecessor)
                        work.append(predecessor)
        return grown

    def add_heads(self) -> bool:
        """Let loops with something relevant begin at a relevant node; return whether one has become so."""
        before = len(self.relevant)
        for loop in self.graph.loops:
            if not self.relevant.isdisjoint(loop.nodes):
                self.relevant |= loop.heads
        return len(self.relevant) > before

    def close_control(self) -> dict[int, int]:
        """Return what comes first from every node; branches between several things become relevant."""
        facts, relevant, before = self.graph.facts, self.relevant, self.before
        first: dict[int, int] = {number: number for number in relevant}
        work = [number for number in self.order if number not in relevant]
        waiting = set(work)
        while work:
            number = work.pop()
            waiting.discard(number)
            if number in relevant:
                continue
            found = END if facts[number].ends else None
            for after in facts[number].successors:
                way = first.get(after)
                if way is not None and way != found:
                    if found is not None:
                        relevant.add(number)
                        self.executed.add(number)
                        found = number
                        break
                    found = way
            if found is None or first.get(number) == found:
                continue
            first[number] = found
            for predecessor in before[number]:
                if predecessor not in waiting and predecessor not in relevant:
                    waiting.add(predecessor)
                    work.append(predecessor)
        return first


def _mask(locations: Iterable[int]) -> int:
    found = 0
    for location in locations:
        found |= 1 << location + COUNTERS
    return found


def _locations(mask: int) -> frozenset[int]:
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1 - COUNTERS)
        mask ^= low
    return frozenset(found)


