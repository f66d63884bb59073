"""The guards on big-endian arm64: the same verdicts, states and interleavings as with little-endian data."""

from pathlib import Path

import pytest
from tests.bpf.test_guards import COUNTS, EXPECTED, letters, needed

from ctxrace.bpf.guards.known import guard_path
from ctxrace.core.errors import ImageError, ScenarioError
from ctxrace.explore.watch import Engine
from ctxrace.kernel.check import check
from ctxrace.kernel.model.layout import Layout
from ctxrace.kernel.program import load

from .guard_cases import cases, guard_case

GCC = "aarch64-linux-gnu-gcc"


@pytest.mark.parametrize("cc", [None, pytest.param(GCC, marks=pytest.mark.slow)])
def test_the_table_is_that_of_arm64(cc: str | None) -> None:
    needed(cc)
    wanted = cases(arch="arm64-be", cc=cc)
    assert {(case.guard, case.preemption): letters(case.check()) for case in wanted} == EXPECTED


@pytest.mark.parametrize("key", [key for key in COUNTS if key[1] == "full"], ids="-".join)
def test_states_are_those_of_arm64(key: tuple[str, str]) -> None:
    verdict = guard_case(*key, engine=Engine.REFERENCE, arch="arm64-be").check().verdicts[0]
    assert (verdict.states, verdict.transitions) == COUNTS[key]


def test_interleavings_tell_the_same_values() -> None:
    # Of a variable of four bytes: a value read in the wrong order would be 1 << 24.
    told = []
    for arch in ("arm64", "arm64-be"):
        verdicts = guard_case("plain-int", "full", arch=arch).check().verdicts
        found = [verdict.interleaving for verdict in verdicts if verdict.interleaving]
        told.append([(run.endings, run.switches, [event.accesses for event in run.events]) for run in found])
    assert len(told[0]) == 4
    assert told[0] == told[1]


def test_four_bytes_read_at_once_are_one_number() -> None:
    # Both have set active[0]: the ldr that looks at all four finds 2 in the byte at the lowest address.
    result = guard_case("arm64-v1", "full", only=("progress",), arch="arm64-be").check()
    assert result.verdicts[0].interleaving is not None
    wide = {access for event in result.verdicts[0].interleaving.events for access in event.accesses if access.size == 4}
    assert {(access.name, access.value) for access in wide} == {("active", 2 << 24)}


def test_a_task_has_its_preempt_count_and_pid_where_the_headers_look(tmp_path: Path) -> None:
    # Linux v6.19 arch/arm64/include/asm/thread_info.h: need_resched comes first, and the count after it.
    source = tmp_path / "one.c"
    source.write_text(
        """#include <ctxrace/kernel.h>
        void attempt(void)
        {
            ctxrace_check(current->pid == 100 && preempt_count() == 0 && !current->thread_info.preempt.need_resched);
            preempt_disable();
            ctxrace_check(current->thread_info.preempt_count == 1);
            preempt_enable();
        }
        CTXRACE_TASKS(1, attempt);"""
    )
    program = load(source, arch="arm64-be", cache=tmp_path)
    assert {verdict.outcome for verdict in check(program, program.scenario).verdicts} == {"holds"}
    layout = Layout(program.image, 1)
    task_struct = layout.with_preempt_count(layout.task_struct(0), 0x10001)
    assert task_struct[8:20] == bytes([0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 100])
    assert layout.preempt_count(task_struct) == 0x10001


def test_code_of_the_other_byte_order_is_refused() -> None:
    little = load(guard_path("arm64-v1")).image.path
    with pytest.raises(ImageError, match=r"is little-endian; arm64-be is big-endian: build it for arm64-be, or name"):
        load(little, arch="arm64-be")


def test_guards_that_do_not_exist_are_named() -> None:
    with pytest.raises(ScenarioError, match="no guard 'generic' on arm64-be; ctxrace has: generic-lse, generic-llsc"):
        cases(["generic"], arch="arm64-be")
