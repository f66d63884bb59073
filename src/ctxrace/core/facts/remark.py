"""What a reader must know of a result besides its verdicts: one fact each."""

from dataclasses import dataclass

from ctxrace.core.facts.fact import Fact

__all__ = [
    "AttemptsBounded",
    "CompiledWith",
    "DriftsLeftOut",
    "HandlersInterleaved",
    "LinesUnknown",
    "NeverArrives",
    "NeverBegins",
    "NothingDeclared",
    "Remark",
    "SequentialMemory",
    "SoftirqTasksBounded",
    "StacksShared",
    "StatisticsLeftOut",
    "StatisticsProved",
    "TasksToldApart",
]


@dataclass(frozen=True, slots=True)
class AttemptsBounded(Fact):
    """Each context begins its entry at most so many times; nothing is claimed beyond that."""

    times: int


@dataclass(frozen=True, slots=True)
class NeverArrives(Fact):
    """No interrupt of this level could ever arrive."""

    level: str


@dataclass(frozen=True, slots=True)
class NeverBegins(Fact):
    """No task ever begins this entry."""

    entry: str


@dataclass(frozen=True, slots=True)
class NothingDeclared(Fact):
    """Neither a declaration nor a check in the machine code says what must hold besides what holds for all code."""


@dataclass(frozen=True, slots=True)
class StatisticsLeftOut(Fact):
    """These variables are left out, as no branch depends on them."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatisticsProved(Fact):
    """These variables are left out, as it is proved that no step depends on them."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DriftsLeftOut(Fact):
    """States in which these counters have all grown by a multiple of a number count as one: it is proved to be so."""

    names: tuple[str, ...]
    multiple: int


@dataclass(frozen=True, slots=True)
class TasksToldApart(Fact):
    """Tasks of an entry do not count as one another: a task's own address or pid reaches what others see."""


@dataclass(frozen=True, slots=True)
class SoftirqTasksBounded(Fact):
    """Of each softirq, so many tasks of a CPU are in the handler at once, not more."""

    tasks: int


@dataclass(frozen=True, slots=True)
class SequentialMemory(Fact):
    """Between CPUs, memory is taken to be sequentially consistent."""


@dataclass(frozen=True, slots=True)
class HandlersInterleaved(Fact):
    """Handlers are not summed up, but interleaved with other CPUs: they touch memory that another CPU touches."""


@dataclass(frozen=True, slots=True)
class StacksShared(Fact):
    """Stacks count as shared memory: one context reaches another one's."""


@dataclass(frozen=True, slots=True)
class CompiledWith(Fact):
    """The code is compiled with these macros defined."""

    defines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LinesUnknown(Fact):
    """The file `kernel` does not say from which source lines its code is."""

    kernel: str


Remark = (
    AttemptsBounded
    | NeverArrives
    | NeverBegins
    | StatisticsLeftOut
    | StatisticsProved
    | DriftsLeftOut
    | NothingDeclared
    | TasksToldApart
    | SoftirqTasksBounded
    | SequentialMemory
    | HandlersInterleaved
    | StacksShared
    | CompiledWith
    | LinesUnknown
)
