"""Pairs of programs that an agent's author writes, worked out by hand; 7.0, full preemption, two tasks."""

import pytest

from ctxrace.bpf.programs.rules.placement import Certainty
from ctxrace.core.verdict import Outcome

from .compiled import compiled
from .verdicts import answers, kernel

SCRATCH, STATES, GLOBAL, OF_CPU = "unmixed scratch", "lost update states", "lost update .bss", "lost update phash"


@pytest.mark.parametrize(
    ("first", "second", "wrong"),
    [
        ("stack_a", "stack_b", ""),  # an event on the stack is nobody else's
        ("elem_a", "elem_b", ""),  # two elements of one map
        ("part_a", "part_b", ""),  # the other writes only bytes that are not sent
        ("hash_a", "hash_b", STATES),  # random keys may be equal
        ("pid_a", "pid_b", ""),  # two tasks are two keys
        ("pid_a", "pid_p", STATES),  # a softirq has the key of the task below
        ("tgid_a", "tgid_b", STATES),  # two threads are one process
        ("max_a", "max_b", ""),  # compared and stored, but what is stored is not made of what was loaded
        ("last_a", "last_b", ""),  # stored without a look
        ("cas_a", "cas_b", ""),  # compared and exchanged, again if need be
        ("half_a", "half_b", SCRATCH),  # preemption is on again when it is sent
        ("one_a", "one_b", ""),  # and here it is not
        ("leak_a", "leak_b", ""),  # given back on every way out
        ("rel_a", "rel_b", SCRATCH),  # given back also by who did not take it
        ("upd_a", "upd_b", ""),  # stored by bpf_map_update_elem(), from the stack
        ("twice_a", "elem_b", SCRATCH),
        ("bit_a", "bit_b", GLOBAL),  # |= of one byte
        ("reserve_a", "stack_b", ""),
        ("ph_a", "ph_b", OF_CPU),  # one of them adds atomically, the other does not
        ("fld_a", "fld_b", ""),  # two members of one value
    ],
)
def test_a_pair(first: str, second: str, wrong: str) -> None:
    found = [
        each
        for each in answers(compiled("pairs"), first, second, kernel("7.0", "full"))
        if each.combination.certainty is not Certainty.POSSIBLE
    ]
    assert not [each for each in found if each.outcome is Outcome.INCOMPLETE]
    violated = [each.question for each in found if each.outcome is Outcome.VIOLATED]
    broken = {f"{question.topic} {question.region.name}" for question in violated}
    assert broken == ({wrong} if wrong else set())
