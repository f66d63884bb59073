"""The statements of the thread as plain data: the quotation, its author, and what decides it.

The thread is the review of "bpf: arm64: Optimize recursion detection by not using atomics" (bpf-next, 2025-12-17).
"""

from dataclasses import dataclass

from ctxrace.bpf.caller import ALONE, Caller
from ctxrace.bpf.guards.case import Case
from ctxrace.core.claim import OutcomeFound
from ctxrace.core.statement import Decision, Ruling
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.rules.preemption import Rcu

__all__ = [
    "COMPILERS",
    "REMARKS",
    "THREAD",
    "BarrierQuestion",
    "ClaimQuestion",
    "PropertyQuestion",
    "Question",
    "Quotation",
]

COMPILERS = {"": "zig's clang", "clang": "clang", "aarch64-linux-gnu-gcc": "gcc"}
"""Those that barriers are asked of, with what a table calls them; empty: the clang that comes with ctxrace."""


REMARKS = (
    "2 tasks where nothing else is said. What interrupts them: softirq, hardirq and NMI, where the guard is by itself; "
    "an NMI, where a trampoline calls it (as in every list of steps); nothing, where programs sleep.",
    'Of barriers: "the same code" is, byte for byte, what the compiler makes of the guard with one barrier(), before '
    'the decrement; "other code" differs from it, and its verdict is its own.',
)
"""What a reader of the table must know: of the scenarios, and of the comparison of code."""

HOLDS, VIOLATED = Decision(Ruling.HOLDS), Decision(Ruling.VIOLATED)
POSSIBLE = Decision(Ruling.POSSIBLE)


def impossible(step: str, outcome: OutcomeFound | None = None) -> Decision:
    """Return that `step` is impossible, and what is found of the outcome."""
    return Decision(Ruling.IMPOSSIBLE, step, outcome)


@dataclass(frozen=True)
class PropertyQuestion:
    """Whether the properties of a guard hold."""

    about: str
    case: Case
    expected: Decision


@dataclass(frozen=True)
class ClaimQuestion:
    """Whether the steps of a file in the folder `claims` are possible with `guard`."""

    about: str
    claim: str
    guard: str
    expected: Decision


@dataclass(frozen=True)
class BarrierQuestion:
    """Whether the guard of claims/barrier.c holds, compiled with `define` by `cc` at -O2 and -O3."""

    about: str
    cc: str
    define: str
    expected: Decision = HOLDS


Question = PropertyQuestion | ClaimQuestion | BarrierQuestion


@dataclass(frozen=True)
class Quotation:
    """A statement, in its author's own words where they are quoted.

    conclusion: what is true of it if the answer to every question is the expected one.
    """

    quote: str
    author: str
    conclusion: str
    questions: tuple[Question, ...]


BOT, AUTHOR, PROPOSED = "the review bot", "the patch's author", "a counter-proposal"
_REACHABLE, _UNREACHABLE = OutcomeFound.REACHABLE, OutcomeFound.UNREACHABLE


def _case(guard: str, kind: str, caller: Caller = ALONE, tasks: int | None = None, preemption: str = "full") -> Case:
    """Return the case of `kind`, empty for every property, of `guard`."""
    return Case(guard, ScenarioChange.of(preemption=preemption, tasks=tasks, only=kind or None), caller)


def _rcu(about: str, guard: str, kind: str, expected: Decision, *, sleepable: bool, preemptible: bool,
         preemption: str = "full") -> PropertyQuestion:  # fmt: skip
    rcu = Rcu.PREEMPTIBLE if preemptible else Rcu.NON_PREEMPTIBLE
    caller = Caller("fentry", sleepable=sleepable, rcu=rcu)
    return PropertyQuestion(about, _case(guard, kind, caller, preemption=preemption), expected)


def _width(tasks: int, expected: Decision) -> PropertyQuestion:
    caller = Caller("bare", interrupts=())
    return PropertyQuestion(f"{tasks} tasks: exclusive", _case("arm64-merged", "exclusive", caller, tasks), expected)


THREAD = (
    Quotation(
        '"Counter permanently stuck at 2", steps 1-8', BOT,
        "not by these steps: exit is always called; but v1 does leak",
        (
            ClaimQuestion("steps, v1", "bot.txt", "arm64-v1", impossible("7", _REACHABLE)),
            ClaimQuestion("steps, as merged", "bot.txt", "arm64-merged", impossible("5", _UNREACHABLE)),
            ClaimQuestion("steps, atomic", "bot.txt", "generic-lse", impossible("4", _UNREACHABLE)),
        ),
    ),
    Quotation(
        '"the exit function is ALWAYS called"', AUTHOR, "true; if exit were left out, the count would leak",
        (
            ClaimQuestion("left out, arm64", "exit-arm64.txt", "arm64-v1", impossible("2")),
            ClaimQuestion("left out, x86-64", "exit-x86-64.txt", "arm64-v1", impossible("2")),
            PropertyQuestion("without exit: balanced", _case("no-exit", "balanced", Caller("fentry")), VIOLATED),
        ),
    ),
    Quotation(
        '"What Actually Happens", 19 steps', AUTHOR, "possible in v1, but not the only way it can go",
        (
            ClaimQuestion("steps, v1", "author-19.txt", "arm64-v1", POSSIBLE),
            ClaimQuestion("steps, as merged", "author-19.txt", "arm64-merged", impossible("13", _REACHABLE)),
        ),
    ),
    Quotation(
        '"NEITHER program running", 9 steps', AUTHOR, "possible in v1; not with atomics, not as merged",
        (
            ClaimQuestion("steps, v1", "author-9.txt", "arm64-v1", POSSIBLE),
            ClaimQuestion("steps, atomic", "author-9.txt", "generic-lse", impossible("4", _UNREACHABLE)),
            ClaimQuestion("steps, as merged", "author-9.txt", "arm64-merged", impossible("5", _UNREACHABLE)),
        ),
    ),
    Quotation(
        '"Counter returns to 0", "No leak"', AUTHOR, "false in v1: ++ and -- of two tasks mix",
        (
            PropertyQuestion("v1: balanced", _case("arm64-v1", "balanced"), VIOLATED),
            PropertyQuestion("v1: recovers", _case("arm64-v1", "recovers"), VIOLATED),
        ),
    ),
    Quotation(
        '"At most one program gets to run"', AUTHOR, "false in v1: both can run",
        (PropertyQuestion("v1: exclusive", _case("arm64-v1", "exclusive"), VIOLATED),),
    ),
    Quotation(
        '"The old atomic code handled this correctly"', BOT, "true",
        (
            PropertyQuestion("atomic, LSE: everything", _case("generic-lse", ""), HOLDS),
            PropertyQuestion("atomic, LL/SC: everything", _case("generic-llsc", ""), HOLDS),
        ),
    ),
    Quotation(
        '"256 recursion levels are more than enough"', AUTHOR,
        "to 256 in flight on a CPU; one more is let in",
        (_width(256, HOLDS), _width(257, VIOLATED)),
    ),
    Quotation(
        'barrier() before the decrement: "should there also be a barrier after"?', BOT,
        "left out or added: right all the same, with the program inlined",
        tuple(
            BarrierQuestion(f"{what}: {name}", cc, define)
            for what, define in (("none before", "NO_BARRIER"), ("one after", "BARRIER_AFTER"))
            for cc, name in COMPILERS.items()
        ),
    ),
    Quotation(
        "atomics if RCU is preemptible, else bytes", PROPOSED, "wrong for programs that sleep",
        (
            _rcu("atomic, preemptible", "generic-lse", "", HOLDS, sleepable=False, preemptible=True),
            _rcu("bytes, not preemptible", "arm64-v1", "", HOLDS, sleepable=False, preemptible=False),
            _rcu("bytes, same, sleepable", "arm64-v1", "balanced", VIOLATED, sleepable=True, preemptible=False),
        ),
    ),
    Quotation(
        "atomics for sleepable programs only", PROPOSED, "wrong for the others if RCU is preemptible",
        (
            _rcu("atomic, sleepable", "generic-lse", "", HOLDS, sleepable=True, preemptible=True),
            _rcu("bytes, not preemptible", "arm64-v1", "", HOLDS, sleepable=False, preemptible=False),
            _rcu("bytes, preemptible", "arm64-v1", "balanced", VIOLATED, sleepable=False, preemptible=True),
        ),
    ),
    Quotation(
        "preempt_disable() round each ++ and --", "as merged", "right in each of these kernels",
        tuple(
            _rcu(f"{'' if preemptible else 'not '}preemptible{', sleepable' * sleepable}",
                 "arm64-merged", "", HOLDS, sleepable=sleepable, preemptible=preemptible)
            for sleepable in (False, True) for preemptible in (True, False)
        ),
    ),
    Quotation(
        "Debian 7.2, arm64: lazy, RCU not preemptible", "a configuration", "v1 fails where programs sleep",
        tuple(
            _rcu(f"{name}{', sleepable' * sleepable}", guard, "balanced" if wrong else "",
                 VIOLATED if wrong else HOLDS, sleepable=sleepable, preemptible=False, preemption="lazy")
            for guard, name in (("arm64-v1", "v1"), ("arm64-merged", "as merged"))
            for sleepable in (False, True) for wrong in (sleepable and guard == "arm64-v1",)
        ),
    ),
)  # fmt: skip
"""In the order of the thread."""
