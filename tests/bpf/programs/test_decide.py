"""Deciding in stages, and many questions by one run, against a search of every state for each question alone."""

import random
from typing import Any, cast

import pytest

from ctxrace.bpf.programs.check import meet
from ctxrace.bpf.programs.follow.alone import follow_alone
from ctxrace.bpf.programs.follow.operands import Code
from ctxrace.bpf.programs.meet.decide import Answer, Deciding, system_of
from ctxrace.bpf.programs.meet.encounters import Combination
from ctxrace.bpf.programs.meet.pair import Question, Topic, questions
from ctxrace.bpf.programs.meet.prepare import Meeting, prepare
from ctxrace.bpf.programs.meet.system import Rules
from ctxrace.core.facts.reason import BeginsOtherwise, ExtentUnknown
from ctxrace.core.verdict import Outcome
from ctxrace.explore.expand import follow
from ctxrace.explore.search import search
from ctxrace.explore.watch import Limits
from ctxrace.kernel.rules.contexts import Level

from .brute import Insn, explore, random_program, tiny_object
from .test_against_brute_force import NESTED, TASKS

Verdict = tuple[Question, int]
"""A question, and the program whose property is violated."""


def meeting_of(programs: tuple[list[Insn], list[Insn]], rules: Rules) -> Meeting:
    code = Code(tiny_object(programs))
    graphs = follow_alone(code, "first", 0), follow_alone(code, "second", 0)
    return meet(code, graphs, rules, other_task=rules is TASKS)


def deciding(meeting: Meeting, rules: Rules) -> Deciding:
    combination = Combination((Level.TASK, Level.TASK), cast("Any", ()), rules, rules is TASKS)
    return Deciding(meeting, combination, Limits(100_000), lambda question, bare: prepare(meeting, question, bare=bare))


def in_stages(meeting: Meeting, rules: Rules, before: list[Answer] | None = None) -> list[Answer]:
    several = list(questions(meeting.shared))
    mixed = [question for question in several if question.topic is Topic.UNMIXED]
    groups = [mixed, *([question] for question in several if question not in mixed)]
    found = []
    for group in filter(None, groups):
        known = [each for each in before or () if each.question in group]
        found += deciding(meeting, rules).answers(group, known)
    return found


def violated(answers: list[Answer]) -> set[Verdict]:
    return {
        (question, answer.side)
        for answer in answers
        if answer.outcome is Outcome.VIOLATED
        for question in (answer.question, *answer.also)
    }


def unknown_one_by_one(meeting: Meeting, rules: Rules) -> set[Question]:
    runs = {question: search(system_of(meeting, question, rules)).runs for question in questions(meeting.shared)}
    return {question for question, found in runs.items() if found and all(prop.kind == "unsure" for prop in found)}


def one_by_one(meeting: Meeting, rules: Rules) -> set[Verdict]:
    found = set()
    for question in questions(meeting.shared):
        runs = search(system_of(meeting, question, rules)).runs
        found |= {(question, int(prop.subjects[0])) for prop in runs if prop.kind != "unsure"}
    return found


def compare(seed: int, rules: Rules, pairs: int, *, strings: bool) -> int:
    """Compare so many random pairs; return in how many of them one run answers several questions."""
    choice = random.Random(seed)
    together = 0
    for _ in range(pairs):
        programs = random_program(choice, 6, strings=strings), random_program(choice, 6, strings=strings)
        meeting = meeting_of(programs, rules)
        answers = in_stages(meeting, rules)
        assert violated(answers) == one_by_one(meeting, rules), programs
        unknown = {answer.question for answer in answers if isinstance(answer.reason, ExtentUnknown)}
        assert unknown == unknown_one_by_one(meeting, rules), programs
        together += any(answer.also for answer in answers)
    return together


@pytest.mark.parametrize("rules", [TASKS, NESTED], ids=["tasks", "nested"])
@pytest.mark.parametrize("strings", [False, True])
def test_stages_change_no_verdict(rules: Rules, strings: bool) -> None:
    assert compare(31, rules, 40, strings=strings) >= (0 if strings else 2)


@pytest.mark.slow
@pytest.mark.parametrize("rules", [TASKS, NESTED], ids=["tasks", "nested"])
@pytest.mark.parametrize("strings", [False, True])
def test_stages_change_no_verdict_of_many_more(rules: Rules, strings: bool) -> None:
    assert compare(34, rules, 400, strings=strings) >= (0 if strings else 8)


@pytest.mark.parametrize("rules", [TASKS, NESTED], ids=["tasks", "nested"])
def test_what_is_shown_is_a_run_that_breaks_it(rules: Rules) -> None:
    choice = random.Random(32)
    shown = 0
    for _ in range(40):
        programs = random_program(choice, 6), random_program(choice, 6)
        for answer in in_stages(meeting_of(programs, rules), rules):
            if answer.outcome is Outcome.VIOLATED:
                assert answer.system is not None
                run = follow(answer.system, [step.label for _, step in answer.run])
                assert [int(prop.subjects[0]) for prop in run[-1][1].broken] == [answer.side]
                shown += 1
    assert shown > 15


def test_runs_of_interrupts_are_runs_of_tasks() -> None:
    """What is known of a nesting answers the same question between tasks, and nothing else changes."""
    choice = random.Random(33)
    handed_on = 0
    for _ in range(60):
        programs = random_program(choice, 6), random_program(choice, 6)
        if any(x.word == "off" for program in programs for x in program):
            continue  # keeps tasks away, and no interrupts
        meeting = meeting_of(programs, TASKS)
        nested = [each for each in in_stages(meeting, NESTED) if each.outcome is Outcome.VIOLATED]
        answers = in_stages(meeting, TASKS, nested)
        assert violated(answers) == one_by_one(meeting, TASKS), programs
        for each in answers:
            if each.outcome is Outcome.VIOLATED:
                assert each.system is not None
                assert follow(each.system, [step.label for _, step in each.run])[-1][1].broken
        handed_on += bool(nested)
    assert handed_on > 5


def begun_anyhow(rules: Rules, pairs: int) -> int:
    """Compare what holds with the explorer without reductions, begun with any memory; return how often that matters."""
    choice = random.Random(36)
    otherwise = 0
    for _ in range(pairs):
        programs = random_program(choice, 7), random_program(choice, 7)
        meeting = meeting_of(programs, rules)
        answers = in_stages(meeting, rules)
        found = explore(programs, preempts=rules is TASKS, anywhere=True)
        known = {each for answer in answers if answer.outcome is not Outcome.HOLDS
                 for each in (answer.question, *answer.also)}  # fmt: skip
        for question in questions(meeting.shared):
            asked = {byte for low, high in question.ranges for byte in range(low, high)}
            broken = found.mixed if question.topic is Topic.UNMIXED else found.lost
            assert question in known or asked.isdisjoint(byte for _, byte in broken), (programs, question)
        otherwise += any(isinstance(answer.reason, BeginsOtherwise) for answer in answers)
    return otherwise


@pytest.mark.slow
def test_what_holds_holds_from_every_beginning() -> None:
    assert begun_anyhow(TASKS, 50) == 1


@pytest.mark.slow
@pytest.mark.parametrize("rules", [TASKS, NESTED], ids=["tasks", "nested"])
def test_what_holds_holds_from_every_beginning_of_many_more(rules: Rules) -> None:
    assert begun_anyhow(rules, 250) == (3 if rules is TASKS else 2)
