"""The evaluator: what one instruction does to registers and memory.

Plain p-code, written to be checked against the "P-Code Reference Manual" line by line; the
tests hold it against an independent CPU emulator. It knows no Linux and no context: memory is behind `Bus`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol, final

from ctxrace.core.errors import ExecutionError
from ctxrace.machine.arch import Architecture
from ctxrace.machine.pcode import Instruction, Op, Varnode

__all__ = ["OPERATIONS", "Bus", "Effect", "Registers", "Trap", "execute"]

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
    """Execute `instruction` once, and return the address of the next one; `Effect` says what is raised."""
    return Effect(instruction, arch)(registers, bus)


class Effect:
    """What one instruction does, ready to be done many times: what its operations work on is found out once."""

    __slots__ = ("_following", "_steps")

    def __init__(self, instruction: Instruction, arch: Architecture) -> None:
        self._following = instruction.following
        self._steps: list[_Step | _Branch] = []
        armed = _loaded(instruction.ops) if instruction.mnemonic in arch.arms_monitor else 0
        for position, op in enumerate(instruction.ops):
            self._steps.append(_branch(op, position) or _step(instruction, op, arch, armed))
            # The first half of a pair arms for both.
            armed = 0 if op.opcode == "LOAD" else armed

    def __call__(self, registers: Registers, bus: Bus) -> int:
        """Do it, and return the address of the next instruction.

        Raises `Trap` where the code ends the run, `ExecutionError` where the model does not know what the instruction
        does, and whatever `bus` raises.
        """
        files: _Files = (registers.words, {})
        steps, position = self._steps, 0
        while position < len(steps):
            step = steps[position]
            position += 1
            if type(step) is not _Branch:
                step(files, bus)
            elif step.taken(files, bus):
                if step.within is None:
                    return step.target(files, bus)
                position = step.within
        return self._following


_Files = tuple[dict[int, int], dict[int, int]]
"""The words of the register file and those of the temporaries, as in `Registers`."""
_PLACE = {"register": 0, "unique": 1}
"""Which of the two a space is."""
_Read = Callable[[_Files, Bus], int]
_Write = Callable[[_Files, Bus, int], None]
_Step = Callable[[_Files, Bus], None]


@final
class _Branch(NamedTuple):
    """A step that leaves the instruction for `target` if it is taken, or goes on at operation number `within`."""

    taken: _Read
    target: _Read
    within: int | None = None


def _branch(op: Op, position: int) -> _Branch | None:
    match op.opcode:
        case "BRANCH" | "CBRANCH":
            target = op.inputs[0]
            within = position + _signed(target.offset, target.size) if target.space == "const" else None
            taken = _read(op.inputs[1]) if op.opcode == "CBRANCH" else _always
            return _Branch(taken, lambda _files, _bus: target.offset, within)
        case "CALL":
            return _Branch(_always, lambda _files, _bus: op.inputs[0].offset)
        case "BRANCHIND" | "CALLIND" | "RETURN":
            return _Branch(_always, _read(op.inputs[0]))
    return None


def _always(_files: _Files, _bus: Bus) -> int:
    return True


def _step(instruction: Instruction, op: Op, arch: Architecture, armed: int) -> _Step:
    inputs = [_read(node) for node in op.inputs]
    if op.opcode == "STORE":
        address, value = inputs
        return _store(address, value, op.inputs[1].size)
    if op.output is not None:
        put, size = _write(op.output), op.output.size
        if op.opcode == "LOAD":
            return _load(inputs[0], put, size, armed)
        if (operation := OPERATIONS.get(op.opcode)) is not None:
            return _compute(operation, inputs, op.inputs[0].size, put, size)

    def step(files: _Files, bus: Bus) -> None:
        value = _user_operation(instruction, op, [read(files, bus) for read in inputs], bus, arch)
        if op.output is not None:
            put(files, bus, value)

    return step


def _store(address: _Read, value: _Read, size: int) -> _Step:
    return lambda files, bus: bus.store(address(files, bus), size, value(files, bus))


def _load(address: _Read, put: _Write, size: int, armed: int) -> _Step:
    def step(files: _Files, bus: Bus) -> None:
        place = address(files, bus)
        if armed:
            bus.arm_monitor(place, armed)
        put(files, bus, bus.load(place, size))

    return step


def _compute(operation: "_Operation", inputs: Sequence[_Read], size: int, put: _Write, out: int) -> _Step:
    if len(inputs) == 1:
        (only,) = inputs
        return lambda files, bus: put(files, bus, operation([only(files, bus)], size, out))
    first, second = inputs
    return lambda files, bus: put(files, bus, operation([first(files, bus), second(files, bus)], size, out))


def _read(node: Varnode) -> _Read:
    """Return what reads `node`, which is within one word as a rule."""
    space, offset, size = node
    if space == "const":
        value = offset & ((1 << size * 8) - 1)
        return lambda _files, _bus: value
    if space == "ram":
        return lambda _files, bus: bus.load(offset, size)
    file, first, shift = _PLACE[space], offset & ~7, (offset & 7) * 8
    if size == 8 and shift == 0:
        return lambda files, _bus: files[file].get(offset, 0)
    if size * 8 + shift > 64:
        return lambda files, _bus: Registers(files[file]).read(offset, size)
    mask = _MASKS[size]
    return lambda files, _bus: files[file].get(first, 0) >> shift & mask


def _write(node: Varnode) -> _Write:
    """Return what writes to `node` as many bytes of a value as it has."""
    space, offset, size = node
    if space == "ram":  # x86 names memory relative to the instruction as a place: `decl counter(%rip)`
        return lambda _files, bus, value: bus.store(offset, size, value & ((1 << size * 8) - 1))
    file, first, shift = _PLACE[space], offset & ~7, (offset & 7) * 8
    if size * 8 + shift > 64:
        return lambda files, _bus, value: Registers(files[file]).write(offset, size, value)
    mask = _MASKS[size]
    rest = _WORD & ~(mask << shift)

    def put(files: _Files, _bus: Bus, value: int) -> None:
        files[file][offset] = value & _WORD

    def put_part(files: _Files, _bus: Bus, value: int) -> None:
        words = files[file]
        words[first] = words.get(first, 0) & rest | (value & mask) << shift

    return put if size == 8 else put_part


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
_Operation = Callable[[list[int], int, int], int]
OPERATIONS: dict[str, _Operation] = {
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
