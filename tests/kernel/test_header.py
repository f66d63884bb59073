"""The C headers compile everywhere without a warning, and mean what the kernel's mean.

``header_cases.c`` has one function for each operation. Here each of them runs under Unicorn, and what it returned
and what it left in memory is compared with what Python says. Whether the instructions are atomic is not the
question here, only that they are the kind that was asked for.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from elftools.elf.elffile import ELFFile
from unicorn import UC_ARCH_ARM64, UC_HOOK_CODE, UC_MODE_ARM, Uc, UcError
from unicorn.arm64_const import (
    UC_ARM64_REG_SP,
    UC_ARM64_REG_SP_EL0,
    UC_ARM64_REG_TPIDR_EL1,
    UC_ARM64_REG_X0,
    UC_ARM64_REG_X1,
    UC_ARM64_REG_X30,
    UC_CPU_ARM64_A57,
    UC_CPU_ARM64_MAX,
)

import ctxrace.kernel

INCLUDE = Path(str(ctxrace.kernel.__file__)).parent / "include"
CASES = Path(__file__).with_name("header_cases.c")
ZIG = [sys.executable, "-m", "ziglang"]
COMPILERS = {
    "zig": [*ZIG, "cc", "-target", "aarch64-freestanding", "-fno-sanitize=all"],
    "clang": ["clang", "--target=aarch64-linux-gnu"],
    "gcc": ["aarch64-linux-gnu-gcc"],
}
FLAGS = [
    *("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-nostdlib", "-fno-pic", "-mgeneral-regs-only"),
    *("-I", str(INCLUDE)),
]
# Every level, with both kinds of atomics where it matters most.
BUILDS = [
    *(("-O0", True), ("-O0", False), ("-O1", True), ("-O2", True), ("-O2", False), ("-O3", False), ("-Os", True)),
]

MASK = (1 << 64) - 1
PER_CPU_OFFSET = 0x100000  # what tpidr_el1 holds: how far the CPU's copy is from the section
TASK, STACK, STOP = 0x400000, 0x500000, 0x600000
PREEMPT_COUNT, PID = TASK + 8, TASK + 16
SCRIPT = f"""
SECTIONS {{
    . = 0x10000;
    .text : {{ *(.text .text.*) }}
    .rodata : {{ *(.rodata .rodata.*) }}
    .ctxrace : {{ *(.ctxrace) }}
    .data..percpu : {{ *(.data..percpu) }}
    .data : {{ *(.data .data.*) . = ALIGN(8); __per_cpu_offset = .; QUAD({PER_CPU_OFFSET}) }}
    .bss : {{ *(.bss .bss.* COMMON) }}
    /DISCARD/ : {{ *(.ctxrace.refs) *(.comment) *(.note*) *(.eh_frame*) }}
}}
"""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def compiler(name: str) -> list[str]:
    """The command of a compiler, or skip the test."""
    command = COMPILERS[name]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return command


class Image(NamedTuple):
    """A linked ELF file: its loadable bytes and its symbols."""

    sections: dict[str, tuple[int, bytes]]
    symbols: dict[str, int]


def build(tmp_path: Path, name: str, *flags: str, source: Path = CASES) -> Image:
    """Compile and link one C file."""
    relocatable = tmp_path / "cases.o"
    compiled = run(*compiler(name), *FLAGS, *flags, "-c", source, "-o", relocatable)
    assert compiled.returncode == 0, compiled.stderr
    return link(relocatable, "--no-relax")


def link(relocatable: Path, *flags: str) -> Image:
    """Link one object file with `SCRIPT`."""
    script, linked = relocatable.with_name("script.ld"), relocatable.with_suffix(".elf")
    script.write_text(SCRIPT)
    linking = run(*ZIG, "ld.lld", "-T", script, *flags, relocatable, "-o", linked)
    assert linking.returncode == 0, linking.stderr
    with linked.open("rb") as file:
        elf = ELFFile(file)
        sections = {
            section.name: (section["sh_addr"], section.data())
            for section in elf.iter_sections()
            if section["sh_addr"] and section["sh_type"] != "SHT_NOBITS"
        }
        table = elf.get_section_by_name(".symtab")
        return Image(sections, {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()})


class Machine:
    """One CPU with one task, ready to call the functions of an image."""

    def __init__(self, image: Image, *, lse: bool) -> None:
        self.image = image
        self.failed: list[str] = []
        self.uc = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
        self.uc.ctl_set_cpu_model(UC_CPU_ARM64_MAX if lse else UC_CPU_ARM64_A57)
        self.uc.mem_map(0, 0x700000)
        for address, data in image.sections.values():
            self.uc.mem_write(address, data)
        self.uc.reg_write(UC_ARM64_REG_SP_EL0, TASK)
        self.uc.reg_write(UC_ARM64_REG_TPIDR_EL1, PER_CPU_OFFSET)
        self.write(PID, 77, 4)
        failed = image.symbols["ctxrace_check_failed"]
        self.uc.hook_add(UC_HOOK_CODE, self._check_failed, begin=failed, end=failed)

    def _check_failed(self, uc: Uc, *_: object) -> None:
        self.failed.append(bytes(uc.mem_read(uc.reg_read(UC_ARM64_REG_X0), 64)).split(b"\0")[0].decode())

    def write(self, address: int, value: int, size: int) -> None:
        self.uc.mem_write(address, (value % (1 << size * 8)).to_bytes(size, "little"))

    def read(self, address: int, size: int) -> int:
        return int.from_bytes(self.uc.mem_read(address, size), "little")

    def call(self, function: str, a: int = 0, b: int = 0) -> int:
        self.uc.reg_write(UC_ARM64_REG_X0, a & MASK)
        self.uc.reg_write(UC_ARM64_REG_X1, b & MASK)
        self.uc.reg_write(UC_ARM64_REG_SP, STACK)
        self.uc.reg_write(UC_ARM64_REG_X30, STOP)
        self.uc.emu_start(self.image.symbols[function], STOP)
        return int(self.uc.reg_read(UC_ARM64_REG_X0))


class Kind(NamedTuple):
    """The type of the variable that an operation works on."""

    bits: int
    signed: bool

    def of(self, value: int) -> int:
        """The value as this type holds it."""
        value &= (1 << self.bits) - 1
        return value - (1 << self.bits) if self.signed and value >> (self.bits - 1) else value


KINDS = {
    **{f"{letter}{bits}": Kind(bits, letter == "s") for letter in "us" for bits in (8, 16, 32, 64)},
    "atomic": Kind(32, True),
    "atomic64": Kind(64, True),
    "atomic_long": Kind(64, True),
}

# What an operation returns, and what it leaves, of what it found and its operands; the type is applied after that.
Effect = Callable[[int, int, int], tuple[int, int]]
ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "add": lambda old, a: old + a,
    "sub": lambda old, a: old - a,
    "inc": lambda old, _: old + 1,
    "dec": lambda old, _: old - 1,
    "and": lambda old, a: old & a,
    "andnot": lambda old, a: old & ~a,
    "or": lambda old, a: old | a,
    "xor": lambda old, a: old ^ a,
}


def effects(kind: Kind) -> dict[str, Effect]:
    """Every operation on a variable of this type, by its name without prefix and order."""
    table: dict[str, Effect] = {
        "read": lambda old, _a, _b: (old, old),
        "write": lambda _old, a, _b: (0, a),
        "step": lambda old, _a, _b: (old, old + 1),
        "xchg": lambda old, a, _b: (old, a),
        "cmpxchg": lambda old, a, b: (old, a if old == b else old),
        "try_cmpxchg": lambda old, a, b: (0x100, a) if old == b else (old & 0xFF, old),
        "add_negative": lambda old, a, _b: (kind.of(old + a) < 0, old + a),
        "sub_and_test": lambda old, a, _b: (kind.of(old - a) == 0, old - a),
        "inc_and_test": lambda old, _a, _b: (kind.of(old + 1) == 0, old + 1),
        "dec_and_test": lambda old, _a, _b: (kind.of(old - 1) == 0, old - 1),
        "add_unless": lambda old, a, b: (old != b, old if old == b else old + a),
        "inc_not_zero": lambda old, _a, _b: (old != 0, old and old + 1),
        "dec_if_positive": lambda old, _a, _b: (old - 1, old - 1 if old > 0 else old),
    }
    for name, compute in ARITHMETIC.items():
        table[name] = lambda old, a, _b, compute=compute: (0, compute(old, a))  # type: ignore[misc]
        table[f"fetch_{name}"] = lambda old, a, _b, compute=compute: (old, compute(old, a))  # type: ignore[misc]
        table[f"{name}_return"] = lambda old, a, _b, compute=compute: (compute(old, a),) * 2  # type: ignore[misc]
    return table


NOT_OF_THE_TYPE = {"try_cmpxchg"}  # what these return does not have the variable's type
ALIASES = {
    **{"read_once": "read", "smp_load": "read", "write_once": "write", "smp_store": "write"},
    **{"get_cpu_var": "step", "per_cpu_ptr": "step", "ptr": "step"},
}


def operands(kind: Kind) -> Iterator[tuple[int, int, int]]:
    """What the variable holds, and two operands; the second is often what it holds, for cmpxchg."""
    top, ones = 1 << (kind.bits - 1), (1 << kind.bits) - 1
    cases = [(0, 1, 0), (1, ones, 1), (top - 1, 1, top - 1), (top, 1, 3), (ones, 1, 5)]
    cases += [(0xA5C3_9678_1F2E_3D4B & ones, 0x3C5A_0FF0_7B1D_E8C6 & ones, 0)]
    for old, a, b in cases:
        yield kind.of(old), kind.of(a), kind.of(b)


def check_variable(machine: Machine, function: str) -> None:
    """Run one operation on a per-CPU variable, a plain one or an atomic one, and compare."""
    operation, variable = function.rsplit("__", 1)
    per_cpu = variable.startswith("pcp_")
    kind = KINDS[re.sub("^(pcp|plain)_", "", variable)]
    name = re.sub("^(__this|this|raw)_cpu_", "", re.sub("_(acquire|release|relaxed|local)$", "", operation))
    name = ALIASES.get(name, name)
    size, template = kind.bits // 8, machine.image.symbols[variable]
    address = template + per_cpu * PER_CPU_OFFSET
    for old, a, b in operands(kind):
        returned, left = effects(kind)[name](old, a, b)
        if name not in NOT_OF_THE_TYPE and not isinstance(returned, bool):
            returned = kind.of(returned)
        machine.write(template, 0x5A, size)  # the section itself is nobody's: it must stay as it is
        machine.write(address, old, size)
        machine.write(address + size, 0x77, 1)
        got = machine.call(function, a, b), machine.read(address, size)
        expected = returned & MASK, left % (1 << kind.bits)
        assert got == expected, f"{function}({a:#x}, {b:#x}) on {old:#x}: got {got}, expected {expected}"
        assert machine.read(address + size, 1) == 0x77, f"{function} wrote past its variable"
        assert not per_cpu or machine.read(template, size) == 0x5A, f"{function} wrote to the section"
        assert machine.read(PREEMPT_COUNT, 8) == 0, f"{function} left a preempt count"


def check_words(machine: Machine, function: str) -> None:
    """Run one bit operation on the second of two words."""
    operation = function.rsplit("__", 1)[0].lstrip("_")
    address = machine.image.symbols["words"] + 8
    for bit, word in [(0, 0), (0, MASK), (63, 1), (63, 1 << 63), (31, 0xA5A5_5A5A_8000_0001)]:
        mask = 1 << bit
        left = {"set": word | mask, "clear": word & ~mask, "change": word ^ mask}
        change = re.match("(?:test_and_)?(set|clear|change)", operation)
        machine.write(address - 8, 0x1234, 8)
        machine.write(address, word, 8)
        assert machine.call(function, bit) == (bool(word & mask) if operation.startswith("test") else 0), function
        assert machine.read(address, 8) == (left[change[1]] if change else word), function
        assert machine.read(address - 8, 8) == 0x1234, function


def swapped(value: int, size: int) -> int:
    return int.from_bytes((value % (1 << size * 8)).to_bytes(size, "little"), "big")


VALUES: dict[str, Callable[[int, int], int]] = {
    "ffs": lambda a, _: (a & -a & 0xFFFF_FFFF).bit_length(),
    "fls": lambda a, _: (a & 0xFFFF_FFFF).bit_length(),
    "fls64": lambda a, _: a.bit_length(),
    "lowest": lambda a, _: (a & -a).bit_length() - 1 if a else 99,
    "highest": lambda a, _: a.bit_length() - 1 if a else 99,
    "first_zero": lambda a, _: (~a & (a + 1)).bit_length() - 1 if a != MASK else 99,
    "genmask": lambda _a, _b: sum(1 << bit for bit in [*range(4, 40), 50]),
    "min_max": lambda a, b: min(a, b) ^ max(a & 0xFF, b & 0xFF),
    "swapped": lambda a, b: b - a,
    "bswap": lambda a, b: swapped(a, 4) + (swapped(b, 2) << 32),
    "little": lambda a, b: a + (b & 0xFFFF),
    "unaligned": lambda a, b: swapped(a, 4) << 16 | swapped(b, 2),
}

# What the functions that look at the context return, of the preempt count.
SOFTIRQ, HARDIRQ, NMI = 0xFF00, 0xF0000, 0xF00000
CONTEXTS: dict[str, Callable[[int], int]] = {
    "preempt_count": lambda count: count,
    "level": lambda count: 3 if count & NMI else 2 if count & HARDIRQ else 1 if count & 0x100 else 0,
    "in_task": lambda count: not count & (NMI | HARDIRQ | 0x100),
    "in_atomic": lambda count: count != 0,
    "in_softirq": lambda count: count & SOFTIRQ,
    "in_serving_softirq": lambda count: count & 0x100,
    "in_hardirq": lambda count: count & HARDIRQ,
    "in_nmi": lambda count: count & NMI,
    "in_interrupt": lambda count: count & (NMI | HARDIRQ | SOFTIRQ),
    "disabled": lambda count: count + 1,
    "bh_disabled": lambda count: count + 0x200,
    "rcu_locked": lambda count: count,
    "cpu": lambda count: count + 1,
    "pid": lambda _: 77,
    "barriers": lambda _: 0,
}


def check_context(machine: Machine) -> None:
    """Ask for the context under preempt counts of every level, and move interrupts on and off."""
    for count in (0, 1, 0x100, 0x200, 0x301, 0x10000, 0x10100, 0x110000, 0x110202):
        for name, expected in CONTEXTS.items():
            machine.write(PREEMPT_COUNT, count, 8)
            assert machine.call(f"{name}__context", count) == expected(count), f"{name} under {count:#x}"
            assert machine.read(PREEMPT_COUNT, 8) == count, f"{name} changed the preempt count"
        for irqs in ("on", "off"):
            machine.call(f"irqs_{irqs}__context")
            assert machine.call("preemptible__context") == (count == 0 and irqs == "on")
            assert machine.call("irqs_saved__context") == (0b01010 if irqs == "on" else 0b11011)
    machine.write(PREEMPT_COUNT, 0, 8)


def check_checks(machine: Machine) -> None:
    """A failed check arrives at ctxrace_check_failed() with the condition's text, a good one does not."""
    assert [machine.call(f"{name}__context", 1, 2) for name in ("check", "warn", "bug")] == [1, 0, 1]
    assert machine.failed == []
    assert [machine.call(f"{name}__context", 2, 2) for name in ("check", "warn")] == [1, 1]
    assert machine.failed == ["a != b", "!(a == b)"]
    with pytest.raises(UcError):
        machine.call("bug__context", 2, 2)


RECORDS = """
exclusive later_body
tasks 2 attempt
softirq global_attempt
hardirq attempt
nmi attempt
cpus 1
preemption full
exclusive body
exclusive global_body
balanced active
balanced leaked
balanced odd
balanced lonely
recovers attempt body
progress global_attempt global_body
""".strip().splitlines()


def calls_to(image: Image, function: str) -> int:
    """How many bl or b instructions go to a function."""
    address, text = image.sections[".text"]
    target = image.symbols[function]
    count = 0
    for at in range(0, len(text), 4):
        word = int.from_bytes(text[at : at + 4], "little")
        distance = (word & 0x3FF_FFFF) - (word << 1 & 0x400_0000)
        count += word & 0x7C00_0000 == 0x1400_0000 and address + at + 4 * distance == target
    return count


def check_scenario(image: Image) -> None:
    """The declarations are there, and every body is called as often as the source says or more (inlined callers)."""
    strings = image.sections[".ctxrace"][1].decode().rstrip("\0").split("\0")
    compiled = [text for text in strings if text.startswith("compiled ")]  # what the headers say of themselves
    assert [text.rpartition(" ")[0] for text in compiled] == ["compiled rcu preemptible"]
    strings = [text for text in strings if text not in compiled]
    ordered = sorted(strings, key=lambda text: int(text.rpartition(":")[2]))
    assert [text.partition(f" {CASES}:")[0] for text in ordered] == RECORDS
    assert all(re.fullmatch(rf".+ {re.escape(str(CASES))}:\d+", text) for text in strings)
    assert {"active", "leaked", "odd", "lonely", "attempt", "global_attempt"} <= image.symbols.keys()
    assert calls_to(image, "body") >= 2
    assert calls_to(image, "global_body") >= 1
    assert calls_to(image, "later_body") >= 2


def exclusives(image: Image) -> int:
    """How many exclusive loads and stores the code has (Arm ARM, "Load/store exclusive register")."""
    text = image.sections[".text"][1]
    words = (int.from_bytes(text[at : at + 4], "little") for at in range(0, len(text), 4))
    return sum(word & 0x3FA0_0000 == 0x0800_0000 for word in words)


def check_operations(machine: Machine, values: dict[str, Callable[[int, int], int]]) -> None:
    """Call every function of the image; `values` is what those of their operands alone return."""
    check_context(machine)
    ran = 0
    for function in machine.image.symbols:
        operation, _, variable = function.rpartition("__")
        if not operation or variable == "context":
            continue
        if variable == "value":
            for a, b in [(0, 1), (1, 0), (0x8000_0000, 0x1234), (0x0123_4567_89AB_CDEF, 0xFEDC), (MASK, 7)]:
                assert machine.call(function, a, b) == values[operation](a, b) & MASK, f"{function}({a:#x}, {b:#x})"
        elif variable == "words":
            check_words(machine, function)
        elif variable in KINDS or variable.startswith(("pcp_", "plain_")):
            check_variable(machine, function)
        else:
            continue
        ran += 1
    assert ran == 6 * (3 * 14 + 3) + 5 * (4 * 3 + 5) + 3 * (4 * 16 + 18) + 15 + len(VALUES)
    check_checks(machine)


@pytest.mark.parametrize("name", COMPILERS)
@pytest.mark.parametrize(("level", "lse"), BUILDS, ids=[f"{level}-{'lse' if lse else 'llsc'}" for level, lse in BUILDS])
def test_operations(tmp_path: Path, name: str, level: str, lse: bool) -> None:
    image = build(tmp_path, name, level, f"-DCTXRACE_LSE={lse:d}")
    assert bool(exclusives(image)) != lse
    check_scenario(image)
    machine = Machine(image, lse=lse)  # without LSE the CPU has none either: such an instruction would be undefined
    check_operations(machine, VALUES)


@pytest.mark.parametrize("header", sorted(path.name for path in (INCLUDE / "ctxrace").glob("*.h")))
def test_each_header_stands_alone(tmp_path: Path, header: str) -> None:
    source = tmp_path / "alone.c"
    source.write_text(f"#include <ctxrace/{header}>\n#include <ctxrace/{header}>\n")
    compiled = run(*compiler("zig"), *FLAGS, "-c", source, "-o", tmp_path / "alone.o")
    assert compiled.returncode == 0, compiled.stderr


def test_rcu_that_cannot_be_preempted_turns_preemption_off(tmp_path: Path) -> None:
    machine = Machine(build(tmp_path, "zig", "-O2", "-DCTXRACE_PREEMPT_RCU=0"), lse=False)
    assert machine.call("rcu_locked__context") == 1
    assert machine.read(PREEMPT_COUNT, 8) == 0


@pytest.mark.parametrize("name", COMPILERS)
@pytest.mark.parametrize(
    ("declaration", "complaint"),
    [
        ("CTXRACE_TASKS(2, atempt);", "atempt"),
        ("CTXRACE_BALANCED(activ);", "activ"),
        ("CTXRACE_EXCLUSIVE(bdy);", "bdy"),
        ("CTXRACE_TASKS(0, attempt);", "at least one task"),
    ],
)
def test_wrong_names_do_not_compile(tmp_path: Path, name: str, declaration: str, complaint: str) -> None:
    source = tmp_path / "wrong.c"
    source.write_text(f"#include <ctxrace/kernel.h>\nvoid attempt(void) {{ }}\n{declaration}\n")
    compiled = run(*compiler(name), *FLAGS, "-c", source, "-o", tmp_path / "wrong.o")
    assert compiled.returncode != 0
    assert complaint in compiled.stderr


FORGOTTEN = """
#include <ctxrace/kernel.h>
static void body(void) { barrier(); }
static void attempt(void) { body(); }
CTXRACE_TASKS(1, attempt);
CTXRACE_EXCLUSIVE(body);
"""


@pytest.mark.parametrize("name", COMPILERS)
def test_body_without_noinline_is_kept_or_refused(tmp_path: Path, name: str) -> None:
    source = tmp_path / "forgotten.c"
    source.write_text(FORGOTTEN)
    if name == "gcc":
        assert calls_to(build(tmp_path, name, "-O3", source=source), "body") == 1
        return
    compiled = run(*compiler(name), *FLAGS, "-O3", "-c", source, "-o", tmp_path / "forgotten.o")
    assert compiled.returncode != 0
    assert "CTXRACE_BODY_MUST_BE_DEFINED_NOINLINE" in compiled.stderr
