"""What a row of the table is made of."""

from dataclasses import dataclass
from enum import StrEnum

from ctxrace.bpf.programs.rules.kernel import Version
from ctxrace.bpf.programs.rules.kinds import Kind
from ctxrace.bpf.programs.rules.source import Source
from ctxrace.kernel.rules.contexts import Level

__all__ = ["ANY_LEVEL", "Guard", "Hold", "Row"]

ANY_LEVEL = tuple(Level)


class Hold(StrEnum):
    """What the kernel has turned off or holds around a program."""

    PREEMPT_DISABLE = "preempt_disable"
    MIGRATE_DISABLE = "migrate_disable"
    RCU_READ_LOCK = "rcu_read_lock"
    LOCAL_BH_DISABLE = "local_bh_disable"
    INTERRUPTS_OFF = "local_irq_disable"


class Guard(StrEnum):
    """The recursion detection around a program. The second that takes a guard is skipped: its event is missed."""

    NONE = "none"
    PROG_ACTIVE = "prog->active"  # one counter for each program and CPU
    BPF_PROG_ACTIVE = "bpf_prog_active"  # one counter for each CPU


@dataclass(frozen=True)
class Row:
    """How one kind of program is run by a range of kernels.

    since: the first release. levels: where it runs; in a `hooked` row that depends on the hook, of which only some are
    known. holds: what is held while the program runs. sleepable: whether the row is for sleepable programs.
    guard_holds: what is already held where the guard is taken; None: the same. guard_torn: a task may lose the CPU
    while it takes the guard, on architectures that need several instructions for it. possible: further levels, in
    which it runs in unusual configurations. hook: the row is for this hook only. inferred: not every caller was read.
    """

    kind: Kind
    since: Version
    levels: tuple[Level, ...]
    holds: frozenset[Hold]
    guard: Guard
    sources: tuple[Source, ...]
    sleepable: bool = False
    hooked: bool = False
    guard_holds: frozenset[Hold] | None = None
    guard_torn: bool = False
    possible: tuple[Level, ...] = ()
    hook: str = ""
    inferred: bool = False
