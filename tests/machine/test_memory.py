"""Memory as one step sees it: what is an event, what is recorded, and what is a fault."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import pytest

from ctxrace.core.errors import ExecutionError
from ctxrace.core.facts.fault import FaultKind, MachineFault
from ctxrace.machine.memory import (
    Fault,
    FirstWrite,
    ForeignAccess,
    Memory,
    NotPrivate,
    Read,
    Region,
    RegionKind,
    Split,
    Touch,
    Write,
    pieces,
)

CONSTANT, SHARED, OWN, STACK = RegionKind.CONSTANT, RegionKind.SHARED, RegionKind.OWN, RegionKind.STACK
REGIONS = [
    Region(0x1000, 16, CONSTANT, 8, "a constant"),
    Region(0x2000, 16, SHARED, 4, "a variable"),
    Region(0x3000, 16, OWN, 0, "task_struct"),
    Region(0x4000, 64, STACK, 0, "the stack"),
    Region(0x3F00, 0x100, RegionKind.GUARD, 0, "the stack"),
    Region(0x5000, 16, RegionKind.FOREIGN, 0, "tasks"),
    Region(0x6000, 8, RegionKind.STATISTIC, 0, "a statistic"),
    Region(0x7000, 8, CONSTANT, 0, "before it"),
    Region(0x7008, 8, RegionKind.UNWRITTEN, 16, "what no context has written yet"),
    Region(0x7010, 8, CONSTANT, 0, "behind it"),
]
QUIET, SAVED = frozenset(range(4, 8)), frozenset(range(8, 12))


def memory(order: str = "little") -> Memory:
    """Each blob counts up from another number, so that every byte is told apart."""
    constant, shared, own = bytes(range(0x10, 0x40)), bytes(range(0x40, 0x60)), bytes(range(0x60, 0x70))
    stack = bytes(range(0x80, 0xC0))
    if order == "big":
        return Memory(REGIONS, constant, shared, own, stack, QUIET, SAVED, "big")
    return Memory(REGIONS, constant, shared, own, stack, QUIET, SAVED)


def armed(bus: Memory) -> tuple[int, ...]:
    """What the exclusive monitor is armed for."""
    return bus.monitor


def event(bus: Memory, *, atomic: bool = False, done: tuple[int, ...] = (), alignment: int = 0) -> None:
    bus.begin(private=False, atomic=atomic, done=done, alignment=alignment)


def test_a_shared_read_is_an_event_and_is_recorded() -> None:
    bus = memory()
    bus.begin(private=True)
    with pytest.raises(NotPrivate):
        bus.load(0x2000, 2)
    event(bus)
    assert bus.load(0x2001, 2) == 0x4645
    assert list(bus.reads) == [Read(SHARED, 5, 2, b"\x45\x46")]
    assert bus.touches == [Touch("read", 0x2001, 2, 0x4645)]
    assert bus.made == [0x4645]
    assert bus.writes == []


def test_a_shared_write_is_an_event_and_is_recorded() -> None:
    bus = memory()
    bus.begin(private=True)
    with pytest.raises(NotPrivate):
        bus.store(0x2000, 2, 0)
    assert bus.writes == []
    event(bus)
    bus.store(0x2001, 2, 0x1234)
    assert bus.writes == [Write(SHARED, 5, b"\x34\x12")]
    assert bus.touches == [Touch("write", 0x2001, 2, 0x1234)]
    assert (bus.made, list(bus.reads)) == ([0x1234], [])
    assert bus.load(0x2001, 2) == 0x1234  # which it has written itself
    assert list(bus.reads) == [Read(SHARED, 5, 2, b"\x45\x46")]  # what was there before the step
    assert len(bus.touches) == 1  # one place of the instruction is told once
    event(bus)
    assert bus.load(0x2000, 8) == 0x4B4A_4948_4712_3444  # and nothing else
    event(bus)
    assert bus.load(0x2008, 8) == 0x5352_5150_4F4E_4D4C


def test_the_order_of_bytes() -> None:
    bus = memory("big")
    event(bus)
    assert bus.load(0x2000, 4) == 0x44454647
    bus.store(0x2000, 4, 1)
    assert bus.writes == [Write(SHARED, 4, b"\0\0\0\1")]
    assert bus.load(0x1000, 2) == 0x1819
    bus.store(0x4000, 2, 1)
    assert bus.stack[:2] == b"\0\1"


def test_an_operand_that_is_read_several_times_is_one_access() -> None:
    bus = memory()
    event(bus)
    assert [bus.load(0x2000, 1) for _ in range(3)] == [0x44] * 3
    bus.store(0x2000, 1, 9)
    assert bus.touches == [Touch("read", 0x2000, 1, 0x44), Touch("write", 0x2000, 1, 9)]


def test_two_places_are_two_steps_unless_the_instruction_is_whole() -> None:
    bus = memory()
    event(bus)
    assert bus.load(0x2000, 4) == 0x47464544
    with pytest.raises(Split):
        bus.load(0x2004, 4)
    made = tuple(bus.made)
    assert made == (0x47464544,)
    event(bus, done=made)  # the first access is not made again, whatever memory holds by now
    bus.store(0x2000, 4, 0)
    assert bus.writes == []
    event(bus, done=made)
    assert (bus.load(0x2000, 4), bus.load(0x2004, 4)) == (0x47464544, 0x4B4A4948)
    event(bus, atomic=True)
    assert (bus.load(0x2000, 4), bus.load(0x2004, 4)) == (0x47464544, 0x4B4A4948)
    event(bus, done=(1, 2))
    assert [bus.load(0x2000 + 4 * at, 4) for at in range(3)] == [1, 2, 0x4F4E4D4C]
    bus.begin(private=False)
    bus.load(0x2001, 4)
    with pytest.raises(Split):
        bus.store(0x2001, 2, 0)  # of another size


def test_what_is_private() -> None:
    bus = memory()
    bus.begin(private=True)
    assert bus.load(0x1000, 4) == 0x1B1A1918
    assert bus.load(0x4008, 2) == 0x8988
    bus.store(0x4010, 2, 0x1234)
    assert (bytes(bus.stack[16:18]), bus.lowest) == (b"\x34\x12", 8)
    bus.store(0x4004, 1, 1)
    assert bus.lowest == 4
    assert bytes(bus.stack) == bytes([*range(0x80, 0x84), 1, *range(0x85, 0x90), 0x34, 0x12, *range(0x92, 0xC0)])
    assert bus.load(0x6000, 4) == 0x13121110
    bus.store(0x6000, 4, 7)
    assert bus.load(0x6000, 4) == 0x13121110  # forgotten
    assert (list(bus.reads), bus.writes, bus.touches, bus.made) == ([], [], [], [])
    bus.begin(private=True)
    assert bus.lowest == len(bus.stack)


def test_quiet_and_saved_bytes_of_current() -> None:
    bus = memory()
    bus.begin(private=True)
    assert bus.load(0x3004, 4) == 0x67666564
    assert bus.load(0x3008, 4) == 0x6B6A6968
    assert list(bus.reads) == [Read(OWN, 4, 4, b"defg"), Read(OWN, 8, 4, b"hijk")]
    bus.store(0x3008, 4, 1)
    assert bus.writes == [Write(OWN, 8, b"\1\0\0\0")]
    assert (bus.touches, bus.made) == ([], [])
    assert bus.load(0x3008, 4) == 1
    for access in ((0x3000, 4), (0x3003, 2), (0x300B, 2), (0x300C, 4)):
        with pytest.raises(NotPrivate):
            bus.load(*access)
    for address in (0x3004, 0x3007, 0x300B, 0x300C):  # quiet ones are written by an event
        with pytest.raises(NotPrivate):
            bus.store(address, 2, 0)
    event(bus)
    bus.store(0x3004, 2, 0)
    assert bus.touches == [Touch("write", 0x3004, 2, 0)]


@pytest.mark.parametrize(
    "fault",
    [
        MachineFault(FaultKind.WILD, 0x900, 8),
        MachineFault(FaultKind.WILD, 0x1010, 1),
        MachineFault(FaultKind.WILD, 0xFFF, 1),
        MachineFault(FaultKind.ACROSS_END, 0x100D, 4, "a constant"),
        MachineFault(FaultKind.ACROSS_END, 0x403D, 4, "the stack"),
    ],
)
def test_faults(fault: MachineFault) -> None:
    bus = memory()
    event(bus)
    with faults(fault):
        bus.load(fault.address, fault.size)
    with faults(fault):
        bus.store(fault.address, fault.size, 0)


@contextmanager
def faults(fault: MachineFault) -> Iterator[None]:
    with pytest.raises(Fault) as found:
        yield
    assert found.value.fault == fault


def test_other_ends() -> None:
    bus = memory()
    event(bus)
    assert bus.load(0x100C, 4) == 0x27262524  # up to the last byte
    with faults(MachineFault(FaultKind.READ_ONLY, 0x1000, 2, "a constant")):
        bus.store(0x1000, 2, 0)
    with pytest.raises(ExecutionError, match=r"^stack overflow in the stack: unlimited recursion, or frames too l"):
        bus.store(0x3FF8, 8, 0)
    with pytest.raises(ForeignAccess) as found:
        bus.load(0x5004, 2)
    assert (found.value.address, found.value.size, found.value.instruction) == (0x5004, 2, "")


@pytest.mark.parametrize("address", [0x1000, 0x2000, 0x3004, 0x4000, 0x6000])
def test_alignment(address: int) -> None:
    for private in (True, False) if address != 0x2000 else (False,):
        bus = memory()
        bus.begin(private=private, alignment=4)
        bus.load(address, 2)
        if address != 0x2000:
            bus.load(address + 2, 2)  # only the first access is looked at
        bus.begin(private=private, alignment=4)
        with faults(MachineFault(FaultKind.MISALIGNED, address + 2, 2, alignment=4)):
            bus.load(address + 2, 2)
        bus.begin(private=private, alignment=4)
        if address in (0x4000, 0x6000):
            with faults(MachineFault(FaultKind.MISALIGNED, address + 1, 4, alignment=4)):
                bus.store(address + 1, 4, 0)
        bus.begin(private=private)
        bus.load(address + 1, 2)


def test_an_access_that_is_an_event_is_that_first() -> None:
    bus = memory()
    bus.begin(private=True, alignment=4)
    with pytest.raises(NotPrivate):
        bus.load(0x2001, 2)
    with pytest.raises(NotPrivate):
        bus.store(0x2001, 2, 0)
    event(bus, alignment=4)
    with faults(MachineFault(FaultKind.MISALIGNED, 0x2001, 2, alignment=4)):
        bus.store(0x2001, 2, 0)


def test_the_exclusive_monitor() -> None:
    bus = memory()
    event(bus)
    assert not bus.pass_monitor(0x2000)
    assert bus.notes == [("fails", "the store fails: the exclusive monitor was cleared")]
    bus.notes.clear()
    bus.arm_monitor(0x2000, 4)
    assert bus.monitor == (0x2000,)
    assert bus.pass_monitor(0x2000)
    assert armed(bus) == ()
    assert not bus.notes
    bus.arm_monitor(0x2000, 4)
    assert not bus.pass_monitor(0x2004)
    assert armed(bus) == ()
    bus.arm_monitor(0x2000, 4)
    bus.clear_monitor()
    assert armed(bus) == ()
    bus.arm_monitor(0x2000, 4)
    bus.begin(private=True)
    with pytest.raises(NotPrivate):
        bus.pass_monitor(0x2000)
    assert bus.monitor == (0x2000,)


def test_the_exclusive_monitor_is_armed_for_both_halves_of_a_pair() -> None:
    bus = memory()
    event(bus)
    bus.arm_monitor(0x2000, 16)
    assert bus.monitor == (0x2000, 0x2008)
    assert bus.pass_monitor(0x2000)
    assert armed(bus) == ()


def test_what_no_context_has_written_yet() -> None:
    bus = memory()
    bus.begin(private=True)
    assert bus.load(0x7008, 4) == 0x23222120
    assert not bus.reads
    with pytest.raises(FirstWrite) as written:
        bus.store(0x700C, 2, 0)
    assert (written.value.address, written.value.size) == (0x700C, 2)
    for address in (0x7004, 0x700C):  # into it, and out of it
        with pytest.raises(FirstWrite) as crossing:
            bus.load(address, 8)
        assert (crossing.value.address, crossing.value.size) == (address, 8)
    with faults(MachineFault(FaultKind.ACROSS_END, 0x7014, 8, "behind it")):
        bus.load(0x7014, 8)
    with pytest.raises(FirstWrite):
        bus.load(0x7007, 2)
    for address, size in ((0x7010, 16), (0x6004, 0x1004)):  # from right behind it, and up to right before it
        with pytest.raises(Fault) as found:
            bus.load(address, size)
        assert found.value.fault.kind is FaultKind.ACROSS_END


def test_a_statistic_is_accessed_alone() -> None:
    # It lies within a section, which it hides.
    section = Region(0x2000, 16, SHARED, 4, "a section")
    bus = Memory([Region(0x2004, 4, RegionKind.STATISTIC, 0, "hits"), section], b"abcd", bytes(32), b"", b"",
                 QUIET, SAVED)  # fmt: skip
    event(bus)
    assert (bus.load(0x2004, 4), bus.load(0x2006, 2), bus.load(0x200C, 4)) == (0x64636261, 0x6463, 0)
    for size in (8, 12):
        with pytest.raises(ExecutionError, match=f"^{size} bytes are accessed at 0x2004, hits together with what "):
            bus.load(0x2004, size)
    with faults(MachineFault(FaultKind.ACROSS_END, 0x2004, 13, "hits")):
        bus.load(0x2004, 13)


def test_before_an_instruction_begins_nothing_is_shared() -> None:
    with pytest.raises(NotPrivate):
        memory().load(0x2000, 1)
    assert armed(memory()) == ()


@pytest.mark.parametrize("signal", [ForeignAccess(0x5000, 2), FirstWrite(0x7008, 4)], ids=lambda it: type(it).__name__)
def test_signals_stay_whole_in_another_process(signal: ForeignAccess | FirstWrite) -> None:
    again = pickle.loads(pickle.dumps(signal))
    assert type(again) is type(signal)
    assert again.args == (again.address, again.size) == (signal.address, signal.size)


def test_return_addresses() -> None:
    bus = memory()
    bus.begin(private=True)
    bus.push_return(0x4038, 0xEEEE)
    assert bus.stack[56:] == (0xEEEE).to_bytes(8, "little")
    assert bus.return_address(0x4038) == 0xEEEE
    assert bus.return_address(0x4000) == 0x8786858483828180
    bus.push_return(0x4020, 0)
    assert bytes(bus.stack[32:41]) == bytes([*bytes(8), 0xA8])
    assert len(bus.stack) == 64
    bus.push_return(0x1000, 0x1F1E1D1C1B1A1918)  # where it is already
    assert not bus.reads
    assert bus.return_address(0x2004) == 0x4F4E4D4C4B4A4948  # of a stack that contexts share
    assert list(bus.reads) == [Read(SHARED, 8, 8, bytes(range(0x48, 0x50)))]
    assert (bus.touches, bus.made) == ([], [])
    assert bus.return_address(0x6000) == 0x1716151413121110


def test_the_ways_on_from_instructions_are_noted_each_once() -> None:
    seen = memory()
    for address, on in ((0x10, True), (0x14, False), (0x10, True), (0x14, True)):
        seen.passes(address, on=on)
    assert list(seen.path) == [0x10, ~0x14, 0x14]


def test_a_statistic_at_the_beginning_of_a_section_is_not_left_out_where_it_is_accessed_with_what_follows() -> None:
    section = Region(0x2000, 32, RegionKind.SHARED, 0, ".data")
    hits = Region(0x2000, 4, RegionKind.STATISTIC, 0, "hits")
    bus = Memory([hits, section], b"abcd", bytes(32), b"", b"", frozenset())
    event(bus)
    with pytest.raises(ExecutionError, match="hits cannot be left out"):
        bus.load(0x2000, 8)


PARTS = [
    Region(0x2004, 4, RegionKind.UNWRITTEN, 0, "a variable in the midst of"),
    Region(0x2000, 16, RegionKind.SHARED, 8, "another one"),
    Region(0x2010, 8, RegionKind.OWN, 4, "what follows"),
    Region(0x3000, 8, RegionKind.CONSTANT, 2, "what does not"),
]


@pytest.mark.parametrize(
    ("address", "size", "found"),
    [
        (0x2000, 4, [(RegionKind.SHARED, 8, 4)]),
        (0x2001, 1, [(RegionKind.SHARED, 9, 1)]),
        (0x2000, 16, [(RegionKind.SHARED, 8, 4), (RegionKind.UNWRITTEN, 0, 4), (RegionKind.SHARED, 16, 8)]),
        (0x2006, 4, [(RegionKind.UNWRITTEN, 2, 2), (RegionKind.SHARED, 16, 2)]),
        (0x200C, 8, [(RegionKind.SHARED, 20, 4), (RegionKind.OWN, 4, 4)]),
        (0x2017, 1, [(RegionKind.OWN, 11, 1)]),
        (0x3000, 8, [(RegionKind.CONSTANT, 2, 8)]),
        (0x2000, 0, []),
    ],
)
def test_where_bytes_are_kept(address: int, size: int, found: list[tuple[RegionKind, int, int]]) -> None:
    assert list(islice(pieces(PARTS, address, size), 9)) == found


@pytest.mark.parametrize(("address", "size", "at"), [(0x1FFF, 4, 0x1FFF), (0x2018, 4, 0x2018), (0x2014, 8, 0x2018)])
def test_where_no_memory_is_nothing_is_kept(address: int, size: int, at: int) -> None:
    with pytest.raises(Fault) as raised:
        list(islice(pieces(PARTS, address, size), 9))
    assert raised.value.fault == MachineFault(FaultKind.WILD, at, address + size - at)
    assert raised.value.args == (raised.value.fault,)


def test_which_instruction_reaches_what_is_foreign_is_said_later() -> None:
    access = ForeignAccess(0x2000, 4)
    assert (access.instruction, access.place) == ("", "")
