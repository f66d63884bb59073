"""From answers about pairs of programs to findings: one for each cause, with what would close it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ctxrace.bpf.programs.check import Placed, stuck
from ctxrace.bpf.programs.follow.operands import Code
from ctxrace.bpf.programs.meet.decide import Answer
from ctxrace.bpf.programs.meet.pair import Topic
from ctxrace.bpf.programs.meet.system import Label
from ctxrace.bpf.programs.meet.telling import memory_name, tell
from ctxrace.bpf.programs.rules.meeting import Encounter, How, Meeting
from ctxrace.bpf.programs.rules.placement import Certainty
from ctxrace.bpf.programs.schedule import fingerprint, region_mark, schedule_of
from ctxrace.core.facts.reason import BeginsOtherwise, Reason
from ctxrace.core.meeting import Defect, Finding, Happening, Moment, Partner, Remedy
from ctxrace.core.verdict import Outcome

__all__ = ["finding_of", "grouped", "missed", "question_mark"]

_DEFECTS = {Topic.UNMIXED: Defect.UNMIXED, Topic.LOST_UPDATE: Defect.LOST_UPDATE, Topic.GUARD: Defect.LEAKED}


def question_mark(code: Code, programs: tuple[Placed, Placed], answer: Answer) -> str:
    """Return the fingerprint of what was asked: the programs, where they run, the bytes."""
    question, levels = answer.question, answer.combination.levels
    names = tuple(each.function.name for each in programs)
    region = region_mark(code, question.region)
    return fingerprint(names, tuple(map(int, levels)), question.topic.value, region, question.ranges)


def finding_of(code: Code, programs: tuple[Placed, Placed], answer: Answer, mark: str) -> Finding | None:
    """Return what an answer says; None where all is well. mark: the fingerprint of the code."""
    if answer.outcome is Outcome.HOLDS:
        return None
    encounter = _encounter(answer)
    side = answer.side
    partners = tuple(_partner(programs[each], answer, each) for each in (side, 1 - side))
    sure = answer.combination.certainty is not Certainty.POSSIBLE
    defect = _DEFECTS[answer.question.topic]
    if answer.outcome is Outcome.VIOLATED and defect is Defect.LEAKED and stuck(answer):
        defect = Defect.STUCK
    schedule = ""
    rows: tuple[Happening, ...] = ()
    if answer.run and answer.system is not None:
        rows = tuple(replace(row, who=row.who ^ side) for row in tell(answer.system, answer.run))
        if not isinstance(answer.reason, BeginsOtherwise):  # from where replay does not begin
            schedule = schedule_of(mark, question_mark(code, programs, answer), answer.run)
    remedies = _remedies(defect, encounter.how)
    return Finding(
        defect,
        answer.outcome if sure else Outcome.INCOMPLETE,
        (partners[0], partners[1]),
        memory_name(answer.question.region),
        tuple(span for each in (answer.question, *answer.also) for span in each.ranges),
        (),
        encounter.how.value,
        encounter.rule.value,
        "",
        rows,
        sum(step.switches for _, step in answer.run),
        schedule,
        remedies,
        tuple(each for each in _candidates(defect) if each not in remedies),
        sure,
        answer.reason,
    )


def _partner(program: Placed, answer: Answer, side: int) -> Partner:
    level = answer.combination.levels[side]
    return Partner(program.function.name, program.placement.section.name, str(level))


def _encounter(answer: Answer) -> Encounter:
    """Return how the second program of the run got the CPU."""
    for _, step in answer.run:
        label = step.label
        assert isinstance(label, Label)
        if label.action == "start" and step.switches:
            return answer.combination.encounters[1 - label.side]
    first, second = answer.combination.encounters
    return first if first.runs else second


def _candidates(defect: Defect) -> tuple[Remedy, ...]:
    match defect:
        case Defect.UNMIXED:
            return (Remedy.BUFFER_PER_CONTEXT, Remedy.TASK_STORAGE, Remedy.PREEMPT_DISABLE, Remedy.CLAIM)
        case Defect.LOST_UPDATE | Defect.LEAKED | Defect.STUCK:
            return (Remedy.ATOMIC, Remedy.PREEMPT_DISABLE)
        case Defect.MISSED:
            return (Remedy.PREEMPT_DISABLE,)


def _remedies(defect: Defect, how: How) -> tuple[Remedy, ...]:
    """Return what would close a finding: another task is stopped by other means than an interrupt."""
    between_tasks = {Remedy.TASK_STORAGE, Remedy.PREEMPT_DISABLE, Remedy.CLAIM, Remedy.ATOMIC}
    nested = {Remedy.BUFFER_PER_CONTEXT, Remedy.CLAIM, Remedy.ATOMIC}
    if defect is Defect.MISSED:
        return ()  # preemption is switched off only when the guard has been taken
    closing = nested if how is How.INTERRUPTS else between_tasks
    return tuple(each for each in _candidates(defect) if each in closing)


def missed(first: Placed, second: Placed, meeting: Meeting) -> Iterator[Finding]:
    """Yield how the kernel skips the second program while the first holds the guard of both."""
    found = sorted(meeting.missed, key=lambda encounter: -encounter.certainty)
    for encounter in found[:1]:
        sure = encounter.certainty is not Certainty.POSSIBLE
        yield Finding(
            Defect.MISSED,
            Outcome.VIOLATED if sure else Outcome.INCOMPLETE,
            (
                Partner(second.function.name, second.placement.section.name, str(encounter.by)),
                Partner(first.function.name, first.placement.section.name, str(encounter.over)),
            ),
            how=encounter.how.value,
            rule=encounter.rule.value,
            guard=meeting.guard.value,
            rows=(Happening(Moment.BEGINS, 1), Happening(Moment.SKIPPED, 0)),
            switches=1,
            useless=(Remedy.PREEMPT_DISABLE,),
            sure=sure,
        )


@dataclass(frozen=True)
class _Cause:
    """What findings have in common that one change would close."""

    defect: Defect
    outcome: Outcome
    memory: str
    how: str
    rule: str
    guard: str
    sure: bool
    reason: Reason | None


def grouped(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return one finding for each cause, the worst first: its shortest run, and the pairs that it also breaks."""
    causes: dict[_Cause, list[Finding]] = {}
    for each in findings:
        cause = _Cause(each.defect, each.outcome, each.memory, each.how, each.rule, each.guard, each.sure, each.reason)
        causes.setdefault(cause, []).append(each)
    return tuple(sorted((_one(group) for group in causes.values()), key=_order))


def _order(finding: Finding) -> tuple[int, int, int, str]:
    defects = list(Defect)
    return finding.outcome is not Outcome.VIOLATED, defects.index(finding.defect), finding.switches, finding.memory


def _one(group: Sequence[Finding]) -> Finding:
    best = min(group, key=lambda each: (each.switches, len(each.rows)))
    names = [partner.name for partner in best.programs]
    same = [each for each in group if [partner.name for partner in each.programs] == names]
    others = dict.fromkeys((each.programs[0].name, each.programs[1].name) for each in group if each not in same)
    return replace(best, ranges=_joined(r for each in same for r in each.ranges), also=tuple(others))


def _joined(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for low, high in sorted(set(ranges)):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(high, found[-1][1])
        else:
            found.append((low, high))
    return tuple(found)
