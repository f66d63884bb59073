"""Addresses that move with a task: what may be done with them, and what is no longer the same for every task."""

import operator
from collections.abc import Callable

import pytest

from ctxrace.machine.memory import Region, RegionKind
from ctxrace.machine.own_address import AddressObserved, OwnAddress, OwnMemory

BASE = 0xFFFF_0002_0000_0000
OWN = OwnAddress(BASE + 0x40)


def test_what_is_added_to_one_is_one() -> None:
    for moved in (
        OWN + 8,
        8 + OWN,
        OWN - 8,
        OWN & ~15,
        OWN & 0xFFFF_FFFF_FFFF_FFFF,
        OWN | 0,
        0 | OWN,
        OWN << 0,
        OWN >> 0,
    ):
        assert type(moved) is OwnAddress
    assert int(OWN + 8) == BASE + 0x48


def test_what_is_the_same_for_all_tasks_is_a_plain_number() -> None:
    for plain, value in ((OWN - OwnAddress(BASE), 0x40), (OWN & 0x3F, 0), (OWN & 0, 0), (OWN >> 64, 0)):
        assert (type(plain), plain) == (int, value)


def test_it_is_never_null_and_is_where_another_one_of_the_same_task_is() -> None:
    assert OWN
    assert OWN != 0
    assert OwnAddress(BASE + 0x40) == OWN
    assert OwnAddress(BASE) != OWN


@pytest.mark.parametrize(
    "use",
    [
        lambda own: own + own,
        lambda own: 8 - own,
        lambda own: own & 0xFFFF,
        lambda own: own | 1,
        lambda own: own ^ 1,
        lambda own: own << 1,
        lambda own: own >> 3,
        lambda own: own * 2,
        lambda own: own // 2,
        lambda own: own % 64,
        operator.neg,
        operator.invert,
        lambda own: own < BASE,
        lambda own: own >= 1 << 63,
        lambda own: own == BASE,  # a task's address that is a number in the code
        lambda own: (own - BASE) == 0,  # the same, as `cmp` does it
        lambda own: bool(own - BASE),
        str,
        lambda own: own.bit_count(),
        lambda own: own.bit_length(),
    ],
)
def test_any_other_use_may_be_another_one_for_another_task(use: Callable[[OwnAddress], object]) -> None:
    with pytest.raises(AddressObserved):
        use(OWN)


@pytest.fixture
def memory() -> OwnMemory:
    """A task_struct with its own address at 16 and its pid at 24, a stack right behind it, and a variable."""
    regions = (
        Region(BASE, 0x40, RegionKind.OWN, 0, "task_struct"),
        Region(BASE + 0x40, 0x40, RegionKind.STACK, 0, "stack"),
        Region(0x1000, 8, RegionKind.SHARED, 0, "variable"),
    )
    own = bytes(16) + BASE.to_bytes(8, "little") + (100).to_bytes(4, "little") + bytes(36)
    span, pid = range(BASE, BASE + 0x1_0000), range(24, 28)
    found = OwnMemory(regions, b"", bytes(8), own, bytes(0x40), frozenset(), frozenset(), "little", span, pid, 0)
    found.begin(private=False, atomic=True)
    return found


def test_an_own_address_in_memory_is_known_for_one(memory: OwnMemory) -> None:
    assert type(memory.load(OwnAddress(BASE + 16), 8)) is OwnAddress
    memory.store(OwnAddress(BASE + 0x48), 8, OWN)
    assert type(memory.load(OwnAddress(BASE + 0x48), 8)) is OwnAddress
    memory.store(OwnAddress(BASE + 0x48), 8, 5)
    assert type(memory.load(OwnAddress(BASE + 0x48), 8)) is int


@pytest.mark.parametrize(
    "use",
    [
        lambda memory: memory.load(OwnAddress(BASE + 24), 4),  # the pid
        lambda memory: memory.store(OwnAddress(BASE + 24), 4, 0),
        lambda memory: memory.load(OwnAddress(BASE + 16), 4),  # half of an address
        lambda memory: memory.store(OwnAddress(BASE + 16), 4, 0),
        lambda memory: memory.load(BASE + 0x20, 8),  # the address is a number in the code
        lambda memory: memory.load(OwnAddress(0x1000), 8),  # far from its task
        lambda memory: memory.store(0x1000, 8, OWN),  # others see it
        lambda memory: memory.arm_monitor(OWN, 8),
    ],
)
def test_what_memory_does_not_do_for_all_tasks_alike(memory: OwnMemory, use: Callable[[OwnMemory], object]) -> None:
    with pytest.raises(AddressObserved):
        use(memory)


def test_a_plain_number_that_looks_like_an_own_address_does_not_pass(memory: OwnMemory) -> None:
    memory.store(OwnAddress(BASE + 0x48), 8, BASE + 0x10)
    with pytest.raises(AddressObserved):
        memory.check_stack(0, bytes(memory.stack))
    memory.store(OwnAddress(BASE + 0x30), 8, BASE + 0x10)
    with pytest.raises(AddressObserved):
        memory.check_writes()
