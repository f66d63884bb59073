"""The lines of which guards, and what stands round them, are made: each is one event, and says what it does."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

__all__ = [
    "Active",
    "Context",
    "Effect",
    "Line",
    "body",
    "cond_resched",
    "dec",
    "inc_return",
    "load",
    "might_sleep",
    "migrate_disable",
    "migrate_enable",
    "preempt_disable",
    "preempt_enable",
    "rcu_read_lock",
    "rcu_read_unlock",
    "read_word",
    "schedule",
    "store_minus_1",
    "store_plus_1",
    "store_plus_1_and_test",
    "this_cpu_ptr",
]

# What the code has at hand: a CPU's counters, and its own context.

Active = tuple[int, ...]
"""A CPU's counters: one byte for each context level, or one int for everybody."""


class Context(NamedTuple):
    """A task or an interrupt handler.

    at: the number of its next line, 0 if no attempt of it is in flight. left: the attempts that it may still begin.
    tmp, ok: its variables, 0 and False while nobody will look at them. off: the depth of preempt_disable().
    pinned: the depth of migrate_disable(). cpu: where it last ran. pointer: the CPU whose counters its `active` points
    to, 0 while nobody will look at it. early: whether it is an interrupt that the preempt count does not tell of.
    """

    at: int = 0
    left: float = inf
    tmp: int = 0
    ok: bool = False
    off: int = 0
    pinned: int = 0
    cpu: int = 0
    pointer: int = 0
    early: bool = False


Effect = Callable[[Active, int, Context], tuple[Active, Context]]
"""Counters, rctx and context before a line; counters and context after it. rctx: the context's own counter."""


@dataclass(frozen=True)
class Line:
    """A line of the code, which is one event.

    text: the line as C. do: its effect.
    touches: its accesses, for reports: ``read`` or ``write`` of the context's counter, ``word``, ``preempt_count``.
    through_pointer: whether the counters are those to which `active` points, not those of the CPU it runs on.
    across_cpus: whether it only matters, and is an event, where there is more than one CPU.
    """

    text: str
    touches: tuple[str, ...]
    do: Effect
    through_pointer: bool = False
    across_cpus: bool = False


def _line(
    text: str, *touches: str, through_pointer: bool = False, across_cpus: bool = False
) -> Callable[[Effect], Line]:
    return lambda do: Line(text, touches, do, through_pointer, across_cpus)


def _put(active: Active, rctx: int, value: int) -> Active:
    return (*active[:rctx], value, *active[rctx + 1 :])  # the caller wraps it


# The lines that get at the counters.


@_line("active = this_cpu_ptr(prog->active)", across_cpus=True)
def this_cpu_ptr(active: Active, _: int, me: Context) -> tuple[Active, Context]:
    return active, me._replace(pointer=me.cpu)


@_line("tmp = active[rctx]", "read", through_pointer=True)
def load(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return active, me._replace(tmp=active[rctx])


@_line("active[rctx] = tmp + 1", "write", through_pointer=True)
def store_plus_1(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return _put(active, rctx, me.tmp + 1), me._replace(tmp=0)


@_line("active[rctx] = tmp + 1, ok = tmp + 1 == 1", "write", through_pointer=True)
def store_plus_1_and_test(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return _put(active, rctx, me.tmp + 1), me._replace(tmp=0, ok=me.tmp + 1 == 1)


@_line("active[rctx] = tmp - 1", "write", through_pointer=True)
def store_minus_1(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return _put(active, rctx, me.tmp - 1), me._replace(tmp=0)


@_line("ok = word(active) == BIT(8 * rctx)", "word", through_pointer=True)
def read_word(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return active, me._replace(ok=int.from_bytes(active, "little") == 1 << 8 * rctx)


@_line("ok = this_cpu_inc_return(active[rctx]) == 1", "read", "write")
def inc_return(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return _put(active, rctx, active[rctx] + 1), me._replace(ok=active[rctx] + 1 == 1)


@_line("this_cpu_dec(active[rctx])", "read", "write")
def dec(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return _put(active, rctx, active[rctx] - 1), me


# The lines that say who may run, and where.


@_line("preempt_disable()", "preempt_count")
def preempt_disable(active: Active, _: int, me: Context) -> tuple[Active, Context]:
    return active, me._replace(off=me.off + 1)


@_line("preempt_enable()", "preempt_count")
def preempt_enable(active: Active, _: int, me: Context) -> tuple[Active, Context]:
    return active, me._replace(off=me.off - 1)


# Only where RCU is not preemptible. Where it is, it leaves the preempt count alone, and is no event.
rcu_read_lock = Line("rcu_read_lock()", preempt_disable.touches, preempt_disable.do)
rcu_read_unlock = Line("rcu_read_unlock()", preempt_enable.touches, preempt_enable.do)


@_line("migrate_disable()", across_cpus=True)
def migrate_disable(active: Active, _: int, me: Context) -> tuple[Active, Context]:
    return active, me._replace(pinned=me.pinned + 1)


@_line("migrate_enable()", across_cpus=True)
def migrate_enable(active: Active, _: int, me: Context) -> tuple[Active, Context]:
    return active, me._replace(pinned=me.pinned - 1)


# The body. What a task loses the CPU at is for the preemption model to say.


@_line("body()")
def body(active: Active, _: int, me: Context) -> tuple[Active, Context]:
    return active, me


schedule = Line("schedule()", (), body.do)
cond_resched = Line("cond_resched()", (), body.do)
might_sleep = Line("might_sleep()", (), body.do)
