"""The evaluator: what one instruction does to registers and memory.

Plain interpretation of p-code, written to be checked against the "P-Code Reference Manual" line by line; the
tests hold it against an independent CPU emulator. It knows no Linux and no context: memory is behind `Bus`.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from ctxrace.core.errors import ExecutionError
from ctxrace.machine.arch import Architecture
from ctxrace.machine.pcode import Instruction, Op, Varnode

__all__ = ["Bus", "Registers", "Trap", "execute"]


_MASKS = [(1 << size * 8) - 1 for size in range(9)]
"""Of numbers of so many bytes all bits."""
_WORD = _MASKS[8]


class Trap(Exception):
    """The instruction ends the run: BUG(), an undefined instruction."""


class Bus(Protocol):
    """Memory and the exclusive monitor, as an instruction sees them. Values are unsigned."""

    def load(self, address: int, size: int) -> int:
        """Return the `size` bytes at `address`."""
        ...

    def store(self, address: int, size: int, value: int) -> None:
        """Put `value` into the `size` bytes at `address`."""
        ...

    def arm_monitor(self, address: int, size: int, /) -> None:
        """Remember that a load-exclusive read the `size` bytes at `address`."""
        ...

    def pass_monitor(self, address: int) -> bool:
        """Return whether a store-exclusive to `address` succeeds, and disarm."""
        ...

    def clear_monitor(self) -> None:
        """Disarm."""
        ...


class Registers:
    """A register file as SLEIGH lays it out: bytes, kept in 8-byte words of which absent ones are 0."""

    __slots__ = ("words",)

    def __init__(self, words: dict[int, int] | None = None) -> None:
        self.words: dict[int, int] = {} if words is None else words

    def read(self, offset: int, size: int) -> int:
        """Return the unsigned value of the `size` bytes at `offset`."""
        first, shift = offset & ~7, (offset & 7) * 8
        bits = 64 - shift
        if size * 8 <= bits:  # most are within a word
            word = self.words.get(first, 0)
            return word if size == 8 else word >> shift & _MASKS[size]
        value = self.words.get(first, 0) >> shift
        while bits < size * 8:
            first += 8
            value |= self.words.get(first, 0) << bits
            bits += 64
        return value & ((1 << size * 8) - 1)

    def write(self, offset: int, size: int, value: int) -> None:
        """Put `value` into the `size` bytes at `offset`."""
        first, shift = offset & ~7, (offset & 7) * 8
        bits = size * 8
        if bits + shift <= 64:
            mask = _MASKS[size]
            rest = self.words.get(first, 0) & ~(mask << shift) if size < 8 else 0
            self.words[first] = rest | (value & mask) << shift
            return
        value &= (1 << bits) - 1
        while bits > 0:
            here = min(bits, 64 - shift)
            mask = ((1 << here) - 1) << shift
            self.words[first] = self.words.get(first, 0) & ~mask | value << shift & mask
            value >>= here
            bits -= here
            first, shift = first + 8, 0


def execute(instruction: Instruction, registers: Registers, bus: Bus, arch: Architecture) -> int:
    """Execute `instruction` and return the address of the next one.

    Raises `Trap` where the code ends the run, `ExecutionError` where the model does not know what it does,
    and whatever `bus` raises.
    """
    scratch = Registers()
    files = {"register": registers, "unique": scratch}
    words = {"register": registers.words, "unique": scratch.words}

    def value_of(varnode: Varnode) -> int:
        space, offset, size = varnode
        if space == "const":
            return offset & ((1 << size * 8) - 1)
        if space == "ram":
            return bus.load(offset, size)
        if size == 8 and not offset & 7:  # most are a whole word
            return words[space].get(offset, 0)
        return files[space].read(offset, size)

    def put(varnode: Varnode | None, value: int) -> None:
        if varnode is None:
            return
        space, offset, size = varnode
        if space == "ram":  # x86 names memory relative to the instruction as a place: `decl counter(%rip)`
            bus.store(offset, size, value & ((1 << size * 8) - 1))
        elif size == 8 and not offset & 7:
            words[space][offset] = value & _WORD
        else:
            files[space].write(offset, size, value)

    ops, position = instruction.ops, 0
    arms_monitor = instruction.mnemonic in arch.arms_monitor
    while position < len(ops):
        op = ops[position]
        position += 1
        if (operation := _OPERATIONS.get(op.opcode)) is not None and op.output is not None:
            put(op.output, operation([value_of(node) for node in op.inputs], op.inputs[0].size, op.output.size))
            continue
        match op.opcode:
            case "LOAD":
                assert op.output is not None
                address = value_of(op.inputs[0])
                if arms_monitor:
                    bus.arm_monitor(address, _loaded(ops))
                    arms_monitor = False  # a pair is armed by its first half
                put(op.output, bus.load(address, op.output.size))
            case "STORE":
                bus.store(value_of(op.inputs[0]), op.inputs[1].size, value_of(op.inputs[1]))
            case "CBRANCH" if not value_of(op.inputs[1]):
                continue
            case "BRANCH" | "CBRANCH" if op.inputs[0].space == "const":
                position += _signed(op.inputs[0].offset, op.inputs[0].size) - 1
            case "BRANCH" | "CBRANCH" | "CALL":
                return op.inputs[0].offset
            case "BRANCHIND" | "CALLIND" | "RETURN":
                return value_of(op.inputs[0])
            case _:
                put(op.output, _user_operation(instruction, op, [value_of(node) for node in op.inputs], bus, arch))
    return instruction.following


def _loaded(ops: Iterable[Op]) -> int:
    """Return how many bytes `ops` load."""
    return sum(op.output.size for op in ops if op.opcode == "LOAD" and op.output is not None)


def _user_operation(instruction: Instruction, op: Op, values: list[int], bus: Bus, arch: Architecture) -> int:
    if op.opcode != "CALLOTHER":
        raise ExecutionError(
            f"the model lacks the operation {op.opcode} of {str(instruction)!r} at {instruction.address:#x}; "
            "is it floating point? compile with what the kernel uses, general registers only"
        )
    if op.user in arch.without_effect or op.user in arch.unpredictable:  # of the latter the result is not used
        return 0
    if op.user == arch.monitor_pass:
        return int(bus.pass_monitor(values[0]))
    if op.user == arch.monitor_status:
        return 0  # success: SLEIGH asks only after a pass
    if op.user == arch.monitor_clear:
        bus.clear_monitor()
        return 0
    if op.user in arch.traps:
        raise Trap(str(instruction))
    raise ExecutionError(
        f"the model lacks the instruction {str(instruction)!r} (its operation {op.user}) at {instruction.address:#x}; "
        "keep it out of the code under test"
    )


def _signed(value: int, size: int) -> int:
    sign = 1 << (size * 8 - 1)
    return ((value & ((1 << size * 8) - 1)) ^ sign) - sign


def _divide(dividend: int, divisor: int) -> int:
    quotient = abs(dividend) // abs(divisor)  # C's division: towards zero
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def _shift_right_signed(v: list[int], size: int, _out: int) -> int:
    return _signed(v[0], size) >> min(v[1], size * 8)


def _signed_add_overflows(v: list[int], size: int, _out: int) -> int:
    total = _signed(v[0], size) + _signed(v[1], size)
    return total != _signed(total, size)


def _signed_subtract_overflows(v: list[int], size: int, _out: int) -> int:
    difference = _signed(v[0], size) - _signed(v[1], size)
    return difference != _signed(difference, size)


def _piece(v: list[int], size: int, out: int) -> int:
    return v[0] << (out - size) * 8 | v[1]


# Operands: the input values, the size of the first input and that of the output, in bytes. `put` cuts a result to the
# output's size. Division by zero has no p-code meaning; SLEIGH guards it with a branch.
_OPERATIONS: dict[str, Callable[[list[int], int, int], int]] = {
    "COPY": lambda v, _s, _o: v[0],
    "INT_ZEXT": lambda v, _s, _o: v[0],
    "INT_SEXT": lambda v, s, _o: _signed(v[0], s),
    "INT_ADD": lambda v, _s, _o: v[0] + v[1],
    "INT_SUB": lambda v, _s, _o: v[0] - v[1],
    "INT_MULT": lambda v, _s, _o: v[0] * v[1],
    "INT_DIV": lambda v, _s, _o: v[0] // v[1] if v[1] else 0,
    "INT_REM": lambda v, _s, _o: v[0] % v[1] if v[1] else v[0],
    "INT_SDIV": lambda v, s, _o: _divide(_signed(v[0], s), _signed(v[1], s)) if v[1] else 0,
    "INT_SREM": lambda v, s, _o: (
        _signed(v[0], s) - _signed(v[1], s) * _divide(_signed(v[0], s), _signed(v[1], s)) if v[1] else v[0]
    ),
    "INT_2COMP": lambda v, _s, _o: -v[0],
    "INT_NEGATE": lambda v, _s, _o: ~v[0],
    "INT_AND": lambda v, _s, _o: v[0] & v[1],
    "INT_OR": lambda v, _s, _o: v[0] | v[1],
    "INT_XOR": lambda v, _s, _o: v[0] ^ v[1],
    "INT_LEFT": lambda v, s, _o: v[0] << v[1] if v[1] < s * 8 else 0,
    "INT_RIGHT": lambda v, s, _o: v[0] >> v[1] if v[1] < s * 8 else 0,
    "INT_SRIGHT": _shift_right_signed,
    "INT_EQUAL": lambda v, _s, _o: v[0] == v[1],
    "INT_NOTEQUAL": lambda v, _s, _o: v[0] != v[1],
    "INT_LESS": lambda v, _s, _o: v[0] < v[1],
    "INT_LESSEQUAL": lambda v, _s, _o: v[0] <= v[1],
    "INT_SLESS": lambda v, s, _o: _signed(v[0], s) < _signed(v[1], s),
    "INT_SLESSEQUAL": lambda v, s, _o: _signed(v[0], s) <= _signed(v[1], s),
    "INT_CARRY": lambda v, s, _o: v[0] + v[1] >> s * 8,
    "INT_SCARRY": _signed_add_overflows,
    "INT_SBORROW": _signed_subtract_overflows,
    "BOOL_NEGATE": lambda v, _s, _o: v[0] == 0,
    "BOOL_AND": lambda v, _s, _o: v[0] & v[1],
    "BOOL_OR": lambda v, _s, _o: v[0] | v[1],
    "BOOL_XOR": lambda v, _s, _o: v[0] ^ v[1],
    "PIECE": _piece,
    "SUBPIECE": lambda v, _s, _o: v[0] >> v[1] * 8,
    "POPCOUNT": lambda v, _s, _o: v[0].bit_count(),
    "LZCOUNT": lambda v, s, _o: s * 8 - v[0].bit_length(),
}
