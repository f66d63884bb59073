"""The small kernel of the tests as vmlinux-to-elf would write it: one section, and symbols without sizes."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ctxrace.machine.arch import architecture
from ctxrace.machine.elf_file import ElfFile

GUESSED = 0x25C_0000
"""The address at which version 1.4.0 puts the _text of Linux 7.2: it takes image_size in the header for it."""

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELA = struct.Struct("<QQQ")
_RELATIVE = 1027


@dataclass
class Plain:
    """The contents of such a file, to be changed before it is written.

    data: from _text on; symbols: addresses and whether it is a function, by name; cut: where data has no bytes.
    """

    data: bytearray
    symbols: dict[str, tuple[int, bool]]
    first: int
    cut: range = range(0)

    @classmethod
    def of(cls, vmlinux: Path) -> "Plain":
        elf = ElfFile(vmlinux, architecture("arm64"))
        first, end = elf.address("_text"), elf.address("_edata")
        data = bytearray(end - first)
        for section in elf.sections:
            if section.loaded and not section.zeros:
                at = section.address - first
                data[at : at + section.size] = elf.contents(section.name)
        symbols = {name: (same[0].address, same[0].kind == "function") for name, same in elf.symbols.items()}
        return cls(data, symbols, first)

    def address(self, name: str) -> int:
        return self.symbols[name][0]

    def place(self, name: str) -> int:
        """Where the bytes of a symbol are in the data."""
        return self.address(name) - self.first

    def lists(self) -> list[int]:
        """Where the lists of init_task are in the data (see `small.types`)."""
        return [self.place("init_task") + offset for offset in (40, 56, 72)]

    def relocations(self) -> bytes:
        """Take the lists out of the data; what boot would make of them is in the relocations."""
        for at in self.lists():
            self.data[at : at + 8] = bytes(8)
        return b"".join(_RELA.pack(self.first + at, _RELATIVE, self.first + at) for at in self.lists())

    def write(self, path: Path, base: int = GUESSED, more: Mapping[str, bytes] | None = None) -> Path:
        """Write the file with _text at `base`; more: further sections by name."""
        shift = base - self.first
        names, rows = b"\0", b""
        for name, (address, function) in self.symbols.items():
            rows += _SYMBOL.pack(len(names), 0x12 if function else 0x11, 0, 1, address + shift & (1 << 64) - 1, 0)
            names += name.encode() + b"\0"
        parts = [(base, self.data)]
        if self.cut:
            parts = [(base, self.data[: self.cut.start]), (base + self.cut.stop, self.data[self.cut.stop :])]
        content = [(".kernel2" if number else ".kernel", 1, 7, at, bytes(data), 0)
                   for number, (at, data) in enumerate(parts)]  # fmt: skip
        content += [(name, 4, 0, 0, data, 0) for name, data in (more or {}).items()]
        content += [(".symtab", 2, 0, 0, rows, len(content) + 2), (".strtab", 3, 0, 0, names, 0)]
        return _written(path, content)


def _written(path: Path, content: list[tuple[str, int, int, int, bytes, int]]) -> Path:
    titles, body = b"\0", b""
    table = [_SECTION.pack(*[0] * 10)]
    for name, kind, flags, address, data, link in [*content, (".shstrtab", 3, 0, 0, b"", 0)]:
        at, title = _HEADER.size + len(body), len(titles)
        titles += name.encode() + b"\0"
        data = titles if name == ".shstrtab" else data
        table.append(_SECTION.pack(title, kind, flags, address, at, len(data), link, 0, 1, 0))
        body += data
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    sizes = (_HEADER.size, 0, 0, _SECTION.size, len(table), len(table) - 1)
    header = _HEADER.pack(ident, 2, 183, 1, 0, 0, _HEADER.size + len(body), 0, *sizes)
    path.write_bytes(header + body + b"".join(table))
    return path


def without_sizes(vmlinux: Path, path: Path, moved: int = 0) -> Path:
    """Write what becomes of a bzImage: an ELF file with sections, and symbols without sizes, `moved` by some bytes."""
    elf, data = ElfFile(vmlinux, architecture("arm64")), bytearray(vmlinux.read_bytes())
    table = elf.section(".symtab")
    assert table is not None
    for at in range(table.offset, table.offset + table.size, _SYMBOL.size):
        *kind, value, _ = _SYMBOL.unpack_from(data, at)
        _SYMBOL.pack_into(data, at, *kind, value + moved if value else 0, 0)
    path.write_bytes(data)
    return path
