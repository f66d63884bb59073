"""What every kernel demands, whatever a source declares. A step of one context breaks them by what it does."""

from ctxrace.core.property import Property

__all__ = ["CHECK", "ENDS", "FAULT", "RESTORED", "SLEEP"]

CHECK = Property("check", (), "every ctxrace_check() is true wherever it is executed")
FAULT = Property("fault", (), "no context touches memory that does not exist, or traps")
RESTORED = Property(
    "restored",
    (),
    "every entry leaves the preempt count, the interrupt mask, and of current bpf_ctx, softirq_disable_cnt and "
    "migration_disabled as it found them",
)
SLEEP = Property(
    "sleep", (), "only a task sleeps, or may sleep, with preemption and interrupts on, and no softirq on PREEMPT_RT"
)
ENDS = frozenset({FAULT, RESTORED, SLEEP})
"""What ends a run: nobody knows what comes after."""
