"""The commits that changed how the kernel runs BPF programs, in the order of their releases.

Each was read: its patch, or the place that it changed in the sources before and after.
"""

from ctxrace.bpf.programs.rules.source import Commit

__all__ = [
    "ACTIVE",
    "ACTIVE_RAW_TRACEPOINT",
    "FAULTABLE_SYSCALLS",
    "MIGRATE_DISABLE",
    "NO_ACTIVE_LSM",
    "NO_ACTIVE_STRUCT_OPS",
    "RAW_TRACEPOINT_RCU",
    "SLEEPABLE_MIGRATION",
    "SLEEPABLE_RAW_TRACEPOINT",
    "SLEEPABLE_TRACEPOINT",
    "SLEEPABLE_UPROBE",
    "SYSCALLS_PREEMPTION",
    "TRACEPOINT_PERF",
    "TRACEPOINT_SRCU",
]

MIGRATE_DISABLE = Commit("74d862b682f5", "sched: Make migrate_disable/enable() independent of RT", "5.11")
ACTIVE = Commit("ca06f55b9002", "bpf: Add per-program recursion prevention mechanism", "5.12")
SLEEPABLE_MIGRATION = Commit("031d6e02ddbb", "bpf: Run sleepable programs with migration disabled", "5.12")
SLEEPABLE_UPROBE = Commit("8c7dcb84e3b7", "bpf: implement sleepable uprobes by chaining gps", "6.0")
ACTIVE_RAW_TRACEPOINT = Commit("05b24ff9b2cf", "bpf: Prevent bpf program recursion for raw tracepoint probes", "6.1")
NO_ACTIVE_STRUCT_OPS = Commit(
    "64696c40d03c", "bpf: Add __bpf_prog_{enter,exit}_struct_ops for struct_ops trampoline", "6.1"
)
NO_ACTIVE_LSM = Commit("271de525e1d7", "bpf: Remove prog->active check for bpf_lsm and bpf_iter", "6.2")
FAULTABLE_SYSCALLS = Commit("a363d27cdbc2", "tracing: Allow system call tracepoints to handle page faults", "6.13")
SYSCALLS_PREEMPTION = Commit("4aadde89d81f", "tracing/bpf: disable preemption in syscall probe", "6.13")
TRACEPOINT_PERF = Commit(
    "16718274ee75", "tracing: perf: Have perf tracepoint callbacks always disable preemption", "7.0"
)
RAW_TRACEPOINT_RCU = Commit("f7d327654b88", "bpf: Have __bpf_trace_run() use rcu_read_lock_dont_migrate()", "7.0")
TRACEPOINT_SRCU = Commit(
    "a46023d5616e", "tracing: Guard __DECLARE_TRACE() use of __DO_TRACE_CALL() with SRCU-fast", "7.0"
)
SLEEPABLE_RAW_TRACEPOINT = Commit("439ebd5b5708", "bpf: Add sleepable support for raw tracepoint programs", "7.2")
SLEEPABLE_TRACEPOINT = Commit("57918341dd19", "bpf: Add sleepable support for classic tracepoint programs", "7.2")
