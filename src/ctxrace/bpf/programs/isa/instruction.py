"""BPF instructions: one table of all opcodes, the decoder, and their spelling.

The instruction set is that of Documentation/bpf/standardization/instruction-set.rst in Linux 7.0 (RFC 9669, and the
kernel's own may_goto, addr_space_cast, load_acquire, store_release and gotox). The spelling is LLVM's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ctxrace.core.errors import ImageError

__all__ = ["FORMS", "POISON", "PSEUDO_CALL", "PSEUDO_KFUNC", "SIZE", "Form", "Instruction", "Kind", "decode"]

SIZE = 8  # bytes of an instruction; a wide one has two such slots
REGISTERS = 11  # r0 to r10
POISON = 0xBAD2310  # the helper that libbpf has called where a CO-RE relocation has no target (relo_core.c)
PSEUDO_CALL, PSEUDO_KFUNC = 1, 2  # BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL in include/uapi/linux/bpf.h


class Kind(StrEnum):
    """What an instruction does."""

    ALU = "alu"
    LOAD = "load"
    STORE = "store"
    ATOMIC = "atomic"
    CONSTANT = "constant"
    PACKET = "packet"
    GOTO = "goto"
    MAY_GOTO = "may_goto"
    GOTO_REGISTER = "goto_register"
    BRANCH = "branch"
    CALL = "call"
    CALL_REGISTER = "call_register"
    EXIT = "exit"


class Form(NamedTuple):
    """What an opcode byte says.

    name: the operation (``add``, ``jsgt``); bits: width of operands, or of the memory that is accessed.
    register: whether the second operand is a register, not the immediate; signed: whether a load extends the sign.
    """

    kind: Kind
    name: str
    bits: int
    register: bool = False
    signed: bool = False


_ALU = ("add", "sub", "mul", "div", "or", "and", "lsh", "rsh", "neg", "mod", "xor", "mov", "arsh", "end")
_JUMPS = {1: "jeq", 2: "jgt", 3: "jge", 4: "jset", 5: "jne", 6: "jsgt", 7: "jsge",
          10: "jlt", 11: "jle", 12: "jslt", 13: "jsle"}  # fmt: skip
_SIZES = (32, 16, 8, 64)  # by bits 3 and 4 of the opcode


def _table() -> dict[int, Form]:
    forms: dict[int, Form] = {}
    for code, name in enumerate(_ALU):
        for register in (False, True):
            for family, bits in ((4, 32), (7, 64)):
                if not (register and (name == "neg" or (name == "end" and bits == 64))):
                    forms[code << 4 | register << 3 | family] = Form(Kind.ALU, name, bits, register)
    for code, bits in enumerate(_SIZES):
        forms[0x61 | code << 3] = Form(Kind.LOAD, "load", bits)
        forms[0x62 | code << 3] = Form(Kind.STORE, "store", bits)
        forms[0x63 | code << 3] = Form(Kind.STORE, "store", bits, register=True)
        forms[0xC3 | code << 3] = Form(Kind.ATOMIC, "atomic", bits, register=True)
        if bits < 64:
            forms[0x81 | code << 3] = Form(Kind.LOAD, "load", bits, signed=True)
            forms[0x20 | code << 3] = Form(Kind.PACKET, "absolute", bits)
            forms[0x40 | code << 3] = Form(Kind.PACKET, "indirect", bits, register=True)
    for code, name in _JUMPS.items():
        for register in (False, True):
            forms[code << 4 | register << 3 | 5] = Form(Kind.BRANCH, name, 64, register)
            forms[code << 4 | register << 3 | 6] = Form(Kind.BRANCH, name, 32, register)
    return forms | {
        0x18: Form(Kind.CONSTANT, "constant", 64),
        0x05: Form(Kind.GOTO, "goto", 64),
        0x06: Form(Kind.GOTO, "gotol", 32),
        0x0D: Form(Kind.GOTO_REGISTER, "gotox", 64),
        0xE5: Form(Kind.MAY_GOTO, "may_goto", 64),
        0x85: Form(Kind.CALL, "call", 64),
        0x8D: Form(Kind.CALL_REGISTER, "callx", 64),
        0x95: Form(Kind.EXIT, "exit", 64),
    }


FORMS = _table()
"""Every opcode byte that exists."""

FETCH, EXCHANGE, COMPARE_EXCHANGE, LOAD_ACQUIRE, STORE_RELEASE = 0x01, 0xE1, 0xF1, 0x100, 0x110
_PLAIN_ATOMICS = {0x00: "add", 0x40: "or", 0x50: "and", 0xA0: "xor"}
_ATOMICS = {
    **_PLAIN_ATOMICS,
    **{code | FETCH: f"fetch_{name}" for code, name in _PLAIN_ATOMICS.items()},
    EXCHANGE: "xchg",
    COMPARE_EXCHANGE: "cmpxchg",
    LOAD_ACQUIRE: "load_acquire",
    STORE_RELEASE: "store_release",
}


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    index: its slot in the section; form: what the opcode says. imm: sign-extended 32 bits, or a wide one's 64 bits.
    """

    index: int
    form: Form
    dst: int
    src: int
    off: int
    imm: int

    @property
    def slots(self) -> int:
        """How many slots it takes."""
        return 2 if self.form.kind is Kind.CONSTANT else 1

    @property
    def operation(self) -> str:
        """The name of the operation, with the sign of a division and the kind of an atomic."""
        form = self.form
        if form.kind is Kind.ATOMIC:
            return _ATOMICS[self.imm]
        if form.kind is Kind.ALU and self.off:
            if form.name == "mov":
                return "addr_space_cast" if self.off == 1 else "movsx"
            return f"s{form.name}"
        return form.name

    @property
    def target(self) -> int:
        """The slot that a goto or branch leads to where it is taken."""
        return self.index + 1 + (self.imm if self.form.name == "gotol" else self.off)

    def __str__(self) -> str:
        spell: Callable[[Instruction], str] = _SPELL[self.form.kind]
        return spell(self)


def decode(code: bytes, where: str) -> dict[int, Instruction]:
    """Decode a whole section.

    where: its name, for messages. Returns the instructions by their slot; the second slot of a wide one has none.
    Raises `ImageError` for an opcode, a register or a field that the instruction set does not have.
    """
    if len(code) % SIZE:
        raise ImageError(f"section {where} has {len(code)} bytes, no multiple of {SIZE}: it is truncated")
    return {instruction.index: instruction for instruction in _instructions(code, where)}


def _instructions(code: bytes, where: str) -> Iterator[Instruction]:
    index, end = 0, len(code) // SIZE
    while index < end:
        word = code[index * SIZE : (index + 1) * SIZE]
        form = FORMS.get(word[0])
        if form is None:
            raise ImageError(f"{where}+{index * SIZE:#x}: opcode {word[0]:#04x} is no BPF instruction")
        off = int.from_bytes(word[2:4], "little", signed=True)
        imm = int.from_bytes(word[4:], "little", signed=True)
        if form.kind is Kind.CONSTANT:
            second = code[(index + 1) * SIZE : (index + 2) * SIZE]
            if len(second) < SIZE or any(second[:4]):
                raise ImageError(f"{where}+{index * SIZE:#x}: the second half of a 16-byte instruction is missing")
            imm = imm & 0xFFFFFFFF | int.from_bytes(second[4:], "little") << 32
        instruction = Instruction(index, form, word[1] & 15, word[1] >> 4, off, imm)
        if wrong := _wrong_field(instruction):
            raise ImageError(f"{where}+{index * SIZE:#x}: {wrong}, which the instruction set does not have")
        yield instruction
        index += instruction.slots


def _wrong_field(x: Instruction) -> str:
    """Return which field of `x` has a value that is reserved; nothing where all is well."""
    form = x.form
    if max(x.dst, x.src if form.kind is not Kind.CALL else 0) >= REGISTERS:
        return f"register r{max(x.dst, x.src)}"
    written = x.dst == 10 and form.kind in (Kind.ALU, Kind.LOAD, Kind.CONSTANT)
    if written:
        return "a write to r10"
    match form.kind:
        case Kind.ALU:
            return _wrong_alu(x)
        case Kind.ATOMIC:
            if x.imm not in _ATOMICS:
                return f"atomic operation {x.imm:#x}"
            if form.bits < 32 and x.imm not in (LOAD_ACQUIRE, STORE_RELEASE):
                return f"an atomic {_ATOMICS[x.imm]} of {form.bits} bits"
        case Kind.CALL if x.src > PSEUDO_KFUNC:
            return f"a call of kind {x.src}"
        case Kind.CONSTANT if x.src > 6:
            return f"a 64-bit constant of kind {x.src}"
        case _:
            pass
    return ""


def _wrong_alu(x: Instruction) -> str:
    name, bits, register = x.form.name, x.form.bits, x.form.register
    if name == "end":
        return "" if x.imm in (16, 32, 64) else f"a byte swap of {x.imm} bits"
    allowed = {0}
    if name in ("div", "mod"):
        allowed = {0, 1}
    elif name == "mov" and register:
        allowed = {0, 8, 16} if bits == 32 else {0, 1, 8, 16, 32}
    return "" if x.off in allowed else f"{name} with offset {x.off}"


# Spelling, as llvm-objdump of LLVM 22 with --mcpu=v4.

_SIGNS = {"add": "+=", "sub": "-=", "mul": "*=", "div": "/=", "or": "|=", "and": "&=", "lsh": "<<=", "rsh": ">>=",
          "mod": "%=", "xor": "^=", "arsh": "s>>=", "sdiv": "s/=", "smod": "s%="}  # fmt: skip
_COMPARISONS = {"jeq": "==", "jne": "!=", "jgt": ">", "jge": ">=", "jlt": "<", "jle": "<=", "jset": "&",
                "jsgt": "s>", "jsge": "s>=", "jslt": "s<", "jsle": "s<="}  # fmt: skip


def _hex(value: int) -> str:
    return f"-{-value:#x}" if value < 0 else f"{value:#x}"


def _register(number: int, bits: int) -> str:
    return f"{'r' if bits == 64 else 'w'}{number}"


def _place(register: int, off: int) -> str:
    return f"(r{register} {'-' if off < 0 else '+'} {abs(off):#x})"


def _second(x: Instruction) -> str:
    return _register(x.src, x.form.bits) if x.form.register else _hex(x.imm)


def _spell_alu(x: Instruction) -> str:
    dst, operation = _register(x.dst, x.form.bits), x.operation
    match operation:
        case "neg":
            return f"{dst} = -{dst}"
        case "end":
            order = "bswap" if x.form.bits == 64 else "be" if x.form.register else "le"
            return f"r{x.dst} = {order}{x.imm} r{x.dst}"
        case "mov":
            return f"{dst} = {_second(x)}"
        case "movsx":
            return f"{dst} = (s{x.off}){_register(x.src, x.form.bits)}"
        case "addr_space_cast":
            return f"{dst} = addr_space_cast(r{x.src}, {x.imm >> 16 & 0xFFFF:#x}, {x.imm & 0xFFFF:#x})"
        case _:
            return f"{dst} {_SIGNS[operation]} {_second(x)}"


def _spell_atomic(x: Instruction) -> str:
    bits, name = x.form.bits, x.operation
    narrow = _register(x.src, bits)
    cell = f"(u{bits} *){_place(x.dst, x.off)}"
    bare = f"r{x.dst} {'-' if x.off < 0 else '+'} {abs(x.off):#x}"
    suffix = "_64" if bits == 64 else "32_32"
    match name:
        case "load_acquire":
            return f"{_register(x.dst, bits)} = load_acquire((u{bits} *){_place(x.src, x.off)})"
        case "store_release":
            return f"store_release({cell}, {narrow})"
        case "xchg":
            return f"{narrow} = xchg{suffix}({bare}, {narrow})"
        case "cmpxchg":
            r0 = _register(0, bits)
            return f"{r0} = cmpxchg{suffix}({bare}, {r0}, {narrow})"
        case _ if name.startswith("fetch_"):
            return f"{narrow} = atomic_{name}({cell}, {narrow})"
        case _:
            return f"lock *{cell} {_SIGNS[name]} {narrow}"


def _spell_load(x: Instruction) -> str:
    register = _register(x.dst, 64 if x.form.signed else x.form.bits)
    return f"{register} = *({'s' if x.form.signed else 'u'}{x.form.bits} *){_place(x.src, x.off)}"


def _spell_packet(x: Instruction) -> str:
    return f"r0 = *(u{x.form.bits} *)skb[{f'r{x.src}' if x.form.register else _hex(x.imm)}]"


def _spell_goto(x: Instruction) -> str:
    distance = x.imm if x.form.name == "gotol" else x.off
    return f"{x.form.name} {'-' if distance < 0 else '+'}{abs(distance):#x}"


def _spell_branch(x: Instruction) -> str:
    first, sign = _register(x.dst, x.form.bits), _COMPARISONS[x.form.name]
    return f"if {first} {sign} {_second(x)} goto {'-' if x.off < 0 else '+'}{abs(x.off):#x}"


_SPELL = {
    Kind.ALU: _spell_alu,
    Kind.LOAD: _spell_load,
    Kind.STORE: lambda x: f"*(u{x.form.bits} *){_place(x.dst, x.off)} = {_second(x)}",
    Kind.ATOMIC: _spell_atomic,
    Kind.CONSTANT: lambda x: f"r{x.dst} = {_hex(x.imm - (1 << 64) if x.imm >> 63 else x.imm)} ll",
    Kind.PACKET: _spell_packet,
    Kind.GOTO: _spell_goto,
    Kind.MAY_GOTO: _spell_goto,
    Kind.GOTO_REGISTER: lambda x: f"gotox r{x.dst}",
    Kind.BRANCH: _spell_branch,
    Kind.CALL: lambda x: f"call {_hex(x.imm)}",
    Kind.CALL_REGISTER: lambda x: f"callx r{x.dst}",
    Kind.EXIT: lambda _: "exit",
}
