"""The guards on x86-64, pinned: where one instruction reads, changes and writes, nothing is torn."""

from collections.abc import Iterator

import pytest
from tests.bpf.test_guards import HOLDS, letters, needed

from ctxrace.bpf.guards.known import GUARDS_OF, guard_path
from ctxrace.core.errors import ScenarioError
from ctxrace.core.verdict import Outcome
from ctxrace.explore.watch import Engine
from ctxrace.kernel.program import load
from ctxrace.machine.arch.x86_64 import X86_64

from .guard_cases import cases, guard_case

# Guard, preemption model, verdict of exclusive, balanced, recovers, progress.
# With two or three tasks, softirq, hardirq and NMI.
EXPECTED = {
    ("generic", "none"): HOLDS,
    ("generic", "full"): HOLDS,
    ("arm64-v1", "none"): HOLDS,
    # incb and decb cannot be torn, so that the bytes are always right; but increment and look are still two
    # instructions, and two tasks that both increment before either looks refuse each other.
    ("arm64-v1", "full"): "hhhv",
    ("arm64-merged", "none"): HOLDS,
    ("arm64-merged", "full"): HOLDS,
    ("no-exit", "none"): "hvvv",
    ("no-exit", "full"): "hvvv",
    # __this_cpu_inc_return() is one xadd: as good as the atomic counter.
    ("plain-int", "none"): HOLDS,
    ("plain-int", "full"): HOLDS,
    # The sum is needed in a register: mov, inc, mov, and that is torn, as on arm64.
    ("early-return", "none"): "vhhh",
    ("early-return", "full"): "vvvv",
}

# (states, transitions) at zig's -O2 with 2 tasks.
COUNTS = {
    ("generic", "none"): (344, 484),
    ("generic", "full"): (682, 975),
    ("arm64-v1", "none"): (900, 1_171),
    ("arm64-v1", "full"): (3_245, 4_262),
    ("arm64-merged", "none"): (9_167, 10_448),
    ("arm64-merged", "full"): (20_185, 23_019),
    ("plain-int", "none"): (344, 484),
    ("plain-int", "full"): (682, 975),
}


def builds() -> Iterator[object]:
    for cc in (None, "clang", *X86_64.gcc):
        for level in ("-O1", "-O2", "-O3", "-Os"):
            yield pytest.param(cc, level, marks=[] if level == "-O2" or cc is None else [pytest.mark.slow])


@pytest.mark.parametrize(("cc", "optimize"), list(builds()))
def test_the_table_is_the_same_for_every_compiler(cc: str | None, optimize: str) -> None:
    needed(cc)
    wanted = cases(arch="x86-64", cc=cc, optimize=optimize)
    assert {(case.guard, case.preemption): letters(case.check()) for case in wanted} == EXPECTED


def test_three_tasks_find_nothing_that_two_do_not() -> None:
    assert {(case.guard, case.preemption): letters(case.check()) for case in cases(arch="x86-64", tasks=3)} == EXPECTED


@pytest.mark.parametrize("key", COUNTS, ids="-".join)
def test_state_counts_are_exact(key: tuple[str, str]) -> None:
    verdict = guard_case(*key, engine=Engine.REFERENCE, arch="x86-64").check().verdicts[0]
    assert (verdict.states, verdict.transitions) == COUNTS[key]


def test_neither_runs_in_as_many_events_as_worked_out_by_hand() -> None:
    # If B were done before A looks, A would enter. So both look before either takes back, 6 events with 3 switches:
    # A: incb | B: incb, movl (refused) | A: movl (refused), decb | B: decb.
    result = guard_case("arm64-v1", "full", only=("progress",), arch="x86-64").check()
    found = result.verdicts[0]
    assert found.outcome is Outcome.VIOLATED
    assert found.interleaving is not None
    assert len(found.interleaving.events) == 6
    first = found.interleaving.events[0]
    assert str(first.instruction).startswith("inc byte ptr [")
    assert [(access.kind, access.name, access.value, access.before) for access in first.accesses] == [
        ("read", "active[0]", 0, None),
        ("write", "active[0]", 1, 0),
    ]


def test_the_command_of_a_case_names_the_architecture() -> None:
    case = guard_case("generic", "full", arch="x86-64")
    assert case.command == "ctxrace bpf --guard generic --preemption full --arch x86-64"
    assert case.check().setup.arch == "x86-64"


def test_every_guard_has_a_file_that_compiles_without_a_word() -> None:
    guards = GUARDS_OF["x86-64"]
    assert [load(guard_path(guard, "x86-64"), arch="x86-64").messages for guard in guards] == [""] * len(guards)


def test_unknown_names_are_errors_that_list_what_exists() -> None:
    with pytest.raises(ScenarioError, match="no guard 'generic-lse' on x86-64; ctxrace has: generic, arm64-v1"):
        cases(["generic-lse"], arch="x86-64")
    with pytest.raises(ScenarioError, match="no guard 'generic' on arm64; ctxrace has: generic-lse"):
        cases(["generic"])
    with pytest.raises(ScenarioError, match="unknown architecture 'vax'; ctxrace has: arm64, arm64-be, riscv64, x86"):
        cases(arch="vax")


def test_plain_bytes_are_torn_where_the_compiler_does_not_fuse_them() -> None:
    # Nothing makes it one instruction: -O0 loads, adds and stores, and then x86-64 is as broken as arm64.
    found = {guard: letters(guard_case(guard, "full", arch="x86-64", optimize="-O0").check())
             for guard in ("generic", "arm64-v1", "arm64-merged")}  # fmt: skip
    assert found == {"generic": HOLDS, "arm64-v1": "vvvv", "arm64-merged": HOLDS}
