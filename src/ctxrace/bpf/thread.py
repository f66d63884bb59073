"""The statements of the thread as plain data: who said what, and what decides it.

The thread is the review of "bpf: arm64: Optimize recursion detection by not using atomics" (bpf-next, 2025-12-17).
"""

from dataclasses import dataclass

from ctxrace.bpf.caller import ALONE, Caller
from ctxrace.bpf.guards.case import Case
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.rules.preemption import Rcu

__all__ = ["COMPILERS", "THREAD", "Asked", "Barrier", "Checked", "Executed", "Said"]

COMPILERS = {"": "zig's clang", "clang": "clang", "aarch64-linux-gnu-gcc": "gcc"}
"""Those that barriers are asked of, with what a table calls them; empty: the clang that comes with ctxrace."""


@dataclass(frozen=True)
class Checked:
    """A property of a guard. expected: ``holds`` or ``violated``."""

    about: str
    case: Case
    expected: str


@dataclass(frozen=True)
class Executed:
    """A claim in the folder `said`, asked of a guard. expected: as `ctxrace.bpf.decided` words it."""

    about: str
    claim: str
    guard: str
    expected: str


@dataclass(frozen=True)
class Barrier:
    """The guard of said/barrier.c, compiled with `define` by `cc` at -O2 and -O3."""

    about: str
    cc: str
    define: str
    expected: str = "holds"


Asked = Checked | Executed | Barrier


@dataclass(frozen=True)
class Said:
    """A statement, in its author's own words where they are quoted.

    so: what comes of it, true if everything that is asked comes out as expected.
    """

    quote: str
    who: str
    so: str
    asked: tuple[Asked, ...]


BOT, AUTHOR, PROPOSED = "the review bot", "the patch's author", "a counter-proposal"
_UNREACHABLE = "; outcome unreachable"


def _case(guard: str, kind: str, caller: Caller = ALONE, tasks: int | None = None, preemption: str = "full") -> Case:
    """Return the case of `kind`, empty for every property, of `guard`."""
    return Case(guard, ScenarioChange.of(preemption=preemption, tasks=tasks, only=kind or None), caller)


def _rcu(about: str, guard: str, kind: str, expected: str, *, sleepable: bool, preemptible: bool,
         preemption: str = "full") -> Checked:  # fmt: skip
    rcu = Rcu.PREEMPTIBLE if preemptible else Rcu.NON_PREEMPTIBLE
    caller = Caller("fentry", sleepable=sleepable, rcu=rcu)
    return Checked(about, _case(guard, kind, caller, preemption=preemption), expected)


def _width(tasks: int, expected: str) -> Checked:
    caller = Caller("bare", interrupts=())
    return Checked(f"{tasks} tasks: exclusive", _case("arm64-merged", "exclusive", caller, tasks), expected)


THREAD = (
    Said(
        '"Counter permanently stuck at 2", steps 1-8', BOT,
        "not by these steps: exit is always called; but v1 does leak",
        (
            Executed("steps, v1", "bot.txt", "arm64-v1", "impossible at 7; outcome reachable"),
            Executed("steps, as merged", "bot.txt", "arm64-merged", f"impossible at 5{_UNREACHABLE}"),
            Executed("steps, atomic", "bot.txt", "generic-lse", f"impossible at 4{_UNREACHABLE}"),
        ),
    ),
    Said(
        '"the exit function is ALWAYS called"', AUTHOR, "so it is; were it not, the count would leak",
        (
            Executed("left out, arm64", "exit-arm64.txt", "arm64-v1", "impossible at 2"),
            Executed("left out, x86-64", "exit-x86-64.txt", "arm64-v1", "impossible at 2"),
            Checked("without exit: balanced", _case("no-exit", "balanced", Caller("fentry")), "violated"),
        ),
    ),
    Said(
        '"What Actually Happens", 19 steps', AUTHOR, "possible in v1, but not the only way it can go",
        (
            Executed("steps, v1", "author-19.txt", "arm64-v1", "possible"),
            Executed("steps, as merged", "author-19.txt", "arm64-merged", "impossible at 13; outcome reachable"),
        ),
    ),
    Said(
        '"NEITHER program running", 9 steps', AUTHOR, "possible in v1; not with atomics, not as merged",
        (
            Executed("steps, v1", "author-9.txt", "arm64-v1", "possible"),
            Executed("steps, atomic", "author-9.txt", "generic-lse", f"impossible at 4{_UNREACHABLE}"),
            Executed("steps, as merged", "author-9.txt", "arm64-merged", f"impossible at 5{_UNREACHABLE}"),
        ),
    ),
    Said(
        '"Counter returns to 0", "No leak"', AUTHOR, "not so in v1: ++ and -- of two tasks mix",
        (
            Checked("v1: balanced", _case("arm64-v1", "balanced"), "violated"),
            Checked("v1: recovers", _case("arm64-v1", "recovers"), "violated"),
        ),
    ),
    Said(
        '"At most one program gets to run"', AUTHOR, "not so in v1: both can run",
        (Checked("v1: exclusive", _case("arm64-v1", "exclusive"), "violated"),),
    ),
    Said(
        '"The old atomic code handled this correctly"', BOT, "so it did",
        (
            Checked("atomic, LSE: everything", _case("generic-lse", ""), "holds"),
            Checked("atomic, LL/SC: everything", _case("generic-llsc", ""), "holds"),
        ),
    ),
    Said(
        '"256 recursion levels are more than enough"', AUTHOR,
        "to 256 in flight on a CPU; one more is let in",
        (_width(256, "holds"), _width(257, "violated")),
    ),
    Said(
        'barrier() before the decrement: "should there also be a barrier after"?', BOT,
        "left out or added: right all the same, with the program inlined",
        tuple(
            Barrier(f"{what}: {name}", cc, define)
            for what, define in (("none before", "NO_BARRIER"), ("one after", "BARRIER_AFTER"))
            for cc, name in COMPILERS.items()
        ),
    ),
    Said(
        "atomics if RCU is preemptible, else bytes", PROPOSED, "wrong for programs that sleep",
        (
            _rcu("atomic, preemptible", "generic-lse", "", "holds", sleepable=False, preemptible=True),
            _rcu("bytes, not preemptible", "arm64-v1", "", "holds", sleepable=False, preemptible=False),
            _rcu("bytes, same, sleepable", "arm64-v1", "balanced", "violated", sleepable=True, preemptible=False),
        ),
    ),
    Said(
        "atomics for sleepable programs only", PROPOSED, "wrong for the others if RCU is preemptible",
        (
            _rcu("atomic, sleepable", "generic-lse", "", "holds", sleepable=True, preemptible=True),
            _rcu("bytes, not preemptible", "arm64-v1", "", "holds", sleepable=False, preemptible=False),
            _rcu("bytes, preemptible", "arm64-v1", "balanced", "violated", sleepable=False, preemptible=True),
        ),
    ),
    Said(
        "preempt_disable() round each ++ and --", "as merged", "right in each of these kernels",
        tuple(
            _rcu(f"{'' if preemptible else 'not '}preemptible{', sleepable' * sleepable}",
                 "arm64-merged", "", "holds", sleepable=sleepable, preemptible=preemptible)
            for sleepable in (False, True) for preemptible in (True, False)
        ),
    ),
    Said(
        "Debian 7.2, arm64: lazy, RCU not preemptible", "a configuration", "v1 fails where programs sleep",
        tuple(
            _rcu(f"{name}{', sleepable' * sleepable}", guard, "balanced" if wrong else "",
                 "violated" if wrong else "holds", sleepable=sleepable, preemptible=False, preemption="lazy")
            for guard, name in (("arm64-v1", "v1"), ("arm64-merged", "as merged"))
            for sleepable in (False, True) for wrong in (sleepable and guard == "arm64-v1",)
        ),
    ),
)  # fmt: skip
"""In the order of the thread."""
