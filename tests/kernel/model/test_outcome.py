"""What a step did: its writes, where its outcome is found again, and what its context begins with."""

import pytest

from ctxrace.kernel.model.outcome import Outcome, Role, Tree
from ctxrace.kernel.rules.contexts import Level
from ctxrace.machine.memory import Read, RegionKind, Write

SHARED, OWN = RegionKind.SHARED, RegionKind.OWN


def test_the_writes_of_a_kind_are_applied_in_order() -> None:
    writes = (Write(SHARED, 2, b"abc"), Write(OWN, 0, b"x"), Write(SHARED, 4, b"de"), Write(OWN, 7, b"y"))
    outcome = Outcome(0, False, False, writes, 0, (), ())
    assert outcome.apply(b"01234567", SHARED) == b"01abde67"
    assert outcome.apply(b"01234567", OWN) == b"x123456y"
    assert outcome.apply(b"01234567", RegionKind.STACK) == b"01234567"


@pytest.mark.parametrize(
    ("level", "window", "accounting", "masked"),
    [
        (Level.TASK, False, 0, False),
        (Level.SOFTIRQ, False, 0x100, False),
        (Level.HARDIRQ, False, 0x10000, True),
        (Level.NMI, False, 0x110000, True),
        (Level.SOFTIRQ, True, 0, True),
        (Level.HARDIRQ, True, 0, True),
        (Level.NMI, True, 0, True),
    ],
)
def test_what_a_context_begins_with(level: Level, window: bool, accounting: int, masked: bool) -> None:
    """In the window the preempt count does not say what it is, and interrupts are off."""
    role = Role(level, "entry", window)
    assert (role.accounting, role.masked) == (accounting, masked)


def read(kind: RegionKind, offset: int, value: bytes) -> Read:
    return Read(kind, offset, len(value), value)


def test_a_step_that_reads_nothing_does_the_same_everywhere() -> None:
    tree = Tree[str]()
    assert tree.find(b"", b"") is None
    assert list(tree.leaves()) == []
    tree.insert([], "leaf")
    assert tree.find(b"any", b"") == "leaf"
    assert list(tree.leaves()) == ["leaf"]


def test_what_a_step_does_is_found_by_what_it_reads() -> None:
    """What it reads second, and of which memory, depends on what it read first."""
    tree = Tree[str]()
    tree.insert([read(SHARED, 1, b"a"), read(OWN, 0, b"xy")], "one")
    tree.insert([read(SHARED, 1, b"a"), read(OWN, 0, b"xz")], "two")
    tree.insert([read(SHARED, 1, b"b"), read(SHARED, 3, b"c"), read(OWN, 1, b"z")], "three")
    tree.insert([read(SHARED, 1, b"c")], "four")
    assert tree.find(b"_a__", b"xy") == "one"
    assert tree.find(b"_a_c", b"xz_") == "two"
    assert tree.find(b"_b_c", b"xz") == "three"
    assert tree.find(b"cc_c", b"__") == "four"
    for shared, own in ((b"_a__", b"xx"), (b"_b__", b"xz"), (b"_b_c", b"xy"), (b"_d__", b"xy"), (b"a___", b"xy")):
        assert tree.find(shared, own) is None
    assert sorted(tree.leaves()) == ["four", "one", "three", "two"]


def test_what_a_step_reads_twice_it_reads_in_order() -> None:
    tree = Tree[int]()
    tree.insert([read(SHARED, 0, b"a"), read(SHARED, 0, b"ab")], 1)
    tree.insert([read(SHARED, 0, b"a"), read(SHARED, 0, b"ac")], 2)
    assert (tree.find(b"ab", b""), tree.find(b"ac", b""), tree.find(b"ad", b"")) == (1, 2, None)
