"""Ranges cover the numbers: every operation and comparison on numbers from two ranges stays within the result."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ctxrace.bpf.programs.follow.comparisons import OPPOSITE, decide, mirrored, refine
from ctxrace.bpf.programs.follow.values import (
    LOST,
    UNKNOWN,
    Pointer,
    Region,
    Scalar,
    Space,
    Spot,
    alu,
    constant,
    extend,
    join,
    swapped,
)
from ctxrace.bpf.programs.isa.arithmetic import MASK64, compare, operate, sign_extend, swap_bytes

OPERATIONS = ("add", "sub", "mul", "div", "mod", "sdiv", "smod", "or", "and", "xor", "lsh", "rsh", "arsh", "mov", "neg")
EDGES = [0, 1, 2, 7, 8, 63, 64, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, MASK64 - 1, MASK64]


@st.composite
def inside(draw: st.DrawFn) -> tuple[Scalar, int]:
    """A range, and a number in it."""
    number = st.one_of(st.sampled_from(EDGES), st.integers(0, 100), st.integers(0, MASK64))
    low, some, high = sorted(draw(number) for _ in range(3))
    return Scalar(low, high), some


def covers(value: object, number: int) -> bool:
    return not isinstance(value, Scalar) or value.low <= number <= value.high


@settings(max_examples=3_000, deadline=None)
@given(st.sampled_from(OPERATIONS), st.sampled_from((32, 64)), inside(), inside())
def test_an_operation_stays_within_its_range(
    operation: str, bits: int, first: tuple[Scalar, int], second: tuple[Scalar, int]
) -> None:
    found = alu(operation, bits, first[0], second[0])
    assert covers(found, operate(operation, bits, first[1], second[1]))


@settings(max_examples=3_000, deadline=None)
@given(st.sampled_from((*OPPOSITE, "jset")), st.sampled_from((32, 64)), inside(), inside())
@example("jset", 32, (Scalar(1 << 32, 1 << 32), 1 << 32), (Scalar(1 << 32, 1 << 32), 1 << 32))
def test_a_branch_keeps_what_may_take_it(
    operation: str, bits: int, first: tuple[Scalar, int], second: tuple[Scalar, int]
) -> None:
    taken = compare(operation, bits, first[1], second[1])
    assert decide(operation, bits, first[0], second[0]) in (None, taken)
    assert covers(refine(operation, bits, first[0], second[0], taken=taken), first[1])
    assert refine(operation, bits, first[0], second[0], taken=taken) is not None
    other = mirrored(operation)
    if other is not None:
        assert covers(refine(other, bits, second[0], first[0], taken=taken), second[1])


@settings(max_examples=500, deadline=None)
@given(inside(), st.sampled_from((8, 16, 32)), st.sampled_from((32, 64)))
def test_extending_and_swapping_stay_within_their_ranges(value: tuple[Scalar, int], bits: int, to: int) -> None:
    assert covers(extend(value[0], bits, to), sign_extend(value[1], bits) & ((1 << to) - 1))
    assert covers(swapped(value[0], bits, swap=True), swap_bytes(value[1], bits))
    assert covers(swapped(value[0], bits, swap=False), value[1] & ((1 << bits) - 1))


@given(inside(), inside())
def test_a_join_covers_both(first: tuple[Scalar, int], second: tuple[Scalar, int]) -> None:
    found = join(first[0], second[0])
    assert covers(found, first[1])
    assert covers(found, second[1])


PLACE = Region(Space.ELEMENT, "map", 0)
POINTER = Pointer((Spot(PLACE, 0, 0),), null=True)


def test_pointers() -> None:
    moved = alu("add", 64, POINTER, Scalar(4, 8))
    assert moved == Pointer((Spot(PLACE, 4, 8),), null=True)
    assert alu("sub", 64, moved, constant(4)) == Pointer((Spot(PLACE, 0, 4),), null=True)
    assert alu("add", 64, constant(4), POINTER) == Pointer((Spot(PLACE, 4, 4),), null=True)
    assert alu("sub", 64, moved, POINTER) == UNKNOWN
    assert alu("and", 64, POINTER, constant(~7 & MASK64)) == LOST
    assert refine("jeq", 64, POINTER, constant(0), taken=True) == constant(0)
    assert refine("jne", 64, POINTER, constant(0), taken=True) == POINTER._replace(null=False)
    assert decide("jeq", 64, POINTER._replace(null=False), constant(0)) is False


def test_what_a_join_of_a_pointer_is() -> None:
    assert join(POINTER._replace(null=False), constant(0)) == POINTER
    assert join(POINTER, constant(1)) == LOST
    other = Region(Space.ELEMENT, "map", 1)
    assert join(POINTER, Pointer((Spot(other, 8, 8),))) == Pointer((Spot(PLACE, 0, 0), Spot(other, 8, 8)), null=True)


@pytest.mark.parametrize(
    ("operation", "bits", "first", "second", "result"),
    [
        # In the shapes of the kernel's lib/test_bpf.c: what overflows, divides by zero, shifts by too much.
        ("add", 64, MASK64, 1, 0),
        ("add", 32, MASK64, 1, 0),
        ("sub", 32, 0, 1, 0xFFFFFFFF),
        ("sub", 64, 0, 1, MASK64),
        ("mul", 32, 0x10001, 0x10001, 0x20001),
        ("div", 64, 7, 0, 0),
        ("mod", 64, 7, 0, 7),
        ("mod", 32, 0x100000007, 0, 7),
        ("div", 32, 0x100000008, 2, 4),
        ("sdiv", 64, -13 & MASK64, 3, -4 & MASK64),
        ("smod", 64, -13 & MASK64, 3, -1 & MASK64),
        ("sdiv", 64, 13, -3 & MASK64, -4 & MASK64),
        ("smod", 64, 13, -3 & MASK64, 1),
        ("sdiv", 64, 1 << 63, MASK64, 1 << 63),
        ("smod", 64, 1 << 63, MASK64, 0),
        ("sdiv", 32, 0x80000000, 0xFFFFFFFF, 0x80000000),
        ("sdiv", 32, 5, 0, 0),
        ("smod", 32, -5 & MASK64, 0, -5 & 0xFFFFFFFF),
        ("lsh", 32, 1, 33, 2),
        ("lsh", 64, 1, 65, 2),
        ("rsh", 32, 0xF00000000F, 4, 0),
        ("arsh", 32, 0x80000000, 31, 0xFFFFFFFF),
        ("arsh", 64, 1 << 63, 63, MASK64),
        ("neg", 32, 1, 0, 0xFFFFFFFF),
        ("neg", 64, 1 << 63, 0, 1 << 63),
        ("xor", 64, MASK64, 0xFF, MASK64 - 0xFF),
        ("mov", 32, 0, MASK64, 0xFFFFFFFF),
    ],
)
def test_arithmetic(operation: str, bits: int, first: int, second: int, result: int) -> None:
    assert operate(operation, bits, first, second) == result
    assert alu(operation, bits, constant(first), constant(second)) == constant(result)


@pytest.mark.parametrize(
    ("operation", "bits", "first", "second", "taken"),
    [
        ("jgt", 64, MASK64, 1, True),
        ("jsgt", 64, MASK64, 1, False),
        ("jslt", 32, 0xFFFFFFFF, 0, True),
        ("jlt", 32, 0x1_0000_0000, 1, True),
        ("jeq", 32, 0x1_0000_0007, 7, True),
        ("jeq", 64, 0x1_0000_0007, 7, False),
        ("jset", 64, 8, 12, True),
        ("jset", 32, 1 << 32, 1 << 32, False),
        ("jsge", 64, 1 << 63, (1 << 63) - 1, False),
        ("jle", 64, 5, 5, True),
    ],
)
def test_comparisons(operation: str, bits: int, first: int, second: int, taken: bool) -> None:
    assert compare(operation, bits, first, second) is taken


def test_byte_swaps() -> None:
    assert swap_bytes(0x1122334455667788, 64) == 0x8877665544332211
    assert swap_bytes(0x1122334455667788, 32) == 0x88776655
    assert swap_bytes(0x1122334455667788, 16) == 0x8877
