"""Findings for tests: one task's program over another's, an interrupt's, a skipped one; hostile names."""

from ctxrace.core.facts.defect import Defect
from ctxrace.core.meeting import Finding, Happening, Ignored, Moment, Pair, Partner, ProgramsResult, Remedy, Touch, Use
from ctxrace.core.source import Source
from ctxrace.core.verdict import Outcome

EXEC = Partner("on_exec", "tp_btf/exec", "task")
EXIT = Partner("on_exit", "tp_btf/exit", "task")
PACKET = Partner("on_packet", "xdp", "softirq")
LOAD = Source("a.bpf.c", 10, "event->type = type;")
SEND = Source("a.bpf.c", 12, "bpf_ringbuf_output(&events, event, 80, 0);")


def event(who: int, source: Source, instruction: str, *touches: Touch) -> Happening:
    return Happening(Moment.EVENT, who, source, instruction, touches)


def fills(who: int, value: int | None = None, memory: str = "scratch[0]") -> Happening:
    return event(who, LOAD, "*(u32 *)(r0 + 0x0) = w1", Touch(Use.WRITES, memory, 0, 4, f"{memory}.type", value))


def sends(who: int, memory: str = "scratch[0]") -> Happening:
    return event(who, SEND, "bpf_ringbuf_output", Touch(Use.SENDS, memory, 0, 80, memory))


def begins(who: int) -> Happening:
    return Happening(Moment.BEGINS, who)


def ends(who: int) -> Happening:
    return Happening(Moment.ENDS, who)


def resumes(who: int) -> Happening:
    return Happening(Moment.RESUMES, who)


ROWS = (begins(0), fills(0), begins(1), fills(1, 7), sends(1), ends(1), resumes(0), sends(0), ends(0))
PREEMPTED = Finding(
    Defect.UNMIXED, Outcome.VIOLATED, (EXEC, EXIT), "scratch[0]", ((0, 4), (8, 80)), (("on_exit", "on_exec"),),
    "preempts", "preemptible task", rows=ROWS, switches=1, schedule="1f3a90bc.5d20e1c7:A+:1 A:1 B+:1 B:2 A:1",
    remedies=(Remedy.TASK_STORAGE, Remedy.PREEMPT_DISABLE), useless=(Remedy.BUFFER_PER_CONTEXT,),
)  # fmt: skip
INTERRUPTED = Finding(
    Defect.LOST_UPDATE, Outcome.VIOLATED, (EXEC, PACKET), "counters[0]", ((0, 8),), (), "interrupts",
    "softirqs stay on", switches=1, schedule="1f3a90bc.46cadc3c:A+:1 A:1 B+:1 B:2 A:1", remedies=(Remedy.ATOMIC,),
    useless=(Remedy.PREEMPT_DISABLE,),
    rows=tuple(
        event(who, LOAD, instruction, Touch(use, "counters[0]", 0, 8, "counters[0].plain", value))
        if isinstance(use, Use) else Happening(use, who)
        for who, use, instruction, value in (
            (0, Moment.BEGINS, "", None), (0, Use.READS, "r1 = *(u64 *)(r0 + 0x0)", 0), (1, Moment.BEGINS, "", None),
            (1, Use.READS, "r1 = *(u64 *)(r0 + 0x0)", 0), (1, Use.WRITES, "*(u64 *)(r0 + 0x0) = r1", 1),
            (1, Moment.ENDS, "", None), (0, Moment.RESUMES, "", None), (0, Use.WRITES, "*(u64 *)(r0 + 0x0) = r1", 1),
        )
    ),
)  # fmt: skip
SKIPPED = Finding(
    Defect.MISSED, Outcome.VIOLATED, (EXEC, EXEC), how="preempts", rule="preemptible task", guard="prog->active",
    rows=(begins(1), Happening(Moment.SKIPPED, 0)), switches=1, useless=(Remedy.PREEMPT_DISABLE,),
)  # fmt: skip
NOT_SURE = Finding(
    Defect.LEAKED, Outcome.INCOMPLETE, (EXEC, PACKET), "busy", ((0, 1),), (), "interrupts", "hard irqs stay on",
    sure=False,
)  # fmt: skip
PAIRS = (
    Pair("on_exec", "on_exit", "runs", "preemptible task", ("scratch[0]",)),
    Pair("on_exec", "on_packet", "runs", "softirqs stay on", ("scratch[0]", "counters[0]"), inferred=True),
    Pair("on_exec", "on_exec", "missed", "preemptible task", sure=False),
    Pair("on_packet", "on_exec", "apart", "it runs to its end"),
)


def programs(*findings: Finding, file: str = "a.bpf.o", unfollowed: tuple[tuple[str, str], ...] = ()) -> ProgramsResult:
    outcomes = [finding.outcome for finding in findings]
    worst = Outcome.VIOLATED if Outcome.VIOLATED in outcomes else Outcome.INCOMPLETE if outcomes else Outcome.HOLDS
    return ProgramsResult(
        file, "7.0", "full", "preemptible", "model", 3, 75, worst, findings, PAIRS, 4, 526, unfollowed,
        ignored=(Ignored(Defect.STUCK, 2),), command=f"ctxrace check {file}", replay=f"ctxrace replay {file}",
    )  # fmt: skip


HOSTILE = "a 'b' \"c\" </script><script>alert(1)</script> #;%0A::error \udcff\x1b[31m\n\u202e {{ 7*7 }}"
"""What a name may be."""


def hostile() -> ProgramsResult:
    named = Partner(HOSTILE, HOSTILE, "nmi"), Partner(HOSTILE, HOSTILE, "task")
    touch = Touch(Use.WRITES, HOSTILE, 0, 4, HOSTILE, 1)
    rows = (begins(1), begins(0), event(0, Source(HOSTILE, 1, HOSTILE), HOSTILE, touch))
    finding = Finding(
        Defect.UNMIXED, Outcome.VIOLATED, named, HOSTILE, ((0, 4),), ((HOSTILE, HOSTILE),), "interrupts", HOSTILE,
        HOSTILE, rows, 1, HOSTILE,
    )  # fmt: skip
    return programs(finding, file=HOSTILE, unfollowed=((HOSTILE, HOSTILE),))
