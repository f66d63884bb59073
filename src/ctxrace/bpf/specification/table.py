"""What holds for which guard, under which preemption model, RCU flavour, kind of program and number of CPUs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product

from ctxrace.bpf.specification.cpus import specify
from ctxrace.bpf.specification.setting import Callers, Kernel, Program
from ctxrace.bpf.specification.system import Specification, State
from ctxrace.core.system import Step
from ctxrace.explore.search import search
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption

__all__ = ["Configuration", "Decided", "configurations", "length", "rows"]


@dataclass(frozen=True)
class Decided:
    """What a search found.

    lengths: for each property the switches and the events of the shortest interleaving that breaks it, None: it holds.
    """

    states: int
    lengths: tuple[tuple[int, int] | None, ...]

    def __str__(self) -> str:
        cells = ("holds" if it is None else f"{it[0]}/{it[1]}" for it in self.lengths)
        return f"{self.states:>7,}  " + "".join(f"{cell:10}" for cell in cells).rstrip()

    @property
    def holds(self) -> bool:
        """Whether every property does."""
        return not any(self.lengths)


def length(run: Sequence[tuple[State, Step]]) -> tuple[int, int]:
    """Return the switches and the events of a run."""
    return sum(step.switches for _, step in run), sum(step.events for _, step in run)


@dataclass(frozen=True)
class Configuration:
    """A guard, the kernel it is built into, and the program that runs under it.

    A kernel with preempt=full or PREEMPT_RT always has preemptible RCU (Linux v6.19 kernel/rcu/Kconfig), so of
    those two the rows without it are theory. Without it, PREEMPT_LAZY is what Debian's 7.2 for arm64 has.
    """

    guard: str
    model: str = "full"
    sleepable: bool = False
    rcu_preemptible: bool = True
    cpus: int = 1
    migrate_disable: bool = True

    @property
    def program(self) -> str:
        """The kind of program."""
        return "sleepable" if self.sleepable else "non-sleepable"

    @property
    def where(self) -> str:
        """The CPUs."""
        return f"{self.cpus} CPU{'s' * (self.cpus > 1)}" + ("" if self.migrate_disable else ", may migrate")

    def system(self, tasks: int = 2, interrupts: Sequence[Level] = ()) -> Specification:
        """Return the system to search."""
        kernel = Kernel(self.model, self.rcu_preemptible, self.cpus, self.migrate_disable)
        return specify(self.guard, kernel, Program(self.sleepable), Callers(tasks, tuple(interrupts)))

    def decide(self, tasks: int = 2, interrupts: Sequence[Level] = ()) -> Decided:
        """Search it, until all states are visited or each property has its shortest violation."""
        system = self.system(tasks, interrupts)
        found = search(system)
        assert found.exhausted or set(found.runs) == set(system.properties)
        runs = [found.runs.get(wanted) for wanted in system.properties]
        return Decided(found.states, tuple(length(run) if run else None for run in runs))


def configurations(
    guards: Iterable[str], places: Iterable[tuple[int, bool]] = ((1, True), (2, True), (2, False))
) -> Iterator[Configuration]:
    """Return every configuration of `guards`, the models of one kernel and program after one another.

    places: the numbers of CPUs, each with whether enter calls migrate_disable().
    """
    flags = (False, True), (True, False)
    for guard, place, sleepable, rcu_preemptible, model in product(guards, places, *flags, Preemption):
        yield Configuration(guard, model, sleepable, rcu_preemptible, *place)


def rows(wanted: Iterable[Configuration]) -> Iterator[str]:
    """Return the table, tasks alone: a line for each outcome, with the models and RCU flavours that share it."""
    for (guard, where, program), same in groupby(wanted, lambda it: (it.guard, it.where, it.program)):
        outcomes: dict[Decided, dict[bool, list[str]]] = {}
        for it in same:
            outcomes.setdefault(it.decide(), {}).setdefault(it.rcu_preemptible, []).append(it.model)
        for decided, flavours in outcomes.items():
            shared = len(flavours) == 2 and flavours[True] == flavours[False]
            for preemptible, models in list(flavours.items())[: 1 if shared else 2]:
                rcu = "either" if shared else "preemptible" if preemptible else "not preemptible"
                under = "any" if len(models) == len(Preemption) else ", ".join(models)
                yield f"  {guard:27}{where:21}{program:15}{rcu:17}{under:17}{decided}"
