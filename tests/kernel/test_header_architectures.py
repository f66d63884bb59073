"""The C headers mean on every architecture what they mean on arm64: the same functions, executed by Unicorn.

See test_header.py, whose expected values these are. Which instructions are atomic is the guards' tests' business.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import unicorn
from tests.kernel import test_header
from tests.kernel.test_header import (
    CASES,
    MASK,
    PER_CPU_OFFSET,
    PID,
    PREEMPT_COUNT,
    STACK,
    STOP,
    TASK,
    VALUES,
    Image,
    check_operations,
    link,
    run,
    swapped,
)
from unicorn import arm64_const, riscv_const, x86_const

from ctxrace.kernel.program import INCLUDE
from ctxrace.machine.arch import architecture
from ctxrace.machine.toolchain import find_compiler

FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-nostdlib", "-fno-pic"]


class Cpu(NamedTuple):
    """An architecture's CPU in Unicorn. Registers are Unicorn's numbers; link: None where calls push."""

    arch: str
    kind: int
    mode: int
    stack_pointer: int
    link: int | None
    arguments: tuple[int, int]
    result: int
    prepare: Callable[["Machine"], None]


def arm64(machine: "Machine") -> None:
    machine.uc.ctl_set_cpu_model(arm64_const.UC_CPU_ARM64_MAX)
    machine.uc.reg_write(arm64_const.UC_ARM64_REG_SP_EL0, TASK)
    machine.uc.reg_write(arm64_const.UC_ARM64_REG_TPIDR_EL1, PER_CPU_OFFSET)


def x86_64(machine: "Machine") -> None:
    machine.uc.reg_write(x86_const.UC_X86_REG_GS_BASE, PER_CPU_OFFSET)
    symbols = machine.image.symbols
    machine.moved[PREEMPT_COUNT] = symbols["__preempt_count"] + PER_CPU_OFFSET, 4
    machine.variables += [(symbols["current_task"], TASK), (symbols["this_cpu_off"], PER_CPU_OFFSET)]


def riscv64(machine: "Machine") -> None:
    machine.uc.reg_write(riscv_const.UC_RISCV_REG_TP, TASK)
    machine.moved[PREEMPT_COUNT] = PREEMPT_COUNT, 4  # the CPU's number comes after it


CPUS = {
    "arm64-be": Cpu(
        "arm64-be",
        unicorn.UC_ARCH_ARM64,
        unicorn.UC_MODE_BIG_ENDIAN,
        arm64_const.UC_ARM64_REG_SP,
        arm64_const.UC_ARM64_REG_X30,
        (arm64_const.UC_ARM64_REG_X0, arm64_const.UC_ARM64_REG_X1),
        arm64_const.UC_ARM64_REG_X0,
        arm64,
    ),
    "riscv64": Cpu(
        "riscv64",
        unicorn.UC_ARCH_RISCV,
        unicorn.UC_MODE_RISCV64,
        riscv_const.UC_RISCV_REG_SP,
        riscv_const.UC_RISCV_REG_RA,
        (riscv_const.UC_RISCV_REG_A0, riscv_const.UC_RISCV_REG_A1),
        riscv_const.UC_RISCV_REG_A0,
        riscv64,
    ),
    "x86-64": Cpu(
        "x86-64",
        unicorn.UC_ARCH_X86,
        unicorn.UC_MODE_64,
        x86_const.UC_X86_REG_RSP,
        None,
        (x86_const.UC_X86_REG_RDI, x86_const.UC_X86_REG_RSI),
        x86_const.UC_X86_REG_RAX,
        x86_64,
    ),
}


class Machine(test_header.Machine):
    """The same of another architecture."""

    def __init__(self, image: Image, cpu: Cpu) -> None:
        self.image, self.cpu = image, cpu
        self.order = architecture(cpu.arch).byte_order
        self.failed: list[str] = []
        self.moved: dict[int, tuple[int, int]] = {}  # what lies elsewhere than on arm64, and its size
        self.variables: list[tuple[int, int]] = []  # per-CPU variables that are not 0
        self.uc = unicorn.Uc(cpu.kind, cpu.mode)
        cpu.prepare(self)
        self.uc.mem_map(0, 0x700000)
        for address, data in image.sections.values():
            self.uc.mem_write(address, data)
        for address, value in self.variables:
            self.write(address + PER_CPU_OFFSET, value, 8)
        self.write(PID, 77, 4)
        failed = image.symbols["ctxrace_check_failed"]
        self.uc.hook_add(unicorn.UC_HOOK_CODE, self._check_failed, begin=failed, end=failed)

    def _check_failed(self, uc: unicorn.Uc, *_: object) -> None:
        self.failed.append(bytes(uc.mem_read(uc.reg_read(self.cpu.arguments[0]), 64)).split(b"\0")[0].decode())

    def write(self, address: int, value: int, size: int) -> None:
        address, size = self.moved.get(address, (address, size))
        self.uc.mem_write(address, (value % (1 << size * 8)).to_bytes(size, self.order))

    def read(self, address: int, size: int) -> int:
        address, size = self.moved.get(address, (address, size))
        return int.from_bytes(self.uc.mem_read(address, size), self.order)

    def call(self, function: str, a: int = 0, b: int = 0) -> int:
        for register, value in zip(self.cpu.arguments, (a, b), strict=True):
            self.uc.reg_write(register, value & MASK)
        if self.cpu.link is None:
            self.write(STACK - 8, STOP, 8)
            self.uc.reg_write(self.cpu.stack_pointer, STACK - 8)
        else:
            self.uc.reg_write(self.cpu.stack_pointer, STACK)
            self.uc.reg_write(self.cpu.link, STOP)
        self.uc.emu_start(self.image.symbols[function], STOP)
        return int(self.uc.reg_read(self.cpu.result))


def build(tmp_path: Path, name: str, compiler: str, flags: list[str]) -> Image:
    """Compile and link the header cases for the architecture called `name`."""
    arch = architecture(name)
    command = {
        "zig": find_compiler(None, arch, cache=tmp_path).command,
        "clang": ("clang", f"--target={arch.targets['clang']}", "-Qunused-arguments"),
    }.get(compiler, (compiler,))
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    relocatable = tmp_path / "cases.o"
    compiled = run(*command, *FLAGS, *arch.c_flags, f"-I{INCLUDE}", *flags, "-c", CASES, "-o", relocatable)
    assert compiled.returncode == 0, compiled.stderr
    return link(relocatable)


def values(arch: str) -> dict[str, Callable[[int, int], int]]:
    """What the functions of the operands alone return; these two say what the CPU's byte order is."""
    if architecture(arch).little_endian:
        return VALUES
    return VALUES | {
        "bswap": lambda a, b: (a & 0xFFFF_FFFF) + ((b & 0xFFFF) << 32),
        "little": lambda a, b: swapped(a, 8) + swapped(b, 2),
    }


@pytest.mark.parametrize(
    ("arch", "compiler", "flags"),
    [
        ("arm64-be", "zig", "-O0 -DCTXRACE_LSE=1"),
        ("arm64-be", "zig", "-O2 -DCTXRACE_LSE=0"),
        ("arm64-be", "aarch64-linux-gnu-gcc", "-O2 -DCTXRACE_LSE=1"),
        ("riscv64", "zig", "-O0"),
        ("riscv64", "zig", "-O2"),
        ("riscv64", "zig", "-O2 -DCTXRACE_PERCPU_ATOMIC=1"),
        ("riscv64", "zig", "-Os -DCTXRACE_PERCPU_ATOMIC=1 -DCTXRACE_LRSC=1"),
        ("riscv64", "clang", "-O1 -march=rv64imac -DCTXRACE_PERCPU_ATOMIC=1"),
        # Not GCC: without Zbb it calls libgcc for ffs() and its kin, which nothing here links.
        ("x86-64", "zig", "-O0"),
        ("x86-64", "zig", "-O2"),
        ("x86-64", "x86_64-linux-gnu-gcc", "-O2"),
    ],
)
def test_operations(tmp_path: Path, arch: str, compiler: str, flags: str) -> None:
    machine = Machine(build(tmp_path, arch, compiler, flags.split()), CPUS[arch])
    check_operations(machine, values(arch))
