"""Machine code as plain data: instructions made of p-code operations on varnodes.

P-code is the register transfer language of SLEIGH (Ghidra, "P-Code Reference Manual"). These types hold what
the evaluator needs and nothing of the library that produced them.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

__all__ = ["SCRATCH", "Instruction", "Op", "Varnode", "constant", "registers", "scratch", "with_aligned_temporaries",
           "with_zero_register"]

_WORD = 8  # bytes

SCRATCH = 0x1000_0000
"""Where temporaries of our own begin: SLEIGH's are below."""


class Varnode(NamedTuple):
    """A place or a constant. space: ``const``, ``register``, ``unique`` or ``ram``; offset, size: in bytes."""

    space: str
    offset: int
    size: int


class Op(NamedTuple):
    """One operation. For ``CALLOTHER``, `user` names the user operation and `inputs` are its arguments alone."""

    opcode: str
    output: Varnode | None
    inputs: tuple[Varnode, ...]
    user: str = ""


class Instruction(NamedTuple):
    """One machine instruction: its bytes at `address`, its spelling, and what it does."""

    address: int
    code: bytes
    mnemonic: str
    operands: str
    ops: tuple[Op, ...]

    @property
    def following(self) -> int:
        """The address after it."""
        return self.address + len(self.code)

    def __str__(self) -> str:
        return f"{self.mnemonic} {self.operands}".strip()


def constant(value: int, size: int) -> Varnode:
    """Return the lowest `size` bytes of `value` as an input."""
    return Varnode("const", value & (1 << 8 * size) - 1, size)


def scratch(index: int, size: int) -> Varnode:
    """Return a temporary of our own. They are 8 bytes apart: where one is longer, leave out the next index."""
    return Varnode("unique", SCRATCH + 8 * index, size)


def registers(ops: Iterable[Op]) -> Iterator[Varnode]:
    """Yield every register that `ops` read or write."""
    for op in ops:
        yield from (node for node in (*op.inputs, op.output) if node is not None and node.space == "register")


def with_zero_register(op: Op, zero: range) -> Op:
    """Return `op` where the register at `zero` reads as 0, and what is written to it, or to a constant, is lost."""

    def is_zero(node: Varnode) -> bool:
        return node.space == "register" and node.offset in zero

    inputs = tuple(constant(0, node.size) if is_zero(node) else node for node in op.inputs)
    output = op.output
    if output is not None and (output.space == "const" or is_zero(output)):
        output = scratch(0xFF, output.size)
    return op._replace(inputs=inputs, output=output)


def with_aligned_temporaries(ops: Iterable[Op], among_registers: range = range(0)) -> tuple[Op, ...]:
    """Return `ops` with each temporary in words of its own, unless it shares bytes with another one.

    A temporary that begins within a word would be shifted there and back, which hides what is known of its value.
    among_registers: where SLEIGH keeps further temporaries.
    """
    ops = tuple(ops)
    nodes = {node for op in ops for node in (*op.inputs, op.output) if node is not None}
    moved: dict[Varnode, Varnode] = {}
    space, begin, end = "", 0, 0  # of the temporaries that share bytes with the one before
    first = free = SCRATCH  # where they begin now, and what is behind them
    for node in sorted(nodes):
        if node.space != "unique" and not (node.space == "register" and node.offset in among_registers):
            continue
        if node.space != space or node.offset >= end:
            space, begin, end, first = node.space, node.offset, 0, free
        end = max(end, node.offset + node.size)
        free = first + -(-(end - begin) // _WORD) * _WORD
        moved[node] = Varnode("unique", first + node.offset - begin, node.size)
    return tuple(
        op._replace(
            output=op.output and moved.get(op.output, op.output),
            inputs=tuple(moved.get(node, node) for node in op.inputs),
        )
        for op in ops
    )
