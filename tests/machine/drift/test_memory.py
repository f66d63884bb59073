"""Memory with counters: what is read of them, what may be written where, and what of a flow is kept for all drifts."""

import pytest

from ctxrace.machine.drift.memory import Counter, Counters, DriftingMemory
from ctxrace.machine.drift.number import Drifting, DriftObserved, Mark
from ctxrace.machine.flow import Flow
from ctxrace.machine.memory import Region, RegionKind, Split

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
COUNTERS = Counters((HEAD, TAIL, OTHER), {"hits": 3})


def memory() -> DriftingMemory:
    """Shared bytes count up from 0."""
    blobs = (b"abcdefgh", bytes(range(64)), bytes(16), bytes(64))
    bus = DriftingMemory(REGIONS, *blobs, frozenset(), frozenset(), "little", COUNTERS)
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
        with pytest.raises(DriftObserved):
            use()


def test_an_instruction_that_is_half_done_holds_nothing_that_drifts() -> None:
    bus = memory()
    bus.begin(private=False)
    bus.load(0x2000, 4)
    with pytest.raises(DriftObserved):
        bus.load(0x2004, 4)
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
