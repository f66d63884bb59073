"""The budget of a command: what ends it, and that it ends everything below it."""

import io
import os
import resource
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from ctxrace.core import limits
from ctxrace.core.errors import LimitReached
from ctxrace.core.facts.stop import MemoryLimit, TimeLimit
from ctxrace.core.limits import Budget, current, default_memory, put_in_force, spend, within


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test may change."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_nothing_limits_by_default() -> None:
    assert current().remaining() is None
    assert current().exhausted() is None
    for _ in range(200):
        spend("waiting")


def test_time(clock: list[float]) -> None:
    budget = Budget(timeout=2)
    clock[0] += 1.5
    assert (budget.remaining(), budget.exhausted()) == (0.5, None)
    budget.spend("compiling")
    clock[0] += 0.5
    assert (budget.remaining(), budget.exhausted()) == (0, TimeLimit(2))
    with pytest.raises(LimitReached, match=r"^the timeout of 2 s is over while compiling race\.c$"):
        budget.spend("compiling race.c")
    with pytest.raises(LimitReached, match=r"^the timeout of 2 s is over$"):
        budget.spend()
    clock[0] += 5
    assert budget.remaining() == 0


def test_a_share_of_the_time(clock: list[float]) -> None:
    """It is told as the whole, whose time goes on."""
    whole = Budget(timeout=8)
    clock[0] += 2
    share = whole.share(0.25)
    assert share.remaining() == 1.5
    clock[0] += 1.5
    assert share.exhausted() == TimeLimit(8)
    assert (whole.remaining(), whole.exhausted()) == (4.5, None)
    assert Budget().share(0.5).remaining() is None


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "resident", lambda: 5 << 20)
    assert Budget(max_memory=5 << 20).exhausted() is None
    budget = Budget(max_memory=(5 << 20) - 1)
    assert budget.exhausted() == MemoryLimit((5 << 20) - 1)
    looks = 0
    with pytest.raises(LimitReached, match="4 MiB of memory is reached while lifting"):
        for looks in range(1, 1000):  # noqa: B007 - how many
            budget.spend("lifting")
    assert looks == 64


def test_a_budget_is_in_force_only_within(clock: list[float]) -> None:
    before = current()
    outer, inner = Budget(timeout=10), Budget(timeout=1)
    with within(outer) as one:
        assert current() is one is outer
        clock[0] += 3
        with pytest.raises(LimitReached), within(inner):
            spend()
        assert current() is outer
        spend()
    assert current() is before


def test_what_is_resident_is_measured() -> None:
    held = bytearray(b"x") * (64 << 20)
    assert limits.resident() > len(held)


@pytest.mark.parametrize(("cgroup", "pages", "expected"), [("max\n", 100, 300), ("200\n", 100, 150), ("900", 9, 27)])
def test_default_memory(
    cgroup: str, pages: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": pages, "SC_PAGE_SIZE": 4}.__getitem__)
    monkeypatch.setattr(Path, "read_text", lambda _path: cgroup)
    assert default_memory() == expected


def test_spending_names_the_phase_of_the_budget_in_force() -> None:
    with within(Budget(timeout=0)):
        with pytest.raises(LimitReached, match=r"^the timeout of 0 s is over while lifting$"):
            spend("lifting")
        with pytest.raises(LimitReached, match=r"^the timeout of 0 s is over$"):
            spend()


def test_resident_is_what_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(path: Path, mode: str) -> io.BytesIO:
        assert (str(path), mode) == ("/proc/self/statm", "rb")
        return io.BytesIO(text)

    monkeypatch.setattr(Path, "open", opened)
    monkeypatch.setattr(limits, "_peak", lambda: -1)
    text = b"900 7 3 1 0 5 0\n"
    assert limits.resident() == 7 * os.sysconf("SC_PAGE_SIZE")
    for text in (b"", b"900", b"x y"):  # noqa: B007 - `opened` reads it
        assert limits.resident() == -1


@pytest.mark.parametrize(("platform", "unit"), [("linux", 1024), ("darwin", 1)])
def test_the_peak_counts_where_nothing_else_is_known(
    platform: str, unit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def getrusage(who: int) -> SimpleNamespace:
        asked.append(who)
        return SimpleNamespace(ru_maxrss=500)

    monkeypatch.setattr(resource, "getrusage", getrusage)
    monkeypatch.setattr(sys, "platform", platform)
    assert limits._peak() == 500 * unit
    assert asked == [resource.RUSAGE_SELF]
    monkeypatch.setitem(sys.modules, "resource", None)
    assert limits._peak() == 0


@pytest.mark.parametrize("wrong", [AttributeError, OSError, ValueError])
def test_a_machine_that_does_not_tell_its_memory(wrong: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> object:
        raise wrong

    monkeypatch.setattr(os, "sysconf", fails)
    monkeypatch.setattr(Path, "read_text", lambda _path: "402")
    assert default_memory() == 301
    monkeypatch.setattr(Path, "read_text", fails if wrong is not AttributeError else lambda _path: "max")
    assert default_memory() is None


def test_a_budget_may_be_in_force_for_good() -> None:
    before, other = current(), Budget(timeout=5)
    try:
        put_in_force(other)
        assert current() is other
    finally:
        put_in_force(before)


def test_a_share_of_a_budget_has_all_of_its_memory() -> None:
    assert Budget(max_memory=1).share(0.5).exhausted() == MemoryLimit(1)
    assert Budget(timeout=1000, max_memory=1 << 60).share(0.5).max_memory == 1 << 60
