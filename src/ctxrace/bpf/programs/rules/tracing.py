"""How the kernel runs tracing programs: trampolines, tracepoints, probes, perf events.

Read in the kernels of `source.READ_IN`. A row holds from its release to the next row of its kind; its sources have
the names that they have in the newest of these kernels that it covers.
"""

from ctxrace.bpf.programs.rules import commits
from ctxrace.bpf.programs.rules.kinds import Kind
from ctxrace.bpf.programs.rules.row import ANY_LEVEL, Guard, Hold, Row
from ctxrace.bpf.programs.rules.source import Commit, Source
from ctxrace.kernel.rules.contexts import Level

__all__ = ["TRACING"]

RCU_MIGRATE = frozenset({Hold.RCU_READ_LOCK, Hold.MIGRATE_DISABLE})
MIGRATE = frozenset({Hold.MIGRATE_DISABLE})
PREEMPT = frozenset({Hold.PREEMPT_DISABLE})
NOTHING = frozenset[Hold]()

TASK = (Level.TASK,)
INTERRUPTS = (Level.HARDIRQ, Level.NMI)


def _trampoline(function: str, commit: Commit | None = None) -> tuple[Source, ...]:
    return (Source("kernel/bpf/trampoline.c", function, commit),)


def _trace(function: str, commit: Commit | None = None) -> Source:
    return Source("kernel/trace/bpf_trace.c", function, commit)


_ENTER_512 = _trampoline("__bpf_prog_enter", commits.ACTIVE)
_ENTER_61 = _trampoline("__bpf_prog_enter_recur", commits.ACTIVE_ATOMIC)
_ENTER_SLEEPABLE_61 = _trampoline("__bpf_prog_enter_sleepable_recur", commits.ACTIVE_ATOMIC)
_ENTER_SLEEPABLE_512 = (
    *_trampoline("__bpf_prog_enter_sleepable", commits.ACTIVE),
    *_trampoline("__bpf_prog_enter_sleepable", commits.SLEEPABLE_MIGRATION),
)

TRAMPOLINES = (
    Row(Kind.TRAMPOLINE, (5, 10), ANY_LEVEL, RCU_MIGRATE, Guard.NONE, _trampoline("__bpf_prog_enter"), hooked=True),
    Row(
        Kind.TRAMPOLINE,
        (5, 12),
        ANY_LEVEL,
        RCU_MIGRATE,
        Guard.PROG_ACTIVE,
        _ENTER_512,
        hooked=True,
        guard_torn=True,
    ),
    Row(Kind.TRAMPOLINE, (6, 1), ANY_LEVEL, RCU_MIGRATE, Guard.PROG_ACTIVE, _ENTER_61, hooked=True),
    Row(Kind.TRAMPOLINE, (5, 10), TASK, NOTHING, Guard.NONE, _trampoline("__bpf_prog_enter_sleepable"), sleepable=True),
    Row(
        Kind.TRAMPOLINE,
        (5, 12),
        TASK,
        MIGRATE,
        Guard.PROG_ACTIVE,
        _ENTER_SLEEPABLE_512,
        sleepable=True,
        guard_torn=True,
    ),
    Row(Kind.TRAMPOLINE, (6, 1), TASK, MIGRATE, Guard.PROG_ACTIVE, _ENTER_SLEEPABLE_61, sleepable=True),
    Row(Kind.LSM, (5, 10), ANY_LEVEL, RCU_MIGRATE, Guard.NONE, _trampoline("__bpf_prog_enter"), hooked=True),
    Row(Kind.LSM, (5, 12), ANY_LEVEL, RCU_MIGRATE, Guard.PROG_ACTIVE, _ENTER_512, hooked=True, guard_torn=True),
    # Stable 6.1 has the commit, too.
    Row(
        Kind.LSM,
        (6, 1),
        ANY_LEVEL,
        RCU_MIGRATE,
        Guard.NONE,
        (
            *_trampoline("__bpf_prog_enter"),
            Source("include/linux/bpf_verifier.h", "bpf_prog_check_recur", commits.NO_ACTIVE_LSM),
        ),
        hooked=True,
    ),
    Row(Kind.LSM, (5, 10), TASK, NOTHING, Guard.NONE, _trampoline("__bpf_prog_enter_sleepable"), sleepable=True),
    Row(Kind.LSM, (5, 12), TASK, MIGRATE, Guard.PROG_ACTIVE, _ENTER_SLEEPABLE_512, sleepable=True, guard_torn=True),
    Row(
        Kind.LSM,
        (6, 1),
        TASK,
        MIGRATE,
        Guard.NONE,
        (
            *_trampoline("__bpf_prog_enter_sleepable"),
            Source("include/linux/bpf_verifier.h", "bpf_prog_check_recur", commits.NO_ACTIVE_LSM),
        ),
        sleepable=True,
    ),
    Row(
        Kind.LSM_CGROUP,
        (6, 0),
        ANY_LEVEL,
        RCU_MIGRATE,
        Guard.NONE,
        _trampoline("__bpf_prog_enter_lsm_cgroup", commits.LSM_CGROUP),
        hooked=True,
    ),
)

_RAW_59 = (
    Source("include/linux/tracepoint.h", "__DO_TRACE"),
    _trace("__bpf_trace_run"),
)
_RAW_61 = (
    Source("include/linux/tracepoint.h", "__DECLARE_TRACE"),
    _trace("__bpf_trace_run", commits.ACTIVE_RAW_TRACEPOINT),
)
_RAW_70 = (
    Source("include/linux/tracepoint.h", "__DECLARE_TRACE", commits.TRACEPOINT_SRCU),
    _trace("__bpf_trace_run", commits.RAW_TRACEPOINT_RCU),
)
_RAW_SYSCALL_613 = (
    Source("include/linux/tracepoint.h", "__DECLARE_TRACE_SYSCALL", commits.FAULTABLE_SYSCALLS),
    Source("include/trace/bpf_probe.h", "__BPF_DECLARE_TRACE_SYSCALL", commits.SYSCALLS_PREEMPTION),
    _trace("__bpf_trace_run", commits.ACTIVE_RAW_TRACEPOINT),
)
_RAW_SYSCALL_72 = (
    Source("include/trace/bpf_probe.h", "__BPF_DECLARE_TRACE_SYSCALL", commits.SLEEPABLE_RAW_TRACEPOINT),
    _trace("__bpf_trace_run", commits.SLEEPABLE_RAW_TRACEPOINT),
)

RAW_TRACEPOINTS = (
    Row(Kind.RAW_TRACEPOINT, (5, 10), ANY_LEVEL, PREEMPT, Guard.NONE, _RAW_59, hooked=True),
    Row(Kind.RAW_TRACEPOINT, (6, 1), ANY_LEVEL, PREEMPT, Guard.PROG_ACTIVE, _RAW_61, hooked=True),
    Row(Kind.RAW_TRACEPOINT, (7, 0), ANY_LEVEL, RCU_MIGRATE, Guard.PROG_ACTIVE, _RAW_70, hooked=True),
    Row(Kind.RAW_TRACEPOINT, (7, 2), TASK, MIGRATE, Guard.PROG_ACTIVE, _RAW_SYSCALL_72, sleepable=True),
    Row(Kind.RAW_SYSCALL_TRACEPOINT, (5, 10), TASK, PREEMPT, Guard.NONE, _RAW_59),
    Row(Kind.RAW_SYSCALL_TRACEPOINT, (6, 1), TASK, PREEMPT, Guard.PROG_ACTIVE, _RAW_61),
    Row(Kind.RAW_SYSCALL_TRACEPOINT, (6, 13), TASK, PREEMPT, Guard.PROG_ACTIVE, _RAW_SYSCALL_613),
    Row(Kind.RAW_SYSCALL_TRACEPOINT, (7, 2), TASK, RCU_MIGRATE, Guard.PROG_ACTIVE, _RAW_SYSCALL_72),
    Row(Kind.RAW_SYSCALL_TRACEPOINT, (7, 2), TASK, MIGRATE, Guard.PROG_ACTIVE, _RAW_SYSCALL_72, sleepable=True),
)

_CALL_BPF = _trace("trace_call_bpf")
_CALL_BPF_FAULTABLE = (
    _trace("trace_call_bpf_faultable", commits.SLEEPABLE_TRACEPOINT),
    Source("include/linux/bpf.h", "bpf_prog_run_array_sleepable", commits.SLEEPABLE_TRACEPOINT),
)

TRACEPOINTS = (
    Row(
        Kind.TRACEPOINT,
        (5, 10),
        ANY_LEVEL,
        PREEMPT,
        Guard.BPF_PROG_ACTIVE,
        (Source("include/linux/tracepoint.h", "__DECLARE_TRACE"), _CALL_BPF),
        hooked=True,
    ),
    Row(
        Kind.TRACEPOINT,
        (7, 0),
        ANY_LEVEL,
        PREEMPT,
        Guard.BPF_PROG_ACTIVE,
        (Source("include/trace/perf.h", "DECLARE_EVENT_CLASS", commits.TRACEPOINT_PERF), _CALL_BPF),
        hooked=True,
    ),
    Row(
        Kind.SYSCALL_TRACEPOINT,
        (5, 10),
        TASK,
        PREEMPT,
        Guard.BPF_PROG_ACTIVE,
        (Source("kernel/trace/trace_syscalls.c", "perf_syscall_enter"), _CALL_BPF),
    ),
    # The guard comes before rcu_read_lock(): it can be held by a task that has lost the CPU even where the program
    # cannot.
    Row(
        Kind.SYSCALL_TRACEPOINT,
        (7, 2),
        TASK,
        RCU_MIGRATE,
        Guard.PROG_ACTIVE,
        _CALL_BPF_FAULTABLE,
        guard_holds=MIGRATE,
    ),
    Row(Kind.SYSCALL_TRACEPOINT, (7, 2), TASK, MIGRATE, Guard.PROG_ACTIVE, _CALL_BPF_FAULTABLE, sleepable=True),
)

_UPROBE_510 = (Source("kernel/trace/trace_uprobe.c", "__uprobe_perf_func"), _CALL_BPF)
_UPROBE_60 = (
    Source("kernel/trace/trace_uprobe.c", "__uprobe_perf_func", commits.SLEEPABLE_UPROBE),
    Source("include/linux/bpf.h", "bpf_prog_run_array_uprobe", commits.SLEEPABLE_UPROBE),
)

_UPROBE_MULTI = (_trace("uprobe_prog_run", commits.MULTI_UPROBE),)

PROBES = (
    Row(
        Kind.KPROBE,
        (5, 10),
        ANY_LEVEL,
        PREEMPT,
        Guard.BPF_PROG_ACTIVE,
        (Source("kernel/trace/trace_kprobe.c", "kprobe_perf_func"), _CALL_BPF),
        hooked=True,
    ),
    Row(
        Kind.KPROBE_MULTI,
        (5, 18),
        ANY_LEVEL,
        PREEMPT,
        Guard.BPF_PROG_ACTIVE,
        (_trace("kprobe_multi_link_prog_run", commits.MULTI_KPROBE),),
        hooked=True,
    ),
    Row(Kind.UPROBE, (5, 10), TASK, PREEMPT, Guard.BPF_PROG_ACTIVE, _UPROBE_510),
    Row(Kind.UPROBE, (6, 0), TASK, RCU_MIGRATE, Guard.NONE, _UPROBE_60),
    Row(Kind.UPROBE, (6, 0), TASK, MIGRATE, Guard.NONE, _UPROBE_60, sleepable=True),
    Row(Kind.UPROBE_MULTI, (6, 6), TASK, RCU_MIGRATE, Guard.NONE, _UPROBE_MULTI),
    Row(Kind.UPROBE_MULTI, (6, 6), TASK, MIGRATE, Guard.NONE, _UPROBE_MULTI, sleepable=True),
    Row(
        Kind.PERF_EVENT,
        (5, 10),
        INTERRUPTS,
        PREEMPT,
        Guard.BPF_PROG_ACTIVE,
        (
            Source("kernel/events/core.c", "bpf_overflow_handler"),
            Source("kernel/events/core.c", "__perf_sw_event"),
        ),
        possible=(Level.TASK, Level.SOFTIRQ),  # software events, as page faults
    ),
)

TRACING = (*TRAMPOLINES, *RAW_TRACEPOINTS, *TRACEPOINTS, *PROBES)
