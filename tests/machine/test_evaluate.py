"""The evaluator by itself: p-code operations against hand-worked values, and the register file against bytes."""

import pypcode
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctxrace.core.errors import ExecutionError
from ctxrace.machine.arch.arm64 import ARM64
from ctxrace.machine.evaluate import Effect, Registers, Trap, execute
from ctxrace.machine.lift import lift
from ctxrace.machine.pcode import Instruction, Op, Varnode

ADDRESS = 0x1000
MOST = (1 << 64) - 1


class Bus:
    """A few bytes of memory, and a log of what happened to the exclusive monitor."""

    def __init__(self, passes: bool = True) -> None:
        self.memory: dict[int, int] = {}
        self.log: list[str] = []
        self.passes = passes

    def load(self, address: int, size: int) -> int:
        return int.from_bytes(bytes(self.memory.get(address + index, 0) for index in range(size)), "little")

    def store(self, address: int, size: int, value: int) -> None:
        self.memory.update(enumerate(value.to_bytes(size, "little"), address))

    def arm_monitor(self, address: int, size: int) -> None:
        self.log.append(f"arm {size} bytes at {address:#x}")

    def pass_monitor(self, address: int) -> bool:
        self.log.append(f"pass {address:#x}")
        return self.passes

    def clear_monitor(self) -> None:
        self.log.append("clear")


def register(offset: int, size: int) -> Varnode:
    return Varnode("register", offset, size)


def constant(value: int, size: int) -> Varnode:
    return Varnode("const", value, size)


def made_of(*ops: Op, mnemonic: str = "test") -> Instruction:
    return Instruction(ADDRESS, b"\0\0\0\0", mnemonic, "x0", ops)


def compute(opcode: str, output: int, *inputs: tuple[int, int]) -> int:
    """Return what an operation on (value, size) pairs puts into `output` bytes."""
    registers = Registers()
    op = Op(opcode, register(0, output), tuple(constant(value, size) for value, size in inputs))
    assert execute(made_of(op), registers, Bus(), ARM64) == ADDRESS + 4
    return registers.read(0, output)


@pytest.mark.parametrize(
    ("opcode", "output", "inputs", "expected"),
    [
        ("COPY", 4, [(0x1234, 4)], 0x1234),
        ("INT_ADD", 1, [(0xFF, 1), (1, 1)], 0),
        ("INT_SUB", 4, [(0, 4), (1, 4)], 0xFFFF_FFFF),
        ("INT_MULT", 8, [(MOST, 8), (MOST, 8)], 1),
        ("INT_MULT", 16, [(MOST, 16), (MOST, 16)], MOST * MOST),
        ("INT_CARRY", 1, [(0xFF, 1), (1, 1)], 1),
        ("INT_CARRY", 1, [(0xFE, 1), (1, 1)], 0),
        ("INT_CARRY", 1, [(MOST, 8), (MOST, 8)], 1),
        ("INT_SCARRY", 1, [(0x7F, 1), (1, 1)], 1),
        ("INT_SCARRY", 1, [(0x80, 1), (0xFF, 1)], 1),
        ("INT_SCARRY", 1, [(0xFF, 1), (1, 1)], 0),
        ("INT_SBORROW", 1, [(0x80, 1), (1, 1)], 1),
        ("INT_SBORROW", 1, [(0x7F, 1), (0xFF, 1)], 1),
        ("INT_SBORROW", 1, [(0, 1), (0x80, 1)], 1),
        ("INT_SBORROW", 1, [(0, 1), (1, 1)], 0),
        ("INT_LEFT", 1, [(0x81, 1), (1, 8)], 2),
        ("INT_LEFT", 4, [(1, 4), (32, 8)], 0),
        ("INT_LEFT", 8, [(1, 8), (MOST, 8)], 0),
        ("INT_RIGHT", 4, [(0x8000_0000, 4), (31, 4)], 1),
        ("INT_RIGHT", 4, [(0x8000_0000, 4), (32, 4)], 0),
        ("INT_SRIGHT", 1, [(0x80, 1), (1, 1)], 0xC0),
        ("INT_SRIGHT", 1, [(0x80, 1), (200, 1)], 0xFF),
        ("INT_SRIGHT", 1, [(0x7F, 1), (200, 1)], 0),
        ("INT_SRIGHT", 8, [(1 << 63, 8), (MOST, 8)], MOST),
        ("INT_DIV", 4, [(0xFFFF_FFFF, 4), (2, 4)], 0x7FFF_FFFF),
        ("INT_SDIV", 1, [(7, 1), (2, 1)], 3),
        ("INT_SDIV", 1, [(0xF9, 1), (0xFE, 1)], 3),
        ("INT_SDIV", 1, [(0xF9, 1), (2, 1)], 0xFD),  # -7 / 2 = -3
        ("INT_SDIV", 1, [(7, 1), (0xFE, 1)], 0xFD),
        ("INT_SDIV", 1, [(0x80, 1), (0xFF, 1)], 0x80),  # the most negative by -1 wraps
        ("INT_REM", 1, [(0xF9, 1), (2, 1)], 1),
        ("INT_SREM", 1, [(0xF9, 1), (2, 1)], 0xFF),  # -7 % 2 = -1
        ("INT_SREM", 1, [(7, 1), (0xFE, 1)], 1),
        ("INT_ZEXT", 8, [(0x80, 1)], 0x80),
        ("INT_SEXT", 8, [(0x80, 1)], MOST - 0x7F),
        ("INT_SEXT", 2, [(0x7F, 1)], 0x7F),
        ("INT_2COMP", 4, [(1, 4)], 0xFFFF_FFFF),
        ("INT_NEGATE", 4, [(0xFF, 4)], 0xFFFF_FF00),
        ("INT_AND", 1, [(0xF3, 1), (0x3F, 1)], 0x33),
        ("INT_OR", 1, [(0xF0, 1), (0x0F, 1)], 0xFF),
        ("INT_XOR", 1, [(0xFF, 1), (0x0F, 1)], 0xF0),
        ("INT_EQUAL", 1, [(MOST, 4), (0xFFFF_FFFF, 4)], 1),
        ("INT_NOTEQUAL", 1, [(1, 4), (1, 4)], 0),
        ("INT_LESS", 1, [(0x7F, 1), (0x80, 1)], 1),
        ("INT_LESSEQUAL", 1, [(0x80, 1), (0x80, 1)], 1),
        ("INT_SLESS", 1, [(0x7F, 1), (0x80, 1)], 0),
        ("INT_SLESS", 1, [(0x80, 1), (0x7F, 1)], 1),
        ("INT_SLESSEQUAL", 1, [(0xFF, 1), (0xFF, 1)], 1),
        ("BOOL_NEGATE", 1, [(1, 1)], 0),
        ("BOOL_NEGATE", 1, [(0, 1)], 1),
        ("BOOL_AND", 1, [(1, 1), (0, 1)], 0),
        ("BOOL_OR", 1, [(1, 1), (0, 1)], 1),
        ("BOOL_XOR", 1, [(1, 1), (1, 1)], 0),
        ("PIECE", 8, [(0x11223344, 4), (0x55667788, 4)], 0x11223344_55667788),
        ("PIECE", 4, [(0xAA, 1), (0xBBCCDD, 3)], 0xAABB_CCDD),  # the size of the second input counts
        ("SUBPIECE", 2, [(0x1122_3344_5566_7788, 8), (3, 4)], 0x4455),
        ("SUBPIECE", 1, [(0x1122, 2), (1, 4)], 0x11),
        ("POPCOUNT", 1, [(0xF00F, 2)], 8),
        ("LZCOUNT", 1, [(1, 4)], 31),
        ("LZCOUNT", 1, [(0, 8)], 64),
    ],
)
def test_operations(opcode: str, output: int, inputs: list[tuple[int, int]], expected: int) -> None:
    assert compute(opcode, output, *inputs) == expected


def test_memory_and_scratch() -> None:
    scratch, bus, registers = Varnode("unique", 0x100, 4), Bus(), Registers({8: 0x8000})
    execute(
        made_of(
            Op("COPY", scratch, (constant(0xAABBCCDD, 4),)),
            Op("STORE", None, (register(8, 8), scratch)),
            Op("LOAD", register(16, 2), (register(8, 8),)),
            Op("INT_ADD", Varnode("ram", 0x9000, 1), (Varnode("ram", 0x8000, 1), constant(1, 1))),
        ),
        registers,
        bus,
        ARM64,
    )
    assert registers.read(16, 8) == 0xCCDD
    assert bus.load(0x8000, 4) == 0xAABBCCDD
    assert bus.load(0x9000, 1) == 0xDE


@pytest.mark.parametrize("space", ["register", "unique"])
@pytest.mark.parametrize("offset", [0, 1, 2, 4, 8, 12, 0x104])
@pytest.mark.parametrize("size", [1, 2, 4, 8, 16])
def test_an_operand_is_the_bytes_of_its_place(space: str, offset: int, size: int) -> None:
    """Not those beside it, be it a whole word or not, within one or across two."""
    garbage, value = 0x8182_8384_8586_8788, (0x1122_3344_5566_7788_99AA_BBCC_DDEE_FF01 & ((1 << size * 8) - 1))
    place, registers = Varnode(space, offset, size), Registers(dict.fromkeys(range(0, 288, 8), garbage))
    beside = [Varnode(space, at, 8) for at in range(0, 0x120, 8)]
    ops = [Op("COPY", node, (constant(garbage, 8),)) for node in beside]  # scratch is empty at first
    ops += [Op("COPY", place, (constant(value, size),)), Op("COPY", register(0x200, size), (place,))]
    ops += [Op("COPY", register(0x300 + 8 * number, 8), (node,)) for number, node in enumerate(beside)]
    execute(made_of(*ops), registers, Bus(), ARM64)
    assert registers.read(0x200, size) == value
    around = bytearray(garbage.to_bytes(8, "little") * len(beside))
    around[offset : offset + size] = value.to_bytes(size, "little")
    assert registers.read(0x300, len(around)) == int.from_bytes(around, "little")


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_what_is_stored_in_memory_is_cut_to_its_size(size: int) -> None:
    bus, most = Bus(), (1 << size * 8) - 1
    execute(made_of(Op("INT_ADD", Varnode("ram", 0x9000, size), (constant(most, 8), constant(2, 8)))), Registers(), bus,
            ARM64)  # fmt: skip
    assert [bus.load(0x9000, size), bus.load(0x9000 + size, 8)] == [1, 0]


def test_branches_within_an_instruction() -> None:
    def run(condition: int) -> int:
        registers = Registers()
        following = execute(
            made_of(
                Op("CBRANCH", None, (constant(3, 4), constant(condition, 1))),
                Op("COPY", register(0, 1), (constant(1, 1),)),
                Op("BRANCH", None, (constant(2, 4),)),
                Op("COPY", register(0, 1), (constant(2, 1),)),
                Op("INT_ADD", register(0, 1), (register(0, 1), constant(0x10, 1))),
            ),
            registers,
            Bus(),
            ARM64,
        )
        assert following == ADDRESS + 4
        return registers.read(0, 1)

    assert run(1) == 0x12
    assert run(0) == 0x11


def test_a_branch_backwards_repeats() -> None:
    registers = Registers({0: 5})
    execute(
        made_of(
            Op("INT_ADD", register(8, 8), (register(8, 8), constant(1, 8))),
            Op("INT_SUB", register(0, 8), (register(0, 8), constant(1, 8))),
            Op("CBRANCH", None, (constant(0xFFFF_FFFE, 4), register(0, 1))),
        ),
        registers,
        Bus(),
        ARM64,
    )
    assert registers.read(8, 8) == 5


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (Op("BRANCH", None, (Varnode("ram", 0x2000, 8),)), 0x2000),
        (Op("CALL", None, (Varnode("ram", 0x2000, 8),)), 0x2000),
        (Op("CBRANCH", None, (Varnode("ram", 0x2000, 8), constant(1, 1))), 0x2000),
        (Op("CBRANCH", None, (Varnode("ram", 0x2000, 8), constant(0, 1))), ADDRESS + 4),
        (Op("BRANCHIND", None, (register(0, 8),)), 0x3000),
        (Op("CALLIND", None, (register(0, 8),)), 0x3000),
        (Op("RETURN", None, (register(0, 8),)), 0x3000),
    ],
)
def test_where_it_goes_on(op: Op, expected: int) -> None:
    assert execute(made_of(op), Registers({0: 0x3000}), Bus(), ARM64) == expected


def test_unknown_operations_are_named() -> None:
    with pytest.raises(ExecutionError) as raised:
        compute("FLOAT_ADD", 8, (1, 8), (2, 8))
    assert str(raised.value) == (
        "the model lacks the operation FLOAT_ADD of 'test x0' at 0x1000; is it floating point? compile with what the "
        "kernel uses, general registers only"
    )
    with pytest.raises(ExecutionError) as raised:
        execute(made_of(Op("CALLOTHER", None, (), "CallSupervisor")), Registers(), Bus(), ARM64)
    assert str(raised.value) == (
        "the model lacks the instruction 'test x0' (its operation CallSupervisor) at 0x1000; keep it out of the code "
        "under test"
    )


@pytest.mark.parametrize("user", sorted(ARM64.without_effect))
def test_barriers_and_hints_do_nothing(user: str) -> None:
    registers, bus = Registers(), Bus()
    assert execute(made_of(Op("CALLOTHER", None, (), user)), registers, bus, ARM64) == ADDRESS + 4
    assert not any(registers.words.values())
    assert (bus.memory, bus.log) == ({}, [])
    execute(made_of(Op("CALLOTHER", register(0, 8), (), user)), registers, bus, ARM64)
    assert registers.read(0, 8) == 0


@pytest.mark.parametrize("code", ["000020d4", "000120d4", "00000000", "05000000"])  # brk #0, brk #8, udf #0, udf #5
def test_traps(code: str) -> None:
    with pytest.raises(Trap, match=r"^(brk|udf) "):
        execute(lifted(code), Registers(), Bus(), ARM64)


@pytest.mark.parametrize(
    ("code", "passes", "log", "status"),
    [
        ("207c5fc8", True, ["arm 8 bytes at 0x8000"], None),  # ldxr x0, [x1]
        ("200c7fc8", True, ["arm 16 bytes at 0x8000"], None),  # ldxp x0, x3, [x1]: once
        ("237c02c8", True, ["pass 0x8000"], 0),  # stxr w2, x3, [x1]
        ("237c02c8", False, ["pass 0x8000"], 1),
        ("5f3f03d5", True, ["clear"], None),  # clrex
        ("200040f9", True, [], None),  # ldr x0, [x1]
    ],
)
def test_the_exclusive_monitor(code: str, passes: bool, log: list[str], status: int | None) -> None:
    bus, registers = Bus(passes), Registers({0x4008: 0x8000, 0x4010: 77, 0x4018: 0x55})
    execute(lifted(code), registers, bus, ARM64)
    assert bus.log == log
    assert registers.read(0x4010, 8) == (77 if status is None else status)
    assert bus.load(0x8000, 8) == (0x55 if status == 0 else 0)


def lifted(code: str) -> Instruction:
    return lift(pypcode.Context(ARM64.language), ARM64, ADDRESS, bytes.fromhex(code))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from((1, 2, 3, 4, 7, 8, 9, 16, 17)), st.integers(0, (1 << 140) - 1)),
        max_size=12,
    ),
    st.integers(0, 40),
    st.integers(1, 24),
)
def test_registers_are_bytes(writes: list[tuple[int, int, int]], offset: int, size: int) -> None:
    registers, model = Registers(), bytearray(80)
    for at, length, value in writes:
        registers.write(at, length, value)
        model[at : at + length] = (value & (1 << 8 * length) - 1).to_bytes(length, "little")
        assert registers.read(at, length) == int.from_bytes(model[at : at + length], "little")
    assert registers.read(offset, size) == int.from_bytes(model[offset : offset + size], "little")
    assert all(registers.read(at, 1) == model[at] for at in range(80))
    assert all(at % 8 == 0 and 0 <= word <= MOST for at, word in registers.words.items())


def test_an_effect_keeps_nothing_from_one_time_to_the_next() -> None:
    scratch = Varnode("unique", 0x1000_0000, 8)
    ops = (
        Op("CBRANCH", None, (constant(2, 4), register(8, 1))),  # over the next one
        Op("COPY", scratch, (constant(7, 8),)),
        Op("INT_ADD", register(0, 8), (scratch, constant(1, 8))),
    )
    effect = Effect(made_of(*ops), ARM64)
    for skips, expected in ((0, 8), (1, 1), (0, 8)):
        registers = Registers({8: skips})
        assert effect(registers, Bus()) == ADDRESS + 4
        assert registers.words == {8: skips, 0: expected}


def test_any_operand_may_be_in_memory() -> None:
    """As x86 names memory relative to the instruction."""

    def ram(address: int) -> Varnode:
        return Varnode("ram", address, 8)

    bus, registers = Bus(), Registers()
    for address, value in ((0x100, 0x8000), (0x108, 5), (0x110, 1), (0x118, 0x4242)):
        bus.store(address, 8, value)
    ops = (
        Op("COPY", ram(0x200), (ram(0x108),)),
        Op("INT_ADD", ram(0x208), (ram(0x108), ram(0x110))),
        Op("STORE", None, (ram(0x100), ram(0x108))),
        Op("LOAD", ram(0x210), (ram(0x100),)),
        Op("CALLOTHER", ram(0x218), (ram(0x100),), "ExclusiveMonitorPass"),
        Op("CBRANCH", None, (constant(2, 4), Varnode("ram", 0x110, 1))),  # taken, over the next one
        Op("COPY", register(0, 8), (constant(1, 8),)),
        Op("BRANCHIND", None, (ram(0x118),)),
    )
    assert execute(made_of(*ops), registers, bus, ARM64) == 0x4242
    assert [bus.load(address, 8) for address in (0x200, 0x208, 0x8000, 0x210, 0x218)] == [5, 6, 5, 5, 1]
    assert bus.log == ["pass 0x8000"]
    assert not registers.words


@pytest.mark.parametrize(("size", "at"), [(1, 7), (2, 1), (4, 4), (8, 0)])
def test_a_register_that_nobody_wrote_is_0(size: int, at: int) -> None:
    registers = Registers({72: 2})
    op = Op("INT_SUB", register(at, size), (register(64, size), register(72, size)))
    execute(made_of(op), registers, Bus(), ARM64)
    assert registers.words == {72: 2, 0: (-2 & (1 << 8 * size) - 1) << 8 * at}
