"""Memory of an image that no run writes counts as constant: random modules, with this reduction and without it."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from ctxrace.core.property import Property
from ctxrace.explore.search import Exploration
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import explore
from ctxrace.kernel.program import Build
from ctxrace.kernel.properties.coverage import runs
from ctxrace.kernel.properties.hang import HANG
from ctxrace.kernel.scenario import validate

from .test_objects import HEADER, compiled

BODY = 'noinline void body(int by) { __asm__ __volatile__("" : : "r" (by) : "memory"); }\n'
DECLARED = HEADER + BODY + """\
volatile unsigned char x, y;
volatile unsigned char limit = 1, mask = 3, table[2] = { 2, 1 };
volatile unsigned char *volatile where = &x;
"""
STATEMENTS = (
    "x = (x + limit) & mask;",
    "x = (x - limit) & mask;",
    "*where = limit;",
    "y = table[x & 1];",
    "y = 0;",
    "if (y == limit) body(1);",
    "if (x < limit) { x = limit; body(2); x = 0; }",
    "if (limit) body(x);",
    "*where = (*where + table[limit]) & mask;",
    "while (y == table[0]) ;",
)
ENDLESS = "if (x == mask) while (limit) ;"
"""A loop that reads, again and again, what nobody writes."""


def read(words: str) -> ScenarioChange:
    given: dict[str, list[str]] = {}
    for option, value in zip(*[iter(words.split())] * 2, strict=True):
        given.setdefault(option.removeprefix("--"), []).append(value)
    return ScenarioChange.read({**given, "attempts": given["attempts"][0]})


SCENARIO = read("--tasks 2:task --hardirq handler --exclusive body --balanced x --attempts 1")


def random_module(rng: random.Random) -> str:
    def function(name: str) -> str:
        chosen = [rng.choice(STATEMENTS) for _ in range(rng.randint(2, 3))] + [ENDLESS] * (rng.random() < 0.2)
        return f"void {name}(void) {{ {' '.join(chosen)} }}\n"

    return DECLARED + function("task") + function("handler")


def found(file: Path, *, shared: bool) -> Exploration:
    """Search everything. shared: whether all memory counts as shared from the beginning."""
    program = Build().load(file, SCENARIO)
    if shared:
        assert any(section.until_written for section in program.image.sections)
        program.image.sections = tuple(
            replace(section, writable=section.writable or section.until_written, until_written=False)
            for section in program.image.sections
        )
    scenario = validate(SCENARIO.apply(program.scenario), program.image)
    return explore(program, scenario, everything=True)[1]


def switches(exploration: Exploration) -> dict[Property, int]:
    assert exploration.exhausted
    return {prop: sum(step.switches for _, step in run) for prop, run in exploration.runs.items()}


SEEDS = [pytest.param(seed, marks=[pytest.mark.slow] if seed >= 2 else []) for seed in range(30)]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_verdicts_and_the_switches_are_the_same(seed: int, tmp_path: Path) -> None:
    file = compiled(tmp_path, text=random_module(random.Random(seed)), name="module.ko")
    fewer, every = found(file, shared=False), found(file, shared=True)
    assert (switches(fewer), fewer.witnessed) == (switches(every), every.witnessed)
    assert fewer.all_states <= every.all_states


def broken(folder: Path, text: str, words: str) -> Exploration:
    file, change = compiled(folder, text=HEADER + BODY + text, name="module.ko"), read(words)
    program = Build().load(file, change)
    return explore(program, validate(change.apply(program.scenario), program.image), everything=True)[1]


def test_a_variable_of_which_a_part_is_written_is_told_from_its_neighbours(tmp_path: Path) -> None:
    """Of `big` the first 16 bytes become shared memory; behind them lies what is written of `other`."""
    text = """
volatile unsigned char big[64]; volatile unsigned char other[64];
void task(void) { big[LAST] = 1; body(0); big[LAST] = 0; other[0] = 1; }
"""
    words = "--tasks 1:task --balanced big --balanced other --attempts 1"
    for at in ("0", "48"):
        found = broken(tmp_path, text.replace("LAST", at), words)
        assert [prop.subjects for prop in found.runs] == [("other",)]
        found = broken(tmp_path, text.replace("[LAST] = 0", "[LAST] = 2").replace("LAST", at), words)
        assert {prop.subjects for prop in found.runs} == {("big",), ("other",)}


def test_a_variable_that_nothing_has_written_yet_has_its_initial_value(tmp_path: Path) -> None:
    text = "volatile int x, y; void task(void) { y = 1; x = 1; x = 0; y = 0; } void nmi(void) { body(0); }"
    words = "--tasks 1:task --nmi nmi --balanced x --balanced never --attempts 1"
    found = broken(tmp_path, text + "volatile int never = 1; int reads(void) { return never; }", words)
    assert found.exhausted and not found.runs


def test_a_statistic_reads_as_at_the_start_also_where_its_neighbour_is_written(tmp_path: Path) -> None:
    text = """
volatile unsigned long x __attribute__((aligned(16))) = 1; volatile unsigned long count[4] = { 1, 2, 3, 4 };
void task(void) { x = 2; if (count[0] == 1 && count[2] == 3 && count[3] == 4) body(0); x = 1; }
"""
    words = "--tasks 1:task --statistic count --exclusive body --attempts 1"
    assert runs("body") in broken(tmp_path, text, words).witnessed


def test_what_a_loop_without_an_end_reads_is_no_event(tmp_path: Path) -> None:
    entries = "void task(void) { while (limit) ; }\nvoid handler(void) { x = 1; x = 0; body(1); }\n"
    file = compiled(tmp_path, text=DECLARED + entries, name="module.ko")
    for shared, events in ((False, 0), (True, 0)):
        run = found(file, shared=shared).runs[HANG]
        assert (sum(step.switches for _, step in run), sum(step.events for _, step in run)) == (0, events)
