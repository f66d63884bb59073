"""A kernel's types as C: the definitions that a harness needs, written from BTF, with their layout asserted."""

import re
from collections.abc import Iterable

from ctxrace.core.errors import ImageError
from ctxrace.core.limits import spend
from ctxrace.machine.btf import MOST_NESTED, Btf, Member, Type, TypeKind

__all__ = ["c_types"]

_COMPOSITE = (TypeKind.STRUCT, TypeKind.UNION)
_ENUMS = (TypeKind.ENUM, TypeKind.ENUM64)
_WORDS = {TypeKind.STRUCT: "struct", TypeKind.UNION: "union", TypeKind.ENUM: "enum", TypeKind.ENUM64: "enum"}
_PREFIX = {TypeKind.CONST: "const", TypeKind.VOLATILE: "volatile", TypeKind.RESTRICT: "restrict"}
_TRANSPARENT = (TypeKind.TYPEDEF, *_PREFIX, TypeKind.TYPE_TAG)
_BUILT_IN = frozenset({"__builtin_va_list"})
_MOST_DEFINITIONS = 20_000
_MOST_DEPTH = 8 * MOST_NESTED  # each takes up to three calls, of which Python has a thousand
_C_NAME = re.compile(r"[A-Za-z_]\w*( [A-Za-z_]\w*)*", re.ASCII)  # of basic types several words


def c_types(types: Btf, names: Iterable[str]) -> str:
    """Return C definitions of the types called `names`, and of all that they contain.

    names: tags with their keyword (``struct sock``), typedefs, values of enums, and functions, which are declared. A
    name that the kernel does not have is left out, and a function whose parameters differ from file to file. A type
    that is only pointed to is declared. Raises `ImageError` where the BTF is damaged.
    """
    writer = _Writer(types)
    wanted = frozenset(names)
    for name in sorted(wanted):
        keyword, _, tag = name.rpartition(" ")
        kinds = [kind for kind, word in _WORDS.items() if word == keyword] if keyword else [TypeKind.TYPEDEF]
        number = types.named(tag, *kinds)
        if number is not None:
            writer.define(number)
    for number in range(1, len(types)):
        found = types[number] if types.kind(number) in _ENUMS else None
        if found is not None and any(value.name in wanted for value in found.members):
            writer.define(number)
    for name, prototypes in _prototypes(types, wanted).items():
        writer.function(name, prototypes)
    return writer.text()


def _prototypes(types: Btf, names: frozenset[str]) -> dict[str, list[int]]:
    """Return the types of the functions called `names`, of which several static ones may have the same name."""
    found: dict[str, list[int]] = {}
    for number in range(1, len(types)):
        if types.kind(number) is TypeKind.FUNC and (function := types[number]).name in names:
            found.setdefault(function.name, []).append(function.other)
    return dict(sorted(found.items()))


class _Writer:
    def __init__(self, types: Btf) -> None:
        self.types = types
        self.declared: dict[str, None] = {}
        self.definitions: list[str] = []
        self.done: set[int] = set()
        self.called: set[str] = set()
        self.alignments: dict[int, int] = {}
        self.holes = 0
        self.checked: dict[int, Type] = {}

    def type(self, number: int) -> Type:
        """Return a type whose names may stand in C; raise `ImageError` for others: they could say anything there."""
        found = self.checked.get(number)
        if found is None:
            spend("writing types as C")
            found = self.types[number]
            for name in (found.name, *(member.name for member in found.members)):
                if name and not _C_NAME.fullmatch(name):
                    raise ImageError(
                        f"section {self.types.section}: type {number} has the name {name[:100]!r}, which is none of C; "
                        "is the file damaged?"
                    )
            self.checked[number] = found
        return found

    def text(self) -> str:
        return "\n".join([*(f"{tag};" for tag in self.declared), *self.definitions, ""])

    def define(self, number: int, depth: int = 0) -> None:
        """Write the definition of a type, after those of what it contains."""
        if number in self.done or not number:
            return
        self.refuse_cycle(depth if len(self.definitions) <= _MOST_DEFINITIONS else _MOST_DEPTH + 1)
        self.done.add(number)
        found = self.type(number)
        if found.kind in _COMPOSITE or found.kind is TypeKind.FUNC_PROTO:
            for member in found.members:
                self.need(member.type, depth, by_value=found.kind is not TypeKind.FUNC_PROTO)
            if found.kind is TypeKind.FUNC_PROTO:
                self.need(found.other, depth, by_value=False)
            elif found.name:
                self.definition(found)
        elif found.kind in _ENUMS:
            self.once(f"enum {found.name or [value.name for value in found.members]}", f"{self.enum(found)};")
        elif found.kind is TypeKind.TYPEDEF and found.name not in _BUILT_IN:
            self.need(found.other, depth, by_value=not self.type(found.other).name)
            self.once(found.name, f"typedef {self.declare(found.other, found.name)};")
        elif found.kind not in (TypeKind.INT, TypeKind.FLOAT, TypeKind.FWD, TypeKind.TYPEDEF):
            self.need(found.other, depth, by_value=found.kind is TypeKind.ARRAY)

    def function(self, name: str, prototypes: Iterable[int]) -> None:
        """Declare a function, unless several of that name have different types."""
        for number in prototypes:
            self.define(number)
        texts = {self.declare(number, name) for number in prototypes}
        if len(texts) == 1:
            self.once(name, f"{texts.pop()};")

    def need(self, number: int, depth: int, *, by_value: bool) -> None:
        """Make a type known: define it where its size is needed, else declare its tag."""
        self.refuse_cycle(depth)
        found = self.type(number)
        if found.kind in _COMPOSITE and found.name:
            self.declared[f"{_WORDS[found.kind]} {found.name}"] = None
            if by_value:
                self.define(number, depth + 1)
        elif found.kind is TypeKind.FWD:
            self.declared[f"{'union' if found.flag else 'struct'} {found.name}"] = None
        elif found.kind is TypeKind.PTR:
            self.need_through(found.other, depth + 1)
        else:
            self.define(number, depth + 1)
            if by_value and found.kind in _TRANSPARENT:
                self.need(found.other, depth + 1, by_value=True)

    def need_through(self, number: int, depth: int) -> None:
        """Make what a pointer points to known; a struct behind it stays incomplete."""
        self.refuse_cycle(depth)
        found = self.type(number)
        if found.kind in (TypeKind.PTR, *_PREFIX, TypeKind.TYPE_TAG):
            self.need_through(found.other, depth + 1)
        else:
            self.need(number, depth + 1, by_value=False)

    def refuse_cycle(self, depth: int) -> None:
        """Raise `ImageError` where so many types are within one another that only a damaged file says it."""
        if depth > _MOST_DEPTH:
            raise ImageError(f"section {self.types.section}: the types are nested too deeply; the file is damaged")

    def once(self, name: str, text: str) -> None:
        if name not in self.called:
            self.called.add(name)
            self.definitions.append(text)

    def definition(self, found: Type) -> None:
        tag = f"{_WORDS[found.kind]} {found.name}"
        self.declared[tag] = None
        lines = [f"{self.composite(found)};", f'_Static_assert(sizeof({tag}) == {found.size}, "the size of {tag}");']
        for member in found.members:
            if member.name and not member.bits:
                text = f'_Static_assert(__builtin_offsetof({tag}, {member.name}) == {member.offset // 8}, "{tag}");'
                lines.append(text)
        self.once(tag, "\n".join(lines))

    def composite(self, found: Type, depth: int = 0) -> str:
        """Return a struct or a union with its members."""
        spend("writing types as C")
        if depth > MOST_NESTED:
            raise ImageError(f"section {self.types.section}: a struct holds itself; the file is damaged")
        lines: list[str] = []
        at, union = 0, found.kind is TypeKind.UNION
        packed = self.is_packed(found)
        for member in found.members:
            if not union:
                self.fill(lines, at, member, packed=packed)
            width = f" : {member.bits}" if member.bits else ""
            lines.append(f"{self.declare(member.type, member.name, depth + 1)}{width};")
            at = member.offset + (member.bits or 8 * self.types.size(member.type))
        if not union and 8 * found.size - at >= 8 * self.natural(found):
            lines.append(self.hole(found.size - (at + 7) // 8))
        body = "\n".join(["", *lines, ""])
        name = f" {found.name}" if found.name else ""
        attribute = " __attribute__((packed))" if packed else self.aligned(found)
        return f"{_WORDS[found.kind]}{name} {{{body}}}{attribute}"

    def fill(self, lines: list[str], at: int, member: Member, *, packed: bool) -> None:
        """Add what lies between bit `at` and `member`, where C does not leave that much room by itself."""
        alignment = 1 if packed or member.bits else max(self.alignment(member.type), 1)
        step = 1 if member.bits else 8 * alignment
        if member.offset <= at or -(-at // step) * step == member.offset:
            return
        if at % 8 == 0 and member.offset % 8 == 0:
            lines.append(self.hole((member.offset - at) // 8))
            return
        while at < member.offset:
            width = min(member.offset - at, 32 - at % 32)
            lines.append(f"unsigned int : {width};")
            at += width

    def hole(self, size: int) -> str:
        self.holes += 1
        return f"char __hole_{self.holes}[{size}];"

    def is_packed(self, found: Type) -> bool:
        """Return whether members lie where C would put them only with the attribute packed."""
        if found.kind is TypeKind.STRUCT and found.size % self.natural(found):
            return True
        return any(not m.bits and (m.offset // 8) % max(self.alignment(m.type), 1) for m in found.members)

    def aligned(self, found: Type) -> str:
        """Return the attribute of a struct that is larger than its members ask for, where alignment explains that."""
        ends = [m.offset + (m.bits or 8 * self.types.size(m.type)) for m in found.members]
        last = (max(ends, default=0) + 7) // 8
        natural = self.natural(found)
        rounded = (last + natural - 1) // natural * natural
        if found.size == rounded or not found.size:
            return ""
        for alignment in (8, 16, 32, 64, 128):
            if (last + alignment - 1) // alignment * alignment == found.size:
                return f" __attribute__((aligned({alignment})))"
        return ""

    def natural(self, found: Type) -> int:
        return max((self.alignment(member.type) for member in found.members if not member.bits), default=1) or 1

    def alignment(self, number: int, depth: int = 0) -> int:
        """Return the alignment of a type in bytes, as the ABIs of arm64 and x86-64 have it."""
        number = self.types.resolve_id(number)
        known = self.alignments.get(number)
        if known is None:
            known = self.alignments[number] = self.find_alignment(number, depth)
        return known

    def find_alignment(self, number: int, depth: int) -> int:
        found = self.type(number)
        if depth > MOST_NESTED:
            return 1
        if found.kind is TypeKind.PTR:
            return 8
        if found.kind is TypeKind.ARRAY:
            return self.alignment(found.other, depth + 1)
        if found.kind in _COMPOSITE:
            if self.is_packed_at(found, depth):
                return 1
            return max((self.alignment(m.type, depth + 1) for m in found.members if not m.bits), default=1)
        return min(found.size, 16) or 1

    def is_packed_at(self, found: Type, depth: int) -> bool:
        each = [self.alignment(m.type, depth + 1) for m in found.members if not m.bits]
        places = [m.offset // 8 for m in found.members if not m.bits]
        largest = max(each, default=1) or 1
        if found.kind is TypeKind.STRUCT and found.size % largest:
            return True
        return any(place % max(alignment, 1) for place, alignment in zip(places, each, strict=True))

    def enum(self, found: Type) -> str:
        values = ", ".join(f"{value.name} = {value.offset}" for value in found.members)
        name = f" {found.name}" if found.name else ""
        attribute = " __attribute__((packed))" if found.size < 4 else ""
        return f"enum{name} {{ {values} }}{attribute}"

    def declare(self, number: int, name: str, depth: int = 0) -> str:
        """Return the declaration of `name` with type `number`; an empty name is an abstract declarator."""
        if depth > MOST_NESTED:
            raise ImageError(f"section {self.types.section}: a type refers to itself; the file is damaged")
        found = self.type(number)
        match found.kind:
            case TypeKind.PTR:
                target, qualifiers = self.type(found.other), 0
                while target.kind in (*_PREFIX, TypeKind.TYPE_TAG):
                    target, qualifiers = self.type(target.other), qualifiers + 1
                    self.refuse_cycle(qualifiers)
                inner = f"*{name}"
                grouped = target.kind in (TypeKind.ARRAY, TypeKind.FUNC_PROTO)
                return self.declare(found.other, f"({inner})" if grouped else inner, depth + 1)
            case TypeKind.ARRAY:
                return self.declare(found.other, f"{name}[{found.count}]", depth + 1)
            case TypeKind.FUNC_PROTO:
                parameters = [self.declare(p.type, p.name, depth + 1) if p.type else "..." for p in found.members]
                return self.declare(found.other, f"{name}({', '.join(parameters) or 'void'})", depth + 1)
            case kind if kind in _PREFIX:
                if self.type(found.other).kind is TypeKind.PTR:
                    return self.declare(found.other, f"{_PREFIX[kind]} {name}", depth + 1)
                return f"{_PREFIX[kind]} {self.declare(found.other, name, depth + 1)}"
            case TypeKind.TYPE_TAG:
                return self.declare(found.other, name, depth + 1)
        return f"{self.spelled(found, depth)} {name}".rstrip()

    def spelled(self, found: Type, depth: int) -> str:
        """Return how C names a type that is no pointer, array, function or qualified type."""
        if found.kind is TypeKind.FWD:
            return f"{'union' if found.flag else 'struct'} {found.name}"
        if found.kind in _COMPOSITE:
            return f"{_WORDS[found.kind]} {found.name}" if found.name else self.composite(found, depth)
        if found.kind in _ENUMS:
            return f"enum {found.name}" if found.name else self.enum(found)
        return found.name or "void"
