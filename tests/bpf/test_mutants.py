"""Mutants: the recursion guards with one thing wrong. Each is caught by the property expected; none survives."""

import difflib
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest
from tests.bpf.test_guards import needed

from ctxrace.bpf.guards.load import load_guard
from ctxrace.core.verdict import Outcome, Result
from ctxrace.kernel.check import check
from ctxrace.kernel.program import Program, load
from ctxrace.report.layout import columns
from ctxrace.report.text import render_interleaving

FOLDER = Path(__file__).parent / "mutants"
PAGE = Path(__file__).parents[2] / "docs" / "mutants.md"
KINDS = ("exclusive", "balanced", "recovers", "progress", "check", "restored", "sleep", "hang")
GCC = "aarch64-linux-gnu-gcc"

# Mutant: the property that must catch it, and the switches and events of its shortest interleaving (zig's clang -O2).
# The whole kill matrix is golden/mutants.txt.
CAUGHT_BY = {
    # The read-modify-write, the check, and what is between them.
    "torn-enter": ("exclusive", 2, 6),
    "torn-exit": ("balanced", 3, 15),
    "counter-torn": ("exclusive", 2, 4),
    "counter-test-then-set": ("exclusive", 2, 12),
    "check-before-increment": ("exclusive", 2, 10),
    "counter-reread": ("progress", 3, 18),
    "enable-before-check": ("progress", 3, 18),
    "enable-before-decrement": ("balanced", 3, 19),
    "barrier-dropped": ("check", 1, 7),
    # Which byte, and how many of them.
    "wrong-index-enter": ("balanced", 1, 10),
    "wrong-index-check": ("progress", 1, 9),
    "index-out-of-bounds": ("progress", 1, 9),
    "decrement-of-the-wrong-byte": ("balanced", 1, 10),
    "narrow-check": ("progress", 1, 9),
    "own-byte-check": ("exclusive", 1, 10),
    "wide-clear": ("exclusive", 2, 17),
    "counter-wide-decrement": ("balanced", 0, 7),
    "clear-instead-of-decrement": ("exclusive", 1, 18),
    "counter-clear": ("exclusive", 1, 12),
    # Who calls enter and exit, and when.
    "missing-exit": ("balanced", 1, 10),
    "exit-without-enter": ("balanced", 1, 4),
    "double-exit": ("balanced", 1, 21),
    "exit-before-body": ("exclusive", 1, 18),
    "result-ignored": ("exclusive", 1, 8),
    "missing-migrate-disable": ("balanced", 2, 9),
    "migrate-enable-too-early": ("balanced", 2, 11),
    # What an attempt may not do to its CPU.
    "left-disabled": ("restored", 1, 11),
    "enabled-twice": ("restored", 0, 11),
    "irq-enable-not-restore": ("restored", 1, 10),
    "sleep-with-preemption-off": ("sleep", 0, 7),
    "sleep-in-interrupt": ("sleep", 1, 6),
}
HARMLESS = ("check-first", "irq-save", "no-barrier", "one-byte", "wide-decrement")
ORIGINALS = {"bytes": "bytes.h", "counter": "counter.h", "counter, 2 CPUs": "counter.h", "inlined": "inlined.h"}

# The shortest interleaving that breaks `check` where the barriers are dropped, None: it holds. For zig's clang, the
# clang of Debian, and gcc; at -O2 and at -O3 alike.
SHAPES = {
    "": ((1, 7), (1, 8), (1, 7)),
    "-DKEPT_POINTER": (None, None, (1, 7)),
    "-DKEPT_BYTES": (None, None, (1, 13)),
    "-DTAKEN_TWICE": (None, None, None),
}
COMPILERS = (None, "clang", GCC)


@cache
def decided(name: str) -> Result:
    return check(load(FOLDER / f"{name}.c"))


def original(name: str, folder: Path) -> Program:
    """Compile an original by itself, as a mutant that changes nothing."""
    path = folder / "original.c"
    smp = "#define CTXRACE_SMP 1\n" if "2 CPUs" in name else ""
    path.write_text(f'{smp}#include "{FOLDER / ORIGINALS[name]}"\n', encoding="utf-8")
    return load(path)


def lengths(result: Result) -> dict[str, tuple[int, int]]:
    """Return for each kind of property that is violated the switches and events of its shortest interleaving."""
    found = [(verdict.property.kind, verdict.interleaving) for verdict in result.verdicts]
    return {kind: (told.switches, len(told.events)) for kind, told in found if told is not None}


@pytest.mark.parametrize("name", ORIGINALS)
def test_the_originals_hold(name: str, tmp_path: Path) -> None:
    assert {verdict.outcome for verdict in check(original(name, tmp_path)).verdicts} == {Outcome.HOLDS}


@pytest.mark.parametrize(("name", "guard"), [("bytes", "arm64-merged"), ("counter", "generic-lse")])
def test_the_originals_are_the_guards(name: str, guard: str, tmp_path: Path) -> None:
    def code(program: Program) -> list[tuple[int, bytes]]:
        return [(it.address, bytes(it.data)) for it in program.image.sections]

    assert code(original(name, tmp_path)) == code(load_guard(guard))


def test_every_mutant_has_an_expectation() -> None:
    assert {path.stem for path in FOLDER.glob("*.c")} == set(CAUGHT_BY)
    assert {path.stem for path in FOLDER.glob("harmless/*.c")} == set(HARMLESS)


@pytest.mark.parametrize("name", CAUGHT_BY)
def test_no_mutant_survives(name: str) -> None:
    kind, switches, events = CAUGHT_BY[name]
    assert lengths(decided(name)).get(kind) == (switches, events)


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_harmless_is_not_blamed(name: str) -> None:
    assert {verdict.outcome for verdict in decided(f"harmless/{name}").verdicts} == {Outcome.HOLDS}


def test_every_property_has_a_mutant_that_it_alone_catches_or_catches_first() -> None:
    assert {kind for kind, _, _ in CAUGHT_BY.values()} == set(KINDS) - {"recovers", "hang"}
    # A CPU that does not recover has a counter that is not balanced, but for those whom the check keeps out for ever.
    alone = {name for name in CAUGHT_BY if "recovers" in (found := lengths(decided(name))) and "balanced" not in found}
    assert alone == {"index-out-of-bounds", "narrow-check", "wrong-index-check"}


@pytest.mark.parametrize("optimize", ["-O2", pytest.param("-O3", marks=pytest.mark.slow)])
@pytest.mark.parametrize("cc", COMPILERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_dropped_barriers_matter_where_the_compiler_sees_both_ends(shape: str, cc: str | None, optimize: str) -> None:
    needed(cc)
    path = FOLDER / "barrier-dropped.c"
    dropped = load(path, cc=cc, optimize=optimize, flags=[shape] if shape else [])
    assert lengths(check(dropped)).get("check") == SHAPES[shape][COMPILERS.index(cc)]


@pytest.mark.parametrize("cc", COMPILERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_with_barriers_every_shape_holds(shape: str, cc: str | None, tmp_path: Path) -> None:
    needed(cc)
    path = tmp_path / "kept.c"
    path.write_text(f'#include "{FOLDER / "inlined.h"}"\n', encoding="utf-8")
    assert lengths(check(load(path, cc=cc, flags=[shape] if shape else []))) == {}


# What the page shows.


def matrix() -> str:
    """Return the kill matrix: switches/events, ``.`` for what holds, ``?`` for what violations left open."""
    rows: list[Sequence[str]] = [["mutant", *KINDS]]
    for name in [*CAUGHT_BY, *(f"harmless/{name}" for name in HARMLESS)]:
        outcomes = {verdict.property.kind: verdict.outcome for verdict in decided(name).judged}
        cells = {kind: "?" if outcome is Outcome.INCOMPLETE else "." for kind, outcome in outcomes.items()}
        cells |= {kind: f"{switches}/{events}" for kind, (switches, events) in lengths(decided(name)).items()}
        rows.append([name, *(cells.get(kind, "") for kind in KINDS)])
    return "".join(f"{line.rstrip()}\n" for line in columns(rows))


def told(name: str) -> str:
    kind = CAUGHT_BY[name][0]
    (verdict,) = (verdict for verdict in decided(name).verdicts if verdict.property.kind == kind)
    assert verdict.interleaving is not None
    return render_interleaving(verdict.interleaving)


def functions(text: str) -> dict[str, str]:
    """Return the functions that are defined in a C file, by name."""
    found = re.finditer(r"^(?:static |void )[^;{}]*?(\w+)\([^()]*\)\n\{\n.*?^\}\n", text, re.DOTALL | re.MULTILINE)
    return {match[1]: match[0] for match in found}


def difference(path: Path) -> str:
    """Return how the functions of a mutant differ from the original's."""
    text = path.read_text(encoding="utf-8")
    (header,) = re.findall(r'#include "(?:\.\./)?(\w+\.h)"', text)
    sources = [FOLDER / header, FOLDER / ("attempt-smp.h" if "CTXRACE_SMP 1" in text else "attempt.h")]
    were = {name: body for source in sources for name, body in functions(source.read_text(encoding="utf-8")).items()}
    name = str(path.relative_to(FOLDER).with_suffix(""))
    lines = [f"{name}: {text.splitlines()[1].removeprefix('/* ').removesuffix(' */')}", f"    {header}"]
    lines += [f"    +{line}" for line in text.splitlines() if re.match(r"#define (?!OWN_)", line)]
    for function, body in functions(text).items():
        changed = list(difflib.unified_diff(were[function].splitlines(), body.splitlines(), n=1, lineterm=""))[2:]
        assert changed, f"{name} writes {function}() anew and changes nothing"
        lines += [f"    {function}()", *(f"    {line}" for line in changed if not line.startswith("@@"))]
    return "\n".join(line.expandtabs(8).rstrip() for line in lines) + "\n"


BLOCKS: dict[str, Callable[[], str]] = {
    "mutants": matrix,
    "mutants-test-then-set": lambda: told("counter-test-then-set"),
    "mutants-barrier-dropped": lambda: told("barrier-dropped"),
}


@pytest.mark.parametrize("block", BLOCKS)
def test_the_page_shows_what_comes_out(
    block: str, golden: Callable[[str, str], None], request: pytest.FixtureRequest
) -> None:
    text = BLOCKS[block]()
    golden(f"{block}.txt", text)
    page = PAGE.read_text(encoding="utf-8")
    shown = re.compile(rf"(<!-- {block} -->\n```\n)(.*?)(```\n)", re.DOTALL)
    if request.config.getoption("--regenerate-golden"):
        PAGE.write_text(shown.sub(lambda match: match[1] + text + match[3], page), encoding="utf-8")
        return
    assert [match[2] for match in shown.finditer(page)] == [text]


def test_what_each_mutant_changes(golden: Callable[[str, str], None]) -> None:
    paths = [*sorted(FOLDER.glob("*.c")), *sorted(FOLDER.glob("harmless/*.c"))]
    golden("mutants-changes.txt", "\n".join(map(difference, paths)))


def test_the_page_has_a_sentence_for_each() -> None:
    explained = re.findall(r"^\| `([\w-]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(explained) == sorted([*CAUGHT_BY, *HARMLESS])
