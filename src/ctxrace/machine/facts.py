"""What is asked about an instruction each time that it runs, found out once."""

from collections.abc import Callable
from typing import Generic, TypeVar

from ctxrace.machine.arch import Architecture
from ctxrace.machine.lift import Lifter
from ctxrace.machine.liveness import Liveness
from ctxrace.machine.pcode import Instruction, Varnode

__all__ = ["Facts", "reads", "unpredictable", "writes"]

Fact = TypeVar("Fact")


class Facts(dict[int, Fact], Generic[Fact]):
    """What `find` says of the instruction at an address."""

    def __init__(self, code: Lifter, find: Callable[[Instruction], Fact]) -> None:
        super().__init__()
        self._code, self._find = code, find

    def __missing__(self, address: int) -> Fact:
        fact = self[address] = self._find(self._code[address])
        return fact


def writes(register: Varnode) -> Callable[[Instruction], bool]:
    """Return what tells whether an instruction writes `register`."""
    return lambda instruction: any(op.output is not None and op.output[:2] == register[:2] for op in instruction.ops)


def reads(register: Varnode) -> Callable[[Instruction], bool]:
    """Return what tells whether an instruction reads `register`."""
    return lambda instruction: any(node[:2] == register[:2] for op in instruction.ops for node in op.inputs)


def unpredictable(liveness: Liveness, arch: Architecture) -> Callable[[Instruction], str]:
    """Return what names the number without a known value that an instruction reads, if the code may use it later."""

    def find(instruction: Instruction) -> str:
        found = next((arch.unpredictable[op.user] for op in instruction.ops if op.user in arch.unpredictable), "")
        written = (op.output for op in instruction.ops if op.output is not None)
        return found if any(liveness.reads_later(instruction.following, node) for node in written) else ""

    return find
