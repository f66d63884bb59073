"""The commits that changed how the kernel runs BPF programs, in the order of their releases.

Each was read: its patch, or the place that it changed in the sources before and after.
"""

from ctxrace.bpf.programs.rules.source import Commit

MIGRATE_DISABLE = Commit("74d862b682f5", "sched: Make migrate_disable/enable() independent of RT", "5.11")
ACTIVE = Commit("ca06f55b9002", "bpf: Add per-program recursion prevention mechanism", "5.12")
SLEEPABLE_MIGRATION = Commit("031d6e02ddbb", "bpf: Run sleepable programs with migration disabled", "5.12")
SYSCALL_PROGRAMS = Commit("79a7f8bdb159", "bpf: Introduce bpf_sys_bpf() helper and program type.", "5.14")
TIMERS = Commit("b00628b1c7d5", "bpf: Introduce bpf timers.", "5.15")
MULTI_KPROBE = Commit("0dcac2725406", "bpf: Add multi kprobe link", "5.18")
SLEEPABLE_ITER = Commit("b77fb25dcb34", "bpf: Add support for bpf iterator programs to use sleepable helpers", "5.18")
LSM_CGROUP = Commit("69fd337a975c", "bpf: per-cgroup lsm flavor", "6.0")
SLEEPABLE_UPROBE = Commit("8c7dcb84e3b7", "bpf: implement sleepable uprobes by chaining gps", "6.0")
ACTIVE_RAW_TRACEPOINT = Commit("05b24ff9b2cf", "bpf: Prevent bpf program recursion for raw tracepoint probes", "6.1")
ACTIVE_ATOMIC = Commit("c89e843a11f1", "bpf: Use this_cpu_{inc_return|dec} for prog->active", "6.1")
NO_ACTIVE_STRUCT_OPS = Commit(
    "64696c40d03c", "bpf: Add __bpf_prog_{enter,exit}_struct_ops for struct_ops trampoline", "6.1"
)
NO_ACTIVE_LSM = Commit("271de525e1d7", "bpf: Remove prog->active check for bpf_lsm and bpf_iter", "6.2")
SLEEPABLE_STRUCT_OPS = Commit("1e12d3ef47d2", "bpf: Allow BPF_PROG_TYPE_STRUCT_OPS programs to be sleepable", "6.3")
NETFILTER = Commit("fd9c663b9ad6", "bpf: minimal support for programs hooked into netfilter framework", "6.4")
MULTI_UPROBE = Commit("89ae89f53d20", "bpf: Add multi uprobe link", "6.6")
WORKQUEUES = Commit("d56b63cf0c0f", "bpf: add support for bpf_wq user type", "6.10")
LAZY = Commit("7c70cb94d29c", "sched: Add Lazy preemption model", "6.13")
FAULTABLE_SYSCALLS = Commit("a363d27cdbc2", "tracing: Allow system call tracepoints to handle page faults", "6.13")
SYSCALLS_PREEMPTION = Commit("4aadde89d81f", "tracing/bpf: disable preemption in syscall probe", "6.13")
PRIVATE_STACK = Commit("5bd36da1e37e", "bpf: Support private stack for struct_ops progs", "6.13")
TASK_WORK = Commit("38aa7003e369", "bpf: task work scheduling kfuncs", "6.18")
SOFTIRQ_LOCK = Commit("3253cb49cbad", "softirq: Allow to drop the softirq-BKL lock on PREEMPT_RT", "6.18")
TRACEPOINT_PERF = Commit(
    "16718274ee75", "tracing: perf: Have perf tracepoint callbacks always disable preemption", "7.0"
)
RAW_TRACEPOINT_RCU = Commit("f7d327654b88", "bpf: Have __bpf_trace_run() use rcu_read_lock_dont_migrate()", "7.0")
TRACEPOINT_SRCU = Commit(
    "a46023d5616e", "tracing: Guard __DECLARE_TRACE() use of __DO_TRACE_CALL() with SRCU-fast", "7.0"
)
SLEEPABLE_RAW_TRACEPOINT = Commit("439ebd5b5708", "bpf: Add sleepable support for raw tracepoint programs", "7.2")
SLEEPABLE_TRACEPOINT = Commit("57918341dd19", "bpf: Add sleepable support for classic tracepoint programs", "7.2")
