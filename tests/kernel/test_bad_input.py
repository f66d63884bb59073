"""Whatever is wrong with the input is a `CtxraceError` that names it; no other exception ever escapes."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ctxrace.machine.flow
from ctxrace.core.errors import CtxraceError, ExecutionError, ImageError, ScenarioError, ToolchainError, VacuousError
from ctxrace.core.verdict import Outcome, Result
from ctxrace.explore.search import Limits
from ctxrace.kernel.check import check
from ctxrace.kernel.program import load
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.scenario import (
    Handler,
    Scenario,
    Tasks,
    balanced,
    declared_scenario,
    exclusive,
    make_property,
    parse_number,
    progress,
    recovers,
)

from .cases import Build

GOOD = """
int active; const int limit = 3;
static noinline void body(void) { barrier(); }
void attempt(void)
{
	if (active++ == 0)
		body();
	barrier();
	active--;
}
CTXRACE_TASKS(2, attempt);
CTXRACE_NMI(attempt);
CTXRACE_EXCLUSIVE(body);
CTXRACE_BALANCED(active);
CTXRACE_RECOVERS(attempt, body);
"""


@pytest.fixture(scope="session")
def linked(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> bytes:
    path = tmp_path_factory.mktemp("good") / "good.c"
    path.write_text(f"#include <ctxrace/kernel.h>\n{GOOD}", encoding="utf-8")
    return load(path, cache=cache).image.path.read_bytes()


def message(error: type[CtxraceError], action: Callable[[], object]) -> str:
    """Return what the `error` says that `action` raises."""
    with pytest.raises(error) as caught:
        action()
    assert type(caught.value) is error
    text = str(caught.value)
    assert text
    assert "\n" not in text
    return text


# Scenarios


@pytest.mark.parametrize(
    ("change", "telling"),
    [
        ({"tasks": (Tasks(1, "atempt"),)}, ["no function 'atempt'", "attempt, body"]),
        ({"handlers": (Handler(Level.NMI, "nothere"),)}, ["no function 'nothere'"]),
        ({"tasks": (Tasks(1, "active"),)}, ["'active'", "not a function"]),
        ({"properties": (exclusive("bdoy"),)}, ["no function 'bdoy'", "inlined"]),
        ({"properties": (balanced("actve"),)}, ["no variable 'actve'", "its variables are:", "active"]),
        ({"properties": (balanced("body"),)}, ["'body'", "not a variable"]),
        ({"properties": (recovers("attempt", "gone"),)}, ["no function 'gone'"]),
        ({"properties": (progress("body", "body"),)}, ["the entry 'body'", "no context runs", "attempt"]),
        ({"cpus": 9}, ["9 CPUs", "at most 8"]),
        ({"tasks": (Tasks(2_000_000, "attempt"),)}, ["2,000,000 tasks", "1,000,000"]),
    ],
)
def test_a_scenario_that_does_not_fit_names_what_is_missing(
    build: Build, change: dict[str, Any], telling: list[str]
) -> None:
    program = build(GOOD)
    text = message(ScenarioError, lambda: check(program, replace(program.scenario, **change)))
    assert [part for part in telling if part not in text] == []


def test_a_constant_that_must_be_balanced_is_named(build: Build) -> None:
    program = build(GOOD)
    with pytest.raises(CtxraceError) as caught:
        check(program, replace(program.scenario, properties=(balanced("limit"),)))
    assert "limit" in str(caught.value)


def test_a_source_without_a_scenario_says_how_to_declare_one(build: Build) -> None:
    text = message(ScenarioError, lambda: check(build("int x; void e(void) { WRITE_ONCE(x, 1); }")))
    assert "no scenario is declared in" in text
    assert "case.c" in text
    assert "CTXRACE_TASKS" in text


def test_a_scenario_without_any_context_is_no_scenario(build: Build) -> None:
    program = build(GOOD)
    assert "no scenario is declared" in message(ScenarioError, lambda: check(program, Scenario()))


def test_declarations_that_contradict_each_other_are_both_named(build: Build) -> None:
    text = message(ScenarioError, lambda: build(GOOD + "CTXRACE_PREEMPTION(full);\nCTXRACE_PREEMPTION(none);"))
    assert "two preemption models" in text
    assert text.count("case.c:") == 2
    text = message(ScenarioError, lambda: build(GOOD + "CTXRACE_CPUS(1);\nCTXRACE_CPUS(2);", flags=["-DCTXRACE_SMP=1"]))
    assert "two numbers of CPUs" in text


def test_an_unknown_preemption_model_is_answered_with_those_that_exist(build: Build) -> None:
    text = message(ScenarioError, lambda: build(GOOD + "CTXRACE_PREEMPTION(some);"))
    assert "unknown preemption model 'some'" in text
    assert "ctxrace has: none, voluntary, full, lazy, rt" in text


@pytest.mark.parametrize("line", ["CTXRACE_TASKS(0, attempt);", "CTXRACE_TASKS(1, nothere);", "CTXRACE_BALANCED(no);",
                                  "CTXRACE_EXCLUSIVE(attempt);"])  # fmt: skip
def test_a_declaration_that_the_compiler_can_judge_does_not_compile(build: Build, line: str) -> None:
    with pytest.raises(ToolchainError) as caught:
        build(GOOD + line)
    assert "does not compile" in str(caught.value)
    assert line in caught.value.output


def test_a_body_that_never_runs_is_no_proof(build: Build) -> None:
    text = message(
        VacuousError,
        lambda: check(
            build("""
        int x;
        static noinline void body(void) { barrier(); }
        void e(void) { if (READ_ONCE(x)) body(); }
        CTXRACE_TASKS(2, e); CTXRACE_EXCLUSIVE(body);""")
        ),
    )
    assert "exclusive(body)" in text
    assert "body() never runs" in text


def test_a_property_with_the_wrong_number_of_names_is_refused() -> None:
    assert "ENTRY,BODY" in message(ScenarioError, lambda: make_property("recovers", ["one"]))
    assert "'a,b'" in message(ScenarioError, lambda: make_property("exclusive", ["a", "b"]))


@pytest.mark.parametrize("word", ["0", "-1", "two", "", "1.5", "0x2"])
def test_a_number_that_is_none_is_named(word: str) -> None:
    text = message(ScenarioError, lambda: parse_number("tasks", word, "--tasks"))
    assert repr(word) in text
    assert "--tasks" in text


@pytest.mark.parametrize("word", ["²", "9" * 5000])
def test_a_number_that_only_looks_like_one_is_refused(word: str) -> None:
    with pytest.raises(ScenarioError):
        parse_number("tasks", word, "--tasks")


# Code that cannot be checked


@pytest.mark.parametrize(
    ("statement", "telling"),
    [
        ('asm volatile("mrs x0, cntvct_el0" : : : "x0");', ["cntvct_el0", "mrs x0", "case.c:3"]),
        ('asm volatile("msr tpidr_el1, x0");', ["tpidr_el1", "writing", "case.c:3"]),
        ('asm volatile("wfi");', ["'wfi'"]),
        ('asm volatile("svc 0");', ["'svc 0x0'"]),
        ('asm volatile("eret");', ["'eret'"]),
        ('asm volatile(".arch armv8-a+fp\\n fadd d0, d0, d1");', ["fadd", "keep it out"]),
        ('asm volatile(".word 0xffffffff");', ["ff ff ff ff", "case.c:3"]),
        ("((void (*)(void))0x1234)();", ["no code at address 0x1234"]),
    ],
)
def test_an_instruction_that_the_model_lacks_is_named(build: Build, statement: str, telling: list[str]) -> None:
    program = build(f"int x;\nvoid e(void) {{ {statement} WRITE_ONCE(x, 1); }}\nCTXRACE_TASKS(1, e);")
    text = message(ExecutionError, lambda: check(program))
    assert [part for part in telling if part not in text] == []


def test_an_undefined_function_is_named_with_its_caller(build: Build) -> None:
    with pytest.raises(ToolchainError) as caught:
        build("void missing(void);\nvoid e(void) { missing(); barrier(); }\nCTXRACE_TASKS(1, e);")
    assert "missing" in str(caught.value)
    assert "in e" in str(caught.value)
    assert "undefined symbol: missing" in caught.value.output


@pytest.mark.parametrize(
    "loop",
    ["for (;;) WRITE_ONCE(x, 1);", "while (!READ_ONCE(x));", "for (;;) barrier();"],
    ids=["writes", "reads", "private"],
)
def test_an_entry_that_never_returns_hangs(build: Build, loop: str) -> None:
    """With or without an event in the loop: it is bad code, not bad input."""
    program = build(f"int x; void forever(void) {{ {loop} }} CTXRACE_TASKS(1, forever);")
    found = {str(verdict.property): verdict for verdict in check(program).verdicts}
    assert found["no hang"].outcome is Outcome.VIOLATED
    interleaving = found["no hang"].interleaving
    assert interleaving is not None
    assert interleaving.switches == 0


def test_an_entry_with_arguments_is_refused(build: Build) -> None:
    program = build("int x; int e(int a, int b) { WRITE_ONCE(x, a); return b; } CTXRACE_TASKS(1, e);")
    assert "the entry e takes 2 arguments, which nobody passes" in message(ScenarioError, lambda: check(program))


def test_a_long_private_loop_is_named(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctxrace.machine.flow, "PRIVATE_STEPS", 1000)
    program = build("""
        int x;
        void count(void) { for (unsigned long i = 0; i < 1UL << 40; i++) barrier_data(&x); }
        CTXRACE_TASKS(1, count);""")
    text = message(ExecutionError, lambda: check(program))
    assert "1,000 steps without an event" in text
    assert "count+0x" in text


@pytest.mark.parametrize("event", ["barrier();", "WRITE_ONCE(x, 0);"])
def test_unlimited_recursion_is_named(build: Build, event: str) -> None:
    program = build(f"""
        int x;
        noinline void deeper(int n) {{ {event} deeper(n + 1); barrier(); }}
        void e(void) {{ deeper(0); barrier(); }}
        CTXRACE_TASKS(1, e);""")
    text = message(ExecutionError, lambda: check(program))
    assert "stack overflow in the task stack" in text
    assert "recursion" in text


def test_another_tasks_task_struct_is_out_of_reach(build: Build) -> None:
    program = build("""
        struct task_struct *owner;
        void e(void)
        {
            struct task_struct *other = READ_ONCE(owner);
            if (other) (void)READ_ONCE(other->pid);
            WRITE_ONCE(owner, current);
        }
        CTXRACE_TASKS(2, e);""")
    text = message(ExecutionError, lambda: check(program))
    assert "e (task)" in text
    assert "another task's task_struct" in text


# Files


@pytest.mark.parametrize("name", ["gone.c", "gone.o", "gone.elf"])
def test_a_missing_file_is_named(tmp_path: Path, cache: Path, name: str) -> None:
    with pytest.raises((ToolchainError, ImageError)) as caught:
        load(tmp_path / name, cache=cache)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["case.c", "case.o", "case.elf"])
@pytest.mark.parametrize("content", [b"", b"\0\1\2\3" * 100, b"\x7fELF", b"int x;\0\n", b"\xff\xfe"])
def test_a_file_that_is_neither_source_nor_elf_is_named(tmp_path: Path, cache: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises((ToolchainError, ImageError)) as caught:
        load(path, cache=cache)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["case.c", "case.o", "case.elf"])
def test_a_directory_is_named(tmp_path: Path, cache: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises((ToolchainError, ImageError)) as caught:
        load(tmp_path / name, cache=cache)
    assert name in str(caught.value)


def test_options_for_a_compiler_are_refused_for_machine_code(tmp_path: Path, cache: Path, linked: bytes) -> None:
    path = tmp_path / "good.elf"
    path.write_bytes(linked)
    assert "optimize='-O3' is for C files" in message(ScenarioError, lambda: load(path, optimize="-O3", cache=cache))
    assert "cc='clang' is for C files" in message(ScenarioError, lambda: load(path, cc="clang", cache=cache))
    assert isinstance(check(load(path, cache=cache)), Result)


@pytest.mark.parametrize(
    ("at", "data", "telling"),
    [
        (0, b"MZ", "not an ELF file"),
        (4, b"\1", "32 bit"),
        (5, b"\2", "big-endian"),
        (18, b"\x3e\0", "EM_X86_64"),
        (18, b"\xff\xff", "machine 65535"),
        (16, b"\1\0", "relocatable object"),
        (16, b"\4\0", "ELF type 4"),
    ],
)
def test_an_elf_file_for_something_else_says_what_it_is_for(
    tmp_path: Path, cache: Path, linked: bytes, at: int, data: bytes, telling: str
) -> None:
    path = tmp_path / "foreign.elf"
    path.write_bytes(linked[:at] + data + linked[at + len(data) :])
    text = message(ImageError, lambda: load(path, cache=cache))
    assert telling in text
    assert "foreign.elf" in text


@pytest.mark.parametrize("part", [1, 3, 40, 63, 64, 100, 0.3, 0.5, 0.9])
def test_a_truncated_elf_file_is_named(tmp_path: Path, cache: Path, linked: bytes, part: float) -> None:
    path = tmp_path / "short.elf"
    path.write_bytes(linked[: part if isinstance(part, int) else int(len(linked) * part)])
    assert "short.elf" in message(ImageError, lambda: load(path, cache=cache))


# Anything else

FEW_STEPS = 2_000
FEW_STATES = 200


def attempt(path: Path, cache: Path) -> None:
    """Load and check, which ends in a result or in an error of ours."""
    try:
        result = check(load(path, cache=cache), limits=Limits(max_states=FEW_STATES, timeout=5))
    except CtxraceError as error:
        assert str(error)
    else:
        assert str(result)


@st.composite
def damage(draw: st.DrawFn) -> list[tuple[float, int]]:
    """Return places, as parts of a range of the file, and what to put there."""
    return draw(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6))


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory, cache: Path, linked: bytes) -> list[range]:
    """Return the ranges of the file worth damaging: all of it, its header, and its sections, the code first."""
    path = tmp_path_factory.mktemp("places") / "good.elf"
    path.write_bytes(linked)
    found = [range(len(linked)), range(64)]
    for section in load(path, cache=cache).image.sections:
        at = linked.find(section.data) if any(section.data) else -1
        if at > 0:
            found.append(range(at, at + len(section.data)))
    return found


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctxrace.machine.flow, "PRIVATE_STEPS", FEW_STEPS)


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(place=st.integers(0, 7), changes=damage())
def test_a_damaged_elf_file_ends_in_a_result_or_an_error_of_ours(
    tmp_path: Path,
    cache: Path,
    linked: bytes,
    places: list[range],
    few_steps: None,  # noqa: ARG001
    place: int,
    changes: list[tuple[float, int]],
) -> None:
    path = tmp_path / "damaged.elf"
    within = places[place % len(places)]
    data = bytearray(linked)
    for part, value in changes:
        data[within[int(part * len(within))]] = value
    path.write_bytes(data)
    attempt(path, cache)


def test_a_variable_that_is_larger_than_memory_is_refused(tmp_path: Path, cache: Path, linked: bytes) -> None:
    elf = ELFFile(io.BytesIO(linked))
    symbols = elf.get_section_by_name(".symtab")
    number = next(number for number, symbol in enumerate(symbols.iter_symbols()) if symbol.name == "active")
    size = symbols["sh_offset"] + number * symbols["sh_entsize"] + 16  # st_size of an Elf64_Sym
    path = tmp_path / "large.elf"
    path.write_bytes(linked[:size] + (1 << 40).to_bytes(8, "little") + linked[size + 8 :])
    told = message(ImageError, lambda: check(load(path, cache=cache)))
    assert "the symbol active has 1,099,511,627,776 bytes at " in told


@pytest.mark.parametrize(
    "damaged", [b"compiled rcx preemptible", b"compiled rcu preemptiblx", b"compiled for alone      "]
)
def test_an_elf_file_declares_nothing_else_that_it_was_compiled_for(
    tmp_path: Path, cache: Path, linked: bytes, damaged: bytes
) -> None:
    path = tmp_path / "compiled.elf"
    path.write_bytes(linked.replace(b"compiled rcu preemptible", damaged))
    told = message(ScenarioError, lambda: load(path, cache=cache))
    assert told.startswith("unknown declaration 'compiled ")


def test_a_damaged_line_number_of_a_declaration_is_none(tmp_path: Path, cache: Path, linked: bytes) -> None:
    image = load(write(tmp_path / "good.elf", linked), cache=cache).image
    image.notes = {".ctxrace": b"tasks 2 attempt good.c:7\0expect exclusive(body) holds good.c:" + b"9" * 5_000}
    (expected,) = declared_scenario(image).expected
    assert (expected.source.line, expected.source.file) == (0, "good.c")
    image.notes = {".ctxrace": b"nmi attempt good.c:7\0" * 10_001}
    told = message(ScenarioError, lambda: declared_scenario(image))
    assert "good.elf has 10,001 declarations in section .ctxrace, and at most 10,000 are read" in told


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(words=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3), at=st.integers(0, 20))
def test_any_instructions_end_in_a_result_or_an_error_of_ours(
    tmp_path: Path,
    cache: Path,
    linked: bytes,
    places: list[range],
    few_steps: None,  # noqa: ARG001
    words: list[int],
    at: int,
) -> None:
    path = tmp_path / "random.elf"
    text = places[2]
    data = bytearray(linked)
    for number, word in enumerate(words):
        place = text.start + 4 * ((at + number) % (len(text) // 4))
        data[place : place + 4] = word.to_bytes(4, "little")
    path.write_bytes(data)
    attempt(path, cache)
