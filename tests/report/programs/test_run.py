"""The interleaving of a finding: who has the CPU, why, and what is known of values."""

from dataclasses import replace

from ctxrace.core.facts.defect import ProgramsMet
from ctxrace.core.interleaving import Interleaving, ValueKind
from ctxrace.core.meeting import Finding
from ctxrace.core.turn import Turn
from ctxrace.core.verdict import Outcome
from ctxrace.report.mail import render_interleaving_mail
from ctxrace.report.programs.run import run_of
from ctxrace.report.sentences.turn import turn_sentence
from ctxrace.report.stale import stale_writes

from .findings import EXEC, INTERRUPTED, NOT_SURE, PREEMPTED, SKIPPED, begins, ends, fills, resumes, sends


def drawn(finding: Finding) -> Interleaving:
    run = run_of(finding)
    assert run is not None
    return run


def turns(run: Interleaving) -> list[str]:
    return [turn_sentence(row) for row in run.rows if isinstance(row, Turn)]


def test_a_task_over_a_task() -> None:
    run = drawn(PREEMPTED)
    assert run.contexts == ("task on_exec", "task on_exit")
    assert turns(run) == [
        "task on_exec starts",
        "switch to task on_exit: task on_exec is preempted: preempt count 0, interrupts on; rule: preemptible task",
        "task on_exit finishes",
        "switch to task on_exec: task on_exit has finished",
        "task on_exec finishes",
    ]
    assert run.endings == (ProgramsMet(PREEMPTED.defect, "on_exec", "on_exit", "scratch[0]", ((0, 4), (8, 80))),)
    assert (run.switches, run.schedule) == (1, PREEMPTED.schedule)


def test_an_interrupt_over_a_task() -> None:
    run = drawn(INTERRUPTED)
    assert run.contexts == ("task on_exec", "softirq on_packet")
    assert turns(run) == [
        "task on_exec starts",
        "<softirq on_packet> arrives: over task on_exec; rule: softirqs stay on",
        "</softirq on_packet> returns: back to task on_exec",
    ]
    (stale,) = stale_writes(run)
    assert (stale.event, stale.context, stale.other_event) == (4, "task on_exec", 3)


def test_the_interrupt_is_the_one_that_goes_wrong() -> None:
    """Its own property is broken; it stands behind the task all the same."""
    rows = tuple(replace(row, who=1 - row.who) for row in INTERRUPTED.rows)
    run = drawn(replace(INTERRUPTED, programs=INTERRUPTED.programs[::-1], rows=rows))
    assert run.contexts == ("task on_exec", "softirq on_packet")
    assert run.rows == drawn(INTERRUPTED).rows


def test_a_program_that_the_kernel_skips() -> None:
    run = drawn(SKIPPED)
    assert run.contexts == ("task on_exec", "task on_exec (2)")
    assert turns(run)[1] == (
        "switch to task on_exec (2): task on_exec is preempted: preempt count 0, interrupts on; rule: preemptible "
        "task; the kernel skips it, as prog->active is held"
    )
    assert "/* the kernel skips it, as" in render_interleaving_mail(run)


def test_a_task_that_sleeps_and_one_that_begins_again() -> None:
    rows = (begins(0), begins(1), fills(1), resumes(0), fills(0), ends(0), begins(0), ends(0), resumes(1), sends(1))
    run = drawn(replace(PREEMPTED, how="runs while the first sleeps", rows=rows))
    assert turns(run) == [
        "task on_exec starts",
        "switch to task on_exit: task on_exec sleeps; rule: preemptible task",
        "switch to task on_exec",  # why it goes on before the other has finished is not among the facts
        "task on_exec finishes",
        "switch to task on_exec: task on_exec has finished",
        "task on_exec finishes",
        "switch to task on_exit: task on_exec has finished",
    ]


def test_numbers_that_are_not_known_and_places_that_may_differ() -> None:
    rows = (begins(0), fills(0), fills(0, 7), fills(0, 7, "users[key]"), sends(0, "users[key]"))
    events = drawn(replace(PREEMPTED, rows=rows)).events
    unknown, known, *keyed = events
    assert [(one.value, one.value_kind) for one in (*unknown.accesses, *known.accesses)] == [
        (0, ValueKind.UNKNOWN),
        (7, ValueKind.UNSIGNED),
    ]
    assert [one.accesses for one in keyed] == [(), ()]  # of another key it is other memory
    assert [str(note) for one in keyed for note in one.notes] == ["writes users[key].type", "sends users[key] 80"]
    met = drawn(replace(PREEMPTED, rows=rows, memory="users[key]"))
    assert len(met.events[2].accesses) == 1  # there they have met


def test_what_is_not_known_has_no_ending_or_no_run() -> None:
    assert run_of(NOT_SURE) is None
    assert drawn(replace(PREEMPTED, outcome=Outcome.INCOMPLETE)).endings == ()
    assert EXEC.level == "task"
