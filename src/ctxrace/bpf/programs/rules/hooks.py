"""Hooks whose context is known: tracepoints, LSM hooks, functions that sleep, and system calls.

What is here must be so in every kernel from 5.10 on. A hook that is not here may run anywhere.
"""

import re
from dataclasses import dataclass

from ctxrace.bpf.programs.rules.kinds import Kind, Section
from ctxrace.bpf.programs.rules.source import Source
from ctxrace.kernel.rules.contexts import Level

__all__ = ["FUNCTIONS", "LSM_HOOKS", "SYSTEM_CALL", "TRACEPOINTS", "Hook", "known_hook"]


@dataclass(frozen=True)
class Hook:
    """Where the kernel calls a hook, and what each of its callers has turned off.

    spinlock: preemption and interrupts are off by a `spinlock_t`, which leaves them on with PREEMPT_RT.
    """

    levels: tuple[Level, ...]
    sources: tuple[Source, ...]
    preemption_off: bool = False
    interrupts_off: bool = False
    bottom_halves_off: bool = False
    spinlock: bool = False


_TASK = (Level.TASK,)
_TASK_AND_SOFTIRQ = (Level.TASK, Level.SOFTIRQ)
_NO_NMI = (Level.TASK, Level.SOFTIRQ, Level.HARDIRQ)


def _in_task(file: str, function: str) -> Hook:
    return Hook(_TASK, (Source(file, function),))


def _in_network_stack(file: str, function: str) -> Hook:
    """In a softirq, or in a task that has bottom halves off."""
    return Hook(_TASK_AND_SOFTIRQ, (Source(file, function),), bottom_halves_off=True)


TRACEPOINTS = {
    "sched_process_exec": _in_task("fs/exec.c", "exec_binprm"),
    "sched_process_exit": _in_task("kernel/exit.c", "do_exit"),
    "sched_process_fork": _in_task("kernel/fork.c", "kernel_clone"),
    "sched_process_wait": _in_task("kernel/exit.c", "do_wait"),
    # An RCU callback: in the RCU softirq, or in a kthread that turns bottom halves off for it.
    "sched_process_free": Hook(
        _TASK_AND_SOFTIRQ,
        (
            Source("kernel/exit.c", "delayed_put_task_struct"),
            Source("kernel/rcu/tree.c", "rcu_cpu_kthread"),
            Source("kernel/rcu/tree_nocb.h", "nocb_cb_wait"),
        ),
        bottom_halves_off=True,
    ),
    "sched_switch": Hook(
        _TASK, (Source("kernel/sched/core.c", "__schedule"),), preemption_off=True, interrupts_off=True
    ),
    "sched_wakeup_new": Hook(
        _TASK, (Source("kernel/sched/core.c", "wake_up_new_task"),), preemption_off=True, interrupts_off=True
    ),
    "sched_waking": Hook(_NO_NMI, (Source("kernel/sched/core.c", "try_to_wake_up"),), preemption_off=True),
    "sched_wakeup": Hook(_NO_NMI, (Source("kernel/sched/core.c", "ttwu_do_wakeup"),), preemption_off=True),
    "task_newtask": _in_task("kernel/fork.c", "copy_process"),
    "task_rename": _in_task("fs/exec.c", "__set_task_comm"),
    # Of programs on tp/raw_syscalls, which are run as those on any other tracepoint.
    "sys_enter": _in_task("kernel/entry/syscall-common.c", "trace_syscall_enter"),
    "sys_exit": _in_task("kernel/entry/syscall-common.c", "trace_syscall_exit"),
    "signal_deliver": Hook(
        _TASK, (Source("kernel/signal.c", "get_signal"),), preemption_off=True, interrupts_off=True, spinlock=True
    ),
    "irq_handler_entry": Hook(
        (Level.HARDIRQ, Level.NMI),
        (
            Source("kernel/irq/handle.c", "__handle_irq_event_percpu"),
            Source("kernel/irq/chip.c", "handle_fasteoi_nmi"),
        ),
        interrupts_off=True,
    ),
    "softirq_entry": Hook((Level.SOFTIRQ,), (Source("kernel/softirq.c", "handle_softirqs"),)),
    "softirq_exit": Hook((Level.SOFTIRQ,), (Source("kernel/softirq.c", "handle_softirqs"),)),
    "timer_expire_entry": Hook((Level.SOFTIRQ,), (Source("kernel/time/timer.c", "call_timer_fn"),)),
    "netif_receive_skb": _in_network_stack("net/core/dev.c", "__netif_receive_skb_core"),
    "net_dev_queue": _in_network_stack("net/core/dev.c", "__dev_queue_xmit"),
    "net_dev_start_xmit": _in_network_stack("net/core/dev.c", "xmit_one"),
}
"""By the tracepoint's name, which is the last part of a section's."""

_SLEEPABLE_LSM_HOOKS = Hook(_TASK, (Source("kernel/bpf/bpf_lsm.c", "sleepable_lsm_hooks"),))

LSM_HOOKS = dict.fromkeys(
    (
        *("bpf", "bpf_map", "bpf_prog", "bprm_check_security", "bprm_committed_creds", "bprm_committing_creds"),
        *("bprm_creds_for_exec", "bprm_creds_from_file", "file_ioctl", "file_open", "inode_create", "inode_getattr"),
        *("inode_mknod", "inode_rename", "inode_rmdir", "inode_setattr", "inode_setxattr", "inode_symlink"),
        *("inode_unlink", "kernel_read_file", "mmap_file", "path_chmod", "path_chown", "path_link", "path_mkdir"),
        *("path_rename", "path_rmdir", "path_symlink", "path_truncate", "path_unlink", "sb_mount", "sb_umount"),
        *("socket_accept", "socket_bind", "socket_connect", "socket_create", "socket_listen", "socket_shutdown"),
        *("task_alloc", "userns_create"),
    ),
    _SLEEPABLE_LSM_HOOKS,
)
"""Hooks that the kernel lists as called where a program may sleep: in a task, with nothing turned off."""

FUNCTIONS = {
    "tcp_sendmsg": _in_task("net/ipv4/tcp.c", "tcp_sendmsg"),
    "tcp_recvmsg": _in_task("net/ipv4/tcp.c", "tcp_recvmsg"),
    "tcp_close": _in_task("net/ipv4/tcp.c", "tcp_close"),
    "inet_csk_accept": _in_task("net/ipv4/inet_connection_sock.c", "inet_csk_accept"),
    "inet_listen": _in_task("net/ipv4/af_inet.c", "inet_listen"),
    "do_sys_openat2": _in_task("fs/open.c", "do_sys_openat2"),
    "kernel_clone": _in_task("kernel/fork.c", "kernel_clone"),
}
"""Functions that sleep, so that only tasks call them: by lock_sock(), or by allocating with GFP_KERNEL."""

SYSTEM_CALL = re.compile(r"__(x64|ia32|arm64|riscv|s390x?|loongarch)_sys_\w+")
"""The functions at which system calls enter (arch/*/include/asm/syscall_wrapper.h)."""

_SYSTEM_CALL_HOOK = Hook(_TASK, (Source("arch/x86/include/asm/syscall_wrapper.h", "__SYSCALL_DEFINEx"),))

_TRACEPOINT_KINDS = frozenset({Kind.RAW_TRACEPOINT, Kind.TRACEPOINT})
_FUNCTION_KINDS = frozenset({Kind.TRAMPOLINE, Kind.KPROBE, Kind.KPROBE_MULTI})


def known_hook(section: Section) -> Hook | None:
    """Return what is known of the hook that a section names; None where nobody read it."""
    if section.kind in _TRACEPOINT_KINDS:
        return TRACEPOINTS.get(section.hook.rpartition("/")[2])
    if section.kind in (Kind.LSM, Kind.LSM_CGROUP):
        return LSM_HOOKS.get(section.hook)
    if section.kind in _FUNCTION_KINDS:
        is_call = section.prefix in ("ksyscall", "kretsyscall") or SYSTEM_CALL.fullmatch(section.hook)
        return _SYSTEM_CALL_HOOK if is_call else FUNCTIONS.get(section.hook)
    return None
