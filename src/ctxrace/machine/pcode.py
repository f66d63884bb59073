"""Machine code as plain data: instructions made of p-code operations on varnodes.

P-code is the register transfer language of SLEIGH (Ghidra, "P-Code Reference Manual"). These types hold what
the evaluator needs and nothing of the library that produced them.
"""

from typing import NamedTuple

__all__ = ["Instruction", "Op", "Varnode"]


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
