"""Machine code as plain data: what is made of operations before they are executed."""

import pytest

from ctxrace.machine.pcode import (
    SCRATCH,
    Instruction,
    Op,
    Varnode,
    constant,
    registers,
    scratch,
    with_aligned_temporaries,
    with_zero_register,
)

R0, R1 = Varnode("register", 0x10, 8), Varnode("register", 0x18, 4)


def unique(offset: int, size: int) -> Varnode:
    return Varnode("unique", offset, size)


def test_an_instruction_is_spelled_with_its_operands_and_ends_where_the_next_one_begins() -> None:
    assert str(Instruction(0x40, b"\0" * 6, "mov", "r0, r1", ())) == "mov r0, r1"
    assert str(Instruction(0x40, b"\0" * 6, "nop", "", ())) == "nop"
    assert Instruction(0x40, b"\0" * 6, "nop", "", ()).following == 0x46


@pytest.mark.parametrize(("value", "size", "lowest"), [(0x1234, 1, 0x34), (-1, 2, 0xFFFF), (5, 8, 5), (1 << 32, 4, 0)])
def test_a_constant_has_so_many_bytes(value: int, size: int, lowest: int) -> None:
    assert constant(value, size) == Varnode("const", lowest, size)


def test_temporaries_of_our_own_are_eight_bytes_apart() -> None:
    assert [scratch(index, 4) for index in (0, 1, 3)] == [
        unique(0x1000_0000, 4),
        unique(0x1000_0008, 4),
        unique(0x1000_0018, 4),
    ]
    assert scratch(0, 1).offset == SCRATCH


def test_registers_that_are_read_or_written() -> None:
    ops = [Op("COPY", R1, (R0, constant(1, 8))), Op("STORE", None, (unique(0, 8), R1)), Op("COPY", unique(8, 8), ())]
    assert list(registers(ops)) == [R0, R1, R1]


def test_the_zero_register_reads_as_0_and_loses_what_is_written() -> None:
    zero = range(0x18, 0x20)
    half = Varnode("register", 0x1C, 4)
    assert with_zero_register(Op("ADD", R0, (R1, half, R0, unique(0x18, 4))), zero) == Op(
        "ADD", R0, (constant(0, 4), constant(0, 4), R0, unique(0x18, 4))
    )
    lost = Op("ADD", unique(SCRATCH + 0x7F8, 4), (R0,))
    assert with_zero_register(Op("ADD", R1, (R0,)), zero) == lost
    assert with_zero_register(Op("ADD", constant(0, 4), (R0,)), zero) == lost
    assert with_zero_register(Op("CALLOTHER", None, (R0,), "wfi"), zero) == Op("CALLOTHER", None, (R0,), "wfi")
    kept = Op("ADD", unique(0x18, 8), (R0,))
    assert with_zero_register(kept, zero) == kept
    assert with_zero_register(Op("ADD", R1, (R0,)), range(0x10, 0x18)) == Op("ADD", R1, (constant(0, 8),))


def moved(*nodes: Varnode, among_registers: range = range(0)) -> list[Varnode]:
    """Return where temporaries are kept; the first one is written."""
    first, *others = nodes
    (op,) = with_aligned_temporaries([Op("ADD", first, tuple(others), "user")], among_registers)
    assert (op.opcode, op.user) == ("ADD", "user")
    assert op.output is not None
    return [op.output, *op.inputs]


def test_each_temporary_has_words_of_its_own() -> None:
    assert moved(unique(0x104, 4), unique(0x203, 1), unique(0x108, 9), unique(0x300, 8)) == [
        unique(SCRATCH, 4),
        unique(SCRATCH + 24, 1),
        unique(SCRATCH + 8, 9),
        unique(SCRATCH + 32, 8),
    ]


def test_temporaries_that_share_bytes_still_do() -> None:
    """From 0x102 to 0x10c: two words, in which all lie as before."""
    assert moved(unique(0x102, 4), unique(0x104, 8), unique(0x105, 1), unique(0x10C, 2), unique(0x102, 2)) == [
        unique(SCRATCH, 4),
        unique(SCRATCH + 2, 8),
        unique(SCRATCH + 3, 1),
        unique(SCRATCH + 16, 2),
        unique(SCRATCH, 2),
    ]


def test_a_temporary_within_a_long_one_does_not_end_it() -> None:
    assert moved(unique(0x100, 16), unique(0x101, 2), unique(0x108, 8), unique(0x110, 4)) == [
        unique(SCRATCH, 16),
        unique(SCRATCH + 1, 2),
        unique(SCRATCH + 8, 8),
        unique(SCRATCH + 16, 4),
    ]


def test_only_temporaries_are_moved() -> None:
    """Some are kept among registers, at offsets that others have, too."""
    among = range(0x100, 0x140)
    kept = [R0, constant(0x104, 4), Varnode("ram", 0x104, 4), Varnode("register", 0x140, 4)]
    temporary, other = Varnode("register", 0x104, 4), unique(0x104, 4)
    assert moved(temporary, *kept, other, among_registers=among) == [
        unique(SCRATCH, 4),
        *kept,
        unique(SCRATCH + 8, 4),
    ]
    assert moved(temporary, *kept) == [temporary, *kept]
    assert with_aligned_temporaries([Op("STORE", None, (unique(4, 4),))]) == (Op("STORE", None, (unique(SCRATCH, 4),)),)
