"""Bytes to p-code. The only user of pypcode."""

import re
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING

from ctxrace.core.errors import ExecutionError
from ctxrace.core.limits import spend
from ctxrace.machine.arch import Architecture, architecture
from ctxrace.machine.image import Image
from ctxrace.machine.pcode import Instruction, Op, Varnode, with_aligned_temporaries

if TYPE_CHECKING:
    import pypcode

__all__ = ["Lifter", "lift"]

_LONGEST_INSTRUCTION = 16
_MOST_KNOWN = 1 << 14
_KERNEL_ADDRESS = re.compile(r"-0x[0-9a-f]{8,16}(?=\])")  # as SLEIGH prints it in x86 operands


@cache
def _sleigh(language: str) -> "pypcode.Context":
    import pypcode  # both take longer than to check a small program; of a context nothing changes

    return pypcode.Context(language)


@lru_cache(_MOST_KNOWN)
def _translated(arch: str, address: int, code: bytes) -> Instruction:
    """Return the first instruction of `code`: the same where programs differ in something else, as in their callers."""
    known = architecture(arch)
    return lift(_sleigh(known.language), known, address, code)


class Lifter:
    """Lift the instructions of one image, each once."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.arch: Architecture = image.arch
        self._lifted: dict[int, Instruction] = {}

    @cached_property
    def _context(self) -> "pypcode.Context":
        return _sleigh(self.arch.language)

    @cached_property
    def _names(self) -> dict[Varnode, str]:
        registers = self._context.registers.items()
        return {_place(self.arch, register): str(name) for name, register in registers}

    def __getitem__(self, address: int) -> Instruction:
        """Return the instruction at `address`; raise `ExecutionError` where there is none that SLEIGH knows."""
        instruction = self._lifted.get(address)
        if instruction is None:
            instruction = self._lifted[address] = self._lift(address)
        return instruction

    @property
    def register_file_size(self) -> int:
        """The bytes of SLEIGH's register file."""
        return max(place.offset + place.size for place in self._names)

    def register(self, name: str) -> Varnode:
        """Return where SLEIGH keeps the register called `name`."""
        return _place(self.arch, self._context.registers[name])

    def register_name(self, varnode: Varnode) -> str:
        """Return SLEIGH's name of a register, or its offset where it has none."""
        return self._names.get(varnode) or f"register {varnode.offset:#x}"

    def _lift(self, address: int) -> Instruction:
        import pypcode

        spend(f"lifting {self.image.name}")
        code = self._code(address)
        try:
            return self._name_variable(self._name_target(_translated(self.arch.name, address, code)))
        except pypcode.BadDataError:
            known = self.arch.unknown(address, code)
            if known is not None:
                return known
            raise ExecutionError(
                f"unknown instruction {code[:4].hex(' ')} at {self.image.where(address)}; either it is not code, "
                f"or an extension of {self.arch.name} that SLEIGH does not know: compile without it"
            ) from None

    def _name_target(self, instruction: Instruction) -> Instruction:
        # SLEIGH prints kernel addresses as negative numbers; say the function instead.
        for op in instruction.ops:
            if op.opcode in ("BRANCH", "CBRANCH", "CALL") and op.inputs[0].space == "ram":
                target = op.inputs[0].offset
                spelled = _signed_hex(target)
                if instruction.operands.endswith(spelled):
                    function = self.image.function_at(target)
                    offset = target - function.address if function else 0
                    name = f"{function.name}+{offset:#x}" if function and offset else function.name if function else ""
                    operands = instruction.operands.removesuffix(spelled) + (name or f"{target:#x}")
                    return instruction._replace(operands=operands)
        return instruction

    def _name_variable(self, instruction: Instruction) -> Instruction:
        return instruction._replace(operands=_KERNEL_ADDRESS.sub(self._variable, instruction.operands))

    def _variable(self, spelled: re.Match[str]) -> str:
        address = int(spelled[0], 16) & 0xFFFF_FFFF_FFFF_FFFF
        found = self.image.object_at(address)
        if found is None:
            return spelled[0]
        return f"{found.name}+{address - found.address:#x}" if address > found.address else found.name

    def _code(self, address: int) -> bytes:
        for length in range(_LONGEST_INSTRUCTION, 0, -1):  # less at the end of a section
            code = self.image.read(address, length)
            if code is not None:
                return code
        raise ExecutionError(f"no code at address {address:#x}; a call through a wrong pointer?")


def lift(context: "pypcode.Context", arch: Architecture, address: int, code: bytes) -> Instruction:
    """Lift the first instruction of `code`, as it stands at `address`; raise `pypcode.BadDataError`."""
    import pypcode

    shown = context.disassemble(code, address, max_instructions=1).instructions[0]
    operands = _readable(shown.body)
    try:
        translated = context.translate(code, address, max_instructions=1).ops
    except pypcode.UnimplError:
        refused = Op("CALLOTHER", None, (), f"{shown.mnem}: SLEIGH has no p-code for it")
        return Instruction(address, code[: shown.length], shown.mnem, operands, (refused,))
    ops = []
    for op in translated:
        output = None if op.output is None else _place(arch, op.output)
        inputs = tuple(_place(arch, node) for node in op.inputs)
        match op.opcode.name:
            case "IMARK":
                continue
            case "LOAD" | "STORE":  # the first input only names the address space
                ops.append(Op(op.opcode.name, output, inputs[1:]))
            case "CALLOTHER":
                user = op.inputs[0].getUserDefinedOpName()
                ops.append(Op("CALLOTHER", output, inputs[1:], user))
            case opcode:
                ops.append(Op(opcode, output, inputs))
    repaired = arch.repair(Instruction(address, code[: shown.length], shown.mnem, operands, tuple(ops)))
    return repaired._replace(ops=with_aligned_temporaries(repaired.ops, arch.temporaries))


def _place(arch: Architecture, varnode: "pypcode.Varnode") -> Varnode:
    return arch.place(Varnode(varnode.space.name, varnode.offset, varnode.size))


def _readable(operands: str) -> str:
    # SLEIGH prints an index that is not scaled with an empty amount.
    return operands.replace(", LSL ]", "]").replace(" ]", "]")


def _signed_hex(address: int) -> str:
    return f"{address:#x}" if address < 1 << 63 else f"-{(1 << 64) - address:#x}"
