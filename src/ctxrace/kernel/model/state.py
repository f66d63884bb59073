"""A state of the CPU as small numbers, the steps between states, and their labels.

The search hashes and compares states more than anything else, so a state is a tuple of integers, each of which
stands for something that is kept once.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

from ctxrace.core.property import Property
from ctxrace.kernel.model.interner import Interner
from ctxrace.kernel.model.outcome import Outcome, Role
from ctxrace.kernel.rules.contexts import Level
from ctxrace.machine.flow import Flow
from ctxrace.machine.memory import Write

__all__ = [
    "CRASHED",
    "EVENT",
    "NO_FRAME",
    "REST",
    "UNLIMITED",
    "Arrival",
    "Arrive",
    "Frame",
    "Group",
    "Idle",
    "KernelState",
    "Move",
    "Numbers",
    "On",
    "Others",
    "Resume",
    "Start",
    "Switch",
    "SwitchThereAndBack",
    "Taken",
    "Task",
    "made",
    "with_task",
    "without_task",
]

REST = -1
"""In the place of a flow's number: between two entries."""

NO_FRAME = -2
"""In the place of a frame's number: no interrupt is over the task."""

UNLIMITED = -3
"""In the place of a task's attempts."""

CRASHED = -4
"""In the place of shared memory's number: after a fault or a wrong preempt count nothing is known."""


made = tuple.__new__
"""Makes a NamedTuple of a tuple of all its fields, as its class does, which takes three times as long."""

Others = tuple[tuple[int, int], ...]
"""Numbers of tasks, each with how many there are."""


def with_task(tasks: Others, task: int) -> Others:
    """Return `tasks` with one more that is in the state of number `task`."""
    counts = dict(tasks)
    counts[task] = counts.get(task, 0) + 1
    return tuple(sorted(counts.items()))


def without_task(tasks: Others, task: int) -> Others:
    """Return `tasks` with one less that is in the state of number `task`."""
    return tuple((other, number - (other == task)) for other, number in tasks if other != task or number > 1)


class KernelState(NamedTuple):
    """A state of the CPU.

    shared: the number of shared memory's content. since_idle: what the monitor remembers.
    current: the number of the current `Task`, the idle task's if none runs.
    others: the numbers of the other tasks, each with how many there are, sorted, but for those at rest that are as
    fresh as at the start.
    interrupts: the numbers of the `Frame`s over the current task, the running one last.
    arrivals: how many more times each handler may begin; empty: as often as they like.
    """

    shared: int
    since_idle: int
    current: int
    others: Others
    interrupts: tuple[int, ...]
    arrivals: tuple[int, ...]

    @property
    def top(self) -> int:
        """The number of the frame that runs, or `NO_FRAME`."""
        return self.interrupts[-1] if self.interrupts else NO_FRAME


class Task(NamedTuple):
    """A task of `group` that stands before an event of `flow` (or is at `REST`); `task_struct` numbers its task_struct.

    begun: whether others may have noticed that its entry began. attempts: how often it may begin again.
    cpu: where it ran last, if its entry is in flight. elsewhere: whether it runs there now.
    """

    group: int
    flow: int
    task_struct: int
    begun: bool = False
    attempts: int = UNLIMITED
    cpu: int = 0
    elsewhere: bool = False


class Frame(NamedTuple):
    """An interrupt that stands before an event of `flow`.

    began: the number of the task_struct with which it began. run_context: the bpf_ctx of the task that it cut in on.
    """

    flow: int
    began: int
    run_context: int = 0


class Group(NamedTuple):
    """`size` tasks that run `entry` and count as one another; `identity` has the addresses that stand for all.

    level: what the code is for the kernel: a softirq that is a task is still a softirq. fifo: whether no other task
    takes the CPU from them.
    """

    size: int
    entry: str
    identity: int
    level: Level = Level.TASK
    fifo: bool = False


class Move(NamedTuple):
    """What somebody's next step does, but for what `outcome` writes to shared memory.

    flow: the number of the state after it, or `REST`. crashes: whether nothing is known of shared memory after it.
    began, run_context: as in `Frame`.
    """

    flow: int
    task_struct: int
    crashes: bool
    enters: tuple[str, ...]
    broken: tuple[Property, ...]
    witnessed: tuple[Property, ...]
    outcome: Outcome
    began: int
    run_context: int


class Numbers:
    """What the numbers in states stand for, on all CPUs.

    shared: contents of shared memory. task_structs: contents of a task_struct. flows: states of a context, each with
    what kind of context it is.
    """

    def __init__(self) -> None:
        self.shared: Interner[bytes] = Interner()
        self.task_structs: Interner[bytes] = Interner()
        self.tasks: Interner[Task] = Interner()
        self.frames: Interner[Frame] = Interner()
        self.flows: Interner[tuple[Role, Flow]] = Interner()


class Taken(NamedTuple):
    """The running context's next event as a part of states: the task and the frame after it, and what it counts.

    writes: to shared memory.
    """

    move: Move
    current: int
    over: tuple[int, ...]
    ended: bool
    events: int
    writes: tuple[Write, ...]


class Arrival(NamedTuple):
    """An interrupt that may arrive as a part of states: the current task, and the frame that it cuts in on, then.

    over: its own frame, unless it is over at once. attempted: what the monitor remembers of it. move: its first one.
    """

    label: "Arrive"
    current: int
    interrupted: int
    over: tuple[int, ...]
    attempted: int
    move: Move


class Switch(NamedTuple):
    """A switch to another task as a part of states: the current task and the others then, and how many it counts as.

    attempted, move: of a task that begins, as in `Arrival`. came: whether it goes on here after it was on another CPU.
    """

    label: Hashable
    current: int
    others: Others
    switches: int
    attempted: int = 0
    move: Move | None = None
    came: bool = False


# Labels are classes of their own, and no tuples: those of different kinds must not be equal.


@dataclass(frozen=True, slots=True)
class Arrive:
    """The label of an arrival: which of the scenario's handlers, and with which of its entry's starts."""

    handler: int
    way: int = 0


@dataclass(frozen=True, slots=True)
class Resume:
    """The label of a switch to a task that was preempted."""

    task: int


@dataclass(frozen=True, slots=True)
class SwitchThereAndBack:
    """The label of a switch to a task that begins its entry, and back before its first event."""

    task: int


@dataclass(frozen=True, slots=True)
class Idle:
    """The label of a switch to the idle task, because all tasks that are in flight sleep."""


@dataclass(frozen=True, slots=True)
class Start:
    """The label of a switch to a task that begins its entry. way: with which of the entry's starts."""

    task: int
    way: int = 0


class On(NamedTuple):
    """The label of a step on CPU number `cpu`, where there are several."""

    cpu: int
    label: Hashable


EVENT = "event"
"""The label of the running context's next event."""
