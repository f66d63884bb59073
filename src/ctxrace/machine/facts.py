"""What is asked about an instruction each time that it runs, found out once."""

from collections.abc import Callable
from typing import Generic, TypeVar

from ctxrace.core.errors import ExecutionError
from ctxrace.core.setting import Setting
from ctxrace.machine.image import Image
from ctxrace.machine.lift import Lifter
from ctxrace.machine.liveness import Liveness
from ctxrace.machine.pcode import Instruction, Varnode

__all__ = ["Facts", "never", "reads", "refusal", "returns", "with_callers", "writes"]

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


def never(_instruction: Instruction) -> bool:
    """Return False: what holds of no instruction."""
    return False


def returns(instruction: Instruction) -> bool:
    """Return whether an instruction may return from a function."""
    return any(op.opcode == "RETURN" for op in instruction.ops)


def refusal(code: Lifter, liveness: Liveness) -> Callable[[Instruction], str]:
    """Return what says why the model cannot execute an instruction that has a p-code; nothing where it can."""
    arch, image = code.arch, code.image

    def place(instruction: Instruction) -> str:
        return f"{str(instruction)!r} at {image.where(instruction.address)}"

    def find(instruction: Instruction) -> str:
        for op in instruction.ops:
            for node in (*op.inputs, op.output):
                if node is None or node.space != "register" or node.offset not in arch.system_registers:
                    continue
                name = code.register_name(node)
                written = node is op.output and name != arch.interrupt_mask_register
                if name not in arch.known_system_registers or written:
                    doing = "writing" if written else "reading"
                    return (
                        f"the model does not know what {doing} the register {name} means "
                        f"({place(instruction)}); keep it out of the code"
                    )
        unknown = next((arch.unpredictable[op.user] for op in instruction.ops if op.user in arch.unpredictable), "")
        results = (op.output for op in instruction.ops if op.output is not None)
        if unknown and any(liveness.reads_later(instruction.following, node) for node in results):
            return (
                f"{place(instruction)} reads {unknown}, and what the code does with it differs each time; "
                "let it call a function that returns a number of your choice"
            )
        return ""

    return find


def with_callers(error: ExecutionError, address: int, image: Image, liveness: Liveness, stack: bytes) -> ExecutionError:
    """Return `error`, which is about the instruction at `address`, with the functions through which a run came there.

    stack: what is on the context's stack, from the stack pointer on.
    """
    function = image.function_at(address)
    if function is None:
        return error
    through = "".join(f"{name} ➜ " for name in reversed(_callers(image, liveness, stack)) if name != function.name)
    text = f"{error}; reached through {through}{function.name}: define one of them in the harness, or pass "
    return ExecutionError(text, Setting("stub", function.name))


def _callers(image: Image, liveness: Liveness, stack: bytes) -> list[str]:
    """Return the functions to which return addresses on the stack lead, innermost first."""
    found: list[str] = []
    for at in range(0, len(stack) - image.arch.word + 1, image.arch.word):
        address = int.from_bytes(stack[at : at + image.arch.word], image.arch.byte_order)
        function = image.function_at(address) if liveness.is_after_call(address) else None
        if function is not None and function.name not in found:
            found.append(function.name)
    return found
