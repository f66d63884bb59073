"""CO-RE relocations, worked out by hand: a program's types against those of a kernel where everything has moved.

The layouts of both are spelled in the comments, in bytes, those of bit fields in bits.
"""

import struct
from pathlib import Path

import pytest

from ctxrace.bpf.programs.adapt.apply import adapted_to
from ctxrace.bpf.programs.adapt.kernel_types import KernelTypes, essential, kernel_types
from ctxrace.bpf.programs.adapt.places import Kind
from ctxrace.bpf.programs.adapt.values import change_of, spelled
from ctxrace.bpf.programs.elf.container import read_container
from ctxrace.bpf.programs.elf.object import load_object
from ctxrace.bpf.programs.follow.operands import Doubt
from ctxrace.bpf.programs.request import Request
from ctxrace.bpf.programs.whole import check_object
from ctxrace.core.errors import CtxraceError, ImageError, ScenarioError
from ctxrace.core.meeting import ProgramsResult
from ctxrace.explore.watch import Limits

from .compiled import compile_text
from .verdicts import kernel

PROGRAM = """
#include "program.h"
#define __core __attribute__((preserve_access_index))
#define field(of, what) __builtin_preserve_field_info(of, what)
#define type(of, what) __builtin_preserve_type_info(*(of *)0, what)
#define value(of, name, what) __builtin_preserve_enum_value(*(of *)name, what)

struct inner { int x; } __core;
struct thing___mine {
	int a;
	char b;
	unsigned flags : 3;
	signed delta : 5;
	struct inner in;
	int numbers[4];
	void *next;
	long gone;
} __core;
struct narrow { unsigned n; } __core;
struct sign { int n; } __core;
struct nowhere { int x; } __core;
struct part { int x; } __core;
struct other { long x; } __core;
enum color { RED = 1, BLUE = 2, GREEN = 3 };
__u64 found[32];

SEC("raw_tp/all") int all(__u64 *ctx)
{
	struct thing___mine *thing = (void *)ctx[0];

	found[0] = thing->a + thing->b + thing->in.x + thing->numbers[2] + (__u64)thing->next;
	found[1] = field(thing->flags, 0) + field(thing->flags, 1) + field(thing->flags, 4) + field(thing->flags, 5);
	found[2] = field(thing->delta, 3) + field(thing->delta, 4) + field(thing->delta, 5);
	found[3] = field(thing->in, 1) + field(thing->gone, 2) + field(thing->a, 2);
	found[4] = type(struct thing___mine, 1) + type(struct nowhere, 0) + type(struct thing___mine, 0);
	found[5] = type(struct part, 2) + type(struct other, 2) + __builtin_btf_type_id(*(struct part *)0, 1);
	found[6] = value(enum color, BLUE, 1) + value(enum color, GREEN, 0) + value(enum color, RED, 0);
	return 0;
}
"""

REACHED = """
SEC("raw_tp/guarded") int guarded(__u64 *ctx)
{
	struct thing___mine *thing = (void *)ctx[0];

	if (field(thing->gone, 2))
		found[0] = thing->gone;
	return 0;
}
SEC("raw_tp/reaching") int reaching(__u64 *ctx)
{
	found[1] = ((struct thing___mine *)ctx[0])->gone;
	return 0;
}
SEC("raw_tp/signed") int is_signed(__u64 *ctx)
{
	found[2] = ((struct sign *)ctx[0])->n;
	return 0;
}
SEC("raw_tp/wider") int wider(__u64 *ctx)
{
	found[3] = ((struct narrow *)ctx[0])->n;
	return 0;
}
"""

KERNEL = """
struct inner { long y; int x; };
struct thing {
	void *next;                               /* 0 */
	struct { char b; int numbers[6]; };       /* 8 and 12 to 36 */
	struct inner in;                          /* 40, x at 48 */
	unsigned filler : 4, flags : 3;           /* bits 448 to 452, and to 455 */
	signed delta : 5;                         /* to 460 */
	int a;                                    /* 60 */
};
struct narrow { unsigned long n; };
struct sign { long n; };
struct part { long y; int x; };
struct other { int x; };
enum color { RED = 1, BLUE = 7 };
struct thing thing;
struct narrow narrow;
struct sign sign;
struct part part;
struct other other;
enum color color;
"""


@pytest.fixture(scope="module")
def moved() -> KernelTypes:
    return kernel_types(compile_text(KERNEL))


def test_every_kind_of_relocation(moved: KernelTypes) -> None:
    loaded = load_object(compile_text(PROGRAM))
    assert loaded.btf is not None
    found = [
        (spelled(loaded.btf, each), Kind(each.kind).name, change_of(loaded.btf, each, moved))
        for rows in loaded.adapted.values()
        for each in rows.values()
    ]
    assert {(name, kind): change.after for name, kind, change in found if change.resolved} == {
        ("struct thing___mine.a", "FIELD_OFFSET"): 60,
        ("struct thing___mine.b", "FIELD_OFFSET"): 8,
        ("struct thing___mine.in.x", "FIELD_OFFSET"): 48,
        ("struct thing___mine.numbers[2]", "FIELD_OFFSET"): 20,
        ("struct thing___mine.next", "FIELD_OFFSET"): 0,
        ("struct thing___mine.flags", "FIELD_OFFSET"): 56,
        ("struct thing___mine.flags", "FIELD_SIZE"): 4,
        ("struct thing___mine.flags", "FIELD_LEFT_SHIFT"): 57,
        ("struct thing___mine.flags", "FIELD_RIGHT_SHIFT"): 61,
        ("struct thing___mine.delta", "FIELD_SIGNED"): 1,
        ("struct thing___mine.delta", "FIELD_LEFT_SHIFT"): 52,
        ("struct thing___mine.delta", "FIELD_RIGHT_SHIFT"): 59,
        ("struct thing___mine.in", "FIELD_SIZE"): 16,
        ("struct thing___mine.gone", "FIELD_EXISTS"): 0,
        ("struct thing___mine.a", "FIELD_EXISTS"): 1,
        ("struct thing___mine", "TYPE_SIZE"): 64,
        ("struct nowhere", "TYPE_EXISTS"): 0,
        ("struct thing___mine", "TYPE_EXISTS"): 1,
        ("struct part", "TYPE_MATCHES"): 1,
        ("struct other", "TYPE_MATCHES"): 0,
        ("struct part", "TARGET_TYPE_ID"): moved.candidates("part", moved.btf.kind(1).STRUCT)[0],
        ("enum color: BLUE", "ENUM_VALUE"): 7,
        ("enum color: GREEN", "ENUM_VALUE_EXISTS"): 0,
        ("enum color: RED", "ENUM_VALUE_EXISTS"): 1,
    }
    assert all(change.resolved for _, _, change in found)


def test_its_own_types_change_nothing_but_bit_fields() -> None:
    """Clang reads a bit field with another unit than loaders, which do not check what it was."""
    path = compile_text(PROGRAM)
    loaded, types = load_object(path), kernel_types(path)
    assert loaded.btf is not None
    changed = {
        spelled(loaded.btf, loaded.adapted[section][slot])
        for section, code in adapted_to(loaded, types).code.items()
        for slot, x in code.items()
        if x != loaded.code[section][slot]
    }
    assert changed == {"struct thing___mine.flags", "struct thing___mine.delta"}


def checked(moved: KernelTypes | None, *programs: str) -> ProgramsResult:
    path = compile_text(PROGRAM + REACHED)
    return check_object(path, Request(kernel(), programs, btf=moved), limits=Limits())


def test_what_is_not_there_is_refused_where_a_program_comes_to_it(moved: KernelTypes) -> None:
    """A member of another size is read in that size if it has no sign; with one, nobody knows how to extend it."""
    result = checked(moved)
    assert result.unfollowed == (
        ("reaching", f"{Doubt.UNRESOLVED}: struct thing___mine.gone"),
        ("is_signed", f"{Doubt.UNRESOLVED}: struct sign.n"),
    )
    assert result.kernel_types == moved.path
    assert not checked(moved, "guarded", "wider").unfollowed


def test_without_types_it_is_left_as_compiled() -> None:
    result = checked(None)
    assert (result.kernel_types, result.unfollowed) == ("", ())
    assert result.relocations == 29


def test_a_load_is_as_wide_as_what_it_loads(moved: KernelTypes) -> None:
    adapted = adapted_to(load_object(compile_text(PROGRAM + REACHED)), moved)
    assert [str(x) for x in adapted.code["raw_tp/wider"].values()][1] == "r1 = *(u64 *)(r1 + 0x0)"


def test_types_that_say_different_things_are_refused() -> None:
    two = KERNEL + "struct thing___old { int b; int a; }; struct thing___old old;"
    with pytest.raises(ImageError, match="which say different things of it"):
        adapted_to(load_object(compile_text(PROGRAM)), kernel_types(compile_text(two)))


@pytest.mark.parametrize(
    ("name", "found"),
    [("task_struct", "task_struct"), ("a___b", "a"), ("a___b___c", "a___b"), ("a____b", "a____b"), ("___b", "___b")],
)
def test_a_flavour_is_no_part_of_a_name(name: str, found: str) -> None:
    assert essential(name) == found


def test_types_alone_are_read_as_well(tmp_path: Path, moved: KernelTypes) -> None:
    """As /sys/kernel/btf/vmlinux has them."""
    section = read_container(compile_text(KERNEL)).named(".BTF")
    assert section is not None
    raw = tmp_path / "vmlinux.btf"
    raw.write_bytes(section.data)
    assert len(kernel_types(raw).btf) == len(moved.btf)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "holds no kernel types"),
        (b"\x7fELF", "is damaged"),
        (struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 12, 12, 4), "the types of a module alone are not enough"),
    ],
)
def test_a_file_without_types(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "vmlinux"
    path.write_bytes(data)
    with pytest.raises(ScenarioError, match=message):
        kernel_types(path)


@pytest.mark.parametrize("at", range(24, 400, 7))
def test_damaged_types_are_no_traceback(at: int, tmp_path: Path) -> None:
    section = read_container(compile_text(KERNEL)).named(".BTF")
    assert section is not None
    data = bytearray(section.data)
    data[at % len(data)] ^= 0x15
    path = tmp_path / "vmlinux"
    path.write_bytes(bytes(data))
    try:
        adapted_to(load_object(compile_text(PROGRAM)), kernel_types(path))
    except CtxraceError as error:
        assert "\n" not in str(error)
