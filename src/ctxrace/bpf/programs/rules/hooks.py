"""Hooks whose context was read, for the programs whose section names one."""

from dataclasses import dataclass

from ctxrace.bpf.programs.rules.source import Source
from ctxrace.kernel.rules.contexts import Level

__all__ = ["HOOKS", "Hook"]


@dataclass(frozen=True)
class Hook:
    """A tracepoint or function, and where the kernel calls it.

    preemption_off, interrupts_off: whether every one of its callers has them off.
    """

    levels: tuple[Level, ...]
    sources: tuple[Source, ...]
    preemption_off: bool = False
    interrupts_off: bool = False


_TASK = (Level.TASK,)

HOOKS = {
    "sched_process_exec": Hook(_TASK, (Source("fs/exec.c", "exec_binprm"),)),
    "sched_process_exit": Hook(_TASK, (Source("kernel/exit.c", "do_exit"),)),
    "sched_process_fork": Hook(_TASK, (Source("kernel/fork.c", "kernel_clone"),)),
    "sched_process_free": Hook((Level.SOFTIRQ,), (Source("kernel/exit.c", "delayed_put_task_struct"),)),
    "sched_switch": Hook(
        _TASK, (Source("kernel/sched/core.c", "__schedule"),), preemption_off=True, interrupts_off=True
    ),
}
"""By the last part of the hook: `sched_switch` for `tp_btf/sched_switch` as for `tp/sched/sched_switch`."""
