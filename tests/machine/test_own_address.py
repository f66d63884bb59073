"""Addresses that move with a task: what may be done with them, and what is no longer the same for every task."""

import operator
from collections.abc import Callable
from typing import Literal

import pytest

from ctxrace.machine.flow import Activation, Flow
from ctxrace.machine.memory import Fault, Region, RegionKind
from ctxrace.machine.own_address import AddressObserved, OwnAddress, OwnMemory, marked, plain

BASE = 0xFFFF_0002_0000_0000
OWN = OwnAddress(BASE + 0x40)
STACK = BASE + 0x40
"""The lowest address of the stack."""


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
    assert [int(moved) for moved in (OWN + 8, 8 + OWN, OWN - 8)] == [BASE + 0x48, BASE + 0x48, BASE + 0x38]
    assert int(OwnAddress(BASE + 0x7F) & ~15) == BASE + 0x70


def test_what_is_the_same_for_all_tasks_is_a_plain_number() -> None:
    for number, value in ((OWN - OwnAddress(BASE), 0x40), (OWN & 0x3F, 0), (OWN & 0, 0), (OWN >> 64, 0)):
        assert (type(number), number) == (int, value)


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
        lambda own: own & 64,
        lambda own: own & ~64,
        lambda own: own & own,
        lambda own: own | own,
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
        Region(0x2000, 2, RegionKind.CONSTANT, 2, "constant"),
        Region(0x3000, 8, RegionKind.OWN, 16, "a variable of each CPU that is kept with the task"),
    )
    own = bytes(16) + BASE.to_bytes(8, "little") + (100).to_bytes(4, "little") + bytes(36)
    span, pid = range(BASE, BASE + 0x1_0000), range(24, 28)
    found = OwnMemory(regions, b"abcd", bytes(8), own, bytes(0x40), frozenset(), frozenset(), "little", span, pid, 0)
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
        lambda memory: memory.store(OwnAddress(STACK + 4), 8, OWN),  # no whole word
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


def looks(memory: OwnMemory, at: int, value: int = BASE + 0x10) -> None:
    """Write a plain number that looks like an own address to offset `at` of the stack."""
    memory.store(OwnAddress(STACK + at), 8, value)


def stands(memory: OwnMemory, sp: int) -> bool:
    """Return whether the stack from offset `sp` on is known for what it is."""
    try:
        memory.check_stack(sp, bytes(memory.stack[sp:]))
    except AddressObserved:
        return False
    return True


def test_the_stack_above_its_pointer_is_known_for_what_it_is(memory: OwnMemory) -> None:
    memory.store(OwnAddress(STACK + 16), 8, OWN)
    assert stands(memory, 0)
    looks(memory, 8)
    memory.store(OwnAddress(STACK + 16), 8, (1 << 64) - 1)
    assert [stands(memory, sp) for sp in (0, 8, 9, 12, 16)] == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("at", "value", "known"),
    [
        (0x38, BASE, False),  # the last word
        (0x20, BASE + 0xFFFF, False),
        (0x20, BASE + 0x1_0000, True),  # behind its memory
        (0x20, BASE - 1, True),
        (0x0C, BASE, True),  # no whole word, which is all that moves with a task
    ],
)
def test_what_looks_like_an_own_address_on_the_stack(memory: OwnMemory, at: int, value: int, known: bool) -> None:
    looks(memory, at, value)
    assert stands(memory, 0) is known


def test_what_was_last_written_to_the_task_struct_is_known_for_what_it_is(memory: OwnMemory) -> None:
    memory.store(OwnAddress(BASE + 0x30), 8, OWN)
    memory.store(OwnAddress(BASE + 0x38), 8, 7)
    memory.store(OwnAddress(BASE + 0x20), 4, 7)
    memory.store(0x1000, 8, BASE + 0x10)  # others see it, and see it as it is
    memory.check_writes()
    memory.store(OwnAddress(BASE + 0x38), 8, 8)
    with pytest.raises(AddressObserved):
        memory.check_writes()


@pytest.mark.parametrize(("at", "size"), [(12, 8), (20, 4), (20, 8), (23, 1), (8, 16), (16, 4)])
def test_an_own_address_is_read_and_written_as_a_whole(memory: OwnMemory, at: int, size: int) -> None:
    for use in (lambda: memory.load(OwnAddress(BASE + at), size), lambda: memory.store(OwnAddress(BASE + at), size, 0)):
        with pytest.raises(AddressObserved):
            use()
    assert type(memory.load(OwnAddress(BASE + 16), 8)) is OwnAddress


def test_what_lies_beside_one_is_a_plain_number(memory: OwnMemory) -> None:
    assert [type(memory.load(OwnAddress(BASE + at), 8)) for at in (8, 0x20)] == [int, int]
    assert (type(memory.load(0x1000, 8)), memory.load(0x1000, 8)) == (int, 0)
    assert memory.load(OwnAddress(BASE + 28), 4) == 0  # right behind the pid
    assert memory.load(0x2000, 2) == 0x6463
    with pytest.raises(Fault):
        memory.load(BASE + 0x1_0000, 8)


def test_what_a_cpu_keeps_for_its_task_is_the_same_memory(memory: OwnMemory) -> None:
    assert type(memory.load(0x3000, 8)) is OwnAddress
    memory.store(0x3000, 8, 7)
    assert memory.load(OwnAddress(BASE + 16), 8) == 7


def test_where_a_function_returns_to_lies_on_its_own_stack(memory: OwnMemory) -> None:
    memory.push_return(OwnAddress(STACK + 0x38), 0x1234)
    assert memory.return_address(OwnAddress(STACK + 0x38)) == memory.return_address(STACK + 0x38) == 0x1234


def test_what_is_shared_may_be_read_exclusively(memory: OwnMemory) -> None:
    memory.arm_monitor(0x1000, 16)
    assert memory.monitor == (0x1000, 0x1008)


def test_the_words_of_a_flow_are_marked_and_made_plain() -> None:
    flow = Flow(5, ((8, BASE), (16, 7)), b"stack", (1,), (Activation("body", BASE, BASE + 8),), (BASE,), True, True)

    def known(word: int) -> int:
        return OwnAddress(word) if word >= BASE else word

    found = marked(flow, known)
    assert plain(found) == flow
    for one, kind in ((found, OwnAddress), (plain(found), int)):
        assert [type(word) for _, word in one.registers] == [kind, int]
        assert [type(active.stack) for active in one.active] == [kind]
        assert [type(active.returns_to) for active in one.active] == [int]
        assert type(one.done[0]) is int


@pytest.mark.parametrize("byte_order", ["little", "big"])
@pytest.mark.parametrize("unused", [0, 8, 12])
def test_what_a_stack_holds_from_the_start_is_known(byte_order: Literal["little", "big"], unused: int) -> None:
    """Its first bytes are 0 where it was not used, so that nothing is looked for there."""
    words = [0, BASE, BASE + 0xFFFF, BASE - 1, BASE + 0x1_0000, BASE + 8]
    stack = b"".join(word.to_bytes(8, byte_order) for word in words) + bytes(4)
    own = BASE.to_bytes(8, byte_order)
    regions = (Region(BASE, 8, RegionKind.OWN, 0, "task_struct"), Region(STACK, 52, RegionKind.STACK, 0, "stack"))
    span = range(BASE, BASE + 0x1_0000)
    quiet: frozenset[int] = frozenset()
    found = OwnMemory(regions, b"", b"", own, stack, quiet, quiet, byte_order, span, range(8, 8), unused)
    found.begin(private=False, atomic=True)
    assert type(found.load(OwnAddress(BASE), 8)) is OwnAddress
    loaded = [found.load(OwnAddress(STACK + 8 * index), 8) for index in range(6)]
    assert [int(word) for word in loaded] == words
    assert [type(word) is OwnAddress for word in loaded] == [False, True, True, False, False, True]
    found.check_stack(0, stack)
