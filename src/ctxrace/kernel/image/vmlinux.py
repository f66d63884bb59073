"""A vmlinux: what an ELF file says of a Linux kernel, with the addresses in it as they are after boot without KASLR."""

import re
import struct
from functools import cached_property
from pathlib import Path

from ctxrace.core.errors import ImageError
from ctxrace.kernel.image.plain.kallsyms_elf import kernel_elf
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.machine.arch.architecture import Architecture

__all__ = ["READING_TABLES", "Vmlinux"]

READING_TABLES = "reading what boot changes"

_RELATIVE = {"EM_AARCH64": 1027}
"""The relocations whose word in memory is 0 until boot; arm64 links with --no-apply-dynamic-relocs."""

_RELA = struct.Struct("<QQq")
_BANNER = re.compile(rb"Linux version (\d+)\.(\d+)[^\n]*")
_WORD = 8
MOST_PER_CPU = 1 << 28
"""Bytes of the variables that each CPU has; a distribution's kernel has 200 thousand."""


class Vmlinux:
    """Read a kernel's ELF file, or one that boots (Image, bzImage).

    path: the file; arch: what its code must be for. Raises `ImageError`: not a kernel, stripped, damaged, or the extra
    is missing that reads what boots.
    """

    def __init__(self, path: Path, arch: Architecture) -> None:
        self.arch, self.elf = arch, kernel_elf(path, arch)
        self.path = path
        if "__per_cpu_start" not in self.elf.symbols:
            raise ImageError(f"{path} has no __per_cpu_start: it is not a kernel's vmlinux; name one")

    def read(self, address: int, size: int) -> bytes | None:
        """Return `size` bytes as they are after relocation, or None unless one loaded section holds them all."""
        data = self.elf.read(address, size)
        if data is None or not self._relocated:
            return data
        few = range(address - address % _WORD, address + size, _WORD)
        places = few if len(few) < len(self._relocated) else self._relocated
        changed = None
        for at in places:
            value = self._relocated.get(at)
            if value is None or not address - _WORD < at < address + size:
                continue
            changed = changed or bytearray(data)
            for number, byte in enumerate(value.to_bytes(_WORD, "little")):
                if address <= at + number < address + size:
                    changed[at + number - address] = byte
        return data if changed is None else bytes(changed)

    def number(self, address: int, size: int) -> int:
        """Return the little-endian number of `size` bytes at `address`; raise `ImageError` where there is none."""
        data = self.read(address, size)
        if data is None:
            raise ImageError(f"{self.path} has nothing at {address:#x}; the file is damaged")
        return int.from_bytes(data, "little")

    def string(self, address: int) -> str:
        """Return the NUL-terminated text at `address`, empty where there is none."""
        section = self.elf.section_at(address)
        if section is None:
            return ""
        length = min(256, section.address + section.size - address)
        return (self.read(address, length) or b"").partition(b"\0")[0].decode("utf-8", "replace")

    @cached_property
    def version(self) -> tuple[int, int]:
        """The kernel's version, from its banner; raise `ImageError` where it has none."""
        banner = self.elf.symbols.get("linux_banner")
        found = _BANNER.match((self.read(banner[0].address, 64) or b"") if banner else b"")
        if found is None:
            raise ImageError(f"{self.path} has no linux_banner: it is not a kernel's vmlinux; name one")
        return int(found[1]), int(found[2])

    @cached_property
    def per_cpu(self) -> range:
        """The addresses of the per-CPU template; raise `ImageError` where it is none."""
        found = range(self.elf.address("__per_cpu_start"), self.elf.address("__per_cpu_end"))
        if not 0 <= found.stop - found.start <= MOST_PER_CPU:
            where = f"from {found.start:#x} to {found.stop:#x}"
            raise ImageError(f"{self.path} is damaged: its per-CPU template goes {where}; fetch the file again")
        return found

    @cached_property
    def preemptible_rcu(self) -> bool:
        """Whether rcu_read_lock() leaves preemption on: only then it is a function (kernel/rcu/tree_plugin.h)."""
        return "__rcu_read_lock" in self.elf.symbols

    @cached_property
    def preemption(self) -> Preemption:
        """The most preemptible model that the kernel can be booted with.

        PREEMPT_RT has rt_spin_lock() (kernel/locking/spinlock_rt.c); only a kernel with CONFIG_PREEMPTION has
        preempt_schedule() (kernel/sched/core.c); only one with CONFIG_PREEMPT_DYNAMIC or without any preemption has
        __cond_resched(), and PREEMPT_LAZY without PREEMPT_DYNAMIC has neither __cond_resched() nor an rt lock.
        """
        symbols = self.elf.symbols
        if "rt_spin_lock" in symbols:
            return Preemption.RT
        if "preempt_schedule" in symbols:
            return Preemption.FULL
        return Preemption.VOLUNTARY

    @cached_property
    def _relocated(self) -> dict[int, int]:
        kind = _RELATIVE.get(self.arch.elf_machine)
        if kind is None:
            return {}
        data = self.elf.contents(".rela.dyn")
        rows = _RELA.iter_unpack(data[: len(data) - len(data) % _RELA.size])
        return {at: addend & 0xFFFF_FFFF_FFFF_FFFF for at, info, addend in rows if info & 0xFFFF_FFFF == kind}
