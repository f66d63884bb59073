"""The text reports: golden files for what people read, properties for what must always be true."""

import dataclasses
import io
import shlex
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from ctxrace.core.ending import BodyNeverRan, BodyOverlaps, ClaimedOutcome, Difference, NotRecovered, ValuesLeft
from ctxrace.core.facts.fault import FaultKind, MachineFault
from ctxrace.core.facts.reason import BodyNeverRuns, EndedByViolations, NotKnownShortest, SearchEnded
from ctxrace.core.facts.remark import NeverArrives, NeverBegins, Remark
from ctxrace.core.facts.stop import StateLimit
from ctxrace.core.interleaving import Access, Event, Interleaving, Source
from ctxrace.core.note import Note, NoteKind
from ctxrace.core.property import Property
from ctxrace.core.setup import Setup
from ctxrace.core.turn import Cause, Turn, TurnKind
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.report.text import print_report, render_interleaving, render_result, render_table

Golden = Callable[[str, str], None]

EXCLUSIVE = Property("exclusive", ("body",), "on one CPU, body is never active twice, nested or interleaved")
BALANCED = Property("balanced", ("active",), "whenever the CPU is idle, active has its initial value again")
RECOVERS = Property("recovers", ("attempt", "body"), "whenever the CPU is idle, one more undisturbed attempt runs body")
PROGRESS = Property("progress", ("attempt", "body"), "between two idle moments with an attempt, body ran at least once")

LINES = {
    21: "u8 rctx = interrupt_context_level();",
    23: "active[rctx]++;",
    24: "if (active[rctx] != 1)",
    26: "body();",
    28: "active[rctx]--;",
}


ENTERS = Note(NoteKind.ENTERS, "body")


def preempted(left: str, runs: str) -> Turn:
    return Turn(TurnKind.SWITCH, runs, Cause.PREEMPTED, left)


def read(context: str, line: int, instruction: str, value: int, slot: int = 0, *notes: Note) -> Event:
    access = Access("read", "active", slot, 1, value, name=f"active[{slot}]")
    source = Source("guard.c", line, LINES[line])
    return Event(context, 0x1000 + 4 * line, instruction, "attempt", source, (access,), notes)


def write(context: str, line: int, instruction: str, before: int, value: int, slot: int = 0, *notes: Note) -> Event:
    access = Access("write", "active", slot, 1, value, before, f"active[{slot}]")
    source = Source("guard.c", line, LINES[line])
    return Event(context, 0x1000 + 4 * line, instruction, "attempt", source, (access,), notes)


def both_inside() -> Interleaving:
    """The race of the thread: the load, add and store of `active[rctx]++` of two tasks overlap."""
    return Interleaving(
        ("task A", "task B"),
        (
            Turn(TurnKind.START, "task A", Cause.CPU_IDLE),
            read("task A", 23, "ldrb w9, [x8]", 0),
            preempted("task A", "task B"),
            read("task B", 23, "ldrb w9, [x8]", 0),
            preempted("task B", "task A"),
            write("task A", 23, "strb w9, [x8]", 0, 1),
            read("task A", 24, "ldrb w9, [x8]", 1, 0, ENTERS),
            preempted("task A", "task B"),
            write("task B", 23, "strb w9, [x8]", 1, 1),
            read("task B", 24, "ldrb w9, [x8]", 1, 0, ENTERS),
        ),
        (BodyOverlaps("body", 2),),
        3,
    )


def nested() -> Interleaving:
    """An NMI in a hardirq in a softirq in a task, and a second task: every lane in use."""
    entry = "preempt_count"
    count = Access("read", entry, 0, 4, 0x110100, name="preempt_count")
    level = Source("include/linux/preempt.h", 121, "unsigned long pc = preempt_count();")
    return Interleaving(
        ("task A", "task B", "softirq", "hardirq", "nmi"),
        (
            Turn(TurnKind.START, "task B"),
            read("task B", 23, "ldrb w9, [x8, w0, uxtw]", 0),
            preempted("task B", "task A"),
            read("task A", 23, "ldrb w9, [x8, w0, uxtw]", 0),
            Turn(TurnKind.ARRIVAL, "softirq", Cause.INTERRUPTS_AND_HALVES_ON),
            read("softirq", 23, "ldrb w9, [x8, w0, uxtw]", 0, 1),
            Turn(TurnKind.ARRIVAL, "hardirq", Cause.INTERRUPTS_ON),
            write("hardirq", 23, "strb w9, [x8, w0, uxtw]", 0, 1, 2),
            Turn(TurnKind.ARRIVAL, "nmi", Cause.NOTHING_MASKS),
            Event("nmi", 0x2000, "ldr w10, [x9, #16]", "interrupt_context_level", level, (count,)),
            Event(
                "nmi",
                0x2010,
                "ldaddalb w9, w10, [x8]",
                "attempt",
                Source("guard.c", 23, LINES[23]),
                (
                    Access("read", "active", 3, 1, 0, name="active[3]"),
                    Access("write", "active", 3, 1, 1, 0, "active[3]"),
                ),
                (ENTERS,),
            ),
            Turn(TurnKind.RETURN, "nmi"),
            Event("hardirq", 0x1004, "msr daifclr, #0x2", "attempt", None, ()),
            Turn(TurnKind.RETURN, "hardirq"),
            Turn(TurnKind.RETURN, "softirq"),
            preempted("task A", "task B"),
            Turn(TurnKind.FINISH, "task B"),
        ),
        (ValuesLeft((Difference("active[0]", 1, 0),)),),
        6,
    )


def long_names() -> Interleaving:
    symbol = "bpf_trampoline_recursion_protection_state_of_each_context_and_program"
    file = "drivers/net/ethernet/a_vendor/a_driver/a_driver_with_a_long_name_main.c"
    far = Source(file, 12345, "\tdo_something(" + "x, " * 50)
    before, after = 0xFFFF_8000_0000_0000, 0xFFFF_8000_1234_5678
    access = Access("write", symbol, 0, 8, after, before, f"{symbol}[17].counters.active")
    wide = Access("read", "変数", 4, 8, 77)
    instruction = "vpdpbusd zmm17{k1}{z}, zmm18, dword ptr [rax + 8*rbx + 0x12345678]{1to16}"
    return Interleaving(
        ("task A", "softirq", "nmi"),
        (
            Event("task A", 1, instruction, "f" * 200, far, (access, wide), (Note(NoteKind.ENTERS, "本体" * 40),)),
            Turn(TurnKind.ARRIVAL, "nmi", Cause.NOTHING_MASKS, entry="because " * 30, below="task A"),
            Event("nmi", 2, instruction, "f" * 200, far, (access, wide), (Note(NoteKind.ENTERS, "本体" * 40),)),
            Turn(TurnKind.RETURN, "nmi"),
            Event("softirq", 3, "stp x0, x1, [sp]", "f" * 200),
        ),
        (ClaimedOutcome("it is " + "very " * 40 + "wrong"),),
        1,
    )


def verdict(kept: Property, outcome: Outcome, run: Interleaving | None = None, states: int = 12345) -> Verdict:
    reason = SearchEnded(StateLimit(1_000_000)) if outcome is Outcome.INCOMPLETE else None
    return Verdict(kept, outcome, states, 3 * states, 0.123, run, reason)


def result(verdicts: Sequence[Verdict], case: str = "guard.c", preemption: str = "full", *notes: Remark) -> Result:
    command = f"ctxrace check {case} --preemption {preemption}"
    interrupts = ("softirq", "hardirq", "nmi")
    setup = Setup(case, "arm64", "zig 0.15.1 -O2", preemption, 2, interrupts)
    return Result(setup, tuple(verdicts), command, notes)


def test_v1_race(golden: Golden) -> None:
    leak = Verdict(BALANCED, Outcome.VIOLATED, 812, 2301, 0.1, nested())
    shown = result(
        [verdict(EXCLUSIVE, Outcome.VIOLATED, both_inside(), 96), leak, verdict(PROGRESS, Outcome.HOLDS)],
        "guard.c",
        "full",
        NeverArrives("hardirq"),
    )
    golden("v1.txt", render_result(shown))


def test_one_run_breaks_two_properties(golden: Golden) -> None:
    shown = [verdict(kept, Outcome.VIOLATED, both_inside()) for kept in (EXCLUSIVE, BALANCED)]
    text = render_result(result(shown))
    assert text.count("strb w9, [x8]") == 2
    golden("shared.txt", text)


def test_holds(golden: Golden) -> None:
    golden("holds.txt", render_result(result([verdict(kept, Outcome.HOLDS) for kept in (EXCLUSIVE, BALANCED)])))


def test_incomplete(golden: Golden) -> None:
    verdicts = [verdict(EXCLUSIVE, Outcome.INCOMPLETE), verdict(BALANCED, Outcome.HOLDS)]
    golden("incomplete.txt", render_result(result(verdicts)))


def test_long_names(golden: Golden) -> None:
    name = Property("exclusive", ("a_function_with_a_name_" * 6,), "it " * 60)
    golden("long.txt", render_result(result([verdict(name, Outcome.VIOLATED, long_names())], "src/" * 20 + "guard.c")))


def test_five_contexts(golden: Golden) -> None:
    golden("nested.txt", render_interleaving(nested()))


def test_too_many_contexts_for_lanes(golden: Golden) -> None:
    names = [f"task {letter}" for letter in "ABCDEFGHIJKL"]
    rows = [row for name in names for row in (Turn(TurnKind.SWITCH, name), read(name, 23, "ldrb w9, [x8]", 0))]
    golden("many.txt", render_interleaving(Interleaving(tuple(names), tuple(rows[:8]))))


@pytest.mark.parametrize("width", [60, 100, 200])
@pytest.mark.parametrize("number", [2, 4, 8])
def test_names_of_contexts_are_whole(number: int, width: int) -> None:
    names = [f"softirq{index}/cpu-{index}" for index in range(number)]
    rows = tuple(read(name, 23, "ldrb w9, [x8]", 0) for name in names)
    text = render_interleaving(Interleaving(tuple(names), rows), width)
    assert all(name in text for name in names)
    assert max(map(len, text.splitlines())) <= width


def test_interrupt_over_a_task(golden: Golden) -> None:
    run = Interleaving(
        ("task A", "nmi"),
        (
            Turn(TurnKind.START, "task A"),
            read("task A", 23, "ldrb w9, [x8]", 0),
            Turn(TurnKind.ARRIVAL, "nmi", Cause.NOTHING_MASKS),
            write("nmi", 23, "strb w9, [x8]", 0, 1),
            Turn(TurnKind.RETURN, "nmi"),
            write("task A", 23, "strb w9, [x8]", 1, 1),
        ),
        switches=1,
    )
    golden("interrupt.txt", render_interleaving(run, 80))


def test_table(golden: Golden) -> None:
    kinds = (EXCLUSIVE, BALANCED, RECOVERS, PROGRESS)
    rows = []
    for case, broken in (("generic-lse", ()), ("arm64-v1", kinds), ("arm64-merged", ()), ("no-exit", kinds[1:])):
        for preemption in ("none", "full"):
            bad = broken if preemption == "full" or case == "no-exit" else ()
            verdicts = [
                verdict(kept, Outcome.VIOLATED, both_inside()) if kept in bad else verdict(kept, Outcome.HOLDS)
                for kept in kinds
            ]
            rows.append(result(verdicts, case, preemption))
    golden("table.txt", render_table(rows, hint="ctxrace bpf --guard arm64-v1 --preemption full"))
    few = [result(r.verdicts[:2], r.case, r.setup.preemption, NeverArrives("nmi")) for r in rows[:4]]
    golden("table-few.txt", render_table([*few, result([verdict(BALANCED, Outcome.INCOMPLETE)], "plain-int")]))
    golden("table-safe.txt", render_table(rows[:2]))


@pytest.mark.parametrize("width", [60, 72, 100, 160, 200])
def test_a_table_fits_the_columns_that_there_are(width: int) -> None:
    kinds = [Property(kind, ("f",)) for kind in ("exclusive", "balanced", "recovers", "progress", "check", "hang")]
    rows = [result([verdict(kept, Outcome.VIOLATED, both_inside()) for kept in kinds], case) for case in ("v1", "v2")]
    text = render_table(rows, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text and all(f"{kept.kind} " in text for kept in kinds)
    assert text.count("VIOLATED (3 sw, 6 ev)") == (12 if width == 200 else 0)


def test_where_states_do_not_fit_beside_the_verdicts_it_says_how_many_there_are() -> None:
    kinds = [Property(kind, ("f",)) for kind in ("exclusive", "balanced", "recovers", "progress", "check")]
    rows = [result([verdict(kept, Outcome.VIOLATED, both_inside()) for kept in kinds], case) for case in ("v1", "v2")]
    widths = {width: render_table(rows, width=width) for width in (200, 100, 92)}
    assert [f"{'states':>8}\n" in text for text in widths.values()] == [True, True, False]
    assert "a row has 12,345 to 12,345 states" in " ".join(widths[92].split())
    assert [text.count("  v1 ") for text in widths.values()] == [1, 1, 1]


def test_hangs_have_a_column_and_the_reason_why_one_is_not_known() -> None:
    hang = dataclasses.replace(verdict(Property("hang"), Outcome.INCOMPLETE), reason=EndedByViolations())
    known = dataclasses.replace(hang, outcome=Outcome.HOLDS, reason=None)
    broken = verdict(EXCLUSIVE, Outcome.VIOLATED, both_inside())
    rows = [dataclasses.replace(result([broken], case), hang=it) for case, it in (("v1", hang), ("v2", known))]
    text = render_table(rows)
    assert text.startswith("2 violated, 1 incomplete of 4 verdicts; no guard is known to hold everything\n")
    table = [line for line in text.splitlines() if line.startswith("  ")][:3]
    assert [line.split()[-2] for line in table] == ["hang", "incomplete", "holds"]
    assert "incomplete: hang: all other properties are violated" in text and "[v1 full]" in text


def test_a_result_without_properties_never_holds() -> None:
    first = render_result(result([])).splitlines()[0]
    assert first == "guard.c: nothing was checked: the scenario declares no property"
    assert render_table([]) == "nothing was checked\n"
    assert render_table([result([])]).splitlines()[0] == "nothing was checked"


def test_the_table_of_an_interrupted_run_does_not_say_that_all_hold() -> None:
    first, second = (result([verdict(EXCLUSIVE, Outcome.HOLDS)], case) for case in ("generic", "arm64-v1"))
    opened = render_table([first, second], missing=["arm64-v1", "no-exit"]).splitlines()[0]
    assert opened == "0 violated of 2 verdicts, 2 of 4 cases not begun; everything holds for generic"
    opened = render_table([second], missing=["arm64-v1"]).splitlines()[0]
    assert opened == "0 violated of 1 verdicts, 1 of 2 cases not begun; no guard is known to hold everything"
    assert render_table([], missing=["no-exit"]) == "nothing was checked: no case was begun\n"


@pytest.mark.parametrize("turns", [1, 40])
@pytest.mark.parametrize("flags", [[], ["-DA"], ["-DA=1 + 1", f"-D{'B' * 60}", f"-D{'C' * 60}"]])
def test_a_schedule_stands_before_the_compilers_flags(flags: list[str], turns: int) -> None:
    schedule = " ".join(["1a2b3c4d.5e6f7a8b:A:2", *["B:2 A:1"] * turns])
    run = dataclasses.replace(both_inside(), schedule=schedule)
    words = ["ctxrace", "replay", "guard.c", "--tasks", "3", *(["--", *flags] if flags else [])]
    shown = dataclasses.replace(result([verdict(EXCLUSIVE, Outcome.VIOLATED, run)]), replay=shlex.join(words))
    command = render_result(shown).partition("\nreplay: ")[2].partition("\n\n")[0].replace("\\\n", " ")
    typed = [" ".join(word.split()) for word in shlex.split(command)]
    assert typed == [*words[:5], "--schedule", schedule, *words[5:]]


@given(st.lists(st.text(alphabet="abc-'\" \\$", max_size=150), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_the_command_can_be_pasted(arguments: list[str]) -> None:
    command = shlex.join(["ctxrace", "check", *arguments])
    text = render_result(dataclasses.replace(result([verdict(EXCLUSIVE, Outcome.HOLDS)]), command=command))
    assert_fits(text, 100)
    pasted = text[text.index("again: ") + len("again: ") :]
    assert shlex.split(pasted.replace("\\\n", "")) == ["ctxrace", "check", *arguments]


@pytest.mark.parametrize("number", [1, 2, 3, 5, 9, 40])
@pytest.mark.parametrize("outcome", list(Outcome))
def test_first_line_names_as_many_properties_as_fit(number: int, outcome: Outcome) -> None:
    properties = [Property("exclusive", (f"function_{n}",)) for n in range(number)]
    first = render_result(result([verdict(kept, outcome) for kept in properties])).splitlines()[0]
    assert first.startswith(f"guard.c: {outcome}: exclusive(function_0)")
    assert "…" not in first
    assert number < 3 or "more" in first or f"function_{number - 1}" in first


ALL = (EXCLUSIVE, BALANCED, RECOVERS, PROGRESS)
CHECK = Property("check", ())
DEEP = "linux/kernel/bpf/with/a/path/that/is/longer/than/anybody/would/like/arm64-v1.c"


@pytest.mark.parametrize(
    ("case", "violated", "incomplete", "held", "told"),
    [
        ("a.c", (EXCLUSIVE, BALANCED), (), (CHECK,), "a.c: violated: exclusive(body), balanced(active); holds: check"),
        ("v1.c", ALL, (), (CHECK,), "v1.c: violated: exclusive, balanced, recovers, progress; holds: check"),
        (
            DEEP, (BALANCED,), (), (),
            "…ernel/bpf/with/a/path/that/is/longer/than/anybody/would/like/arm64-v1.c: violated: balanced(active)",
        ),
        (
            DEEP, ALL, (), (CHECK,),
            "…ould/like/arm64-v1.c: violated: exclusive, balanced, recovers, progress; holds: check",
        ),
        (
            DEEP, (BALANCED,), ALL[2:], (CHECK,),
            "…er/than/anybody/would/like/arm64-v1.c: violated: balanced; incomplete: recovers, progress; holds: check",
        ),
        (
            "v1.c", (CHECK, *ALL[1:]), (), [Property("exclusive", (f"function_{n}",)) for n in range(9)],
            "v1.c: violated: check, balanced, recovers, progress; holds: exclusive ×9",
        ),
        (
            DEEP, (), (), ALL,
            "…ody/would/like/arm64-v1.c: holds: exclusive, balanced, recovers, progress in every interleaving",
        ),
        (
            DEEP, (), ALL, (CHECK,),
            "…anybody/would/like/arm64-v1.c: incomplete: exclusive, balanced, recovers, progress; holds: check",
        ),
        (
            "v1.c", (), ALL, (CHECK,),
            "v1.c: incomplete: exclusive, balanced, recovers, progress; holds: check",
        ),
    ],
)  # fmt: skip
def test_first_line_names_kinds_before_it_counts(
    case: str, violated: Sequence[Property], incomplete: Sequence[Property], held: Sequence[Property], told: str
) -> None:
    outcomes = ((Outcome.VIOLATED, violated), (Outcome.INCOMPLETE, incomplete), (Outcome.HOLDS, held))
    verdicts = [verdict(kept, outcome) for outcome, properties in outcomes for kept in properties]
    first = render_result(result(verdicts, case)).splitlines()[0]
    name, rest = told.split(":", 1)
    assert first.endswith(":" + rest), first
    assert first[0] == "…" or first.startswith(name)
    assert case.endswith(first.split(":")[0].lstrip("…"))
    assert len(first) == 100 or first == told


def test_every_broken_property_has_its_own_last_line() -> None:
    left, unrecovered = ValuesLeft((Difference("active", 1, 0),)), NotRecovered("attempt", "body")
    run = dataclasses.replace(both_inside(), endings=(left, unrecovered))
    other = dataclasses.replace(run, endings=(unrecovered, BodyNeverRan("attempt", "body")))
    text = render_result(
        result([verdict(BALANCED, Outcome.VIOLATED, run), verdict(PROGRESS, Outcome.VIOLATED, other)], "v1.c")
    )
    assert [line for line in text.splitlines() if line.startswith("=>")] == [
        "=> the CPU is idle, and active is 1, not 0",
        "=> the CPU is idle, and one more undisturbed attempt does not run body",
        "=> the CPU is idle again: attempt was attempted, and body never ran",
    ]
    assert not [line for line in render_interleaving(Interleaving(("task A",), ())).splitlines() if "=>" in line]


def test_notes_of_events_and_turns_are_shown() -> None:
    run = Interleaving(
        ("task A", "nmi"),
        (
            Turn(TurnKind.ARRIVAL, "nmi", Cause.NOTHING_MASKS, notes=(Note(NoteKind.SLEEPS, "schedule"),)),
            Event("nmi", 1, "nop", notes=(ENTERS,)),
            Turn(TurnKind.RETURN, "nmi", below="A", notes=(Note(NoteKind.LEAVES, "body"),)),
            Event("task A", 0x1000, "stxr w11, w10, [x9]", notes=(Note(NoteKind.STORE_FAILS),)),
        ),
    )
    text = render_interleaving(run)
    for told in ("in schedule()", "enters body", "</NMI> returns: back to task A; leaves body"):
        assert told in text
    assert "stxr w11, w10, [x9]  the store fails: the exclusive monitor was cleared" in text


def test_only_the_last_part_of_a_file_name_is_shown() -> None:
    seen = read("task A", 23, "ldrb", 0)
    for file, shown in (("a/b/guard.c", "guard.c:7"), ("guard.c", "guard.c:7"), ("a/", "a/:7"), ("x" * 40, "x:7")):
        run = Interleaving(("task A",), (dataclasses.replace(seen, source=Source(file, 7, "text")),))
        line = render_interleaving(run).splitlines()[1]
        assert f"{shown}  text" in line
        assert "b/" not in line


def test_plain_output_is_unchanged() -> None:
    text = render_result(result([verdict(EXCLUSIVE, Outcome.VIOLATED, both_inside())]))
    plain = Console(file=io.StringIO(), force_terminal=False, width=40)
    print_report(text, plain)
    assert isinstance(plain.file, io.StringIO)
    assert plain.file.getvalue() == text


def test_terminal_output_is_coloured_but_says_the_same() -> None:
    verdicts = [verdict(EXCLUSIVE, Outcome.VIOLATED, both_inside()), verdict(BALANCED, Outcome.HOLDS)]
    text = render_result(result(verdicts))
    terminal = Console(file=io.StringIO(), force_terminal=True, color_system="standard", no_color=False, width=40)
    print_report(text, terminal)
    assert isinstance(terminal.file, io.StringIO)
    coloured = terminal.file.getvalue()
    assert "\x1b[1;31mviolated" in coloured
    assert "\x1b[1;32mholds" in coloured
    bare = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=40)
    print_report(text, bare)
    assert isinstance(bare.file, io.StringIO)
    assert bare.file.getvalue() == text


words = st.text(alphabet=st.sampled_from("aZ9_[]()., \t\n\x1b\u202e漢字é́🏳️‍🌈👩‍💻\ud800➜…x"), max_size=120)
names = st.sampled_from(["task A", "task B", "softirq", "hardirq", "nmi"]) | words
accesses = st.builds(
    Access, st.sampled_from(["read", "write"]), words, st.integers(0, 99), st.just(8), st.integers(0, 2**64 - 1),
    st.none() | st.integers(0, 2**64 - 1), words,
)  # fmt: skip
sources = st.none() | st.builds(Source, words, st.integers(0, 10**6), words)
remarks = st.lists(st.builds(NeverBegins, words), max_size=2).map(tuple)
reasons = st.none() | st.builds(BodyNeverRuns, words) | st.just(SearchEnded(StateLimit(1_000_000)))
faults = st.builds(MachineFault, st.sampled_from(FaultKind), region=words, instruction=words, place=words)
plain_notes = st.builds(Note, st.sampled_from([kind for kind in NoteKind if kind is not NoteKind.FAULTS]), words, words)
notes = st.lists(plain_notes | st.builds(Note, st.just(NoteKind.FAULTS), fault=faults), max_size=2).map(tuple)
endings = st.lists(st.builds(NotRecovered, words, words) | st.builds(ClaimedOutcome, words), max_size=2).map(tuple)
events = st.builds(
    Event, names, st.integers(0, 2**64 - 1), words, words, sources, st.lists(accesses, max_size=3).map(tuple), notes
)
turns = st.builds(Turn, st.sampled_from(TurnKind), names, st.none() | st.sampled_from(Cause), names, words, words)
runs = st.builds(
    Interleaving,
    st.lists(names, max_size=12, unique=True).map(tuple),
    st.lists(events | turns, max_size=12).map(tuple),
    endings,
    st.integers(0, 9),
)
properties = st.builds(Property, words, st.lists(words, max_size=3).map(tuple), words)
verdicts = st.builds(
    Verdict, properties, st.sampled_from(list(Outcome)), st.integers(0, 10**12), st.integers(0, 10**12),
    st.floats(0, 1e6), st.none() | runs, reasons,
)  # fmt: skip
results = st.builds(
    Result,
    st.builds(Setup, words, words, words, words, st.integers(1, 99), st.lists(words, max_size=3).map(tuple)),
    st.lists(verdicts, max_size=6).map(tuple), words, remarks,
)  # fmt: skip


def assert_fits(text: str, width: int) -> None:
    assert text.endswith("\n")
    for line in text.split("\n"):
        assert cell_len(line) <= width
        assert line == line.rstrip()
        assert line.isprintable()
    text.encode("utf-8")


@settings(max_examples=60, deadline=None)
@given(runs, st.integers(40, 140))
def test_an_interleaving_never_exceeds_its_width(run: Interleaving, width: int) -> None:
    text = render_interleaving(run, width)
    assert_fits(text, width)
    assert text == render_interleaving(run, width)


@settings(max_examples=60, deadline=None)
@given(results)
def test_a_result_never_exceeds_its_columns(shown: Result) -> None:
    for width in (60, 79, 100, 200):
        assert_fits(render_result(shown, width), width)


@settings(max_examples=60, deadline=None)
@given(st.lists(results, max_size=4), words, words)
def test_a_table_never_exceeds_100_columns(shown: list[Result], noun: str, hint: str) -> None:
    assert_fits(render_table(shown, noun, hint), 100)


def test_a_violation_that_may_not_be_the_shortest_says_so() -> None:
    run = Interleaving(("A",), (Event("A", 0, "nop"),), (BodyOverlaps("body", 2),))
    verdict = Verdict(Property("exclusive", ("body",)), Outcome.VIOLATED, 9, 9, 0.0, run, NotKnownShortest())
    text = render_result(Result(Setup("guard.c", "arm64", "clang", "full", 2, ()), (verdict,)))
    assert "\nviolated: exclusive(body): the search ended before it was known to be the shortest\n" in text


def test_what_must_hold_is_not_green_in_a_violation() -> None:
    verdicts = [verdict(EXCLUSIVE, Outcome.VIOLATED, both_inside()), verdict(BALANCED, Outcome.HOLDS)]
    text = render_result(result(verdicts))
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100, color_system="standard")
    print_report(text, terminal)
    assert isinstance(terminal.file, io.StringIO)
    coloured = terminal.file.getvalue()
    assert "must hold: " in coloured
    assert "\x1b[1;32mholds" in coloured


def test_a_narrow_report_leaves_out_how_large_the_search_was() -> None:
    shown = result([verdict(EXCLUSIVE, Outcome.VIOLATED, both_inside())])
    assert "transitions" in render_result(shown, 80)
    assert "transitions" not in render_result(shown, 79)
    assert render_result(shown, 20) == render_result(shown, 60)
