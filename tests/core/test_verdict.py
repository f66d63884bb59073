"""What a check says, and that it never says more than its verdicts."""

from dataclasses import FrozenInstanceError, fields, replace
from itertools import permutations

import pytest

from ctxrace.core.ending import BodyOverlaps
from ctxrace.core.facts.reason import OnlyIfSequential, SearchEnded
from ctxrace.core.facts.remark import NeverArrives, Remark
from ctxrace.core.facts.stop import StateLimit
from ctxrace.core.interleaving import Event, Interleaving
from ctxrace.core.property import Property
from ctxrace.core.setup import Setup
from ctxrace.core.turn import Turn, TurnKind
from ctxrace.core.verdict import Outcome, Result, Verdict

EXCLUSIVE = Property("exclusive", ("body",))
STEP = Event("A", 0, "nop")
RUN = Interleaving(("A", "B"), (STEP, Turn(TurnKind.SWITCH, "B"), STEP), (BodyOverlaps("body", 2),), 1)

HOLDS = Verdict(EXCLUSIVE, Outcome.HOLDS, 12345, 45678, 1.5)
VIOLATED = Verdict(EXCLUSIVE, Outcome.VIOLATED, 96, 288, 0.25, RUN)
INCOMPLETE = Verdict(EXCLUSIVE, Outcome.INCOMPLETE, 1000, 2000, 0.5, reason=SearchEnded(StateLimit(1000)))


def result(*verdicts: Verdict, notes: tuple[Remark, ...] = ()) -> Result:
    return Result(Setup("guard.c", "arm64", "clang -O2", "full", 2, ("nmi",)), verdicts, "ctxrace check guard.c", notes)


def test_holds() -> None:
    assert str(HOLDS) == "exclusive(body): holds (12,345 states, 45,678 transitions)"


def test_incomplete() -> None:
    assert str(INCOMPLETE) == (
        "exclusive(body): incomplete, search ended: state limit: 1000 (1,000 states, 2,000 transitions)"
    )


def test_violated() -> None:
    assert str(VIOLATED) == (
        "exclusive(body): violated (1 switch, 2 events; 96 states, 288 transitions)\n"
        "A: nop\n--- switch B\nA: nop\n=> body overlaps: body, 2"
    )


@pytest.mark.parametrize(
    ("switches", "events", "text"),
    [(0, 1, "(0 switches, 1 event; "), (1, 0, "(1 switch, 0 events; "), (2, 3, "(2 switches, 3 events; ")],
)
def test_one_and_many(switches: int, events: int, text: str) -> None:
    assert text in str(replace(VIOLATED, interleaving=Interleaving(("A",), (STEP,) * events, (), switches)))


def test_violated_without_a_run_to_show() -> None:
    assert str(replace(VIOLATED, interleaving=None)) == "exclusive(body): violated (96 states, 288 transitions)"


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        ((HOLDS,), Outcome.HOLDS),
        ((HOLDS, HOLDS), Outcome.HOLDS),
        ((HOLDS, INCOMPLETE), Outcome.INCOMPLETE),
        ((HOLDS, VIOLATED), Outcome.VIOLATED),
        ((INCOMPLETE, VIOLATED), Outcome.VIOLATED),
        ((HOLDS, INCOMPLETE, VIOLATED), Outcome.VIOLATED),
    ],
)
def test_outcome_is_the_worst_in_any_order(verdicts: tuple[Verdict, ...], worst: Outcome) -> None:
    for order in permutations(verdicts):
        assert result(*order).outcome is worst


def test_incomplete_without_a_reason() -> None:
    assert str(replace(INCOMPLETE, reason=None)) == "exclusive(body): incomplete (1,000 states, 2,000 transitions)"


DOUBTED = replace(HOLDS, outcome=Outcome.INCOMPLETE, reason=OnlyIfSequential())


@pytest.mark.parametrize(
    ("hang", "strictly"), [(None, None), (HOLDS, DOUBTED), (VIOLATED, VIOLATED), (INCOMPLETE, INCOMPLETE)]
)
def test_strictly_nothing_holds_on_several_cpus(hang: Verdict | None, strictly: Verdict | None) -> None:
    """What was proved is proved for sequentially consistent memory; what is violated stays so."""
    one = replace(result(HOLDS, VIOLATED, INCOMPLETE, HOLDS), hang=hang)
    assert one.strictly() == one
    for cpus in (2, 3):
        several = replace(one, setup=replace(one.setup, cpus=cpus))
        judged = (DOUBTED, VIOLATED, INCOMPLETE, DOUBTED)
        assert several.strictly() == replace(several, verdicts=judged, hang=strictly)
    assert (DOUBTED.states, DOUBTED.transitions, DOUBTED.seconds) == (12345, 45678, 1.5)


def test_the_verdict_about_hangs_is_judged_once() -> None:
    hang = replace(HOLDS, property=Property("hang"))
    assert result(HOLDS).judged == (HOLDS,)
    assert replace(result(HOLDS), hang=hang).judged == (HOLDS, hang)
    assert replace(result(hang, HOLDS), hang=hang).judged == (hang, HOLDS)


def test_nothing_judged_does_not_hold() -> None:
    assert result().outcome is Outcome.INCOMPLETE
    assert str(result()) == "guard.c: incomplete"


def test_result() -> None:
    assert str(result(HOLDS, INCOMPLETE, notes=(NeverArrives("nmi"),))).split("\n") == [
        "guard.c: incomplete",
        str(HOLDS),
        str(INCOMPLETE),
        "never arrives: nmi",
    ]


def test_outcomes_read_as_words() -> None:
    assert [str(outcome) for outcome in Outcome] == ["holds", "violated", "incomplete"]


@pytest.mark.parametrize("value", [HOLDS, VIOLATED, result(HOLDS)], ids=["verdict", "violated", "result"])
def test_cannot_be_changed(value: Verdict | Result) -> None:
    for field in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, getattr(value, field.name))
