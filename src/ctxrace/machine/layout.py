"""How C lays out and names the bytes of a variable."""

from dataclasses import dataclass, field

from ctxrace.core.limits import spend

__all__ = ["MOST_NESTED", "Layout", "Member", "is_signed", "part", "spell"]


MOST_NESTED = 64
"""As many types may be one within the other; C asks for 12 of a compiler, and for 63 structs (C11, 5.2.4.1)."""

_SPELLING = "finding what a part of a variable is called"


@dataclass(frozen=True, slots=True)
class Layout:
    """The shape of a type: a record if it has members, an array if it has an element, otherwise a scalar.

    size: in bytes; count: elements of an array, None for a flexible one. A union is a record with overlapping
    members. Members of unnamed members are the record's own, as in C. signed: whether a scalar has a sign.
    Raises `ValueError` where it is made of types that are nested deeper than `MOST_NESTED`.
    """

    size: int
    members: tuple["Member", ...] = ()
    element: "Layout | None" = None
    count: int | None = None
    signed: bool = False
    nested: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Find out how many types are within it."""
        parts = [member.layout for member in self.members]
        parts += [self.element] if self.element is not None else []
        object.__setattr__(self, "nested", max((part.nested + 1 for part in parts), default=0))
        if self.nested > MOST_NESTED:
            raise ValueError(f"{self.nested} types are within one another")

    @property
    def flexible(self) -> bool:
        """Whether the type goes on for as long as its variable does."""
        return self.element is not None and self.count is None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a record, `offset` bytes into it. For a bit-field, `bits` counts its bits from bit `offset * 8`."""

    name: str
    offset: int
    layout: Layout
    bits: tuple[int, int] | None = None  # first bit, number of bits

    @property
    def end(self) -> int:
        """The offset of the first byte behind it."""
        if self.bits is not None:
            return self.offset + (self.bits[0] + self.bits[1] + 7) // 8
        return self.offset + self.layout.size


def part(layout: Layout, path: str) -> range | None:
    """Return the bytes of the member `path`, names joined by dots; None where there is none, or it is a bit-field."""
    offset = 0
    for name in path.split("."):
        member = next((it for it in layout.members if it.name == name and it.bits is None), None)
        if member is None:
            return None
        layout, offset = member.layout, offset + member.offset
    return range(offset, offset + layout.size)


def is_signed(layout: Layout, offset: int, size: int) -> bool:
    """Return whether `size` bytes at `offset` bytes into a variable are one scalar with a sign."""
    spend(_SPELLING)
    if not layout.members and layout.element is None:
        return layout.signed and offset == 0 and size == layout.size
    if layout.element is not None:
        element = layout.element.size
        return bool(element) and is_signed(layout.element, offset % element, size)
    inside = (m for m in layout.members if m.bits is None and m.offset <= offset and offset + size <= m.end)
    return any(is_signed(member.layout, offset - member.offset, size) for member in inside)


def spell(name: str, layout: Layout, offset: int, size: int) -> str:
    """Spell `size` bytes at `offset` bytes into the variable `name` as C does.

    The whole variable is its name, several elements are ``name[0..3]``, and of a union's members the first one
    that fits is taken. Bytes that no expression names are ``counter+2:1``: offset and size.
    """
    return _spell(name, layout, offset, size)[0]


def _spell(name: str, layout: Layout, offset: int, size: int) -> tuple[str, bool]:
    # The second result tells whether the spelling names exactly these bytes.
    spend(_SPELLING)
    rest = f"{name}+{offset}:{size}", False
    if offset == 0 and size == layout.size:
        return name, True
    if layout.element is not None and layout.element.size:
        return _spell_elements(name, layout.element, offset, size) or rest
    return _spell_member(name, layout.members, offset, size) or rest


def _spell_elements(name: str, element: Layout, offset: int, size: int) -> tuple[str, bool] | None:
    first, last = offset // element.size, (offset + size - 1) // element.size
    if first == last:
        return _spell(f"{name}[{first}]", element, offset - first * element.size, size)
    if offset % element.size == size % element.size == 0:
        return f"{name}[{first}..{last}]", True
    return None


def _spell_member(name: str, members: tuple[Member, ...], offset: int, size: int) -> tuple[str, bool] | None:
    touched = [member for member in members if member.offset < offset + size and offset < member.end]
    if len(touched) == 1 and touched[0].bits is not None:
        return f"{name}.{touched[0].name}", True
    closest = None
    for member in members:
        inside = member.offset <= offset and (offset + size <= member.end or member.layout.flexible)
        if inside and member.bits is None:
            found = _spell(f"{name}.{member.name}", member.layout, offset - member.offset, size)
            if found[1]:
                return found
            closest = closest or found
    return closest
