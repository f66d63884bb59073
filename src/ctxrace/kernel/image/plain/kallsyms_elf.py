"""An ELF file that vmlinux-to-elf wrote: the symbols of the kernel's own table (kallsyms), which have no sizes."""

import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from ctxrace.core.errors import ImageError
from ctxrace.kernel.image.plain.convert import form_of, with_symbols
from ctxrace.kernel.image.plain.sections import LISTS, PlainSections
from ctxrace.machine.arch import Architecture
from ctxrace.machine.btf import Btf, TypeKind
from ctxrace.machine.elf_file import ElfFile
from ctxrace.machine.image import Symbol
from ctxrace.machine.toolchain import default_cache

__all__ = ["KallsymsElf", "kernel_elf"]

_ADDRESSES = 1 << 64
_RELA = struct.Struct("<QQQ")


def kernel_elf(path: Path, arch: Architecture) -> ElfFile:
    """Return the ELF file of a kernel, which is one or is made into one; raise `ImageError` where that cannot be."""
    form = form_of(path)
    if form is not None:
        return KallsymsElf(with_symbols(path, form, default_cache()), arch, path)
    found = ElfFile(path, arch)
    sized = any(symbol.size for same in found.symbols.values() for symbol in same)
    return found if sized else KallsymsElf(path, arch, path)


class KallsymsElf(ElfFile):
    """Read what vmlinux-to-elf wrote, with sizes, and at the addresses for which the kernel was linked.

    path: the file; arch: what its code must be for; shown: the file that the user named, for messages.
    Raises `ImageError`: damaged, without symbols of data or BTF, or with addresses that contradict one another.
    """

    def __init__(self, path: Path, arch: Architecture, shown: Path) -> None:
        super().__init__(path, arch)
        self.path = shown
        symbols = list(super()._symbols())
        if not {"init_task", "__per_cpu_start"} <= {symbol.name for symbol in symbols}:
            raise ImageError(
                f"{shown} has no symbols of variables, such as init_task: it was built without CONFIG_KALLSYMS_ALL, or "
                "is no kernel; take the vmlinux of the package with debug symbols"
            )
        if self.section(".kernel") is not None:
            symbols = self._moved(symbols)
        else:
            symbols = [self._of_its_section(symbol) for symbol in symbols]
        self._found = symbols
        data = self.contents(".BTF")
        if data:  # whoever needs types says so where there are none
            types = Btf(data)
            self._found = list(self._sized(symbols, _variables(types)))
            self._refuse_wrong_addresses(types)

    def _symbols(self) -> Iterator[Symbol]:
        return iter(self._found)

    def _moved(self, symbols: list[Symbol]) -> list[Symbol]:
        """Return the symbols of an Image where its code was linked, and give this file its sections there."""
        plain = PlainSections(self, {symbol.name: symbol.address for symbol in symbols})
        self._arrange(tuple(plain.headers()))
        moved = plain.base - plain.first
        return [replace(symbol, address=(symbol.address + moved) % _ADDRESSES) for symbol in symbols]

    def _holds(self, place: int, value: int) -> bool:
        """Return whether the word at `place` is `value`, once relocations are applied."""
        word = self.read(place, 8)
        if word != bytes(8):
            return word == value.to_bytes(8, "little")
        data = self.contents(".rela.dyn")
        rows = _RELA.iter_unpack(data[: len(data) - len(data) % _RELA.size])
        return any((at, addend) == (place, value) for at, _, addend in rows)

    def _of_its_section(self, symbol: Symbol) -> Symbol:
        """Return a variable for what kallsyms takes for a function: all of .data is executable on x86."""
        section = self.section_at(symbol.address)
        data = section is not None and (section.writable or not section.executable)
        return replace(symbol, kind="object") if data else symbol

    def _sized(self, symbols: list[Symbol], known: dict[str, int]) -> Iterator[Symbol]:
        """Return the symbols with sizes: the `known` ones, of others up to the next symbol, or the section's end.

        So does the kernel (kernel/kallsyms.c, get_symbol_pos). What lies between are alignment and what the table
        leaves out: constants without a name (scripts/mksysmap).
        """
        after = dict(pairwise(sorted({symbol.address for symbol in symbols})))
        for symbol in symbols:
            distance = after.get(symbol.address, symbol.address) - symbol.address
            section = self.section_at(symbol.address)
            left = section.address + section.size - symbol.address if section is not None else distance
            yield replace(symbol, size=min(known.get(symbol.name, distance), distance, left))

    def _refuse_wrong_addresses(self, types: Btf) -> None:
        """Raise `ImageError` unless the lists of init_task refer to themselves, once relocations are applied."""
        task = self.address("init_task")
        found = [task + place.start for name in LISTS if (place := types.member("task_struct", name)) is not None]
        if not found or not all(self._holds(at, at) for at in found):
            raise ImageError(
                f"the symbols of {self.path} are not where its code is: the lists of its init_task do not refer to "
                "themselves; take the vmlinux of the package with debug symbols"
            )


def _variables(types: Btf) -> dict[str, int]:
    """Return the bytes of the per-CPU variables by name: BTF knows no others."""
    variables = (types[number] for number in range(1, len(types)) if types.kind(number) is TypeKind.VAR)
    return {variable.name: types.size(variable.other) for variable in variables}
