"""What memory may hold when two programs begin: user space and other programs write it, too.

A search from what was compiled finds violations. That something holds is only known where it holds from every other
beginning as well. Guards alone, which each program takes and gives back, are taken as free at first.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ctxrace.bpf.programs.follow.values import Region, Scalar, Value
from ctxrace.bpf.programs.isa.instruction import Kind
from ctxrace.bpf.programs.meet.invocation import Invocations
from ctxrace.bpf.programs.meet.memory import Cell
from ctxrace.bpf.programs.meet.system import IDLE, Label, PairState, PairSystem
from ctxrace.core.property import Property
from ctxrace.core.system import Run, Step

__all__ = ["AnyBeginning", "is_guard"]

MOST_NUMBERS = 12  # that are told apart in one cell; what lies between them is a range
MOST_BEGINNINGS = 2_000
SMALLEST = 4  # numbers up to it are told apart when they are counted up and down
_COMPARING = (Kind.BRANCH, Kind.ALU, Kind.STORE)


class AnyBeginning:
    """The system `inner`, begun with any content of memory. Its states are those of `inner`, and None at first."""

    def __init__(self, inner: PairSystem, is_guard: Callable[[Cell], bool]) -> None:
        self.inner = inner
        self.properties: Sequence[Property] = inner.properties
        self.all = beginnings(inner.invocations, is_guard)

    def initial(self) -> PairState | None:
        return None

    def steps(self, state: PairState | None) -> Iterator[Step]:
        if state is not None:
            yield from self.inner.steps(state)
            return
        first = self.inner.initial()
        for way, cells in enumerate(self.all):
            yield Step(Label("begins", 0, way), first._replace(memory=first.memory._replace(cells=cells)), 0, 0)

    def changed(self, run: Run) -> list[Cell]:
        """Return the cells that hold something else at the beginning of `run` than was compiled."""
        cells = self.inner.watched.cells
        return [cell for cell, value in zip(cells, run[0][1].state.memory.cells, strict=True) if value != cell.initial]


def is_guard(system: PairSystem, place: tuple[Region, int, int], most: int) -> bool:
    """Return whether each program that writes a cell changes it and puts it back, wherever it goes, undisturbed.

    system: of the two programs, none of which may come over the other. most: states, after which it is none.
    """
    index = [(cell.region, cell.low, cell.high) for cell in system.watched.cells].index(place)
    free = system.watched.cells[index].initial
    region, low, high = place
    for side in (0, 1):
        facts = system.watched.graphs[side].facts.values()
        touches = [access for each in facts for access in each.accesses if access.writes]
        alias = system.watched.aliases.of
        if not any(alias(side, one.region)[0] == region and one.low < high and low < one.high for one in touches):
            continue
        taken = False
        seen, work = {system.initial()}, [system.initial()]
        while work:
            for step in system.steps(work.pop()):
                state: PairState = step.state
                if state.running == 1 - side:
                    continue
                changed = state.memory.cells[index] != free
                taken = taken or changed
                if state.running == IDLE and changed:
                    return False
                if state not in seen:
                    seen.add(state)
                    work.append(state)
            if len(seen) > most:
                return False
        if not taken:
            return False
    return True


def beginnings(invocations: Invocations, is_guard: Callable[[Cell], bool]) -> list[tuple[Value, ...]]:
    """Return what the cells may hold: together, all that memory can hold, that which was compiled first."""
    cells = invocations.watched.cells
    numbers = _numbers(invocations)
    several = [
        [cell.initial] if is_guard(cell) else list(_values(index, cell, numbers)) for index, cell in enumerate(cells)
    ]
    size = 1
    for values in several:
        size *= len(values)
    if size > MOST_BEGINNINGS:
        several = [
            values[:1] if len(values) == 1 else [_range(index, 0, (1 << cell.bits) - 1)]
            for index, (values, cell) in enumerate(zip(several, cells, strict=True))
        ]
    return list(itertools.product(*several))


def _numbers(invocations: Invocations) -> list[int]:
    """Return the numbers that the executed instructions of both programs name."""
    found: set[int] = set()
    code = invocations.watched.code
    for part in invocations.slices:
        for number in part.executed:
            x = code.instruction(code.nodes[number])
            if x.form.kind in _COMPARING and not x.form.register:
                found.add(x.imm)
    return sorted(found, key=lambda number: (abs(number), number))


def _values(index: int, cell: Cell, numbers: Sequence[int]) -> Iterator[Value]:
    """Yield what a cell may hold: the numbers that are named, and what lies between them."""
    yield cell.initial
    most = (1 << cell.bits) - 1
    initial = cell.initial.low if isinstance(cell.initial, Scalar) else 0
    named = list(dict.fromkeys([initial, *(number & most for number in numbers)]))[:MOST_NUMBERS]
    below = -1
    for number in sorted(named):
        if number > below + 1:
            yield _range(index, below + 1, number - 1)
        if number != initial:
            yield Scalar(number, number) if number <= SMALLEST else _range(index, number, number)
        below = number
    if below < most:
        yield _range(index, below + 1, most)


def _range(index: int, low: int, high: int) -> Scalar:
    """Return a value of which no more is known than its range; its name tells it again where it is put back."""
    name: Any = ("begin", index, low, high)
    return Scalar(low, high, name)
