"""What a program is, by the name of its ELF section, as libbpf reads it.

Source: Linux v7.2 tools/lib/bpf/libbpf.c, `section_defs`.
"""

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum

from ctxrace.core.errors import ScenarioError
from ctxrace.core.setting import Setting

__all__ = ["CALLBACKS", "Kind", "Section", "parse_section"]


MAX_QUOTED = 80
"""How much of a section's name a message repeats: the name comes from the object."""


def quoted(name: str) -> str:
    """Return the name of a section as messages show it."""
    return repr(name[:MAX_QUOTED])


class Kind(StrEnum):
    """Programs that the kernel runs in the same way."""

    TRAMPOLINE = "fentry, fexit, fmod_ret, fsession"
    LSM = "lsm"
    LSM_CGROUP = "lsm_cgroup"
    RAW_TRACEPOINT = "raw_tp, tp_btf"
    RAW_SYSCALL_TRACEPOINT = "raw_tp, tp_btf on sys_enter, sys_exit"
    TRACEPOINT = "tracepoint"
    SYSCALL_TRACEPOINT = "tracepoint on syscalls"
    KPROBE = "kprobe, kretprobe, ksyscall"
    KPROBE_MULTI = "kprobe.multi, kprobe.session"
    UPROBE = "uprobe, uretprobe, usdt"
    UPROBE_MULTI = "uprobe.multi, uprobe.session"
    PERF_EVENT = "perf_event"
    XDP = "xdp"
    TC = "tc, tcx, netkit"
    CGROUP_SKB = "cgroup_skb"
    CGROUP_SOCK = "cgroup/sock_create, bind, connect, sendmsg, recvmsg, ..."
    CGROUP_SOCKOPT = "cgroup/getsockopt, setsockopt"
    CGROUP_SYSCTL = "cgroup/sysctl, dev"
    SOCK_OPS = "sockops"
    SOCKET_FILTER = "socket"
    SK_REUSEPORT = "sk_reuseport"
    SK_LOOKUP = "sk_lookup"
    SK_SKB = "sk_skb"
    SK_MSG = "sk_msg"
    FLOW_DISSECTOR = "flow_dissector"
    LWT = "lwt_in, lwt_out, lwt_xmit"
    NETFILTER = "netfilter"
    ITER = "iter"
    STRUCT_OPS = "struct_ops"
    SYSCALL = "syscall"
    TIMER = "callback of bpf_timer"
    WORKQUEUE = "callback of bpf_wq"
    TASK_WORK = "callback of bpf_task_work"


@dataclass(frozen=True)
class Section:
    """A section's name, taken apart.

    prefix: what precedes the first slash, without ".s". hook: what follows it: a function, a tracepoint, a direction;
    "" where nothing does.
    """

    name: str
    prefix: str
    kind: Kind
    hook: str
    sleepable: bool

    @property
    def quoted(self) -> str:
        """As messages show it."""
        return quoted(self.name)


CALLBACKS = {"timer": Kind.TIMER, "wq": Kind.WORKQUEUE, "task_work": Kind.TASK_WORK}
"""Names for code that has no section of its own: what `bpf_timer_set_callback()`, `bpf_wq_set_callback()` and
`bpf_task_work_schedule_*()` take."""

_PREFIXES = {
    **dict.fromkeys(("fentry", "fexit", "fmod_ret", "fsession"), Kind.TRAMPOLINE),
    **dict.fromkeys(("fentry.multi", "fexit.multi", "fsession.multi"), Kind.TRAMPOLINE),
    "lsm": Kind.LSM,
    "lsm_cgroup": Kind.LSM_CGROUP,
    **dict.fromkeys(("raw_tp", "raw_tracepoint", "raw_tp.w", "raw_tracepoint.w", "tp_btf"), Kind.RAW_TRACEPOINT),
    **dict.fromkeys(("tp", "tracepoint"), Kind.TRACEPOINT),
    **dict.fromkeys(("kprobe", "kretprobe", "ksyscall", "kretsyscall"), Kind.KPROBE),
    **dict.fromkeys(("kprobe.multi", "kretprobe.multi", "kprobe.session"), Kind.KPROBE_MULTI),
    **dict.fromkeys(("uprobe", "uretprobe", "usdt"), Kind.UPROBE),
    **dict.fromkeys(("uprobe.multi", "uretprobe.multi", "uprobe.session"), Kind.UPROBE_MULTI),
    "perf_event": Kind.PERF_EVENT,
    **dict.fromkeys(("xdp", "xdp.frags"), Kind.XDP),
    **dict.fromkeys(("tc", "tcx", "netkit", "classifier", "action"), Kind.TC),
    "cgroup_skb": Kind.CGROUP_SKB,
    "sockops": Kind.SOCK_OPS,
    "socket": Kind.SOCKET_FILTER,
    "sk_reuseport": Kind.SK_REUSEPORT,
    "sk_lookup": Kind.SK_LOOKUP,
    "sk_skb": Kind.SK_SKB,
    "sk_msg": Kind.SK_MSG,
    "flow_dissector": Kind.FLOW_DISSECTOR,
    **dict.fromkeys(("lwt_in", "lwt_out", "lwt_xmit"), Kind.LWT),
    "netfilter": Kind.NETFILTER,
    "iter": Kind.ITER,
    "struct_ops": Kind.STRUCT_OPS,
    "syscall": Kind.SYSCALL,
    **CALLBACKS,
}

_CGROUP_HOOKS = {
    "skb": Kind.CGROUP_SKB,
    "sysctl": Kind.CGROUP_SYSCTL,
    "dev": Kind.CGROUP_SYSCTL,
    "getsockopt": Kind.CGROUP_SOCKOPT,
    "setsockopt": Kind.CGROUP_SOCKOPT,
}
"""The hooks of sections `cgroup/HOOK`; the others are calls on sockets."""

_CGROUP_SOCK_HOOK = re.compile(
    r"sock(_create|_release)?|post_bind[46]|bind[46]|connect(4|6|_unix)|(send|recv)msg(4|6|_unix)"
    r"|get(peer|sock)name(4|6|_unix)"
)

_ALWAYS_SLEEPABLE = frozenset({Kind.SYSCALL, Kind.WORKQUEUE, Kind.TASK_WORK})

_REFUSED = {
    "freplace": "runs wherever the function runs that it replaces",
    "lirc_mode2": "no rule for it was read",
    "lwt_seg6local": "no rule for it was read",
}
"""Sections that libbpf knows and the rules do not."""

_SYSCALL_EVENTS = frozenset({"sys_enter", "sys_exit"})

_SLEEPABLE = frozenset(
    {
        *("fentry", "fexit", "fmod_ret", "fsession", "fentry.multi", "fexit.multi", "fsession.multi", "lsm", "iter"),
        *("uprobe", "uretprobe", "usdt", "uprobe.multi", "uretprobe.multi", "uprobe.session", "struct_ops"),
        *("tp_btf", "raw_tp", "raw_tracepoint", "tp", "tracepoint"),
    }
)
"""The prefixes that take ".s"."""


def parse_section(name: str, *, attach: str | None = None) -> Section:
    """Return what a program in the ELF section `name` is.

    attach: the hook that user space attaches it to, where the section's name does not say; or a whole section's name,
    where user space attaches it as something else. Raises ScenarioError for a section that libbpf does not know, and
    for one without a rule.
    """
    prefix, hook, sleepable = _split(name)
    if attach is not None:
        as_prefix, as_hook, as_sleepable = _split(attach)
        if _kind(as_prefix, as_hook) is not None:
            prefix, hook, sleepable = as_prefix, as_hook, sleepable or as_sleepable
        else:
            hook = attach
    if prefix in _REFUSED:
        raise ScenarioError(
            f"section {quoted(name)} has no rule: {_REFUSED[prefix]}; choose the other programs with ",
            Setting("program"),
        )
    kind = _kind(prefix, hook)
    if kind is None or (sleepable and prefix not in _SLEEPABLE):
        raise ScenarioError(
            f"section {quoted(name)} is of no program type that is known{_nearest(prefix)}; say what it is with ",
            Setting("attach", "PROGRAM=SECTION"), ", or choose the other programs with ", Setting("program")
        )
    return Section(name, prefix, kind, hook, sleepable or kind in _ALWAYS_SLEEPABLE)


def _split(name: str) -> tuple[str, str, bool]:
    """The part before the first slash without ".s", the part after it, and whether ".s" was there."""
    prefix, _, hook = name.removeprefix("?").partition("/")
    return prefix.removesuffix(".s"), hook, prefix.endswith(".s")


def _kind(prefix: str, hook: str) -> Kind | None:
    if prefix == "cgroup":
        socket = Kind.CGROUP_SOCK if _CGROUP_SOCK_HOOK.fullmatch(hook) else None
        return _CGROUP_HOOKS.get(hook, socket)
    kind = _PREFIXES.get(prefix)
    if kind is Kind.RAW_TRACEPOINT and hook in _SYSCALL_EVENTS:
        return Kind.RAW_SYSCALL_TRACEPOINT
    if kind is Kind.TRACEPOINT and hook.partition("/")[0] == "syscalls":
        return Kind.SYSCALL_TRACEPOINT
    return kind


def _nearest(prefix: str) -> str:
    nearest = difflib.get_close_matches(prefix[:MAX_QUOTED], [*_PREFIXES, "cgroup"], 1)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""
