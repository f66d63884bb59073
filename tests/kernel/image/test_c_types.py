"""C types that are written from BTF: a compiler lays them out as the BTF says, which the written asserts check."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from tests.machine.test_btf import Writer

from ctxrace.core.errors import ImageError
from ctxrace.kernel.image.c_types import c_types
from ctxrace.machine.btf import Btf, TypeKind


@pytest.fixture
def writer() -> Writer:
    """Types that are hard to write: each has something that C would lay out otherwise if it were left out."""
    w = Writer()
    u8, u16 = w.int_("unsigned char", 1), w.int_("unsigned short", 2)
    u32, u64 = w.int_("unsigned int", 4), w.int_("long unsigned int", 8)
    w.struct_("packed_entry", 5, ("kind", u8, 0), ("at", u32, 1))
    w.struct_("holes", 24, ("first", u8, 0), ("second", u16, 4), ("third", u64, 8))
    w.struct_("cacheline", 64, ("value", u64, 0))
    bits = [("low", u32, 3 << 24 | 0), ("high", u32, 1 << 24 | 32)]
    rows = b"".join(struct.pack("<III", w.string(name), of, place) for name, of, place in bits)
    w.type(TypeKind.STRUCT, "flags", 8, 2, rows, flag=True)
    node = w.count + 1
    pointer = w.type(TypeKind.PTR, "", node + 1)
    w.struct_("node", 16, ("next", pointer, 0), ("value", u64, 8))
    alias = w.type(TypeKind.TYPEDEF, "node_t", node + 1)
    callback = w.type(TypeKind.FUNC_PROTO, "", u32, 1, struct.pack("<II", w.string("node"), pointer))
    constant = w.type(TypeKind.CONST, "", callback)
    handler = w.type(TypeKind.PTR, "", constant)
    table = w.type(TypeKind.ARRAY, "", 0, rest=struct.pack("<III", handler, u32, 3))
    inner = w.struct_("", 16, ("by_name", alias, 0), ("word", u64, 0), kind=TypeKind.UNION)
    w.struct_("everything", 40, ("handlers", table, 0), ("", inner, 24))
    w.type(TypeKind.ENUM, "state", 1, 2, struct.pack("<IiIi", w.string("IDLE"), 0, w.string("BUSY"), 1))
    return w


@pytest.mark.parametrize("target", ["aarch64-linux-gnu", "x86_64-linux-gnu"])
def test_a_compiler_lays_the_types_out_as_the_kernel_did(writer: Writer, target: str, tmp_path: Path) -> None:
    tags = ("packed_entry", "holes", "cacheline", "flags", "everything")
    text = c_types(Btf(writer.data()), [*(f"struct {tag}" for tag in tags), "BUSY"])
    assert text.count("_Static_assert(sizeof") == 6  # those five, and struct node that everything holds
    source = tmp_path / "types.c"
    source.write_text(text + '_Static_assert(sizeof(enum state) == 1 && BUSY == 1, "");\n')
    command = [sys.executable, "-m", "ziglang", "clang", "-target", target, "-fsyntax-only", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_only_pointed_to_is_declared_and_what_is_unknown_is_left_out(writer: Writer) -> None:
    opaque = writer.type(TypeKind.FWD, "secret", 0)
    pointer = writer.type(TypeKind.PTR, "", opaque)
    writer.struct_("holder", 8, ("what", pointer, 0))
    text = c_types(Btf(writer.data()), ["struct holder", "struct no_such_type", "nothing"])
    assert "struct secret;" in text and "struct secret *what;" in text
    assert "no_such_type" not in text


def test_functions_are_declared_unless_their_types_differ(writer: Writer) -> None:
    word = writer.int_("long", 8, signed=True)
    fields = struct.pack("<II", writer.string("size"), word)
    takes_one = writer.type(TypeKind.FUNC_PROTO, "", word, 1, fields)
    takes_none = writer.type(TypeKind.FUNC_PROTO, "", 0)
    for name, of in [("measure", takes_one), ("same", takes_none), ("same", takes_one), ("stop", takes_none)]:
        writer.type(TypeKind.FUNC, name, of)
    text = c_types(Btf(writer.data()), ["measure", "same", "stop"])
    assert "long measure(long size);" in text and "void stop(void);" in text
    assert "same(" not in text


def test_values_of_an_enum_without_a_name_are_known(writer: Writer) -> None:
    writer.type(TypeKind.ENUM, "", 4, 1, struct.pack("<Ii", writer.string("MOST"), 7))
    assert "enum { MOST = 7 };" in c_types(Btf(writer.data()), ["MOST"])


def test_a_name_that_would_say_more_in_c_is_refused(writer: Writer) -> None:
    writer.struct_('x; };\n#include "/etc/hostname"\nstruct y {', 4, ("a", 1, 0))
    writer.struct_("good", 4, ("a; int b", 1, 0))
    types = Btf(writer.data())
    with pytest.raises(ImageError, match=r"type \d+ has the name 'a; int b', which is none of C"):
        c_types(types, ["struct good"])
    assert "include" not in c_types(types, ["struct holes"])


@pytest.mark.parametrize("kind", [TypeKind.CONST, TypeKind.PTR, TypeKind.FUNC_PROTO])
def test_types_that_refer_to_themselves_are_refused(writer: Writer, kind: TypeKind) -> None:
    itself = writer.count + 1
    writer.type(kind, "", itself)
    pointer = writer.type(TypeKind.PTR, "", itself)
    writer.struct_("ring", 8, ("next", pointer, 0))
    with pytest.raises(ImageError, match="damaged"):
        c_types(Btf(writer.data()), ["struct ring"])
