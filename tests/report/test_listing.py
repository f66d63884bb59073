"""The listing of `ctxrace show`: a golden file for its layout, and what must hold whatever is listed."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from ctxrace.core.interleaving import Event, Source
from ctxrace.core.note import Note, NoteKind
from ctxrace.report.listing import render_listing

LINES = {
    41: "{",
    43: "u8 rctx = interrupt_context_level();",
    44: "active[rctx]++;",
    46: "if (get_unaligned_le32(active) == BIT(rctx * 8) && something_that_is_as_long_as_only_the_kernel_has_it(a, b))",
    48: "body();",
}


def line(number: int, instruction: str, at: int, *notes: str, function: str = "attempt") -> Event:
    source = Source("src/ctxrace/bpf/guards/guard.c", at, LINES[at])
    return Event("", 0xFFFF_8000_8000_0000 + 4 * number, instruction, function, source, (), tuple(map(note, notes)))


def note(text: str) -> Note:
    """Return what `text` says in a listing."""
    if text in (NoteKind.MASKS, NoteKind.NEEDS_MONITOR):
        return Note(NoteKind(text))
    verb, _, subject = text.partition(" ")
    kinds = (NoteKind.READS, NoteKind.WRITES, NoteKind.LEAVES, NoteKind.RESCHEDULES)
    return Note(next(kind for kind in kinds if kind.name.lower() == verb), subject)


LISTING = (
    line(0, "stp x29, x30, [sp, #-0x20]!", 41),
    line(1, "mrs x19, sp_el0", 43),
    line(2, "str w9, [x19, #0x8]", 43, "reschedules preempt_count"),
    line(3, "ldrb w10, [x9, w8, UXTW]", 44, *(f"reads active[{n}]" for n in range(4))),
    line(4, "add w10, w10, #0x1", 44),
    line(5, "strb w10, [x9, w8, UXTW]", 44, *(f"writes active[{n}]" for n in (0, 1, 10, 11, 2, 5))),
    line(6, "ldaddalb w9, w10, [x8]", 44, "reads table[2].count", "reads table[3].count", "writes table[3].count"),
    line(7, "ldr w9, [x9]", 46, "reads active"),
    line(
        8, "vpdpbusd zmm17{k1}{z}, zmm18, dword ptr [rax + 8*rbx + 0x12345678]{1to16}", 46,
        "reads active[0]", "needs the exclusive monitor",
    ),
    line(9, "msr daifset, #0x2", 46, "changes the interrupt mask"),
    line(10, "cbz w0, 0xffff800080000040", 46),
    line(11, "ret", 48, "leaves body", function="body"),
    Event("", 0x40, "nop"),
)


def test_layout(golden: Callable[[str, str], None]) -> None:
    remark = "as seen in a part of all states only: stopped after 100,000 states (--max-states); more may be events"
    golden("listing.txt", render_listing("src/guard.c", "clang 22.1.8 (zig) -O2", LISTING, remark))
    golden("listing-plain.txt", render_listing("guard.o", "not known", [LISTING[0], LISTING[1]]))


@pytest.mark.parametrize(
    ("notes", "told"),
    [
        ((), ""),
        (("reads active[3]",), "reads active[3]"),
        (("reads active[0]", "reads active[1]"), "reads one of active[0..1]"),
        (("reads active[0]", "reads active[2]"), "reads one of active[0], active[2]"),
        (("reads active[10]", "reads active[9]", "reads active[9]"), "reads one of active[9..10]"),
        (("reads a[0]", "reads b[1]", "writes a[1]"), "reads a[0]; reads b[1]; writes a[1]"),
        (("reads a[1][0]", "reads a[1][1]", "reads a[2][0]"), "reads one of a[1][0..1]; reads a[2][0]"),
        (("reads active[0..1]", "reads active[2..3]"), "reads active[0..1]; reads active[2..3]"),
        (("leaves f[0]", "leaves f[1]"), "leaves f[0]; leaves f[1]"),
    ],
)
def test_reasons_for_elements_of_an_array_are_one(notes: tuple[str, ...], told: str) -> None:
    text = render_listing("guard.c", "gcc", [line(0, "nop", 41, *notes)])
    assert text.splitlines()[-1] == f"  {'*' if notes else ' '} ffff800080000000  nop{'  ' * bool(told)}{told}"


words = st.text(alphabet=st.sampled_from("aZ9_[]()., \t\n\x1b\u202e漢é́👩‍💻\ud800…x"), max_size=150)
sources = st.none() | st.builds(Source, words, st.integers(0, 10**6), words)
notes = st.builds(Note, st.sampled_from([kind for kind in NoteKind if kind is not NoteKind.FAULTS]), words)
events = st.builds(
    Event, words, st.integers(0, 2**64 - 1), words, words, sources, st.just(()), st.lists(notes, max_size=3).map(tuple)
)


@settings(max_examples=80, deadline=None)
@given(words, words, st.lists(events, max_size=6), words)
def test_a_listing_never_exceeds_100_columns(name: str, compiler: str, lines: list[Event], remark: str) -> None:
    text = render_listing(name, compiler, lines, remark)
    assert text.endswith("\n")
    for shown in text.split("\n"):
        assert cell_len(shown) <= 100
        assert shown == shown.rstrip()
        assert shown.isprintable()
    for event in lines:
        assert f"{event.address:016x}" in text
