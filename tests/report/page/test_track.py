"""Where contexts stand in each row, and what the script steps through."""

from dataclasses import replace

from hypothesis import given, settings

from ctxrace.core.interleaving import Access, Event, Interleaving
from ctxrace.core.turn import Cause, Turn, TurnKind
from ctxrace.report.page.steps import steps_of
from ctxrace.report.page.track import LANES, Arrow, Lane, tracked

from ..test_text import both_inside, nested, read, runs

W, R, A = Lane.WAITS, Lane.RUNS, Lane.AWAY


def test_a_switch_goes_from_lane_to_lane() -> None:
    lanes, rows = tracked(both_inside())
    assert lanes.names == ["task A", "task B"]
    assert [(row.before, row.after) for row in rows[:5]] == [
        ((A, A), (R, A)), ((R, A), (R, A)), ((R, A), (W, R)), ((W, R), (W, R)), ((W, R), (R, W)),
    ]  # fmt: skip
    assert [row.arrow for row in rows[:5]] == [
        Arrow(TurnKind.START, None, 0), None, Arrow(TurnKind.SWITCH, 0, 1), None, Arrow(TurnKind.SWITCH, 1, 0),
    ]  # fmt: skip
    assert [row.number for row in rows] == [1, 1, 2, 2, 3, 3, 4, 5, 5, 6]


def test_an_interrupt_runs_over_what_waits_and_ends() -> None:
    over = Turn(TurnKind.ARRIVAL, "nmi", Cause.NOTHING_MASKS, below="A")
    run = Interleaving(("A", "nmi"), (read("A", 23, "x", 0), over, read("nmi", 23, "x", 0),
                                      Turn(TurnKind.RETURN, "nmi", below="A"), Turn(TurnKind.FINISH, "A")))  # fmt: skip
    _, rows = tracked(run)
    assert [row.after for row in rows] == [(R, A), (W, R), (W, R), (R, A), (A, A)]
    assert rows[1].arrow == Arrow(TurnKind.ARRIVAL, 0, 1)
    assert rows[3].arrow == Arrow(TurnKind.RETURN, 1, 0)
    assert rows[4].arrow == Arrow(TurnKind.FINISH, 0, 0)


def test_many_contexts_share_the_last_lane() -> None:
    names = [f"T{n}" for n in range(20)]
    run = Interleaving(tuple(names), tuple(Event(name, n, f"i{n}") for n, name in enumerate(names)))
    lanes, rows = tracked(run)
    assert (len(lanes.names), lanes.names[-1]) == (LANES, "9 more")
    assert rows[-1].lane == LANES - 1


@settings(max_examples=80, deadline=None)
@given(runs)
def test_any_run_is_tracked_whole(run: Interleaving) -> None:
    lanes, rows = tracked(run)
    assert sum(row.events for row in rows) == len(run.events)
    for row in rows:
        assert len(row.before) == len(row.after) == len(lanes.names)
        assert row.arrow is None or {row.arrow.end, row.arrow.start} <= {*range(len(lanes.names)), None}
    facts = steps_of(run)
    assert len(facts["events"]) == len(run.events)
    used = [number for event in facts["events"] for number in event[2::2]]
    assert set(used) <= set(range(len(facts["places"]))) and len(facts["initial"]) == len(facts["places"])


def values(run: Interleaving) -> dict[str, str]:
    """What each place holds before the first event; ? where that is not known."""
    facts = steps_of(run)
    text = [*facts["texts"], "?"]
    return {text[name]: text[held] for name, held in zip(facts["places"], facts["initial"], strict=True)}


def byte(context: str, at: int, size: int, value: int, before: int | None = None) -> Event:
    name = f"x[{at}]" if size == 1 else "x"
    kind = "read" if before is None else "write"
    return Event(context, at, "i", accesses=(Access(kind, "x", at, size, value, before, name),))


def test_the_first_access_tells_what_was_there_before() -> None:
    assert values(Interleaving(("A",), (byte("A", 0, 1, 7, 3), byte("A", 1, 1, 5)))) == {"x[0]": "3", "x[1]": "5"}


def test_a_word_is_not_known_before_its_byte_was_written() -> None:
    run = Interleaving(("A",), (byte("A", 0, 1, 7, 3), byte("A", 0, 4, 7)))
    assert values(run) == {"x[0]": "3", "x": "?"}
    assert steps_of(run)["overlaps"] == [[1], [0]]
    assert values(replace(run, rows=run.rows[::-1])) == {"x": "7", "x[0]": "3"}


def test_each_task_has_its_own_preempt_count_and_an_interrupt_that_of_the_task_below() -> None:
    own = Access("write", "current", 16, 4, 1, 0, "preempt_count")
    rows = (
        Event("A", 0, "i", accesses=(own,)),
        Turn(TurnKind.ARRIVAL, "softirq", below="A"),
        Turn(TurnKind.ARRIVAL, "nmi", below="softirq"),
        Event("nmi", 0, "i", accesses=(own,)),
        Event("B", 0, "i", accesses=(own,)),
    )
    facts = steps_of(Interleaving(("A", "B", "softirq", "nmi"), rows))
    assert [facts["texts"][name] for name in facts["places"]] == ["task A's preempt_count", "task B's preempt_count"]
    assert [event[2] for event in facts["events"]] == [0, 0, 1]


def test_what_ends_is_told() -> None:
    facts = steps_of(nested())
    names = [facts["texts"][name] for name in facts["contexts"]]
    assert [(after, names[context]) for after, context in facts["ends"]] == [
        (6, "NMI"), (7, "hardirq"), (7, "softirq"), (7, "task B"),
    ]  # fmt: skip
