"""Interrupts summed up: the same verdicts, runs and coverage as the search of every state."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from ctxrace.bpf.guards.case import Case, cases
from ctxrace.bpf.guards.known import guard_path
from ctxrace.explore.summaries import summarized
from ctxrace.explore.watch import Limits
from ctxrace.kernel.model.build import nested, system_for
from ctxrace.kernel.model.nested_smp import HandlersMeet
from ctxrace.kernel.program import Program, load
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.scenario import Handler, Scenario, Tasks, exclusive, validate

from .agreement import compare, compare_random

SMP = "#define CTXRACE_SMP 1\n#include <ctxrace/kernel.h>\nDEFINE_PER_CPU(int, mine); int ours;\n"


SEEDS = [pytest.param(seed, marks=[pytest.mark.slow] if seed >= 16 else []) for seed in range(32)]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_kernels(seed: int, tmp_path: Path) -> None:
    assert set(compare_random(seed, 1, tmp_path)) <= {"compared", "large"}


@pytest.mark.parametrize("seed", range(12))
def test_random_kernels_on_two_cpus(seed: int, tmp_path: Path) -> None:
    assert set(compare_random(seed, 2, tmp_path)) <= {"compared", "large", "meet"}


@pytest.mark.slow
@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.parametrize("decade", range(16))
def test_many_random_kernels(decade: int, cpus: int, tmp_path: Path) -> None:
    counts = Counter(what for seed in range(100 + 10 * decade, 110 + 10 * decade) for what in
                     compare_random(seed, cpus, tmp_path))  # fmt: skip
    assert counts["compared"]


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.guard}-{case.preemption}")
def test_guards(case: Case) -> None:
    program, scenario = case.load()
    most = Limits(max_states=60_000)
    assert compare(program, validate(scenario, program.image), most) in ("compared", "large")


def test_an_interrupt_counts_once_however_many_contexts_it_may_cut_in_on() -> None:
    program = load(guard_path("arm64-merged", "arm64"))
    scenario = validate(program.scenario, program.image)
    assert summarized(nested(system_for(program.image, scenario))).states == 1_823  # of 45,166


def smp(text: str, tmp_path: Path) -> tuple[Program, Scenario]:
    path = tmp_path / "case.c"
    path.write_text(SMP + text, encoding="utf-8")
    program = load(path, cache=tmp_path)
    scenario = replace(
        program.scenario,
        tasks=(Tasks(1, "attempt"),),
        handlers=(Handler(Level.HARDIRQ, "handler"),),
        properties=(exclusive("body"),),
        cpus=2,
    )
    return program, validate(scenario, program.image)


BODY = "noinline void body(void) { barrier(); }\n"
TASK = BODY + "void attempt(void) { WRITE_ONCE(ours, 1); body(); WRITE_ONCE(ours, 0); }\n"


def test_handlers_of_two_cpus_that_keep_to_their_own_are_summed_up(tmp_path: Path) -> None:
    mine = "void handler(void) { *this_cpu_ptr(&mine) = 1; barrier(); *this_cpu_ptr(&mine) = 0; }"
    assert compare(*smp(TASK + mine, tmp_path)) == "compared"


@pytest.mark.parametrize("touch", ["WRITE_ONCE(ours, 2);", "READ_ONCE(ours);"])
def test_a_handler_that_reaches_what_another_cpu_writes_is_not(touch: str, tmp_path: Path) -> None:
    program, scenario = smp(f"{TASK}void handler(void) {{ {touch} }}", tmp_path)
    with pytest.raises(HandlersMeet):
        summarized(nested(system_for(program.image, scenario)))


def test_handlers_of_two_cpus_may_read_the_same(tmp_path: Path) -> None:
    text = BODY + "void attempt(void) { READ_ONCE(ours); body(); }\n"
    assert compare(*smp(f"{text}void handler(void) {{ READ_ONCE(ours); }}", tmp_path)) == "compared"


def test_nobody_returns_from_a_handler_after_a_fault(tmp_path: Path) -> None:
    # What memory holds then is not known: balanced is not judged where the CPU would be idle again.
    path = tmp_path / "case.c"
    path.write_text(
        "#include <ctxrace/kernel.h>\nint x;\nvoid attempt(void) { WRITE_ONCE(x, 0); }\n"
        "void handler(void) { preempt_disable(); }\nCTXRACE_TASKS(1, attempt); CTXRACE_BALANCED(x);\n"
        "CTXRACE_HARDIRQ(handler); CTXRACE_NMI(attempt);\n"
    )
    program = load(path, cache=tmp_path)
    scenario = validate(program.scenario, program.image)
    assert compare(program, scenario) == "compared"
    found = summarized(nested(system_for(program.image, scenario)), frozenset())
    assert [str(prop) for prop in found.runs] == ["restored"]
