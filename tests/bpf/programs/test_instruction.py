"""The decoder against llvm-objdump, over encodings of every form."""

import random
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from ctxrace.bpf.programs.isa.instruction import FORMS, Instruction, Kind, decode
from ctxrace.core.errors import ImageError

ATOMICS = (0x00, 0x40, 0x50, 0xA0, 0x01, 0x41, 0x51, 0xA1, 0xE1, 0xF1, 0x100, 0x110)
NEWEST = next((f"llvm-objdump-{n}" for n in range(30, 19, -1) if shutil.which(f"llvm-objdump-{n}")), None)


def encode(opcode: int, dst: int = 0, src: int = 0, off: int = 0, imm: int = 0) -> bytes:
    return struct.pack("<BBhi", opcode, dst | src << 4, off, imm)


def example(opcode: int, random: random.Random) -> bytes:
    """One valid encoding of `opcode`, with what LLVM leaves out of its spelling left zero."""
    form = FORMS[opcode]
    dst, src = random.randrange(10), random.randrange(10) if form.register else 0
    imm = random.choice((0, 1, -1, 7, -(2**31), 2**31 - 1, random.randrange(-(2**31), 2**31)))
    off = random.randrange(-(2**15), 2**15)
    match form.kind:
        case Kind.ALU if form.name == "end":
            return encode(opcode, dst, imm=random.choice((16, 32, 64)))
        case Kind.ALU:
            offsets: tuple[int, ...] = {"div": (0, 1), "mod": (0, 1)}.get(form.name, (0,))
            if form.name == "mov" and form.register:
                offsets = (0, 8, 16) if form.bits == 32 else (0, 8, 16, 32)
            imm = 0 if form.register or form.name == "neg" else imm
            return encode(opcode, dst, src, random.choice(offsets), imm)
        case Kind.LOAD:
            return encode(opcode, dst, random.randrange(11), off)
        case Kind.STORE:
            return encode(opcode, dst, src, off, 0 if form.register else imm)
        case Kind.ATOMIC:
            return encode(opcode, dst, src, off, random.choice(ATOMICS if form.bits >= 32 else (0x100, 0x110)))
        case Kind.CONSTANT:
            return encode(opcode, dst, imm=imm) + struct.pack("<ii", 0, random.randrange(-(2**31), 2**31))
        case Kind.PACKET:
            return encode(opcode, 0, src, 0, 0 if form.register else imm)
        case Kind.BRANCH:
            return encode(opcode, dst, src, off, 0 if form.register else imm)
        case Kind.GOTO if form.name == "gotol":
            return encode(opcode, imm=imm)
        case Kind.GOTO | Kind.MAY_GOTO:
            return encode(opcode, off=off)
        case Kind.CALL:
            return encode(opcode, imm=random.randrange(2**31))
        case Kind.CALL_REGISTER | Kind.GOTO_REGISTER:
            return encode(opcode, dst)
        case _:
            return encode(opcode)


def object_file(code: bytes) -> bytes:
    """The smallest ELF file that llvm-objdump disassembles."""
    names = b"\0.text\0.shstrtab\0"
    start = 64 + len(code) + len(names)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 1, 247, 1, 0, 0, start, 0, 64, 0, 0, 64, 3, 2)
    sections = bytes(64)
    sections += struct.pack("<IIQQQQIIQQ", 1, 1, 6, 0, 64, len(code), 0, 0, 8, 0)
    sections += struct.pack("<IIQQQQIIQQ", 7, 3, 0, 0, 64 + len(code), len(names), 0, 0, 1, 0)
    return header + code + names + sections


def spelled(disassembly: str) -> list[tuple[int, str]]:
    """The slot and the spelling of every instruction that llvm-objdump printed, without the names of targets."""
    rows = re.findall(r"^ *(\d+):\t(?:[0-9a-f]{2} ?)+\t(.*)$", disassembly, re.MULTILINE)
    return [(int(slot), re.sub(r" <\S+>$", "", text)) for slot, text in rows]


@pytest.mark.skipif(NEWEST is None, reason="needs llvm-objdump of LLVM 20 or later, which knows ISA v4's atomics")
def test_every_form_is_spelled_as_llvm_spells_it(tmp_path: Path) -> None:
    choice = random.Random(13)
    opcodes = [opcode for opcode in FORMS if FORMS[opcode].kind is not Kind.GOTO_REGISTER]  # LLVM has none yet
    code = b"".join(example(opcode, choice) for opcode in opcodes for _ in range(24))
    file = tmp_path / "all.o"
    file.write_bytes(object_file(code))
    words = [str(NEWEST), "-d", "--mcpu=v4", str(file)]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    mine = [(slot, str(instruction)) for slot, instruction in decode(code, ".text").items()]
    theirs = spelled(told)
    assert len(theirs) == 24 * len(opcodes)
    assert mine == theirs


def test_how_many_opcodes_there_are() -> None:
    """By hand: 14 ALU operations × 4, less neg's two and end's one by register; 4 sizes of 4 accesses, 3 of 3."""
    assert len([f for f in FORMS.values() if f.kind is Kind.ALU]) == 14 * 4 - 3
    assert len([f for f in FORMS.values() if f.kind in (Kind.LOAD, Kind.STORE, Kind.ATOMIC, Kind.PACKET)]) == 16 + 9
    assert len([f for f in FORMS.values() if f.kind is Kind.BRANCH]) == 44


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (encode(0xFF), ".text+0x0: opcode 0xff is no BPF instruction"),
        (encode(0x95) + encode(0x07, 12), ".text+0x8: register r12"),
        (encode(0x07, 10, imm=1), "a write to r10"),
        (encode(0x18, 1), "the second half of a 16-byte instruction is missing"),
        (encode(0x18, 1) + encode(0x95), "the second half of a 16-byte instruction is missing"),
        (encode(0xDB, 1, 2, 0, 0x99), "atomic operation 0x99"),
        (encode(0xD3, 1, 2, 0, 0x01), "an atomic fetch_add of 8 bits"),
        (encode(0xD4, 1, imm=8), "a byte swap of 8 bits"),
        (encode(0x0F, 1, 2, 3), "add with offset 3"),
        (encode(0x85, 0, 5), "a call of kind 5"),
        (encode(0x95)[:5], "section .text has 5 bytes, no multiple of 8"),
    ],
)
def test_what_is_no_instruction_is_named(code: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=re.escape(message)):
        decode(code, ".text")


def test_an_address_space_cast() -> None:
    (cast,) = decode(encode(0xBF, 1, 2, 1, 1 << 16), ".text").values()
    assert str(cast) == "r1 = addr_space_cast(r2, 0x1, 0x0)"
    assert isinstance(cast, Instruction)
    assert cast.operation == "addr_space_cast"
