"""The guards on riscv64, pinned: three ways to make the counter, and plain bytes, which v1 reads one by one."""

from pathlib import Path

import pytest
from tests.bpf.test_guards import COUNTS as COUNTS_OF_ARM64
from tests.bpf.test_guards import HOLDS, letters, needed

from ctxrace.bpf.guards.known import GUARDS_OF, guard_path
from ctxrace.core.errors import ExecutionError, ImageError, ScenarioError
from ctxrace.core.verdict import Outcome
from ctxrace.explore.watch import Engine
from ctxrace.kernel.check import check
from ctxrace.kernel.program import load
from ctxrace.machine.arch.riscv64 import RISCV64
from ctxrace.report.sentences.note import note_phrase

from .guard_cases import cases, guard_case

# Guard, preemption model, verdict of exclusive, balanced, recovers, progress. With two tasks, softirq, hardirq and NMI.
EXPECTED = {
    # An NMI comes between the load and the store all the same, but puts back what it found.
    ("generic-irqsave", "none"): HOLDS,
    ("generic-irqsave", "full"): HOLDS,
    ("generic-amo", "none"): HOLDS,
    ("generic-amo", "full"): HOLDS,
    ("generic-lrsc", "none"): HOLDS,
    ("generic-lrsc", "full"): HOLDS,
    ("arm64-v1", "none"): HOLDS,
    ("arm64-v1", "full"): "vvvv",
    # It reads the bytes as one aligned word.
    ("arm64-merged", "none"): HOLDS,
    ("arm64-merged", "full"): HOLDS,
    ("no-exit", "none"): "hvvv",
    ("no-exit", "full"): "hvvv",
    ("plain-int", "none"): HOLDS,
    ("plain-int", "full"): "vvvv",
    ("early-return", "none"): "vhhh",
    ("early-return", "full"): "vvvv",
}

# (states, transitions) at zig's -O2 with 2 tasks.
COUNTS = {
    ("generic-irqsave", "none"): (2_709, 3_044),
    ("generic-irqsave", "full"): (5_717, 6_427),
    ("arm64-v1", "none"): (15_654, 17_583),
    ("arm64-v1", "full"): (22_069, 33_475),
    ("arm64-merged", "none"): (19_754, 21_933),
    ("plain-int", "none"): (1_602, 1_983),
    ("plain-int", "full"): (4_006, 6_318),
}


@pytest.mark.parametrize(
    ("cc", "optimize"),
    [
        (None, "-O2"),
        *(pytest.param(None, level, marks=pytest.mark.slow) for level in ("-O1", "-O3", "-Os")),
        *(pytest.param(cc, "-O2", marks=pytest.mark.slow) for cc in RISCV64.gcc),
    ],
)
def test_the_table(cc: str | None, optimize: str) -> None:
    needed(cc)
    wanted = cases(arch="riscv64", cc=cc, optimize=optimize)
    assert {(case.guard, case.preemption): letters(case.check()) for case in wanted} == EXPECTED


@pytest.mark.parametrize("key", COUNTS, ids="-".join)
def test_state_counts_are_exact(key: tuple[str, str]) -> None:
    verdict = guard_case(*key, engine=Engine.REFERENCE, arch="riscv64").check().verdicts[0]
    assert (verdict.states, verdict.transitions) == COUNTS[key]


@pytest.mark.parametrize("preemption", ["none", "full"])
@pytest.mark.parametrize(("guard", "like"), [("generic-amo", "generic-lse"), ("generic-lrsc", "generic-llsc")])
def test_the_same_events_are_the_same_states_as_on_arm64(guard: str, like: str, preemption: str) -> None:
    # Finding the variable reads the CPU's number and its offset, which nobody changes: no events.
    verdict = guard_case(guard, preemption, engine=Engine.REFERENCE, arch="riscv64").check().verdicts[0]
    assert (verdict.states, verdict.transitions) == COUNTS_OF_ARM64[like, preemption]


def test_v1_breaks_as_worked_out_by_hand() -> None:
    # Like arm64, where the look is one ldr, but it is four lbu here: A: lbu 0 | B: lbu 0, sb 1, four lbu and enters |
    # A: sb 1, four lbu and enters: 2 switches, 12 events. The leak is two attempts with a look each: arm64's 10
    # events, and 3 loads more for each look.
    result = guard_case("arm64-v1", "full", arch="riscv64").check()
    found = {
        verdict.property.kind: (verdict.interleaving.switches, len(verdict.interleaving.events))
        for verdict in result.verdicts
        if verdict.interleaving
    }
    assert found == {"exclusive": (2, 12), "balanced": (3, 16), "recovers": (3, 16), "progress": (3, 16)}


def told(source: Path, text: str) -> tuple[list[Outcome], list[str]]:
    """Check a C file; return the outcomes and what the events' notes say."""
    source.write_text(f"#include <ctxrace/kernel.h>\n{text}")
    program = load(source, arch="riscv64", cache=source.parent)
    verdicts = check(program, program.scenario).verdicts
    events = [event for verdict in verdicts if verdict.interleaving for event in verdict.interleaving.events]
    return [verdict.outcome for verdict in verdicts], [note_phrase(note) for event in events for note in event.notes]


STORE_CONDITIONAL = """
int word;
static int mine(void)
{{
    int found, failed;
    asm volatile("lr.w %0, %2; sc.w %1, %3, %2"
        : "=&r" (found), "=&r" (failed), "+A" (word) : "r" (7) : "memory");
    return failed;
}}
void attempt(void) {{ ctxrace_check(!mine()); }}
void interrupt(void) {{ asm volatile("" : : : "memory"); {body} }}
CTXRACE_TASKS(1, attempt);
CTXRACE_{level}(interrupt);
CTXRACE_PREEMPTION(full);
"""


@pytest.mark.parametrize("level", ["SOFTIRQ", "HARDIRQ", "NMI"])
def test_a_handler_between_lr_and_sc_makes_sc_fail(level: str, tmp_path: Path) -> None:
    # Even one that does not touch the word: the way back from a trap clears the reservation.
    outcomes, notes = told(tmp_path / "one.c", STORE_CONDITIONAL.format(level=level, body="WRITE_ONCE(other, 1);")
                           .replace("int word;", "int word, other;"))  # fmt: skip
    assert Outcome.VIOLATED in outcomes
    assert any("the store fails" in note for note in notes)


def test_without_interrupts_sc_succeeds(tmp_path: Path) -> None:
    text = STORE_CONDITIONAL.format(level="NMI", body="").replace("CTXRACE_NMI(interrupt);", "")
    outcomes, _ = told(tmp_path / "one.c", text)
    assert set(outcomes) == {Outcome.HOLDS}


def test_masked_interrupts_do_not_arrive(tmp_path: Path) -> None:
    text = """
    int word;
    void attempt(void)
    {{
        unsigned long flags;
        {off}
        WRITE_ONCE(word, 1);
        ctxrace_check(READ_ONCE(word) == 1);
        {on}
    }}
    void interrupt(void) {{ WRITE_ONCE(word, 2); }}
    CTXRACE_TASKS(1, attempt);
    CTXRACE_{level}(interrupt);
    CTXRACE_PREEMPTION(full);
    """
    off, on = "local_irq_save(flags);", "local_irq_restore(flags);"
    for level, masked, expected in (
        ("HARDIRQ", True, {Outcome.HOLDS}),
        ("SOFTIRQ", True, {Outcome.HOLDS}),
        ("NMI", True, {Outcome.VIOLATED}),
        ("HARDIRQ", False, {Outcome.VIOLATED}),
    ):
        chosen = text.format(off=off if masked else "(void)flags;", on=on if masked else "", level=level)
        assert set(told(tmp_path / f"{level}{masked}.c", chosen)[0]) == expected, (level, masked)


def test_bug_and_unreachable_code_end_the_run(tmp_path: Path) -> None:
    for name, trap in (("bug", "BUG();"), ("builtin", "__builtin_trap();")):
        text = f"int word; void attempt(void) {{ if (READ_ONCE(word) == 0) {trap} }} CTXRACE_TASKS(1, attempt);"
        outcomes, _ = told(tmp_path / f"{name}.c", text)
        assert Outcome.VIOLATED in outcomes, name


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ('asm volatile("mv tp, zero");', "does not know what writing the register tp means"),
        ('asm volatile("csrr t0, sscratch" : : : "t0");', "csrrs of the register 0x140"),
        ('asm volatile("wfi");', "its operation wfi"),
    ],
)
def test_what_the_model_does_not_know_is_named(statement: str, complaint: str, tmp_path: Path) -> None:
    text = f"void attempt(void) {{ {statement} }} CTXRACE_TASKS(1, attempt);"
    with pytest.raises(ExecutionError, match=complaint):
        told(tmp_path / "one.c", text)


def test_every_guard_has_a_file_that_compiles_without_a_word() -> None:
    guards = GUARDS_OF["riscv64"]
    assert [load(guard_path(guard, "riscv64"), arch="riscv64").messages for guard in guards] == [""] * len(guards)


def test_unknown_names_are_errors_that_list_what_exists() -> None:
    with pytest.raises(ScenarioError, match="no guard 'generic-lse' on riscv64; ctxrace has: generic-irqsave, "):
        cases(["generic-lse"], arch="riscv64")
    with pytest.raises(ScenarioError, match="no guard 'generic-amo' on arm64; ctxrace has: generic-lse"):
        cases(["generic-amo"])


def test_code_of_another_architecture_is_refused() -> None:
    other = load(guard_path("arm64-v1")).image.path
    with pytest.raises(ImageError, match=r"is code for EM_AARCH64, not for riscv64 \(EM_RISCV\)"):
        load(other, arch="riscv64")
