"""The BPF Type Format: the types of a kernel or of an object file, each read when it is asked for.

Source: Linux v7.0 Documentation/bpf/btf.rst.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from ctxrace.core.errors import ImageError
from ctxrace.core.limits import spend

__all__ = ["MAGIC", "Btf", "Member", "Type", "TypeKind", "section_header", "string_at"]

MAGIC = 0xEB9F
MOST_TYPES = 4_000_000  # a distribution's kernel has 150,000
MOST_NESTED = 32  # structs in structs, or arrays of arrays
MOST_BYTES = 1 << 48  # of one type
MOST_NAME = 1 << 16  # bytes of a name; the kernel's are shorter than 512 (KSYM_NAME_LEN)


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


_PER_MEMBER: dict[int, int] = {TypeKind.STRUCT: 12, TypeKind.UNION: 12, TypeKind.ENUM: 8, TypeKind.FUNC_PROTO: 8,
               TypeKind.DATASEC: 12, TypeKind.ENUM64: 12}  # fmt: skip
_TAIL: dict[int, int] = {TypeKind.INT: 4, TypeKind.ARRAY: 12, TypeKind.VAR: 4, TypeKind.DECL_TAG: 4}
_TRANSPARENT = (TypeKind.TYPEDEF, TypeKind.VOLATILE, TypeKind.CONST, TypeKind.RESTRICT, TypeKind.TYPE_TAG)
_SIZED = (TypeKind.INT, TypeKind.STRUCT, TypeKind.UNION, TypeKind.ENUM, TypeKind.FLOAT, TypeKind.ENUM64)
_HEAD = struct.Struct("<III")
_NAME = struct.Struct("<I")
_READING = "reading types"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a struct, union or section, a parameter of a function, or a value of an enum.

    type: its id. offset: in bits for a struct, in bytes for a section, the value of an enum's name.
    size: in bytes, for a section. bits: the width of a bit field, 0 for an ordinary member.
    """

    name: str
    type: int
    offset: int = 0
    size: int = 0
    bits: int = 0


@dataclass(frozen=True, slots=True)
class Type:
    """One type.

    size: in bytes, where the kind has one; other: the id of the type that it refers to; count: of an array;
    signed: whether an int or an enum is; flag: kind_flag (a union for a forward declaration).
    """

    kind: TypeKind
    name: str
    size: int = 0
    other: int = 0
    count: int = 0
    members: tuple[Member, ...] = ()
    signed: bool = False
    flag: bool = False


class Btf:
    """The types in the section `section` with the content `data`, by id; 0 is void.

    Raises `ImageError` where the section is damaged.
    """

    def __init__(self, data: bytes, section: str = ".BTF") -> None:
        self.section = section
        start, length, strings_at, strings_length = section_header(data, section)
        self._data = data[start : start + length]
        self._strings = data[strings_at : strings_at + strings_length]
        self._places = list(self._index())
        self._known: dict[int, Type] = {0: Type(TypeKind.VOID, "void")}

    def __len__(self) -> int:
        return len(self._places) + 1

    def __getitem__(self, number: int) -> Type:
        found = self._known.get(number)
        if found is None:
            if not 0 < number < len(self):
                raise ImageError(f"section {self.section} refers to type {number}, and has {len(self)}: it is damaged")
            found = self._known[number] = self._read(self._places[number - 1])
        return found

    def kind(self, number: int) -> TypeKind:
        """Return the kind of a type, without reading the type."""
        if not number:
            return TypeKind.VOID
        return TypeKind(self._data[self._places[number - 1] + 7] & 31)

    def string(self, offset: int) -> str:
        """Return the string at `offset`; raise `ImageError` where there is none."""
        return string_at(self._strings, offset)

    @cached_property
    def _names(self) -> dict[tuple[TypeKind, str], int]:
        found: dict[tuple[TypeKind, str], int] = {}
        named = (TypeKind.STRUCT, TypeKind.UNION, TypeKind.ENUM, TypeKind.ENUM64, TypeKind.TYPEDEF, TypeKind.VAR)
        for number, at in enumerate(self._places, 1):
            name_at, info, _ = _HEAD.unpack_from(self._data, at)
            kind = info >> 24 & 31
            if name_at and kind in named:
                found.setdefault((TypeKind(kind), self.string(name_at)), number)
        return found

    def type_names(self) -> Iterator[tuple[int, str]]:
        """Yield the types that have names, with these, without reading the types."""
        known: dict[int, str] = {}
        for number, at in enumerate(self._places, 1):
            (name_at,) = _NAME.unpack_from(self._data, at)
            if name_at:
                name = known.get(name_at)
                if name is None:
                    name = known[name_at] = self.string(name_at)
                yield number, name

    def named(self, name: str, *kinds: TypeKind) -> int | None:
        """Return the id of the first type called `name` that is of one of `kinds`, or None."""
        return next((self._names[kind, name] for kind in kinds if (kind, name) in self._names), None)

    def resolve_id(self, number: int) -> int:
        """Return the id of the type behind typedefs and qualifiers."""
        for _ in range(len(self) + 1):
            found = self[number]
            if found.kind not in _TRANSPARENT:
                return number
            number = found.other
        raise ImageError(f"section {self.section}: type {number} is a typedef of itself; the file is damaged")

    def resolve(self, number: int) -> Type:
        """Return the type behind typedefs and qualifiers."""
        return self[self.resolve_id(number)]

    def size(self, number: int, depth: int = 0) -> int:
        """Return the size of a type in bytes; 0 where it has none. Raises `ImageError` for more than an address has."""
        found = self.resolve(number)
        if found.kind is TypeKind.PTR:
            return 8
        if found.kind is TypeKind.ARRAY and depth < MOST_NESTED:
            size = found.count * self.size(found.other, depth + 1)
            if size > MOST_BYTES:
                raise ImageError(f"section {self.section}: type {number} has {size:,} bytes; the file is damaged")
            return size
        return found.size if found.kind in _SIZED else 0

    def member(self, struct_name: str, path: str) -> range | None:
        """Return the bytes of a struct that hold the member `path`; None where the struct or the member is not there.

        struct_name: as C has it behind ``struct``; path: members joined by dots, those of unnamed ones directly.
        """
        number = self.named(struct_name, TypeKind.STRUCT)
        return self.part(number, path) if number is not None else None

    def part(self, number: int, path: str) -> range | None:
        """Return the bytes of a type that hold the member `path`, as `member` does."""
        offset = 0
        for name in path.split("."):
            found = self._find(number, name)
            if found is None:
                return None
            number, offset = found[0], offset + found[1]
        return range(offset, offset + self.size(number))

    def _find(self, number: int, name: str, depth: int = 0) -> tuple[int, int] | None:
        """Return the type of a member and its offset in bytes, also within unnamed members."""
        spend(_READING)
        if depth > MOST_NESTED:
            return None
        for member in self.resolve(number).members:
            if member.name == name:
                return member.type, member.offset // 8
            inner = self.resolve(member.type) if not member.name else None
            if inner is not None and inner.kind in (TypeKind.STRUCT, TypeKind.UNION):
                found = self._find(member.type, name, depth + 1)
                if found is not None:
                    return found[0], found[1] + member.offset // 8
        return None

    def field(self, number: int, offset: int, size: int, depth: int = 0) -> str:
        """Return how C spells the place at byte `offset` of a type, such as ``.stats[2].hits``; empty where unknown."""
        found = self.resolve(number)
        if depth > MOST_NESTED:
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

    def _index(self) -> Iterator[int]:
        data, at, number = self._data, 0, 0
        while at < len(data):
            if at + _HEAD.size > len(data):
                raise ImageError(f"section {self.section} ends within a type; the file is truncated")
            _, info, _ = _HEAD.unpack_from(data, at)
            kind = info >> 24 & 31
            if kind > TypeKind.ENUM64 or not kind:
                raise ImageError(f"section {self.section} has a type of kind {kind}, which is not known")
            spend(_READING)
            yield at
            at += _HEAD.size + _TAIL.get(kind, 0) + (info & 0xFFFF) * _PER_MEMBER.get(kind, 0)
            number += 1
            if number > MOST_TYPES:
                raise ImageError(f"section {self.section} has more than {MOST_TYPES:,} types; it is damaged")
        if at > len(data):
            raise ImageError(f"section {self.section} ends within a type; the file is truncated")

    def _field(self, name_at: int, number: int, place: int, bit_fields: bool) -> Member:
        """Return a member of a struct; where the struct has bit fields, their width is above the offset."""
        if bit_fields:
            return Member(self.string(name_at), number, place & 0xFF_FFFF, bits=place >> 24)
        return Member(self.string(name_at), number, place)

    def _read(self, at: int) -> Type:
        name_at, info, value = _HEAD.unpack_from(self._data, at)
        kind, count, flag = TypeKind(info >> 24 & 31), info & 0xFFFF, bool(info >> 31)
        name = self.string(name_at)
        at += _HEAD.size
        rows = self._data[at : at + _TAIL.get(kind, 0) + count * _PER_MEMBER.get(kind, 0)]
        match kind:
            case TypeKind.INT:
                (encoding,) = struct.unpack("<I", rows)
                return Type(kind, name, value, signed=bool(encoding >> 24 & 1))
            case TypeKind.ARRAY:
                element, _, length = struct.unpack("<III", rows)
                return Type(kind, name, other=element, count=length)
            case TypeKind.STRUCT | TypeKind.UNION:
                fields = struct.iter_unpack("<III", rows)
                members = tuple(self._field(where, of, place, flag) for where, of, place in fields)
                return Type(kind, name, value, members=members, flag=flag)
            case TypeKind.DATASEC:
                placed = tuple(Member("", of, place, size) for of, place, size in struct.iter_unpack("<III", rows))
                return Type(kind, name, value, members=placed)
            case TypeKind.FUNC_PROTO:
                parameters = tuple(Member(self.string(where), of) for where, of in struct.iter_unpack("<II", rows))
                return Type(kind, name, other=value, members=parameters)
            case TypeKind.ENUM:
                values = struct.iter_unpack("<Ii" if flag else "<II", rows)
                named_values = tuple(Member(self.string(where), 0, of) for where, of in values)
                return Type(kind, name, value, members=named_values, signed=flag)
            case TypeKind.ENUM64:
                wide = struct.iter_unpack("<III", rows)
                named = tuple(Member(self.string(where), 0, low | high << 32) for where, low, high in wide)
                return Type(kind, name, value, members=named, signed=flag)
            case TypeKind.FLOAT:
                return Type(kind, name, value)
            case _:
                return Type(kind, name, other=value, flag=flag)


def section_header(data: bytes, name: str) -> tuple[int, int, int, int]:
    """Return where the two parts of a BTF section begin and how long they are, in bytes.

    name: the section's, for messages. Raises `ImageError` where this is not BTF.
    """
    if len(data) < 24:
        raise ImageError(f"section {name} has {len(data)} bytes, less than its header; the file is truncated")
    magic, _, _, length, at, size, second, second_size = struct.unpack_from("<HBBIIIII", data)
    if magic != MAGIC:
        order = "it is big-endian; compile with -target bpfel" if magic == 0x9FEB else "the file is damaged"
        raise ImageError(f"section {name} begins with {magic:#06x} instead of {MAGIC:#06x}: {order}")
    return length + at, size, length + second, second_size


def string_at(strings: bytes, offset: int) -> str:
    """Return the NUL-terminated string at `offset`; raise `ImageError` where there is none."""
    end = strings.find(b"\0", offset, offset + MOST_NAME)
    if not 0 <= offset < len(strings) or end < 0:
        raise ImageError(f"BTF refers to a string at {offset}, outside its {len(strings)} bytes; the file is damaged")
    return strings[offset:end].decode("utf-8", "replace")
