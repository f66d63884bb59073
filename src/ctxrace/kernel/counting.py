"""Counters that only grow, so that a search would never end: find them, and search without what they have grown by.

A search is looked at now and then. A variable that has had many values by then is tried as a statistic, whose value
must make no difference to any step; failing that, as a counter of which every step is the same after any drift. Both
are proved on the way (`ctxrace.machine.drift`): a step that is not the same ends the search, and it begins again with
less taken for granted, like `ctxrace.kernel.model.assumptions`. What is tried is a guess; what is claimed is not.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from ctxrace.core.errors import ImageError
from ctxrace.core.facts.growth import Grows
from ctxrace.core.facts.stop import CountersGrow, Stop
from ctxrace.explore.watch import Limits, Progress
from ctxrace.kernel.model.layout import Layout
from ctxrace.kernel.model.smp import SmpSystem
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.properties.demands import Balanced
from ctxrace.kernel.scenario import Scenario
from ctxrace.machine.drift.memory import Counter, Counters
from ctxrace.machine.drift.number import DriftObserved, low

__all__ = ["Counting", "Drifts", "Look", "Variable", "places_of", "variable_at", "without_growth"]

Found = TypeVar("Found")

FIRST_LOOK = 20_000
"""After so many states a search is looked at, and then whenever it has twice as many."""
MANY = 8
"""So many values of a variable are worth a try."""
_FIXED = (0, 1, 2, 3, 4, 6, 8, 12)  # how many of a counter's lowest bits stay: what code masks out of an index
_SHARE = 20  # of the states allowed: when so many are visited, a search that cannot end in time is given up
_FAR = 4  # times the states allowed: what would be needed at least, where it is given up
_GROWS = 1.5  # times the values while the states doubled
_MOST = 64  # variables
_DISTANCES = 100  # so many between a counter and what contexts have read of it are told as growth without an end


class Variable(NamedTuple):
    """A variable, or a part of one: its name in C, and its addresses."""

    name: str
    place: range


class Drifts(Exception):
    """A search goes through ever more values of variables."""

    def __init__(self, variables: Sequence[Variable]) -> None:
        super().__init__(variables)
        self.variables = variables


@dataclass(slots=True)
class _Tried:
    """How a variable is tried: as a statistic, as a counter of `group`, or (with neither) no more.

    follows: whether it is tried only because something that drifts was written to it.
    """

    variable: Variable
    statistic: bool = False
    group: int | None = None
    follows: bool = False
    address: int | None = None  # of the instruction that depends on it


class Counting:
    """What is taken for granted of variables that count."""

    def __init__(self, layout: Layout, scenario: Scenario) -> None:
        self._layout, self._scenario = layout, scenario
        balanced = [name for prop in scenario.properties if isinstance(prop, Balanced) for name in prop.subjects]
        self._asked_for = [place for name in (*balanced, *scenario.statistics) for place in places_of(layout, name)]
        self._tried: list[_Tried] = []
        self._fixed: dict[int, int] = {}  # of each group, the index in _FIXED

    @property
    def statistics(self) -> tuple[str, ...]:
        """The variables that are left out."""
        return tuple(dict.fromkeys(one.variable.name for one in self._tried if one.statistic))

    @property
    def groups(self) -> dict[int, list[str]]:
        """The counters that drift together, by the number of their group."""
        return {group: [one.name for one in variables] for group, variables in self.drifting.items()}

    def multiple(self, group: int) -> int:
        """Return of what number the drift of `group` is a multiple."""
        return 1 << _FIXED[self._fixed[group]]

    @property
    def counters(self) -> Counters | None:
        """What a step must not depend on; None: nothing is asked."""
        drifting = tuple(
            Counter(one.variable.name, one.variable.place, number, one.group, _FIXED[self._fixed[one.group]])
            for number, one in enumerate(self._tried)
            if one.group is not None
        )
        statistics = {one.variable.name: number for number, one in enumerate(self._tried) if one.statistic}
        return Counters(drifting, statistics) if drifting or statistics else None

    @property
    def scenario(self) -> Scenario:
        """The scenario, without what is left out."""
        return replace(self._scenario, statistics=(*self._scenario.statistics, *self.statistics))

    @property
    def drifting(self) -> dict[int, list[Variable]]:
        """The counters that are left out, by the number of their group."""
        found: dict[int, list[Variable]] = {}
        for one in self._tried:
            if one.group is not None:
                found.setdefault(one.group, []).append(one.variable)
        return found

    @property
    def leading(self) -> list[Variable]:
        """The variables that were tried for their own sake."""
        return [one.variable for one in self._tried if not one.follows]

    def asked_for(self, variable: Variable) -> bool:
        """Return whether a property, or the user, says something of a variable."""
        return any(_overlap(place, variable.place) for place in self._asked_for)

    def knows(self, variable: Variable) -> bool:
        """Return whether a variable is tried, or was, or can be nothing."""
        tried = any(_overlap(one.variable.place, variable.place) for one in self._tried)
        possible = self._layout.image.arch.little_endian and len(self._tried) < _MOST
        return tried or not possible or self.asked_for(variable)

    @property
    def dropped(self) -> dict[Variable, int | None]:
        """The variables that steps depend on, each with the address of an instruction that does, if it is known."""
        return {one.variable: one.address for one in self._tried if not one.statistic and one.group is None}

    def add(self, variables: Iterable[Variable]) -> None:
        """Try variables, those first as statistics that have a name."""
        for variable in variables:
            if not self.knows(variable):
                self._try(variable, statistic=True)

    def learn(self, seen: DriftObserved) -> None:
        """Take less for granted, after a step has turned out to depend on a variable."""
        involved = [one for number, one in enumerate(self._tried) if seen.counters >> number & 1]
        groups = {one.group for one in involved if one.group is not None}
        statistics = [one for one in involved if one.statistic]
        if seen.spread is not None and self._spread(seen.spread, groups, bool(statistics)):
            return
        follow = [one for one in involved if one.follows and (one.statistic or seen.reset)]
        for one in follow:
            one.statistic, one.group, one.address = False, None, seen.address
        for one in statistics if not follow else ():
            one.statistic, one.address = False, seen.address
            self._begin(one)
        if follow or statistics:
            return
        if len(groups) > 1:
            self._merge(groups)
        elif seen.reset or not self._fix(*groups):
            self._drop(groups, seen.address)

    def _try(self, variable: Variable, *, statistic: bool) -> None:
        one = _Tried(variable)
        self._tried.append(one)
        known = self._layout.image.variable(variable.name)
        named = known is not None and known.size == len(variable.place)
        if statistic and named:
            one.statistic = True
        else:
            self._begin(one)

    def _begin(self, one: _Tried) -> None:
        one.group = len(self._fixed)
        self._fixed[one.group] = 0

    def _spread(self, place: range, groups: set[int], statistic: bool) -> bool:
        """Try also what a drifting number was written to; return whether that is possible."""
        variable = variable_at(self._layout, place)
        if self.knows(variable):
            return False
        self._try(variable, statistic=statistic and not groups)
        self._tried[-1].follows = True
        if len(groups) == 1:
            self._merge({*groups, len(self._fixed) - 1})
        return True

    def _merge(self, groups: set[int]) -> None:
        first, *others = sorted(groups)
        self._fixed[first] = max(self._fixed[group] for group in groups)
        for one in self._tried:
            if one.group in others:
                one.group = first

    def _fix(self, group: int) -> bool:
        self._fixed[group] += 1
        return self._fixed[group] < len(_FIXED)

    def _drop(self, groups: set[int], address: int | None) -> None:
        for one in self._tried:
            if one.group in groups:
                one.group, one.address = None, address


class Look:
    """Look at a search now and then. It is called like `Progress`, and calls `progress`.

    Raises `Drifts` for variables that are worth a try, and ends the search where it cannot come to its end in time
    because of variables that were tried in vain.
    """

    def __init__(self, counting: Counting, limits: Limits, progress: Progress | None) -> None:
        self._counting, self._limits, self._progress = counting, limits, progress
        self._system: KernelSystem | SmpSystem | None = None
        self._next = FIRST_LOOK
        self._values: dict[Variable, set[bytes]] = {}
        self._before: dict[Variable, int] = {}
        self._seen = 0  # contents of memory

    def at(self, system: KernelSystem | SmpSystem) -> None:
        """Take note that `system` is what is searched now."""
        self._system, self._next, self._seen = system, FIRST_LOOK, 0
        self._values, self._before = {}, {}

    def __call__(self, states: int, seconds: float) -> Stop | None:
        """Look at the search after so many states and seconds; return why it is to end, if it is."""
        if self._progress is not None and (stopped := self._progress(states, seconds)):
            return stopped
        if states < self._next or self._system is None:
            return None
        self._next *= 2
        sizes = self._count(self._system)
        new = {one: size for one, size in sizes.items() if size >= MANY // 2 and not self._counting.knows(one)}
        if any(size >= MANY for size in new.values()):
            raise Drifts(list(new))
        before, self._before = self._before, sizes
        most = self._limits.max_states
        if most is None or states * _SHARE < most:
            return None
        growing = [one for one in self._in_vain(sizes) if sizes[one] >= _GROWS * before.get(one, 0)]
        needed = max((states * 256 ** len(one.place) // sizes[one] for one in growing), default=0)
        return CountersGrow(states) if needed > _FAR * most else None

    def grows(self) -> tuple[Grows, ...]:
        """Return the variables that had many values and were tried in vain, with what depends on them."""
        if self._system is None:
            return ()
        sizes, image = self._count(self._system), self._system.cpus[0].image
        dropped = self._counting.dropped
        found = [
            Grows(
                one.name,
                len(one.place),
                sizes[one],
                image.source(at) if (at := dropped.get(one)) is not None else None,
                self._counting.asked_for(one),
            )
            for one in self._in_vain(sizes)
        ]
        for group, distances in self._held(self._system).items():
            if len(distances) >= _DISTANCES:
                one = self._counting.drifting[group][0]
                found.append(Grows(one.name, len(one.place), len(distances), held=True))
        return tuple(found)

    def _held(self, system: KernelSystem | SmpSystem) -> dict[int, set[int]]:
        """Return of each group of counters how far those are ahead of what contexts have in registers of them."""
        found: dict[int, set[int]] = {}
        for _, flow in system.cpus[0].flows.numbers.values:
            words = dict(flow.registers)
            for mark in flow.marks:
                if mark.width and not mark.on_stack:
                    found.setdefault(mark.group, set()).add(words.get(mark.at, 0) & low(8 * mark.width))
        return found

    def _in_vain(self, sizes: dict[Variable, int]) -> list[Variable]:
        """Return the variables with many values of which nothing can be left out.

        A byte that a property asks for is not one: it soon has all its values, and searches do not go on for that.
        """
        dropped = self._counting.dropped
        asked_for = {one for one in sizes if len(one.place) > 1 and self._counting.asked_for(one)}
        return [one for one in sizes if sizes[one] >= MANY and (one in dropped or one in asked_for)]

    def _count(self, system: KernelSystem | SmpSystem) -> dict[Variable, int]:
        """Return how many values each written variable has had."""
        layout, contents = system.cpus[0].layout, system.cpus[0].shared.values
        written = {
            (touch.address, touch.size)
            for cpu in system.cpus
            for _, outcome in cpu.flows.outcomes()
            for touch in outcome.touches
            if touch.kind == "write"
        }
        for address, size in sorted(written, key=lambda place: (place[1], place[0])):
            with suppress(ImageError):  # not shared memory
                at = layout.locate_shared(address)
                variable = variable_at(layout, range(address, address + size))
                start = self._seen if variable in self._values else 0
                values = self._values.setdefault(variable, set())
                values.update(memory[at : at + size] for memory in contents[start:])
        self._seen = len(contents)
        return {variable: len(values) for variable, values in self._values.items()}


def without_growth(
    layout: Layout,
    scenario: Scenario,
    limits: Limits,
    progress: Progress | None,
    explore: Callable[[Counting, Look], Found],
) -> tuple[Found, Counting, tuple[Grows, ...]]:
    """Return what `explore` finds without what counters have grown by, where that makes no difference.

    Also returns what was taken for granted and proved, and the variables that grow in spite of it.
    """
    counting = Counting(layout, scenario)
    while True:
        look = Look(counting, limits, progress)
        try:
            return explore(counting, look), counting, look.grows()
        except Drifts as found:
            known, counting = counting.leading, Counting(layout, scenario)
            counting.add([*known, *found.variables])  # what depends on one of them may drift with another
        except DriftObserved as seen:
            counting.learn(seen)


def places_of(layout: Layout, name: str) -> list[range]:
    """Return the addresses of the variable `name`, on each CPU where it is per-CPU."""
    symbol = layout.image.variable(name)
    assert symbol is not None, name
    return [range(start, start + symbol.size) for start in layout.places(symbol.address)]


def variable_at(layout: Layout, place: range) -> Variable:
    """Return what lies at the addresses `place`, which are shared memory."""
    address, _ = layout.symbol_address(place.start)
    symbol = layout.image.object_at(address)
    if symbol is None:
        return Variable(f"{address:#x}", place)
    return Variable(layout.image.place(symbol, address - symbol.address, len(place)), place)


def _overlap(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop
