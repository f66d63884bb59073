"""The slice of a program that matters for some of its instructions: the rest is stepped over.

What is left out changes neither which relevant instruction comes next nor what one finds. A branch whose two ways lead
to different relevant instructions is relevant itself, and so is whatever computes what a relevant instruction uses.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ctxrace.bpf.programs.follow.alone import Graph

__all__ = ["END", "Slice", "slice_of"]

END = -1
"""Where a program leads that comes to no relevant instruction any more."""

COUNTERS = 2  # locations below zero: PREEMPT_OFF and IRQ_OFF


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice. executed: the nodes whose instruction is executed; the other relevant ones only touch memory.

    keep: by relevant node, the locations that matter from there on. first: by any node, the relevant one that comes
    next, the node itself included; `END` for none; nothing where the program goes round and round without any.
    """

    relevant: frozenset[int]
    executed: frozenset[int]
    keep: dict[int, frozenset[int]]
    first: dict[int, int]


def slice_of(graph: Graph, touched: Iterable[int], executed: Iterable[int]) -> Slice:
    """Return the slice for the nodes `touched`, and `executed`, whose operands matter, too."""
    running = _Slicing(graph, set(touched), set(executed))
    return running.run()


class _Slicing:
    def __init__(self, graph: Graph, touched: set[int], executed: set[int]) -> None:
        self.graph = graph
        facts = graph.facts
        self.executed = {number for number in executed if number in facts}
        self.relevant = {number for number in touched if number in facts} | self.executed
        self.uses = {number: _mask(found.used) for number, found in facts.items()}
        self.kills = {number: _mask(found.set_) for number, found in facts.items()}
        self.changes = {number: _mask(found.set_ | found.touched) for number, found in facts.items()}
        for number, changed in self.changes.items():
            if changed & ((1 << COUNTERS) - 1):  # what is off must always be known
                self.relevant.add(number)
                self.executed.add(number)
        self.before: dict[int, set[int]] = {number: set() for number in facts}
        for number, found in facts.items():
            for after in found.successors:
                self.before[after].add(number)
        self.needed: dict[int, int] = dict.fromkeys(facts, 0)
        self.order = list(facts)

    def run(self) -> Slice:
        first = self.close_control()
        while self.close_data() | self.add_heads():
            first = self.close_control()
        keep = {number: _locations(self.needed[number]) for number in self.relevant}
        return Slice(frozenset(self.relevant), frozenset(self.executed), keep, first)

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
                self.executed.add(number)
                self.relevant.add(number)
                grown = True
            before = after
            if number in self.executed:
                before = after & ~self.kills[number] | self.uses[number]
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


