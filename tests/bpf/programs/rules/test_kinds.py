"""Sections as libbpf reads them."""

import pytest

from ctxrace.bpf.programs.rules.kinds import Kind, Section, parse_section
from ctxrace.core.errors import ScenarioError


@pytest.mark.parametrize(
    ("name", "kind", "hook", "sleepable"),
    [
        ("fentry/tcp_connect", Kind.TRAMPOLINE, "tcp_connect", False),
        ("?fexit.s/do_unlinkat", Kind.TRAMPOLINE, "do_unlinkat", True),
        ("fmod_ret/f", Kind.TRAMPOLINE, "f", False),
        ("lsm.s/file_open", Kind.LSM, "file_open", True),
        ("lsm_cgroup/socket_bind", Kind.LSM_CGROUP, "socket_bind", False),
        ("tp_btf/sched_switch", Kind.RAW_TRACEPOINT, "sched_switch", False),
        ("raw_tp.w/bpf_test", Kind.RAW_TRACEPOINT, "bpf_test", False),
        ("raw_tracepoint/sys_enter", Kind.RAW_SYSCALL_TRACEPOINT, "sys_enter", False),
        ("tp_btf.s/sys_exit", Kind.RAW_SYSCALL_TRACEPOINT, "sys_exit", True),
        ("tp/sched/sched_switch", Kind.TRACEPOINT, "sched/sched_switch", False),
        ("tracepoint/syscalls/sys_enter_read", Kind.SYSCALL_TRACEPOINT, "syscalls/sys_enter_read", False),
        ("tp/raw_syscalls/sys_enter", Kind.TRACEPOINT, "raw_syscalls/sys_enter", False),  # run as any other
        ("ksyscall/read", Kind.KPROBE, "read", False),
        ("kprobe.session/f*", Kind.KPROBE_MULTI, "f*", False),
        ("uprobe//usr/bin/bash:readline", Kind.UPROBE, "/usr/bin/bash:readline", False),
        ("usdt.s//usr/lib/libc.so:libc:setjmp", Kind.UPROBE, "/usr/lib/libc.so:libc:setjmp", True),
        ("uprobe.multi.s//bin/a:f", Kind.UPROBE_MULTI, "/bin/a:f", True),
        ("perf_event", Kind.PERF_EVENT, "", False),
        ("xdp.frags/devmap", Kind.XDP, "devmap", False),
        ("tcx/ingress", Kind.TC, "ingress", False),
        ("classifier", Kind.TC, "", False),
        ("cgroup_skb/egress", Kind.CGROUP_SKB, "egress", False),
        ("cgroup/skb", Kind.CGROUP_SKB, "skb", False),
        ("cgroup/connect4", Kind.CGROUP_SOCK, "connect4", False),
        ("cgroup/getpeername_unix", Kind.CGROUP_SOCK, "getpeername_unix", False),
        ("cgroup/setsockopt", Kind.CGROUP_SOCKOPT, "setsockopt", False),
        ("cgroup/dev", Kind.CGROUP_SYSCTL, "dev", False),
        ("sk_reuseport/migrate", Kind.SK_REUSEPORT, "migrate", False),
        ("iter.s/task", Kind.ITER, "task", True),
        ("struct_ops.s/init", Kind.STRUCT_OPS, "init", True),
        ("syscall", Kind.SYSCALL, "", True),  # always
        ("timer", Kind.TIMER, "", False),
        ("wq", Kind.WORKQUEUE, "", True),
        ("task_work", Kind.TASK_WORK, "", True),
    ],
)
def test_section(name: str, kind: Kind, hook: str, sleepable: bool) -> None:
    found = parse_section(name)
    assert (found.kind, found.hook, found.sleepable) == (kind, hook, sleepable)


def test_hook_that_user_space_chooses() -> None:
    assert parse_section("raw_tp", attach="sys_enter").kind is Kind.RAW_SYSCALL_TRACEPOINT
    assert parse_section("tp", attach="syscalls/sys_enter_read").kind is Kind.SYSCALL_TRACEPOINT
    assert parse_section("kprobe/placeholder", attach="vfs_read").hook == "vfs_read"


def test_program_that_user_space_attaches_as_something_else() -> None:
    assert parse_section("kprobe/placeholder", attach="uprobe//bin/bash:readline") == Section(
        "kprobe/placeholder", "uprobe", Kind.UPROBE, "/bin/bash:readline", False
    )
    assert parse_section("from-container", attach="tc").kind is Kind.TC


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fentri/f", r"no program type that is known \(did you mean 'fentry'\?\)"),
        ("", "no program type"),
        (".text", "no program type"),
        ("kprobe.s/f", "no program type"),  # no kprobe sleeps
        ("xdp.s", "no program type"),
        ("cgroup/conect4", "no program type"),
        ("freplace/f", "runs wherever the function runs that it replaces"),
        ("x" * 5000, "section 'x{80}' is of"),
        ("\x1b[2J/f", r"'\\x1b\[2J/f'"),
    ],
)
def test_unknown_section(name: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        parse_section(name)
