"""BTF that is written here byte by byte, and what is read from it."""

import struct

import pytest

from ctxrace.core.errors import ImageError
from ctxrace.machine.btf import Btf, TypeKind


class Writer:
    """Write the types of one section; each method returns the new type's id."""

    def __init__(self) -> None:
        self.types, self.strings, self.count = b"", b"\0", 0

    def string(self, text: str) -> int:
        if not text:
            return 0
        at = len(self.strings)
        self.strings += text.encode() + b"\0"
        return at

    def type(self, kind: TypeKind, name: str, value: int, count: int = 0, rest: bytes = b"", flag: bool = False) -> int:
        self.types += struct.pack("<III", self.string(name), flag << 31 | kind << 24 | count, value) + rest
        self.count += 1
        return self.count

    def int_(self, name: str, size: int, signed: bool = False) -> int:
        return self.type(TypeKind.INT, name, size, rest=struct.pack("<I", signed << 24 | size * 8))

    def struct_(self, name: str, size: int, *members: tuple[str, int, int], kind: TypeKind = TypeKind.STRUCT) -> int:
        rows = b"".join(struct.pack("<III", self.string(text), of, 8 * at) for text, of, at in members)
        return self.type(kind, name, size, len(members), rows)

    def data(self) -> bytes:
        header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(self.types), len(self.types), len(self.strings))
        return header + self.types + self.strings


@pytest.fixture
def writer() -> Writer:
    """Write a small task_struct: { struct { u64 flags; union { u64 both; u32 count; }; } thread_info; int pid[2]; }."""
    made = Writer()
    u64, u32, signed = made.int_("u64", 8), made.int_("u32", 4), made.int_("int", 4, signed=True)
    union = made.struct_("", 8, ("both", u64, 0), ("count", u32, 0), kind=TypeKind.UNION)
    info = made.struct_("thread_info", 16, ("flags", u64, 0), ("", union, 8))
    pair = made.type(TypeKind.ARRAY, "", 0, rest=struct.pack("<III", signed, u32, 2))
    made.struct_("task_struct", 24, ("thread_info", info, 0), ("pid", pair, 16))
    return made


def test_a_member_is_found_by_its_path_and_within_unnamed_members(writer: Writer) -> None:
    types = Btf(writer.data())
    assert types.member("task_struct", "thread_info.count") == range(8, 12)
    assert types.member("task_struct", "thread_info.both") == range(8, 16)
    assert types.member("task_struct", "pid") == range(16, 24)
    assert types.member("task_struct", "bpf_ctx") is None
    assert types.member("mm_struct", "pid") is None


def test_a_place_is_spelled_as_c_does(writer: Writer) -> None:
    types = Btf(writer.data())
    task = types.named("task_struct", TypeKind.STRUCT)
    assert task is not None and types.size(task) == 24
    assert types.field(task, 20, 4) == ".pid[1]"
    assert types.field(task, 8, 4) == ".thread_info.count"
    assert types.field(task, 8, 8) == ".thread_info.both"
    assert types.field(task, 22, 4) == ""


def test_typedefs_and_qualifiers_are_seen_through(writer: Writer) -> None:
    const = writer.type(TypeKind.CONST, "", 1)
    alias = writer.type(TypeKind.TYPEDEF, "counter_t", const)
    types = Btf(writer.data())
    assert types.resolve(alias).name == "u64" and types.size(alias) == 8
    assert types.named("counter_t", TypeKind.STRUCT, TypeKind.TYPEDEF) == alias


def test_bit_fields_enums_and_functions_keep_what_c_needs(writer: Writer) -> None:
    fields = struct.pack("<III", writer.string("low"), 2, 3 << 24 | 5)
    bits = writer.type(TypeKind.STRUCT, "flags", 4, 1, fields, flag=True)
    enum = writer.type(TypeKind.ENUM, "state", 4, 1, struct.pack("<Ii", writer.string("GONE"), -2), flag=True)
    wide = writer.type(TypeKind.ENUM64, "mask", 8, 1, struct.pack("<III", writer.string("TOP"), 0, 1 << 31))
    function = writer.type(TypeKind.FUNC_PROTO, "", 3, 1, struct.pack("<II", writer.string("task"), 1))
    types = Btf(writer.data())
    assert [(m.offset, m.bits) for m in types[bits].members] == [(5, 3)]
    assert [(m.name, m.offset) for m in types[enum].members] == [("GONE", -2)] and types[enum].signed
    assert types[wide].members[0].offset == 1 << 63
    assert (types[function].other, types[function].members[0].name) == (3, "task")
    assert types[3].signed and not types[2].signed


def test_damaged_sections_are_errors_that_say_what_is_wrong(writer: Writer) -> None:
    good = writer.data()
    with pytest.raises(ImageError, match="has 3 bytes, less than its header; the file is truncated"):
        Btf(good[:3])
    with pytest.raises(ImageError, match="begins with 0x9feb instead of 0xeb9f: it is big-endian"):
        Btf(b"\xeb\x9f" + good[2:])
    with pytest.raises(ImageError, match="type of kind 20, which is not known"):
        writer.type(20, "", 0)  # type: ignore[arg-type]
        Btf(writer.data())


def test_a_type_that_refers_to_nothing_or_to_itself_is_an_error(writer: Writer) -> None:
    loop = writer.type(TypeKind.TYPEDEF, "again", writer.count + 1)
    types = Btf(writer.data())
    with pytest.raises(ImageError, match=f"type {loop} is a typedef of itself"):
        types.resolve(loop)
    with pytest.raises(ImageError, match="refers to type 99, and has"):
        types[99]


def test_structs_that_hold_themselves_end(writer: Writer) -> None:
    number = writer.count + 1
    writer.struct_("ring", 8, ("", number, 0))
    types = Btf(writer.data())
    assert types.member("ring", "missing") is None
    assert types.field(number, 0, 8) == ""


def test_a_type_that_is_larger_than_memory_or_whose_name_has_no_end_is_an_error(writer: Writer) -> None:
    large = writer.struct_("large", 1 << 31)
    for _ in range(3):
        large = writer.type(TypeKind.ARRAY, "", 0, rest=struct.pack("<III", large, 2, 1 << 31))
    long = writer.int_("n" * (1 << 16), 4)
    types = Btf(writer.data())
    assert types.size(large - 3) == 1 << 31
    with pytest.raises(ImageError, match=r"type \d+ has 4,611,686,018,427,387,904 bytes; the file is damaged"):
        types.size(large)
    with pytest.raises(ImageError, match="BTF refers to a string at "):
        types[long]
