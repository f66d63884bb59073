"""DWARF types that only a damaged file has: each is an error before anything is done with its numbers."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from ctxrace.core.errors import LimitReached
from ctxrace.core.limits import Budget, within
from ctxrace.machine.dwarf_types import MOST_BYTES, Layouts, number_of
from ctxrace.machine.layout import MOST_NESTED, Layout, Member, is_signed, spell


class Entry:
    """A part of pyelftools' DIE."""

    def __init__(self, tag: str, *children: "Entry", of: "Entry | None" = None, **attributes: int | bytes) -> None:
        self.tag, self.children, self.type, self.offset = f"DW_TAG_{tag}", children, of, id(self)
        values: dict[str, Any] = {**attributes, **({"type": 0} if of is not None else {})}
        self.attributes = {f"DW_AT_{name}": SimpleNamespace(value=value) for name, value in values.items()}

    def iter_children(self) -> Iterator["Entry"]:
        return iter(self.children)

    def get_DIE_from_attribute(self, _name: str) -> "Entry | None":  # noqa: N802 - as pyelftools calls it
        return self.type


INT = Entry("base_type", byte_size=4, encoding=5)


def layout(entry: Entry) -> Layout:
    return Layouts(8, little_endian=True).of_type(entry)


def member(**attributes: int | bytes) -> Entry:
    return Entry("structure_type", Entry("member", of=INT, name=b"m", **attributes), byte_size=8)


def array(*counts: Entry, of: Entry = INT) -> Entry:
    return Entry("array_type", *counts, of=of)


def test_what_a_compiler_says_is_taken() -> None:
    assert layout(array(Entry("subrange_type", count=3))) == Layout(12, element=layout(INT), count=3)
    assert layout(array(Entry("subrange_type", upper_bound=-1))).count == 0
    assert layout(array(Entry("subrange_type", upper_bound=(1 << 64) - 1))).count == 0
    assert layout(array(Entry("subrange_type"))).flexible
    assert layout(member(data_member_location=4)).members == (Member("m", 4, layout(INT)),)
    assert layout(member(bit_size=3, data_bit_offset=13)).members[0].bits == (5, 3)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (Entry("base_type", byte_size=-5), "the size of a type is -5"),
        (Entry("structure_type", byte_size=MOST_BYTES + 1), "the size of a type is 281,474,976,710,657"),
        (array(Entry("subrange_type", count=MOST_BYTES)), "the size of an array is 1,125,899,906,842,624"),
        (array(Entry("subrange_type", upper_bound=-8)), "the number of elements is 18,446,744,073,709,551,609"),
        (member(data_member_location=-4), "the offset of a member is -4"),
        (member(data_member_location=1 << 5000), "DW_AT_data_member_location is a number of 5,001 bits"),
        (member(bit_size=-3, data_bit_offset=0), "the place of a bit-field is -3"),
        (member(bit_size=3, data_bit_offset=1 << 60), "the end of a bit-field is"),
        (array(*[Entry("subrange_type", count=1)] * (MOST_NESTED + 1)), "65 types are within one another"),
    ],
)
def test_what_only_a_damaged_file_says_is_an_error(entry: Entry, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        layout(entry)


def test_unnamed_members_of_unnamed_members_have_an_end() -> None:
    record = Entry("structure_type", Entry("member", of=INT, name=b"m"), byte_size=4)
    for _ in range(20):
        record = Entry("structure_type", Entry("member", of=record), Entry("member", of=record), byte_size=4)
    with pytest.raises(ValueError, match="the number of members is 65,537"):
        layout(record)


def test_a_number_is_a_number_of_one_word() -> None:
    assert number_of(INT, "DW_AT_byte_size") == 4
    assert number_of(INT, "DW_AT_count") is None
    assert number_of(Entry("x", count=b"block"), "DW_AT_count") is None


def test_the_search_for_a_name_ends_with_the_budget() -> None:
    record = Layout(8)
    for _ in range(MOST_NESTED):
        record = Layout(8, (Member("a", 0, record), Member("b", 0, record)))
    with within(Budget(timeout=0.05)):
        with pytest.raises(LimitReached, match="while finding what a part of a variable is called"):
            spell("x", record, 2, 3)
        with pytest.raises(LimitReached):
            is_signed(record, 2, 3)
