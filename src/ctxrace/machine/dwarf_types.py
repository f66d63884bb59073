"""DWARF types as layouts. What only a damaged file says of a size, an offset or a count is an error here."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from ctxrace.machine.layout import Layout, Member

if TYPE_CHECKING:
    from elftools.dwarf.die import DIE

__all__ = ["Layouts", "number_of", "text_of"]

PEELED = frozenset({"typedef", "const_type", "volatile_type", "atomic_type", "restrict_type"})
MOST_BYTES = 1 << 48
"""Of a variable: as many as an address space has that is not the whole of 64 bits."""
MOST_MEMBERS = 1 << 16
_SIGNED = (5, 6)  # DW_ATE_signed, DW_ATE_signed_char: DWARF 5, section 7.8


def text_of(die: "DIE", attribute: str) -> str:
    """Return the text that `attribute` holds, empty where there is none."""
    value = die.attributes[attribute].value if attribute in die.attributes else b""
    return value.decode(errors="replace") if isinstance(value, bytes) else ""


def number_of(die: "DIE", attribute: str) -> int | None:
    """Return the number that `attribute` is; None where there is none, or where it is computed at run time.

    Raises `ValueError` for one that no word holds.
    """
    value = die.attributes[attribute].value if attribute in die.attributes else None
    if not isinstance(value, int):
        return None
    if not -1 << 63 <= value < 1 << 64:
        raise ValueError(f"{attribute} is a number of {value.bit_length():,} bits")
    return value


def _counted(what: str, value: int, most: int = MOST_BYTES) -> int:
    """Return `value`, of bytes or of elements; raise `ValueError` where there cannot be so many."""
    if not 0 <= value <= most:
        raise ValueError(f"{what} is {value:,}")
    return value


class Layouts:
    """Turns DWARF types into layouts, each once."""

    def __init__(self, word: int, little_endian: bool) -> None:
        self._word = word
        self._little_endian = little_endian
        self._known: dict[int, Layout | None] = {}

    def of(self, die: "DIE") -> Layout:
        """Return the layout of the type of `die`; an entry without a type is void."""
        if "DW_AT_type" not in die.attributes:
            return Layout(0)
        return self.of_type(die.get_DIE_from_attribute("DW_AT_type"))

    def of_type(self, kind: "DIE") -> Layout:
        """Return the layout of the type that the entry `kind` describes."""
        if kind.offset not in self._known:
            self._known[kind.offset] = None
            self._known[kind.offset] = self._layout(kind)
        layout = self._known[kind.offset]
        if layout is None:  # only damaged bytes say so, and following them would never end
            raise ValueError("a type contains itself")
        return layout

    def _layout(self, die: "DIE") -> Layout:
        tag = str(die.tag).removeprefix("DW_TAG_")
        if tag in PEELED:
            return self.of(die)
        if tag in ("structure_type", "union_type"):
            members = (m for child in die.iter_children() if child.tag == "DW_TAG_member" for m in self._members(child))
            few = tuple(islice(members, MOST_MEMBERS + 1))
            _counted("the number of members", len(few), MOST_MEMBERS)
            return Layout(_size(die), few)
        if tag == "array_type":
            layout = self.of(die)
            for child in reversed([child for child in die.iter_children() if child.tag == "DW_TAG_subrange_type"]):
                count = _elements(child)
                size = _counted("the size of an array", layout.size * (count or 0))
                layout = Layout(size, element=layout, count=count)
            return layout
        signed = number_of(die, "DW_AT_encoding") in _SIGNED
        return Layout(_size(die) or (self._word if tag == "pointer_type" else 0), signed=signed)

    def _members(self, die: "DIE") -> Iterator[Member]:
        layout, name = self.of(die), text_of(die, "DW_AT_name")
        offset = _counted("the offset of a member", number_of(die, "DW_AT_data_member_location") or 0)
        bits = number_of(die, "DW_AT_bit_size")
        if bits is not None:
            first = number_of(die, "DW_AT_data_bit_offset")
            if first is None:  # before DWARF 4: counted from the top of the member's storage
                first = number_of(die, "DW_AT_bit_offset") or 0
                if self._little_endian:
                    first = 8 * (_size(die) or layout.size) - first - bits
                first += 8 * offset
            _counted("the place of a bit-field", min(first, bits))
            _counted("the end of a bit-field", first + bits, 8 * MOST_BYTES)
            yield Member(name, first // 8, layout, (first % 8, bits))
        elif name:
            yield Member(name, offset, layout)
        else:
            for member in layout.members:
                inside = _counted("the offset of a member", offset + member.offset)
                yield Member(member.name, inside, member.layout, member.bits)


def _size(die: "DIE") -> int:
    return _counted("the size of a type", number_of(die, "DW_AT_byte_size") or 0)


def _elements(die: "DIE") -> int | None:
    """Return how many elements an array has in one dimension, None where it is flexible."""
    count, last = number_of(die, "DW_AT_count"), number_of(die, "DW_AT_upper_bound")
    if count is None and last is not None:
        count = (last + 1) % (1 << 64)  # of an empty array the last one has the number -1
    return count if count is None else _counted("the number of elements", count)
