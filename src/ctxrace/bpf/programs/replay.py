"""Replay a finding: the same question about the same programs, and the steps that its schedule spells."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ctxrace.bpf.programs.check import Placed, meet, ways
from ctxrace.bpf.programs.findings import finding_of, question_mark
from ctxrace.bpf.programs.follow.operands import Code
from ctxrace.bpf.programs.meet.decide import Answer, system_of
from ctxrace.bpf.programs.meet.pair import Question, Topic, questions
from ctxrace.bpf.programs.request import Request
from ctxrace.bpf.programs.schedule import code_mark, labels_of
from ctxrace.bpf.programs.whole import find, placed_programs
from ctxrace.core.errors import ScenarioError
from ctxrace.core.meeting import Finding
from ctxrace.core.schedule import Schedule
from ctxrace.core.setting import Setting
from ctxrace.core.verdict import Outcome
from ctxrace.explore.expand import follow

__all__ = ["replay_finding"]


def replay_finding(path: Path, request: Request, schedule: Schedule) -> Finding:
    """Execute a schedule again, and return what it shows; its outcome is `HOLDS` where nothing breaks.

    Raises `ScenarioError` where the schedule was made for another object, other programs or another kernel, and
    `CtxraceError` where a step of it cannot happen.
    """
    found = placed_programs(request.load(path), request)
    mark = code_mark(found.code)
    if mark != schedule.code:
        raise ScenarioError(
            f"the schedule was made for other code than that of {path}: for {schedule.code}, not {mark}; was it built "
            "anew, or checked with another ", Setting("rodata"), " or ", Setting("assume_harmless"), "?"
        )
    for first, second, memory in find(found.programs, request):
        pair = found.programs[first], found.programs[second]
        for answer in _asked(found.code, pair) if memory else ():
            if question_mark(found.code, pair, answer) == schedule.scenario:
                return _run(found.code, pair, answer, schedule)
    raise ScenarioError(
        "the schedule is of no two programs that meet here: was it made with other options, or for another kernel?"
    )


def _asked(code: Code, programs: tuple[Placed, Placed]) -> Iterator[Answer]:
    """Yield every question about two programs, with its system, unanswered."""
    first, second = programs
    for combination in ways(first, second):
        meeting = meet(code, (first.graph, second.graph), combination.rules, other_task=combination.other_task)
        guards: set[Question] = set()
        for question in questions(meeting.shared):
            system = system_of(meeting, question, combination.rules)
            yield Answer(question, combination, Outcome.HOLDS, system=system)
            guards |= {
                Question(Topic.GUARD, cell.region, cell.low, cell.high, ((cell.low, cell.high),))
                for cell in system.watched.cells
            }
        for question in sorted(guards, key=repr):
            yield Answer(question, combination, Outcome.HOLDS, system=system_of(meeting, question, combination.rules))


def _run(code: Code, pair: tuple[Placed, Placed], answer: Answer, schedule: Schedule) -> Finding:
    assert answer.system is not None
    run = follow(answer.system, list(labels_of(schedule)))
    broken = [prop for _, step in run for prop in step.broken if prop.kind != "unsure"]
    side = int(broken[0].subjects[0]) if broken else 0
    shown = finding_of(code, pair, replace(answer, outcome=Outcome.VIOLATED, side=side, run=run), schedule.code)
    assert shown is not None
    return shown if broken else replace(shown, outcome=Outcome.HOLDS)
