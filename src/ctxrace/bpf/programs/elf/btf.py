"""The BPF Type Format: types, and the lines and relocations of .BTF.ext. Documentation/bpf/btf.rst in Linux 7.0."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from ctxrace.core.errors import ImageError
from ctxrace.core.interleaving import Source

__all__ = ["Btf", "Extension", "Member", "Relocation", "Type", "TypeKind", "read_btf", "read_extension"]

MAGIC = 0xEB9F
MOST_TYPES = 1_000_000  # a kernel has a seventh of it


class TypeKind(IntEnum):
    """BTF_KIND_*."""

    VOID = 0
    INT = 1
    PTR = 2
    ARRAY = 3
    STRUCT = 4
    UNION = 5
    ENUM = 6
    FWD = 7
    TYPEDEF = 8
    VOLATILE = 9
    CONST = 10
    RESTRICT = 11
    FUNC = 12
    FUNC_PROTO = 13
    VAR = 14
    DATASEC = 15
    FLOAT = 16
    DECL_TAG = 17
    TYPE_TAG = 18
    ENUM64 = 19


_PER_MEMBER = {TypeKind.STRUCT: 12, TypeKind.UNION: 12, TypeKind.ENUM: 8, TypeKind.FUNC_PROTO: 8,
               TypeKind.DATASEC: 12, TypeKind.ENUM64: 12}  # fmt: skip
_TAIL = {TypeKind.INT: 4, TypeKind.ARRAY: 12, TypeKind.VAR: 4, TypeKind.DECL_TAG: 4}
_TRANSPARENT = (TypeKind.TYPEDEF, TypeKind.VOLATILE, TypeKind.CONST, TypeKind.RESTRICT, TypeKind.TYPE_TAG)
_SIZED = (TypeKind.INT, TypeKind.STRUCT, TypeKind.UNION, TypeKind.ENUM, TypeKind.FLOAT, TypeKind.ENUM64)


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a struct or a section: `type` is an id. offset: in bits for a struct, in bytes for a section."""

    name: str
    type: int
    offset: int
    size: int = 0


@dataclass(frozen=True, slots=True)
class Type:
    """One type. size: in bytes, where the kind has one; other: the type that it refers to; count: of an array."""

    kind: TypeKind
    name: str
    size: int = 0
    other: int = 0
    count: int = 0
    members: tuple[Member, ...] = ()


class Btf:
    """The types of an object, by id; 0 is void."""

    def __init__(self, types: list[Type], strings: bytes) -> None:
        self.types, self._strings = types, strings

    def __getitem__(self, number: int) -> Type:
        if not 0 <= number < len(self.types):
            raise ImageError(f"section .BTF refers to type {number}, and has {len(self.types)}: it is damaged")
        return self.types[number]

    def string(self, offset: int) -> str:
        """Return the string at `offset`."""
        return _string(self._strings, offset)

    def resolve(self, number: int) -> Type:
        """Return the type behind typedefs and qualifiers."""
        for _ in range(len(self.types) + 1):
            found = self[number]
            if found.kind not in _TRANSPARENT:
                return found
            number = found.other
        raise ImageError(f"section .BTF: type {number} is a typedef of itself; the file is damaged")

    def size(self, number: int, depth: int = 0) -> int:
        """Return the size of a type in bytes; 0 where it has none."""
        found = self.resolve(number)
        if found.kind is TypeKind.PTR:
            return 8
        if found.kind is TypeKind.ARRAY and depth < 16:
            return found.count * self.size(found.other, depth + 1)
        return found.size if found.kind in _SIZED else 0

    def field(self, number: int, offset: int, size: int, depth: int = 0) -> str:
        """Return how C spells the place at byte `offset` of a type, such as ``.stats[2].hits``; empty where unknown."""
        found = self.resolve(number)
        if depth > 16:
            return ""
        if found.kind is TypeKind.ARRAY and (each := self.size(found.other)):
            rest = self.field(found.other, offset % each, size, depth + 1)
            return f"[{offset // each}]{rest}" if offset // each < found.count else ""
        if found.kind in (TypeKind.STRUCT, TypeKind.UNION):
            for member in reversed(found.members):
                start, length = member.offset // 8, self.size(member.type)
                if start <= offset and offset + size <= start + length:
                    rest = self.field(member.type, offset - start, size, depth + 1)
                    return f".{member.name}{rest}" if member.name else rest
        return ""


def read_btf(data: bytes) -> Btf:
    """Read the section .BTF. Raises `ImageError` where it is damaged."""
    try:
        start, length, strings_at, strings_length = _header(data, ".BTF")
        strings = data[strings_at : strings_at + strings_length]
        return Btf([Type(TypeKind.VOID, "void"), *_types(data[start : start + length], strings)], strings)
    except (struct.error, ValueError, IndexError) as error:
        raise ImageError(f"section .BTF is damaged: {error}") from None


def _header(data: bytes, name: str) -> tuple[int, int, int, int]:
    magic, _, _, length, at, size, second, second_size = struct.unpack_from("<HBBIIIII", data)
    if magic != MAGIC:
        order = "it is big-endian; compile with -target bpfel" if magic == 0x9FEB else "the file is damaged"
        raise ImageError(f"section {name} begins with {magic:#06x} instead of {MAGIC:#06x}: {order}")
    return length + at, size, length + second, second_size


def _string(strings: bytes, offset: int) -> str:
    end = strings.find(b"\0", offset)
    if not 0 <= offset < len(strings) or end < 0:
        raise ImageError(f"BTF refers to a string at {offset}, outside its {len(strings)} bytes; the file is damaged")
    return strings[offset:end].decode("utf-8", "replace")


def _types(data: bytes, strings: bytes) -> Iterator[Type]:
    at, number = 0, 0
    while at < len(data):
        name_at, info, size_or_type = struct.unpack_from("<III", data, at)
        kind, count = TypeKind(info >> 24 & 31), info & 0xFFFF
        at += 12
        tail = data[at : at + _TAIL.get(kind, 0) + count * _PER_MEMBER.get(kind, 0)]
        if len(tail) < _TAIL.get(kind, 0) + count * _PER_MEMBER.get(kind, 0):
            raise ImageError("section .BTF ends within a type; the file is truncated")
        at += len(tail)
        number += 1
        if number > MOST_TYPES:
            raise ImageError(f"section .BTF has more than {MOST_TYPES:,} types; this is no BPF object")
        yield _type(kind, _string(strings, name_at), size_or_type, count, tail, bool(info >> 31), strings)


def _type(kind: TypeKind, name: str, value: int, count: int, tail: bytes, bitfields: bool, strings: bytes) -> Type:
    if kind is TypeKind.ARRAY:
        element, _, length = struct.unpack("<III", tail)
        return Type(kind, name, other=element, count=length)
    if kind in (TypeKind.STRUCT, TypeKind.UNION):
        rows = struct.iter_unpack("<III", tail)
        members = (Member(_string(strings, at), of, where & 0xFFFFFF if bitfields else where) for at, of, where in rows)
        return Type(kind, name, size=value, members=tuple(members))
    if kind is TypeKind.DATASEC:
        rows = struct.iter_unpack("<III", tail)
        return Type(kind, name, size=value, members=tuple(Member("", of, at, size) for of, at, size in rows))
    if kind in _SIZED:
        return Type(kind, name, size=value, count=count)
    return Type(kind, name, other=value)


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
        _, _, at, size = _header(data, ".BTF.ext")
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
