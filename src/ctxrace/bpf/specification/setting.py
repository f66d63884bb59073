"""What a specification is about: a kernel, a program that is attached to a function, and the contexts that call it."""

from dataclasses import dataclass
from math import inf

from ctxrace.bpf.specification.code import Line, schedule
from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption

__all__ = ["INTERRUPTS", "Callers", "Kernel", "Program"]

INTERRUPTS = (Level.SOFTIRQ, Level.HARDIRQ, Level.NMI)
MOST_TASKS = 1024  # states are linear in their number, and so is the size of each state


@dataclass(frozen=True)
class Kernel:
    """How the kernel is built.

    preemption: one of `Preemption`. rcu_preemptible: whether rcu_read_lock() leaves the preempt count alone.
    cpus: their number; each has counters and handlers of its own. migrate_disable: whether enter calls it.
    """

    preemption: str = "full"
    rcu_preemptible: bool = True
    cpus: int = 1
    migrate_disable: bool = True

    def __post_init__(self) -> None:
        if self.preemption not in list(Preemption):
            known = ", ".join(Preemption)
            raise ScenarioError(f"no preemption model {self.preemption!r}; the specification has: {known}")
        if self.cpus < 1:
            raise ScenarioError(f"{self.cpus} CPUs: the specification has 1 or more")

    @property
    def model(self) -> Preemption:
        """The preemption model."""
        return Preemption(self.preemption)


@dataclass(frozen=True)
class Program:
    """What is attached to the traced function.

    sleepable: whether the program may sleep; it does so in a task, in the middle of its body, by the line `blocking`.
    recursive: whether the program calls the traced function. count: how many such programs are attached.
    """

    sleepable: bool = False
    blocking: Line = schedule
    recursive: bool = False
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ScenarioError(f"{self.count} programs: the specification has 1 or more")


@dataclass(frozen=True)
class Callers:
    """Which contexts call the traced function.

    tasks: their number. fifo: how many of them, the last ones, have the highest real-time priority, so that no task
    preempts them. interrupts: the levels that have a handler. attempts: how many calls each context makes, None for
    what the guard says. entry_window: whether an interrupt may also call it while the preempt count does not say so.
    """

    tasks: int = 2
    interrupts: tuple[Level, ...] = INTERRUPTS
    fifo: int = 0
    attempts: float | None = None
    entry_window: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.tasks <= MOST_TASKS:
            raise ScenarioError(f"{self.tasks} tasks: the specification has 1 to {MOST_TASKS}")
        if not 0 <= self.fifo <= self.tasks:
            raise ScenarioError(f"{self.fifo} real-time tasks of {self.tasks}: the specification has 0 to {self.tasks}")
        if self.attempts is not None and not 1 <= self.attempts <= inf:
            raise ScenarioError(f"{self.attempts} attempts: the specification has 1 or more")
