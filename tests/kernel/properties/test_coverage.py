"""What every kernel demands, and what a check shows to happen: which kind each is, and what it says."""

from collections.abc import Callable
from functools import partial

import pytest

from ctxrace.core.property import Expectation, Property
from ctxrace.kernel.properties.coverage import Arrives, Begins, Finishes, Runs, arrives, begins, finishes, runs
from ctxrace.kernel.properties.hang import HANG, Hang
from ctxrace.kernel.properties.invariants import CHECK, ENDS, FAULT, RESTORED, SLEEP


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (runs, Runs("runs", ("e",), "e runs in some interleaving")),
        (begins, Begins("begins", ("e",), "some task begins e")),
        (partial(arrives, "nmi"), Arrives("arrives", ("nmi", "e"), "some nmi arrives and begins e")),
        (finishes, Finishes("finishes", ("e",), "e returns in some interleaving")),
    ],
)
def test_what_should_happen_in_some_interleaving(make: Callable[[str], Property], expected: Property) -> None:
    made = make("e")
    assert made == expected
    assert made.expectation is Expectation.SOMETIMES


def test_no_hang_is_asked_of_what_is_possible() -> None:
    assert type(HANG) is Hang
    assert (HANG.kind, HANG.subjects, str(HANG)) == ("hang", (), "no hang")
    assert HANG.expectation is Expectation.ALWAYS_POSSIBLE


def test_what_every_kernel_demands_of_each_step() -> None:
    assert [str(prop) for prop in (CHECK, FAULT, RESTORED, SLEEP)] == ["check", "fault", "restored", "sleep"]
    assert all(prop.expectation is Expectation.ALWAYS for prop in (CHECK, *ENDS))


def test_after_a_failed_check_a_run_goes_on() -> None:
    assert {FAULT, RESTORED, SLEEP} == ENDS
