"""The search with all its reductions against an explorer without any, on random small programs: both directions."""

import random

import pytest

from ctxrace.bpf.programs.check import meet
from ctxrace.bpf.programs.follow.alone import follow_alone
from ctxrace.bpf.programs.follow.operands import Code
from ctxrace.bpf.programs.follow.state import IRQ_OFF, PREEMPT_OFF
from ctxrace.bpf.programs.meet.decide import system_of
from ctxrace.bpf.programs.meet.pair import Topic, coarse_question, questions
from ctxrace.bpf.programs.meet.system import Arrival, Rules
from ctxrace.explore.search import search

from .brute import Found, Insn, explore, random_program, tiny_object

PREEMPTION = Arrival(between=True, counters=(PREEMPT_OFF, IRQ_OFF))
INTERRUPT = Arrival(between=True, counters=(IRQ_OFF,))
TASKS = Rules((PREEMPTION, PREEMPTION), (PREEMPTION, PREEMPTION))
NESTED = Rules((INTERRUPT, None), (None, None))


def searched(programs: tuple[list[Insn], list[Insn]], rules: Rules, *, whole: bool = False) -> Found:
    """What the search finds. whole: without slices, and with the other coming before every instruction."""
    code = Code(tiny_object(programs))
    graphs = follow_alone(code, "first", 0), follow_alone(code, "second", 0)
    meeting = meet(code, graphs, rules, other_task=rules is TASKS)
    mixed: set[tuple[int, int]] = set()
    lost: set[tuple[int, int]] = set()
    for question in questions(meeting.shared):
        found = search(system_of(meeting, question, rules, whole=whole))
        assert found.exhausted or len(found.runs) == 2
        for prop in found.runs:
            side = int(prop.subjects[0])
            if question.topic is Topic.UNMIXED:
                mixed.update((side, byte) for low, high in question.ranges for byte in range(low, high))
            else:
                lost.add((side, question.low))
    return Found(frozenset(mixed), frozenset(lost))


def surely_and_perhaps_mixed(
    programs: tuple[list[Insn], list[Insn]], rules: Rules
) -> tuple[set[int], set[int]]:  # fmt: skip
    """The bytes of which the search says that they are mixed, and of which it cannot tell."""
    code = Code(tiny_object(programs))
    graphs = follow_alone(code, "first", 0), follow_alone(code, "second", 0)
    meeting = meet(code, graphs, rules, other_task=rules is TASKS)
    surely: set[int] = set()
    perhaps: set[int] = set()
    for question in questions(meeting.shared):
        if question.topic is Topic.UNMIXED:
            found = search(system_of(meeting, question, rules))
            sure = any(prop.kind != "unsure" for prop in found.runs)
            where = surely if sure else perhaps if found.runs else set()
            where.update(byte for low, high in question.ranges for byte in range(low, high))
    return surely, perhaps


@pytest.mark.parametrize("rules", [TASKS, NESTED], ids=["tasks", "nested"])
def test_strings_of_unknown_length(rules: Rules) -> None:
    """What is said to be mixed is mixed, and what is mixed is said, or said not to be known."""
    choice = random.Random(99)
    unknown = 0
    for _ in range(40):
        programs = random_program(choice, 5, strings=True), random_program(choice, 5, strings=True)
        mixed = {byte for _, byte in explore(programs, preempts=rules is TASKS).mixed}
        surely, perhaps = surely_and_perhaps_mixed(programs, rules)
        assert surely <= mixed <= surely | perhaps, programs
        unknown += bool(perhaps)
    assert unknown < 10


def compare(seed: int, rules: Rules, pairs: int) -> None:
    choice = random.Random(seed)
    for _ in range(pairs):
        programs = random_program(choice, 6), random_program(choice, 6)
        assert searched(programs, rules) == explore(programs, preempts=rules is TASKS), programs


@pytest.mark.parametrize("rules", [TASKS, NESTED], ids=["tasks", "nested"])
@pytest.mark.parametrize("block", range(4))
def test_both_find_the_same(block: int, rules: Rules) -> None:
    compare(1000 + block, rules, 8)


@pytest.mark.slow
@pytest.mark.parametrize("rules", [TASKS, NESTED], ids=["tasks", "nested"])
@pytest.mark.parametrize("block", range(8))
def test_both_find_the_same_in_many_more(block: int, rules: Rules) -> None:
    compare(1000 + block, rules, 25)


@pytest.mark.parametrize("rules", [TASKS, NESTED], ids=["tasks", "nested"])
def test_the_reductions_change_nothing(rules: Rules) -> None:
    choice = random.Random(7)
    for _ in range(20):
        programs = random_program(choice, 5), random_program(choice, 5)
        assert searched(programs, rules) == searched(programs, rules, whole=True), programs


def test_the_random_programs_are_worth_comparing() -> None:
    """Of what block 0 compares, a part breaks each property and a part breaks nothing."""
    choice = random.Random(1000)
    found = [explore((random_program(choice, 6), random_program(choice, 6)), preempts=True) for _ in range(25)]
    mixed, lost, neither = (sum(map(bool, each)) for each in zip(*((*f, not any(f)) for f in found), strict=True))
    assert (mixed, lost, neither) == (9, 7, 12)


@pytest.mark.parametrize("rules", [TASKS, NESTED], ids=["tasks", "nested"])
def test_one_question_for_all_bytes_never_hides_one(rules: Rules) -> None:
    """Where the coarse question holds, every byte's own does; and it does hold for some that share bytes."""
    choice = random.Random(5)
    holding = 0
    for _ in range(60):
        programs = random_program(choice, 5, strings=True), random_program(choice, 5, strings=True)
        code = Code(tiny_object(programs))
        graphs = follow_alone(code, "first", 0), follow_alone(code, "second", 0)
        meeting = meet(code, graphs, rules, other_task=rules is TASKS)
        several = [question for question in questions(meeting.shared) if question.topic is Topic.UNMIXED]
        if several and not search(system_of(meeting, coarse_question(several), rules)).runs:
            holding += 1
            assert surely_and_perhaps_mixed(programs, rules) == (set(), set()), programs
    assert holding > 5
