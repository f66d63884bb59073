"""The rules that let one program come over another or keep the two apart, and where each was read."""

from enum import StrEnum

from ctxrace.bpf.programs.rules import commits
from ctxrace.bpf.programs.rules.source import Source

__all__ = ["RULE_SOURCES", "Rule"]


class Rule(StrEnum):
    """Why a program can, or cannot, get the CPU while another one runs."""

    # what allows it
    PREEMPTIBLE_TASK = "preemptible task"
    GUARD_TORN = "the guard is not atomic on every architecture"
    SLEEPABLE = "sleepable program"
    SOFTIRQ_IS_TASK = "softirqs are tasks on PREEMPT_RT"
    SOFTIRQ_OVER_TASK = "softirqs stay on"
    HARDIRQ_OVER = "hard irqs stay on"
    NMI_OVER = "nothing masks an NMI"
    # what keeps them apart
    PREEMPTION_OFF = "preemption is off"
    NO_PREEMPTION = "the preemption model switches tasks only where they ask"
    BOTTOM_HALVES_OFF = "bottom halves are off"
    INTERRUPTS_OFF = "interrupts are off"
    SOFTIRQ_LOCK = "tasks with bottom halves off exclude one another"
    TIMER_LOCK = "a CPU runs one soft hrtimer at a time"
    LOWER_LEVEL = "a lower level does not come over a higher one"
    SAME_LEVEL = "a level does not interrupt itself"


_INTERRUPT_EXIT = Source("kernel/softirq.c", "__irq_exit_rcu")
_LEVELS = Source("include/linux/preempt.h", "interrupt_context_level")

RULE_SOURCES: dict[Rule, tuple[Source, ...]] = {
    Rule.PREEMPTIBLE_TASK: (Source("kernel/sched/core.c", "preempt_schedule_irq"),),
    Rule.GUARD_TORN: (Source("kernel/bpf/trampoline.c", "__bpf_prog_enter_recur", commits.ACTIVE_ATOMIC),),
    Rule.SLEEPABLE: (Source("kernel/bpf/trampoline.c", "__bpf_prog_enter_sleepable"),),
    Rule.SOFTIRQ_IS_TASK: (Source("kernel/softirq.c", "invoke_softirq"),),
    Rule.SOFTIRQ_OVER_TASK: (_INTERRUPT_EXIT,),
    Rule.HARDIRQ_OVER: (_LEVELS,),
    Rule.NMI_OVER: (_LEVELS,),
    Rule.PREEMPTION_OFF: (Source("kernel/sched/core.c", "preempt_schedule_irq"),),
    Rule.NO_PREEMPTION: (Source("kernel/Kconfig.preempt", "PREEMPT_VOLUNTARY"),),
    Rule.BOTTOM_HALVES_OFF: (_INTERRUPT_EXIT,),
    Rule.INTERRUPTS_OFF: (_LEVELS,),
    Rule.SOFTIRQ_LOCK: (Source("kernel/softirq.c", "__local_bh_disable_ip", commits.SOFTIRQ_LOCK),),
    Rule.TIMER_LOCK: (Source("kernel/time/hrtimer.c", "hrtimer_cpu_base_lock_expiry"),),
    Rule.LOWER_LEVEL: (_LEVELS,),
    Rule.SAME_LEVEL: (_LEVELS,),
}
