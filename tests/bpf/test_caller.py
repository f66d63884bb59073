"""Who may call a guard, what is typed for it, and what does not fit together."""

import os
import signal
from collections.abc import Sequence
from contextlib import suppress

import pytest

from ctxrace.bpf.caller import ALONE, Caller
from ctxrace.bpf.guards.case import Case
from ctxrace.bpf.guards.run import run
from ctxrace.bpf.table import cells
from ctxrace.core.errors import LimitReached, ScenarioError
from ctxrace.core.facts.reason import SearchEnded
from ctxrace.core.facts.remark import CompiledWith
from ctxrace.core.facts.stop import Interrupted, MemoryLimit
from ctxrace.core.setup import Setup
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.explore.search import Progress
from ctxrace.kernel.program import Program
from ctxrace.kernel.rules.preemption import Preemption, Rcu
from ctxrace.kernel.scenario import Scenario

from .guard_cases import cases, guard_case


@pytest.mark.parametrize(
    ("caller", "arch", "told"),
    [
        (Caller("kprobe"), "arm64", "no trampoline 'kprobe'; ctxrace has: bare, fentry, fexit, fmod_ret, raw_tp"),
        (Caller(sleepable=True), "arm64", "sleepable does not go with trampoline='bare'.*fentry, fexit, fmod_ret"),
        (Caller("raw_tp", sleepable=True), "arm64", "sleepable does not go with trampoline='raw_tp'"),
        (Caller(programs=2), "arm64", "programs=2 does not go with trampoline='bare'"),
        (Caller(rcu=Rcu.NON_PREEMPTIBLE), "arm64", "rcu does not go with trampoline='bare'"),
        (Caller(defines=("BPF_STATS",)), "arm64", "define does not go with trampoline='bare'"),
        (Caller("fentry", 3), "arm64", "the number of programs is 3"),
        (Caller("fentry", rcu="tasks"), "arm64",  # type: ignore[arg-type]
         "'tasks'.*ctxrace has: preemptible, non-preemptible"),
        (Caller("fentry", interrupts=("irq",)), "arm64", "no interrupt 'irq'; ctxrace has: softirq, hardirq, nmi"),
        (Caller("fentry", sleepable=True, interrupts=("nmi",)), "arm64", "interrupts='nmi' does not go with sleepable"),
        (Caller("fentry", defines=("FOO=1",)), "arm64", "define='FOO=1' is not known; ctxrace has: BPF_UNCHECKED"),
    ],
)
def test_what_does_not_fit_together_is_an_error_that_lists_what_exists(caller: Caller, arch: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        cases(arch=arch, callers=[caller])


def test_an_architecture_without_trampolines_says_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctxrace.bpf.caller.trampolines_of", lambda _: ())
    with pytest.raises(
        ScenarioError,
        match="no trampoline 'fentry' on arm64; it has: bare, raw_tp; trampolines exist for: arm64, x86-64",
    ):
        Caller("fentry").check("arm64")


def test_commands_name_everything() -> None:
    caller = Caller("fexit", 2, False, Rcu.NON_PREEMPTIBLE, ("hardirq", "nmi"), ("BPF_STATS",))
    case = guard_case("arm64-v1", "full", caller=caller, only=("balanced",))
    options = (
        "--preemption full --trampoline fexit --programs 2 --rcu non-preemptible --interrupts hardirq,nmi "
        "-D BPF_STATS --property balanced"
    )
    assert case.command == f"ctxrace bpf --guard arm64-v1 {options}"
    assert case.replay == f"ctxrace replay arm64-v1 {options}"
    assert Caller("fentry", interrupts=()).options == ["--trampoline", "fentry", "--interrupts", "none"]
    assert ALONE.options == []


def test_reports_say_what_the_name_does_not() -> None:
    case = guard_case("arm64-v1", "full", caller=Caller("fentry", 2, rcu=Rcu.NON_PREEMPTIBLE, defines=("BPF_STATS",)))
    result = case.check()
    assert result.case == "arm64-v1 fentry x2"
    assert result.setup.rcu == "non-preemptible"
    assert result.notes[0] == CompiledWith(("BPF_STATS",))


def test_interrupts_are_the_nmi_for_trampolines_and_all_for_the_guard_alone() -> None:
    def levels(caller: Caller) -> tuple[str, ...]:
        return guard_case("arm64-v1", "full", caller=caller).load()[1].levels

    assert levels(ALONE) == ("softirq", "hardirq", "nmi")
    assert levels(Caller("fentry")) == ("nmi",)
    assert levels(Caller("fentry", sleepable=True)) == ()
    assert levels(Caller(interrupts=("hardirq",))) == ("hardirq",)


def test_what_is_the_same_machine_code_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []

    def decide(case: Case, program: Program, scenario: Scenario, progress: Progress) -> Result:
        searched.append(case.guard)
        return really(case, program, scenario, progress)

    really = Case.decide
    monkeypatch.setattr(Case, "decide", decide)
    guards, callers = ["generic", "arm64-merged", "plain-int"], [Caller("fentry")]
    wanted = cases(guards, [Preemption.FULL], arch="x86-64", callers=callers)
    results = list(run(wanted, 1).results)
    assert searched == ["generic", "arm64-merged"]  # __this_cpu_inc_return() is the same xadd
    assert [(result.case, result.command) for result in results] == [(case.label, case.command) for case in wanted]


def test_cases_that_may_be_the_same_machine_code_go_to_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[list[str]] = []

    def each(_decide: object, items: Sequence[Sequence[Case]], *_: object) -> list[None]:
        groups[:] = [[f"{case.guard} {case.caller} {case.preemption}" for case in group] for group in items]
        return [None for _ in items]

    monkeypatch.setattr("ctxrace.bpf.guards.run.each", each)
    models = [Preemption.NONE, Preemption.FULL]
    alone = cases(["arm64-v1", "plain-int"], models)
    called = [case for trampoline in ("fentry", "fexit")
              for case in cases(["arm64-v1", "plain-int"], models[1:], callers=[Caller(trampoline)])]  # fmt: skip
    run([*alone, *called], 2)
    assert groups == [
        ["arm64-v1  none", "arm64-v1  full"],
        ["plain-int  none", "plain-int  full"],
        ["arm64-v1 fentry full", "plain-int fentry full"],
        ["arm64-v1 fexit full", "plain-int fexit full"],
    ]
    run(alone, 3)
    assert groups == [["arm64-v1  none"], ["arm64-v1  full"], ["plain-int  none"], ["plain-int  full"]]
    run(alone, 1)
    assert groups == [["arm64-v1  none", "arm64-v1  full", "plain-int  none", "plain-int  full"]]


def test_an_interrupted_run_begins_no_other_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def decide(case: Case, program: Program, scenario: Scenario, progress: Progress) -> Result:
        del progress
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        verdict = Verdict(scenario.properties[0], Outcome.INCOMPLETE, 1, 1, 0.0, reason=SearchEnded(Interrupted()))
        return Result(Setup(case.label, case.arch, program.compiler, "full", 2, ()), (verdict,), case.command)

    monkeypatch.setattr(Case, "decide", decide)
    wanted = cases(["arm64-v1", "arm64-merged"], [Preemption.FULL], callers=[Caller("fentry")])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    try:
        results, ended = run(wanted, 1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ([result.case for result in results], ended) == (["arm64-v1 fentry"], Interrupted())
    column = ("arm64", "fentry")
    assert cells(wanted, results) == {
        (("arm64-v1", ""), column): results,
        (("arm64-merged", ""), column): [None],
    }


def test_a_limit_of_a_process_is_told_as_what_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def decide(case: Case, program: Program, scenario: Scenario, progress: Progress) -> Result:
        del case, program, scenario, progress
        raise LimitReached(MemoryLimit(30 << 20, "lifting"))

    monkeypatch.setattr(Case, "decide", decide)
    wanted = cases(["arm64-v1", "arm64-merged"], [Preemption.FULL])
    for jobs in (1, 2):
        assert run(wanted, jobs) == ([], MemoryLimit(30 << 20))
