"""The section .BTF.ext: source lines, and what libbpf adapts. Read in Documentation/bpf/btf.rst of Linux 7.0."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ctxrace.core.errors import ImageError
from ctxrace.core.interleaving import Source
from ctxrace.machine.btf import Btf, section_header

__all__ = ["Extension", "Relocation", "read_extension"]


@dataclass(frozen=True, slots=True)
class Relocation:
    """A CO-RE relocation: what the loader adapts to the running kernel. kind: enum bpf_core_relo_kind."""

    kind: int
    type: int
    access: str


@dataclass(frozen=True, slots=True)
class Extension:
    """What .BTF.ext says of instructions: by section and slot."""

    lines: dict[str, list[tuple[int, Source]]]
    relocations: dict[str, dict[int, Relocation]]


def read_extension(data: bytes, btf: Btf) -> Extension:
    """Read the section .BTF.ext. Raises `ImageError` where it is damaged."""
    lines: dict[str, list[tuple[int, Source]]] = {}
    relocations: dict[str, dict[int, Relocation]] = {}
    try:
        header = struct.unpack_from("<I", data, 4)[0]
        _, _, at, size = section_header(data, ".BTF.ext")
        for section, (offset, file, text, place) in _records(data[at : at + size], btf):
            source = Source(btf.string(file), place >> 10, btf.string(text).strip())
            lines.setdefault(section, []).append((offset // 8, source))
        if header >= 32:
            at, size = struct.unpack_from("<II", data, 24)
            for section, (offset, of, access, kind) in _records(data[header + at : header + at + size], btf):
                relocations.setdefault(section, {})[offset // 8] = Relocation(kind, of, btf.string(access))
    except struct.error as error:
        raise ImageError(f"section .BTF.ext is damaged: {error}") from None
    for found in lines.values():
        found.sort(key=lambda row: row[0])
    return Extension(lines, relocations)


def _records(data: bytes, btf: Btf) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Yield the section and the first four words of every record; both kinds of records have four."""
    if not data:
        return
    each = struct.unpack_from("<I", data)[0]
    if each < 16:
        raise ImageError(f"section .BTF.ext has records of {each} bytes, and 16 are the least; the file is damaged")
    at = 4
    while at < len(data):
        section_at, count = struct.unpack_from("<II", data, at)
        at += 8
        section = btf.string(section_at)
        if count * each > len(data) - at:
            raise ImageError("section .BTF.ext ends within its records; the file is truncated")
        for number in range(count):
            first, second, third, fourth = struct.unpack_from("<IIII", data, at + number * each)
            yield section, (first, second, third, fourth)
        at += count * each
