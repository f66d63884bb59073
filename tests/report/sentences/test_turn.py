"""Turns as sentences: each cause, and what stands beside it."""

import pytest

from ctxrace.core.note import Note, NoteKind
from ctxrace.core.turn import IDLE_TASK, Cause, Turn, TurnKind
from ctxrace.report.sentences.turn import turn_sentence

SWITCH = TurnKind.SWITCH


@pytest.mark.parametrize(
    ("turn", "sentence"),
    [
        (Turn(TurnKind.START, "A", Cause.CPU_IDLE, entry="f"), "A starts: the CPU is idle; runs f"),
        (Turn(SWITCH, "B", Cause.FINISHED, "A"), "switch to B: task A has finished"),
        (Turn(SWITCH, "B", Cause.NOTHING_ELSE), "switch to B: the CPU has nothing else to do"),
        (Turn(SWITCH, "B", Cause.SLEEPS, "A", "schedule"), "switch to B: task A sleeps, in schedule()"),
        (Turn(SWITCH, "B", Cause.PREEMPTED, "A"), "switch to B: task A is preempted: preempt count 0, interrupts on"),
        (Turn(SWITCH, "B", Cause.PREEMPTED, "A", "cond_resched"),
         "switch to B: task A is preempted in cond_resched(): preempt count 0, interrupts on"),
        (Turn(SWITCH, "B", Cause.PREEMPTED, "A", entry="f", first_event=False),
         "switch to B: task A is preempted; begins f"),
        (Turn(SWITCH, "A", Cause.PREEMPTED_FIRST, "B"), "switch to A: task B is preempted before its first event"),
        (Turn(SWITCH, "A", Cause.PREEMPTED, "B", cpu=1, came_from=0),
         "switch to A: on CPU 1; task B is preempted: preempt count 0, interrupts on; it migrates from CPU 0"),
        (Turn(SWITCH, IDLE_TASK, Cause.SLEEPS, "A", "schedule", cpu=0),
         "switch to idle: on CPU 0; task A sleeps, in schedule(), to be moved away"),
        (Turn(SWITCH, "B", Cause.PREEMPTED, "softirq2"),
         "switch to B: softirq2 is preempted: preempt count 0, interrupts on"),
        (Turn(TurnKind.ARRIVAL, "nmi", Cause.NOTHING_MASKS, entry="f", below="A"),
         "<NMI> arrives: nothing masks an NMI; over task A, runs f"),
        (Turn(TurnKind.ARRIVAL, "nmi/1", Cause.NOTHING_MASKS, entry="f", below="hardirq/1", accounted=False),
         "<NMI/1> arrives: nothing masks an NMI; over hardirq/1, the preempt count does not say so, runs f"),
        (Turn(TurnKind.RETURN, "hardirq", below=IDLE_TASK), "</hardirq> returns: back to the idle task"),
        (Turn(TurnKind.FINISH, "A", notes=(Note(NoteKind.IS_STEP, "4"),)), "A finishes: ← step 4"),
        (Turn(TurnKind.BETWEEN, "A", notes=(Note(NoteKind.CALLED, "f"),)), "A: calls f"),
        (Turn(TurnKind.BETWEEN, "A", notes=(Note(NoteKind.RETURNED, "f", "0"),)), "A: f returns 0"),
    ],
)  # fmt: skip
def test_sentences(turn: Turn, sentence: str) -> None:
    assert turn_sentence(turn) == sentence


def test_a_return_names_the_context_that_goes_on_where_the_turn_does_not() -> None:
    assert turn_sentence(Turn(TurnKind.RETURN, "nmi"), "A") == "</NMI> returns to A"
