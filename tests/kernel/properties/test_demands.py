"""What each declared property demands, of a view that knows the answers."""

import pytest

from ctxrace.core.property import Property
from ctxrace.kernel.properties.demands import Balanced, Demand, Exclusive, Progress, Recovers, watched


class Seen:
    """A state of a CPU. Everything is as it should be, but for what a test says."""

    def __init__(self, **different: object) -> None:
        self.different = different

    def activations(self, body: str) -> int:
        assert body == "body"
        return int(str(self.different.get("activations", 1)))

    def unchanged(self, variable: str) -> bool:
        assert variable == "x"
        return bool(self.different.get("unchanged", True))

    def recovers(self, entry: str, body: str) -> bool:
        assert (entry, body) == ("entry", "body")
        return bool(self.different.get("recovers", True))

    def attempted(self, entry: str) -> bool:
        assert entry == "entry"
        return bool(self.different.get("attempted", True))

    def ran(self, body: str) -> bool:
        assert body == "body"
        return bool(self.different.get("ran", True))


EXCLUSIVE, BALANCED = Exclusive("exclusive", ("body",)), Balanced("balanced", ("x",))
RECOVERS, PROGRESS = Recovers("recovers", ("entry", "body")), Progress("progress", ("entry", "body"))
ALL: tuple[Demand, ...] = (EXCLUSIVE, BALANCED, RECOVERS, PROGRESS)


@pytest.mark.parametrize("demand", ALL, ids=str)
def test_it_holds_where_all_is_as_it_should_be(demand: Demand) -> None:
    assert demand.holds_when_entered("body", Seen())
    assert demand.holds_when_idle(Seen())


@pytest.mark.parametrize(("activations", "holds"), [(0, True), (1, True), (2, False), (3, False)])
def test_exclusive(activations: int, holds: bool) -> None:
    """Where its function begins, and nowhere else."""
    assert EXCLUSIVE.holds_when_entered("body", Seen(activations=activations)) is holds
    assert EXCLUSIVE.holds_when_entered("other", Seen(activations=activations))
    assert EXCLUSIVE.holds_when_idle(Seen(activations=activations))


def test_balanced() -> None:
    assert not BALANCED.holds_when_idle(Seen(unchanged=False))
    assert BALANCED.holds_when_entered("body", Seen(unchanged=False))


def test_recovers() -> None:
    assert not RECOVERS.holds_when_idle(Seen(recovers=False))
    assert RECOVERS.holds_when_entered("body", Seen(recovers=False))


@pytest.mark.parametrize(
    ("attempted", "ran", "holds"),
    [(True, True, True), (True, False, False), (False, True, True), (False, False, True)],
)
def test_progress(attempted: bool, ran: bool, holds: bool) -> None:
    """What was not attempted need not have run."""
    assert PROGRESS.holds_when_idle(Seen(attempted=attempted, ran=ran)) is holds
    assert PROGRESS.holds_when_entered("body", Seen(attempted=attempted, ran=ran))


def test_what_is_watched() -> None:
    """Each function once, in the order in which it was declared; nothing of what judges no function."""
    assert [demand.watches for demand in ALL] == [("body",), (), ("body",), ("body",)]
    other = Exclusive("exclusive", ("other",))
    assert watched((PROGRESS, BALANCED, Property("check"), other, EXCLUSIVE)) == ("body", "other")
    assert Demand("another").watches == ()
