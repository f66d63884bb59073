"""Programs that are alike: the same code, but for numbers. What two of them do to one another, others do as well.

Agents have many programs that a macro made. Of each kind of pair one is searched. What it shows is true of another pair
if the numbers that differ decide nothing: each is either no part of any slice that was looked at, or it only takes part
in a comparison of a number of which nothing is known, which may go either way whichever number stands there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ctxrace.bpf.programs.check import Placed, ways
from ctxrace.bpf.programs.follow.alone import NodeFacts
from ctxrace.bpf.programs.follow.comparisons import decide
from ctxrace.bpf.programs.follow.operands import Code
from ctxrace.bpf.programs.follow.state import Env, register
from ctxrace.bpf.programs.follow.values import Pointer, Region, Scalar, Space, Spot, Value, alu, constant
from ctxrace.bpf.programs.isa.instruction import Instruction, Kind
from ctxrace.bpf.programs.meet.prepare import LookedAt

__all__ = ["Likeness"]

_NUMBERS = ("and", "or", "xor", "add", "sub", "lsh", "rsh")
"""Operations that leave an unknown number unknown, or take a part of it."""


@dataclass(frozen=True)
class _Chain:
    """A load of an unknown number, what is computed from it, and the branch that alone looks at it and goes either way.

    spots: what it may load from; bits: of the number.
    """

    load: int
    spots: tuple[Spot, ...]
    bits: int


class _Program:
    """A program, apart from where it stands. numbers: its immediates, one for each of its nodes."""

    def __init__(self, code: Code, placed: Placed) -> None:
        self.code, self.placed, self.facts = code, placed, placed.graph.facts
        self.nodes = list(self.facts)
        self.index = {number: at for at, number in enumerate(self.nodes)}
        self.numbers = tuple(self._immediate(self.instruction(number), number) for number in self.nodes)

    def instruction(self, number: int) -> Instruction:
        return self.code.instruction(self.code.nodes[number])

    def adapted(self, number: int) -> object:
        node = self.code.nodes[number]
        return self.code.object.adapted.get(node.section, {}).get(node.slot)

    def _immediate(self, x: Instruction, number: int) -> int | None:
        """Return the number in an instruction that another program may have instead; None where it says more."""
        plain = x.form.kind in (Kind.ALU, Kind.BRANCH, Kind.STORE) and not x.form.register and x.form.name != "end"
        return x.imm if plain and self.adapted(number) is None else None

    # What it is, without its numbers

    def shape(self) -> tuple[object, ...]:
        """Return what equals that of another program where both differ in numbers alone."""
        graph = self.placed.graph
        loops = [
            (self._spelled(loop.nodes), self._spelled(loop.heads), tuple(sorted(loop.changed))) for loop in graph.loops
        ]
        heads = sorted({graph.entry, *(head for loop in graph.loops for head in loop.heads)})
        found = {self.index[number]: self._environment(graph.envs[number]) for number in heads if number in graph.envs}
        instructions = tuple(map(self._instruction, self.nodes))
        repeated = self._spelled(graph.repeated)
        return instructions, tuple(loops), tuple(sorted(found.items())), repeated, self.index[graph.entry]

    def _instruction(self, number: int) -> tuple[object, ...]:
        node, x, facts = self.code.nodes[number], self.instruction(number), self.facts[number]
        imm = x.imm if self.numbers[self.index[number]] is None else None
        accesses = tuple(
            (each.kind, self._spelled(each.region), each.low, each.high, each.exact, each.size,
             self._spelled(each.origins))
            for each in facts.accesses
        )  # fmt: skip
        return (
            self.code.frames[node.frame].depth, self.code.frames[node.frame].callback, x.form, x.dst, x.src, x.off, imm,
            self.code.reference(node), self.adapted(number), tuple(map(self.index.get, facts.successors)),
            *map(tuple, map(sorted, (facts.used, facts.set_, facts.touched))), accesses, facts.ends, facts.sleeps,
            facts.draws, self._spelled(facts.pointer),
        )  # fmt: skip

    def _environment(self, env: Env) -> tuple[object, ...]:
        return tuple((at, self._spelled(held)) for part in (env.values, env.slots) for at, held in sorted(part.items()))

    def _spelled(self, part: Any) -> Any:  # noqa: ANN401
        """Return a value, or a part of one, with the places of nodes instead of their numbers."""
        if isinstance(part, Region) and part.space is Space.RECORD:
            return part.space, self._place(part.key)
        if isinstance(part, frozenset):
            return tuple(sorted(map(self._place, part)))
        if isinstance(part, tuple):
            if len(part) == 2 and part[0] in ("?", "in") and isinstance(part[1], int):
                return part[0], self._place(part[1])
            return type(part).__name__, *map(self._spelled, part)
        return part

    def _place(self, number: int) -> int:
        return self.index.get(number, -2 - number)  # what is no node of it is nothing that another program has

    # Numbers that decide nothing

    @cached_property
    def chains(self) -> Mapping[int, _Chain]:
        """The chains, by each of their nodes that has a number."""
        return {each: chain for number in self.nodes for each, chain in self._chain(number)}

    def _chain(self, load: int) -> Iterator[tuple[int, _Chain]]:
        x, pointer = self.instruction(load), self.facts[load].pointer
        if pointer is None or x.form.signed or not _brings_anything(self.code, pointer):
            return
        at = register(self.code.frames[self.code.nodes[load].frame].depth, x.dst)
        value: Value = Scalar(0, (1 << x.form.bits) - 1, ("in", load))
        chain = _Chain(load, pointer.spots if isinstance(pointer, Pointer) else (), x.form.bits)
        computing: list[int] = []
        for number in self._straight_on(load):
            facts, x = self.facts[number], self.instruction(number)
            if at not in facts.used | facts.set_ | facts.touched:
                continue
            if self.numbers[self.index[number]] is None:
                return
            second = constant(x.imm)
            if x.form.kind is Kind.ALU and x.operation in _NUMBERS and facts.used == {at}:
                value = alu(x.operation, x.form.bits, value, second)
                computing.append(number)
            elif x.form.kind is Kind.BRANCH and decide(x.operation, x.form.bits, value, second) is None:
                if not any(self._wanted(after, at) for after in facts.successors):
                    yield from ((each, chain) for each in (*computing, number))
                return
            else:
                return

    def _straight_on(self, number: int) -> Iterator[int]:
        """Yield the nodes behind one to which it alone leads, a branch being the last."""
        before = self.placed.slicer.flow.before
        while len(self.facts[number].successors) == 1:
            number = self.facts[number].successors[0]
            if len(before[number]) != 1 or number == self.placed.graph.entry:
                return
            yield number

    def _wanted(self, number: int, location: int) -> bool:
        """Return whether a program may use what a location holds when it comes to a node."""
        seen, work = {number}, [number]
        while work:
            facts = self.facts[work.pop()]
            if location in facts.used:
                return True
            if location not in facts.set_:
                new = [after for after in facts.successors if after not in seen]
                seen.update(new)
                work += new
        return False

    def decides(self, number: int, looked_at: LookedAt) -> bool:
        """Return whether the number in a node may decide something that a search has looked at."""
        chain = self.chains.get(number)
        if chain is None or chain.load in looked_at.watched:
            return True
        return any(
            each != chain.load and _may_be_same(chain, self.facts[each], self.instruction(each).form.bits)
            for each in looked_at.executed
        )


def _brings_anything(code: Code, pointer: Value) -> bool:
    """Return whether a load through `pointer` brings a number of which nothing is known."""
    return isinstance(pointer, Scalar) or (
        isinstance(pointer, Pointer) and all(_is_unknown(code, spot.region) for spot in pointer.spots)
    )


def _is_unknown(code: Code, region: Region) -> bool:
    if region.space is Space.DATA:
        return not region.name.startswith(".rodata.str") and not (region.name == ".rodata" and code.rodata is not None)
    return region.space in (Space.ELEMENT, Space.RECORD, Space.CONTEXT, Space.KERNEL)


def _may_be_same(chain: _Chain, other: NodeFacts, bits: int) -> bool:
    """Return whether another load may bring the same number, so that what is found out about one is known of both."""
    if other.pointer is None or isinstance(other.pointer, Scalar):
        return False
    if not isinstance(other.pointer, Pointer):
        return True
    return any(
        mine.region[:2] == theirs.region[:2] and mine.region.space in (Space.ELEMENT, Space.DATA)
        and mine.low < theirs.high + bits // 8 and theirs.low < mine.high + chain.bits // 8
        for mine in chain.spots
        for theirs in other.pointer.spots
    )  # fmt: skip


class Likeness:
    """Which pairs of an object's programs are of one kind, and which of them a search of one is true of."""

    def __init__(self, code: Code, programs: Sequence[Placed]) -> None:
        self.placed = programs
        self.programs = [_Program(code, each) for each in programs]
        known: dict[tuple[object, ...], int] = {}
        self.shapes = [known.setdefault(each.shape(), number) for number, each in enumerate(self.programs)]

    def kind(self, pair: tuple[int, int]) -> object:
        """Return what equals that of another pair where both are of one kind, which alone does not make them alike."""
        first, second = pair
        return (
            self.shapes[first], self.shapes[second], first == second,
            tuple(ways(self.placed[first], self.placed[second])),
        )  # fmt: skip

    def same(
        self, searched: tuple[int, int], other: tuple[int, int], looked_at: tuple[LookedAt, LookedAt]
    ) -> bool:  # fmt: skip
        """Return whether what the search of a pair has shown is true of another one of its kind.

        looked_at: what the search has looked at, by program.
        """
        return all(
            self._like(self.programs[mine], self.programs[theirs], looked_at[side])
            for side, (mine, theirs) in enumerate(zip(searched, other, strict=True))
        )

    def _like(self, mine: _Program, theirs: _Program, looked_at: LookedAt) -> bool:
        counterpart = dict(zip(mine.nodes, theirs.nodes, strict=True))
        executed, watched = ({counterpart[each] for each in part} for part in (looked_at.executed, looked_at.watched))
        also = LookedAt(executed, watched)
        return not any(
            mine.numbers[mine.index[each]] != theirs.numbers[mine.index[each]]
            and (mine.decides(each, looked_at) or theirs.decides(counterpart[each], also))
            for each in looked_at.executed
        )
