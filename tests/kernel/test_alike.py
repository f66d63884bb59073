"""Tasks count as one another only where they do the same: all of them, however many there are."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ctxrace.core.errors import LimitReached
from ctxrace.core.limits import Budget, within
from ctxrace.explore.expand import expand
from ctxrace.explore.watch import Limits
from ctxrace.kernel.check import check, explore
from ctxrace.kernel.model.build import system_for
from ctxrace.kernel.model.flows import Flows, IdentityEscapes
from ctxrace.kernel.model.groups import fresh_task_struct
from ctxrace.kernel.model.layout import Layout
from ctxrace.kernel.model.outcome import Outcome as StepOutcome
from ctxrace.kernel.model.outcome import Role
from ctxrace.kernel.model.state import Group
from ctxrace.kernel.program import Program, load
from ctxrace.kernel.scenario import Tasks, validate
from ctxrace.machine.evaluate import Effect
from ctxrace.machine.facts import Facts
from ctxrace.machine.memory import Memory

from .cases import Build, length
from .random_kernels import random_scenario, random_text

ARCHITECTURES = ("arm64", "x86-64", "riscv64")

# What a task can do with its address or its pid, and whether another one would do something else.
USES = {
    "WRITE_ONCE(x, current->pid);": True,
    "if (current->pid == 120) WRITE_ONCE(x, 1);": True,
    "WRITE_ONCE(x, ((unsigned long)current >> 20) & 1);": True,
    "if ((unsigned long)current & 64) WRITE_ONCE(x, 1);": True,
    "WRITE_ONCE(x, (unsigned char)(unsigned long)current);": True,
    "{ int here; if ((unsigned long)&here > 0xffff000200100000) WRITE_ONCE(x, 1); }": True,
    "WRITE_ONCE(p, current);": True,
    "if (READ_ONCE(p) == current) WRITE_ONCE(x, 1);": False,  # there never is an address in it
    "if (current) WRITE_ONCE(x, 1);": False,
    "{ volatile int here[4] = { 0, 1, 2, 3 }; WRITE_ONCE(x, here[READ_ONCE(x) & 3]); }": False,
    "preempt_disable(); WRITE_ONCE(x, 1); preempt_enable();": False,
    "{ struct task_struct *volatile me = current; WRITE_ONCE(x, me != 0); }": False,
}


@pytest.mark.parametrize("use", USES)
def test_uses_of_what_is_a_tasks_own(build: Build, use: str) -> None:
    """With more tasks than would be tried one by one without a reason."""
    program = build(f"int x; struct task_struct *p; void e(void) {{ {use} }} CTXRACE_TASKS(30, e);")
    limits = Limits(max_states=300)  # told apart, thirty would take long
    system, _ = explore(program, validate(program.scenario, program.image), limits, everything=True)
    assert system.cpus[0].contexts.symmetric is not USES[use]


def test_starts_are_not_compared(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry begins with the task's stack pointer and `current`: that alone makes no difference to another task."""
    compared: list[object] = []
    monkeypatch.setattr(Flows, "_compare_identities", lambda *step: compared.append(step))
    program = build("""
        int x; static noinline void body(void) { barrier(); }
        void t(void) {
            preempt_disable(); WRITE_ONCE(x, READ_ONCE(x) & 3); body(); preempt_enable();
        }
        CTXRACE_TASKS(1000, t); CTXRACE_NMI(t); CTXRACE_EXCLUSIVE(body);""")
    check(program, limits=Limits(max_states=100))
    assert not compared


def test_the_pid_of_a_far_task(build: Build) -> None:
    result = check(build("void t(void) { ctxrace_check(current->pid != 120); } CTXRACE_TASKS(25, t);"))
    assert length(result) == (0, 1)


def test_an_address_bit_of_a_far_task(build: Build) -> None:
    """Only the 17th and 18th task take the other branch."""
    program = build("""
        static noinline void body(void) { barrier(); }
        void t(void) {
            if (((u64)current >> 20) & 1) { body(); return; }
            preempt_disable(); body(); preempt_enable();
        }
        CTXRACE_TASKS(18, t); CTXRACE_EXCLUSIVE(body);""")
    assert length(check(program), "exclusive(body)") == (1, 0)


def random_program(seed: int, folder: Path) -> tuple[Program, random.Random]:
    """Return a random program, for another architecture with each seed, and what its scenarios are drawn from."""
    path, rng = folder / "random.c", random.Random(seed)
    path.write_text(random_text(rng), encoding="utf-8")
    arch, optimize = ARCHITECTURES[seed % len(ARCHITECTURES)], rng.choice(["-O0", "-O1", "-O2", "-Os"])
    return load(path, arch=arch, optimize=optimize, cache=folder), rng


@pytest.mark.parametrize("seed", range(16))
def test_steps_that_need_no_comparison_are_alike(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not compared; here they are, with tasks near and far."""
    evaluate = Flows._evaluate
    tried = 0

    def thoroughly(
        self: Flows, what: Role | int, identity: int, shared: bytes, own: bytes
    ) -> tuple[StepOutcome, Memory, bool]:
        nonlocal tried
        outcome, memory, alike = evaluate(self, what, identity, shared, own)
        if alike:
            tried += 1
            monkeypatch.setattr(self, "_symmetric", (0, 1, 2, 3, 15, 16, 17, 100, 255))
            try:
                self._compare_identities(what, identity, shared, own, outcome, memory)
            except IdentityEscapes:
                pytest.fail(f"{what} does something else for another task")
        return outcome, memory, alike

    monkeypatch.setattr(Flows, "_evaluate", thoroughly)
    program, rng = random_program(seed, tmp_path)
    for _ in range(4):
        scenario = random_scenario(rng, program.scenario)
        many = tuple(replace(group, count=group.count + 300) for group in scenario.tasks)
        scenario = validate(replace(scenario, tasks=many), program.image)
        explore(program, scenario, Limits(max_states=200), everything=True)
    assert tried


@pytest.mark.parametrize("seed", range(9))
def test_flags_that_nobody_reads_make_no_difference(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not computed; here each step is taken again with all of them."""
    evaluate = Flows._evaluate
    shorter = 0

    def twice(self: Flows, *step: Any) -> tuple[StepOutcome, Memory, bool]:  # noqa: ANN401
        nonlocal shorter
        machine, found = self.machine, evaluate(self, *step)
        shorter += sum(machine.liveness.without_unread(machine.code[at]) != machine.code[at] for at in machine.effects)
        with monkeypatch.context() as patched:
            patched.setattr(machine, "effects", Facts(machine.code, lambda it: Effect(it, machine.arch)))
            outcome, memory, _ = evaluate(self, *step)
        assert outcome == found[0] and memory.reads == found[1].reads
        return found

    monkeypatch.setattr(Flows, "_evaluate", twice)
    program, rng = random_program(seed, tmp_path)
    for _ in range(2):
        scenario = validate(random_scenario(rng, program.scenario), program.image)
        explore(program, scenario, Limits(max_states=200), everything=True)
    assert bool(shorter) is (program.image.arch.name != "riscv64")  # which has no flags


def test_many_tasks_that_are_told_apart_are_placed_within_the_budget(build: Build) -> None:
    program = build("int x; void e(void) { WRITE_ONCE(x, current->pid); } CTXRACE_TASKS(100000, e);")
    group, layout = Group(1, "e", 7), Layout(program.image, 100_000)
    assert fresh_task_struct(layout, group) == layout.task_struct(7)
    with within(Budget(timeout=0)), pytest.raises(LimitReached, match="while placing tasks in memory"):
        fresh_task_struct(layout, group)
    system = system_for(program.image, replace(program.scenario, tasks=(Tasks(2, "e"),)))
    with within(Budget(timeout=0)), pytest.raises(LimitReached, match="while beginning entries"):
        expand(system, system.initial())
