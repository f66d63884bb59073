"""From a question about two programs to the system that answers it: which instructions and which values matter."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ctxrace.bpf.programs.follow.alone import Graph
from ctxrace.bpf.programs.follow.operands import Code
from ctxrace.bpf.programs.follow.values import Region, constant
from ctxrace.bpf.programs.meet.invocation import Invocations
from ctxrace.bpf.programs.meet.memory import Cell
from ctxrace.bpf.programs.meet.pair import Aliases, Question, Topic, Touch, initial_bytes
from ctxrace.bpf.programs.meet.relevance import Slice, Slicer
from ctxrace.bpf.programs.meet.together import Watched

__all__ = ["LookedAt", "Meeting", "prepare"]

WIDEST = 16  # bytes of a cell; what is wider is data
Place = tuple[Region, int, int]


@dataclass(frozen=True)
class LookedAt:
    """What questions about a program depend on.

    executed: the nodes whose instruction some slice executes; watched: those that touch memory that is watched.
    """

    executed: set[int] = field(default_factory=set)
    watched: set[int] = field(default_factory=set)

    @classmethod
    def union(cls, several: "Iterable[LookedAt]") -> "LookedAt":
        """Return what any of several depends on."""
        found = cls()
        for each in several:
            found.executed.update(each.executed)
            found.watched.update(each.watched)
        return found


@dataclass(frozen=True)
class Meeting:
    """Two programs that may meet. touches: all that they do to shared memory; shared: the part that both do.

    slicers: of both. asleep: whether one may come over the other only where it sleeps, so that those places matter.
    constants: the numbers in the code. looked_at: by program, what the questions so far are about.
    """

    code: Code
    graphs: tuple[Graph, Graph]
    aliases: Aliases
    touches: dict[Region, list[Touch]]
    shared: dict[Region, list[Touch]]
    constants: frozenset[int]
    slicers: tuple[Slicer, Slicer]
    asleep: bool = False
    looked_at: tuple[LookedAt, LookedAt] = field(default_factory=lambda: (LookedAt(), LookedAt()))


def prepare(meeting: Meeting, question: Question, *, whole: bool = False, bare: bool = False) -> Invocations:
    """Return what invocations of both programs do as far as it matters for an answer.

    whole: slice nothing away. bare: take what shared memory holds for unknown.
    """
    running = _Preparing(meeting, question, bare=bare)
    if whole:
        running.executed = (set(meeting.graphs[0].facts), set(meeting.graphs[1].facts))
    watched, slices = running.run()
    for side in (0, 1):
        meeting.looked_at[side].executed.update(slices[side].executed)
        meeting.looked_at[side].watched.update(watched.touching[side])
    return Invocations(watched, slices, everywhere=whole)


class _Preparing:
    def __init__(self, meeting: Meeting, question: Question, *, bare: bool) -> None:
        self.meeting, self.question, self.bare = meeting, question, bare
        self.touched: tuple[set[int], set[int]] = (set(), set())
        self.executed: tuple[set[int], set[int]] = (set(), set())
        self.cells: list[Place] = []

    def run(self) -> tuple[Watched, tuple[Slice, Slice]]:
        meeting, question = self.meeting, self.question
        for side in (0, 1):
            self.touched[side].update(_openings(meeting, side))
            if meeting.asleep:
                facts = meeting.graphs[side].facts
                self.touched[side].update(number for number in facts if facts[number].sleeps)
        for touch in meeting.touches.get(question.region, ()):
            if touch.covers(question.low, question.high):
                self.touched[touch.side].add(touch.node)
                if not touch.exact:
                    self.executed[touch.side].add(touch.node)
        if question.topic is not Topic.UNMIXED and not self.bare:
            self.add_cell((question.region, question.low, question.high))
            for side in (0, 1):
                self.executed[side].update(question.loads[side])
        slices = self.slices()
        while not self.bare and self.close(slices):
            slices = self.slices()
        return self.watched(), slices

    def slices(self) -> tuple[Slice, Slice]:
        first, second = (
            self.meeting.slicers[side].slice_of(self.touched[side], self.executed[side]) for side in (0, 1)
        )
        return first, second

    def close(self, slices: tuple[Slice, Slice]) -> bool:
        """Turn what is loaded and matters into cells; return whether there are more of them."""
        before = list(self.cells)
        for side in (0, 1):
            for number in slices[side].executed:
                for access in self.meeting.graphs[side].facts[number].accesses:
                    region, _ = self.meeting.aliases.of(side, access.region)
                    low, high = access.low, access.high
                    if access.kind in "ra" and access.size and high - low <= WIDEST and self.written(region, low, high):
                        self.add_cell((region, low, high))
        return self.cells != before

    def written(self, region: Region, low: int, high: int) -> bool:
        return any(touch.access.writes and touch.covers(low, high) for touch in self.meeting.touches.get(region, ()))

    def add_cell(self, place: Place) -> None:
        """Watch the value of some bytes, together with what overlaps them; all that write them are executed."""
        region, low, high = place
        for other in [other for other in self.cells if other[0] == region and other[1] < high and low < other[2]]:
            self.cells.remove(other)
            low, high = min(low, other[1]), max(high, other[2])
        self.cells.append((region, low, high))
        self.cells.sort(key=repr)
        for touch in self.meeting.touches.get(region, ()):
            if touch.covers(low, high) and touch.access.writes:
                self.executed[touch.side].add(touch.node)

    def watched(self) -> Watched:
        meeting = self.meeting
        cells = tuple(
            Cell(region, low, high, constant(int.from_bytes(initial_bytes(meeting.code, region, low, high), "little")))
            for region, low, high in self.cells
        )
        reaching = tuple(
            frozenset(touch.node for group in meeting.shared.values() for touch in group if touch.side == side)
            for side in (0, 1)
        )
        written = {
            region: tuple((touch.access.low, touch.access.high) for touch in group if touch.access.writes)
            for region, group in meeting.touches.items()
        }
        return Watched(
            meeting.code, meeting.graphs, meeting.aliases, self.question, cells, written, meeting.constants,
            (reaching[0], reaching[1]), (self.touching(0, conflicting=False), self.touching(1, conflicting=False)),
            (self.touching(0, conflicting=True), self.touching(1, conflicting=True)),
        )  # fmt: skip

    def touching(self, side: int, *, conflicting: bool) -> frozenset[int]:
        """Return the nodes that touch what is watched.

        conflicting: only where the other touches the same, and one of both writes.
        """
        question = self.question
        found: set[int] = set()
        for region, low, high in {*self.cells, (question.region, question.low, question.high)}:
            group = [touch for touch in self.meeting.touches.get(region, ()) if touch.covers(low, high)]
            others = [touch.access for touch in group if touch.side != side]
            for touch in group:
                mine = touch.access
                if touch.side == side and (not conflicting or any(
                    other.low < mine.high and mine.low < other.high and (mine.writes or other.writes)
                    for other in others
                )):  # fmt: skip
                    found.add(touch.node)
        return frozenset(found)


def _openings(meeting: Meeting, side: int) -> Iterable[int]:
    """Return the nodes at which a program may first touch what both reach."""
    shared = {touch.node for group in meeting.shared.values() for touch in group if touch.side == side}
    graph = meeting.graphs[side]
    found: set[int] = set()
    seen, work = {graph.entry}, [graph.entry]
    while work:
        number = work.pop()
        if number in shared:
            found.add(number)
            continue
        for after in graph.facts[number].successors:
            if after not in seen:
                seen.add(after)
                work.append(after)
    return found
