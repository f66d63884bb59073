"""Memory with counters: what is read of them, what may be written where, and what of a flow is kept for all drifts."""

from typing import Literal

import pytest

from ctxrace.core.errors import ExecutionError
from ctxrace.core.facts.fault import FaultKind, MachineFault
from ctxrace.machine.drift.memory import Counter, Counters, DriftingMemory
from ctxrace.machine.drift.number import Drifting, DriftObserved, Mark
from ctxrace.machine.flow import Flow
from ctxrace.machine.memory import Fault, NotPrivate, Region, RegionKind, Split

REGIONS = [
    Region(0x2020, 4, RegionKind.STATISTIC, 0, "hits"),
    Region(0x2028, 4, RegionKind.STATISTIC, 4, "declared"),
    Region(0x2000, 64, RegionKind.SHARED, 0, "variables"),
    Region(0x3000, 16, RegionKind.OWN, 0, "task_struct"),
    Region(0x4000, 64, RegionKind.STACK, 0, "the stack"),
]
HEAD = Counter("head", range(0x2000, 0x2004), 0, 0, 2)
TAIL = Counter("tail", range(0x2004, 0x2008), 1, 0, 2)
OTHER = Counter("other", range(0x2008, 0x200C), 2, 1, 0)
PAGES = Counter("pages", range(0x2018, 0x201C), 4, 2, 8)
COUNTERS = Counters((HEAD, TAIL, OTHER, PAGES), {"hits": 3})


def memory(byte_order: Literal["little", "big"] = "little") -> DriftingMemory:
    """Shared bytes count up from 0."""
    blobs = (b"abcdefgh", bytes(range(64)), bytes(16), bytes(64))
    bus = DriftingMemory(REGIONS, *blobs, frozenset(), frozenset(), byte_order, COUNTERS)
    event(bus)
    return bus


def event(bus: DriftingMemory) -> None:
    bus.begin(private=False, atomic=True)


def facts(number: int) -> tuple[int, ...]:
    assert type(number) is Drifting
    return number.plain, number.unsure, number.counters, number.group, number.width


def test_a_counter_drifts_but_for_its_fixed_bits() -> None:
    bus = memory()
    assert facts(bus.load(0x2000, 4)) == (0x03020100, 0xFFFFFFFC, 1, 0, 4)
    assert facts(bus.load(0x2004, 1)) == (0x04, 0xFC, 2, 0, 1)  # its lowest byte
    assert facts(bus.load(0x2006, 2)) == (0x0706, 0xFFFF, 2, 0, 0)  # its highest bytes, to which a carry goes
    assert facts(bus.load(0x2008, 4)) == (0x0B0A0908, 0xFFFFFFFF, 4, 1, 4)
    assert type(bus.load(0x200C, 4)) is int
    assert facts(bus.load(0x2020, 4)) == (0x64636261, 0xFFFFFFFF, 8, 0, 0)
    assert bus.load(0x2028, 4) == 0x68676665


@pytest.mark.parametrize(
    ("address", "size", "counters"), [(0x2000, 8, 1), (0x2006, 4, 2), (0x201E, 4, 8), (0x2022, 4, 8)]
)
def test_a_counter_is_accessed_alone(address: int, size: int, counters: int) -> None:
    bus = memory()
    with pytest.raises(DriftObserved) as seen:
        bus.load(address, size)
    assert seen.value.counters == counters
    with pytest.raises(DriftObserved) as seen:
        bus.store(address, size, 0)
    assert seen.value.counters == counters


def test_a_counter_is_overwritten_by_what_drifts_with_it() -> None:
    bus = memory()
    bus.store(0x2004, 4, bus.load(0x2000, 4) + 1)
    assert facts(bus.load(0x2004, 4)) == (0x03020101, 0xFFFFFFFC, 2, 0, 4)


@pytest.mark.parametrize(
    ("size", "value", "counters", "reset"),
    [
        (4, (0, 0, 0), 1, True),
        (4, (4, 1, 4), 5, False),  # of another group
        (4, (2, 0, 2), 3, True),  # only its lowest bytes drift
        (4, (2, 0, 0), 3, True),
        (2, (2, 0, 2), 3, True),  # half of the counter
    ],
)
def test_a_counter_is_not_overwritten_by_anything_else(
    size: int, value: tuple[int, int, int], counters: int, reset: bool
) -> None:
    with pytest.raises(DriftObserved) as seen:
        memory().store(0x2000, size, Drifting(5, 0xFFFFFFFF, *value) if any(value) else 5)
    assert (seen.value.counters, seen.value.reset, seen.value.spread) == (counters, reset, None)


def test_what_drifts_gets_nowhere_else() -> None:
    bus = memory()
    with pytest.raises(DriftObserved) as seen:
        bus.store(0x2010, 4, bus.load(0x2000, 4))
    assert (seen.value.counters, seen.value.spread) == (1, range(0x2010, 0x2014))
    with pytest.raises(DriftObserved) as seen:
        bus.store(0x3000, 4, bus.load(0x2000, 4))
    assert seen.value.spread is None
    bus.store(0x2010, 4, bus.load(0x2000, 4) & 3)  # its fixed bits do
    bus.store(0x2014, 4, (bus.load(0x2000, 4) - bus.load(0x2004, 4)) & 0xFFFFFFFF)  # and differences
    bus.store(0x2020, 4, bus.load(0x2000, 4))
    bus.store(0x2028, 4, bus.load(0x2000, 4))


def test_an_address_does_not_drift() -> None:
    head = memory().load(0x2000, 4)
    bus = memory()
    for use in (lambda: bus.load(head, 1), lambda: bus.store(head, 1, 0), lambda: bus.arm_monitor(head, 8),
                lambda: bus.pass_monitor(head), lambda: bus.return_address(head)):  # fmt: skip
        with pytest.raises(DriftObserved) as seen:
            use()
        assert seen.value.counters == 1


def test_an_instruction_that_is_half_done_holds_nothing_that_drifts() -> None:
    bus = memory()
    bus.begin(private=False)
    tail = bus.load(0x2004, 4)
    with pytest.raises(DriftObserved) as seen:
        bus.load(0x2000, 4)
    assert seen.value.counters == 2
    bus.begin(private=False)
    bus.store(0x2004, 4, tail)
    with pytest.raises(DriftObserved) as seen:
        bus.load(0x2010, 4)
    assert seen.value.counters == 2
    bus.begin(private=False)
    bus.load(0x2010, 4)
    with pytest.raises(Split):
        bus.load(0x2014, 4)


def test_the_stack_keeps_what_drifts() -> None:
    bus = memory()
    head = bus.load(0x2000, 4)
    bus.store(0x4010, 8, head)
    assert facts(bus.load(0x4010, 8)) == facts(head)
    assert facts(bus.load(0x4010, 2)) == (0x0100, 0xFFFC, 1, 0, 2)
    assert facts(bus.load(0x4012, 2)) == (0x0302, 0xFFFF, 1, 0, 0)
    assert type(bus.load(0x4014, 4)) is int
    bus.store(0x4012, 1, 7)
    assert facts(bus.load(0x4010, 4)) == (0x03070100, 0xFF00FFFC, 1, 0, 2)
    with pytest.raises(DriftObserved):
        bus.return_address(0x4010)
    bus.store(0x4010, 4, 0)
    assert type(bus.load(0x4010, 8)) is int


def test_a_flow_is_the_same_for_all_drifts_and_comes_back() -> None:
    bus = memory()
    head = bus.load(0x2000, 4)
    bus.store(0x4030, 4, head)
    bus.store(0x4034, 4, head >> 1)
    flow = bus.leave(Flow(0x100, ((8, head), (16, head >> 8), (24, 5)), bytes(bus.stack[0x30:])), 0x30)
    # The counter's value stays, as it drifts; of what else may differ, only the bits that may not.
    assert flow.registers == ((8, 0x03020100), (24, 5))
    assert flow.stack[:8] == bytes.fromhex("00010203 00000000")
    assert Mark(False, 8, 0xFFFFFFFC, 1, 0, 4) in flow.marks
    assert Mark(True, 0, 0xFC, 1, 0, 4) in flow.marks
    again = memory()
    words = dict(again.enter(flow, 0x30).registers)
    again.stack[0x30:] = flow.stack
    assert (facts(words[8]), words[24]) == (facts(head), 5)
    assert facts(words[16]) == (0, 0xFFFFFF, 1, 0, 0)
    assert facts(again.load(0x4030, 4)) == facts(head)
    assert facts(again.load(0x4034, 4))[:2] == (0, 0x7FFFFFFE)


def test_an_endless_loop_holds_nothing_that_drifts() -> None:
    bus = memory()
    with pytest.raises(DriftObserved):
        bus.leave(Flow(0x100, ((8, bus.load(0x2000, 4)),), b"", endless=True), 64)
    assert bus.leave(Flow(0x100, ((8, 1),), b"", endless=True), 64).marks == ()


def test_what_lies_beside_a_counter_is_no_counter() -> None:
    bus = memory()
    for address, value in ((0x200C, 0x0F0E0D0C), (0x2014, 0x17161514), (0x201C, 0x1F1E1D1C), (0x2024, 0x27262524)):
        assert (type(bus.load(address, 4)), bus.load(address, 4)) == (int, value)
        bus.store(address, 4, 0)
    with pytest.raises(ExecutionError, match="declared together with what follows it"):
        bus.load(0x202A, 4)  # what the user declared cannot be tried as anything else


def test_each_counter_is_named_by_its_own_bit() -> None:
    bus = memory()
    for address, counters in ((0x2004, 2), (0x2008, 4), (0x2018, 16)):
        with pytest.raises(DriftObserved) as seen:
            bus.store(address, 4, 0)
        assert (seen.value.counters, seen.value.reset) == (counters, True)


def test_it_is_the_bus_of_one_instruction_as_memory_is() -> None:
    assert memory("big").load(0x2010, 4) == 0x10111213
    bus = memory()
    bus.begin(private=True)
    with pytest.raises(NotPrivate):
        bus.load(0x2010, 4)
    bus.begin(private=False, done=(77,))
    assert bus.load(0x2010, 4) == 77
    for alignment in (0, 2):
        bus.begin(private=False, alignment=alignment)
        if not alignment:
            bus.load(0x2011, 1)
            continue
        with pytest.raises(Fault) as fault:
            bus.load(0x2011, 1)
        assert fault.value.fault == MachineFault(FaultKind.MISALIGNED, 0x2011, 1, alignment=2)
    event(bus)
    bus.arm_monitor(0x2010, 16)
    assert bus.monitor == (0x2010, 0x2018)
    assert bus.pass_monitor(0x2010)


@pytest.mark.parametrize(
    ("at", "size", "width"),
    [
        (0x4004, 4, 4),  # right below
        (0x400C, 4, 4),  # right above
        (0x4000, 1, 4),
        (0x4030, 8, 4),
        (0x4006, 3, 0),  # its lowest byte
        (0x4008, 4, 0),
        (0x4008, 1, 0),
        (0x4000, 16, 0),
        (0x4009, 1, 1),
        (0x400A, 1, 2),
        (0x400B, 4, 3),
    ],
)
def test_what_is_written_over_a_part_of_a_number_leaves_what_is_below(at: int, size: int, width: int) -> None:
    bus = memory()
    bus.store(0x4008, 4, bus.load(0x2000, 4))
    bus.store(at, size, 0)
    assert getattr(bus.load(0x4008, 4), "width", 0) == width
    marks = bus.leave(Flow(0x100, (), bytes(bus.stack)), 0).marks
    assert [(mark.at, mark.group, mark.width) for mark in marks if mark.width] == [(8, 0, width)] * bool(width)
    written = range(at - 0x4000, at - 0x4000 + size)
    assert [mark.at for mark in marks] == [byte for byte in range(8, 12) if byte not in written]


def test_a_number_on_the_stack_depends_on_all_counters_of_which_it_has_bytes() -> None:
    bus = memory()
    bus.store(0x4010, 4, bus.load(0x2000, 4))
    bus.store(0x4012, 1, bus.load(0x2008, 1))
    assert facts(bus.load(0x4010, 4)) == (0x03080100, 0xFFFFFFFC, 5, 0, 2)
    assert facts(bus.load(0x4012, 2))[2:] == (5, 1, 1)


def test_what_is_marked_of_a_flow() -> None:
    """What lies below the stack pointer is not. A number is marked where it begins, though that byte stays the same."""
    bus = memory()
    pages, head = bus.load(0x2018, 4), bus.load(0x2000, 4)
    bus.store(0x4010, 4, head)
    bus.store(0x4018, 4, pages)
    bus.store(0x4030, 4, head >> 8)
    bus.store(0x4038, 4, pages)
    flow = bus.leave(Flow(0x100, ((8, pages), (16, 7)), bytes(bus.stack[0x30:])), 0x30)
    assert flow.marks == (
        Mark(False, 8, 0xFFFFFF00, 16, 2, 4),
        *(Mark(True, byte, 0xFF, 1, 0, 0) for byte in range(3)),
        Mark(True, 8, 0, 0, 2, 4),
        *(Mark(True, byte, 0xFF, 16, 0, 0) for byte in range(9, 12)),
    )
    assert flow.stack == bytes(8) + bytes(range(0x18, 0x1C)) + bytes(4)
    again = memory()
    entered = again.enter(flow, 0x30)
    assert entered.marks == ()
    again.stack[0x30:] = flow.stack
    assert facts(again.load(0x4038, 4)) == facts(pages)
    assert facts(dict(entered.registers)[8]) == facts(pages)
    assert again.leave(entered._replace(stack=bytes(again.stack[0x30:])), 0x30) == flow


def test_where_the_stack_pointer_is_belongs_to_the_flow() -> None:
    bus = memory()
    bus.store(0x4030, 4, bus.load(0x2018, 4))
    for bottom, marks in ((0x30, [0, 1, 2, 3]), (0x31, [0, 1, 2]), (0x34, [])):
        flow = bus.leave(Flow(0x100, (), bytes(bus.stack[bottom:])), bottom)
        assert [mark.at for mark in flow.marks] == marks


def test_an_endless_loop_names_each_counter_that_it_holds() -> None:
    bus = memory()
    head, tail = bus.load(0x2000, 4), bus.load(0x2004, 4)
    for words, counters in (((head,), 1), ((head, head + tail), 3), ((tail, head + tail), 3), ((head, tail), 3)):
        with pytest.raises(DriftObserved) as seen:
            bus.leave(Flow(0x100, tuple((8 * at, word) for at, word in enumerate(words)), b"", endless=True), 64)
        assert seen.value.counters == counters
