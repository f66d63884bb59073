"""The table guard x preemption model x RCU flavour x sleepable x CPUs: pinned, and as the specification has it.

The specification's lines have a price here: the events of the machine code that they stand for (arm64, clang -O2).

========================================  ==========================================================================
a load, a store, preempt_disable(), ...   1
rcu_read_lock(), rcu_read_unlock()        1, where RCU is not preemptible: a store to the preempt count; else no line
migrate_disable(), migrate_enable()       1, with more than one CPU: to current->migration_disabled; else no line
this_cpu_ptr()                            1, with more than one CPU: ``mrs tpidr_el1``; else no line
this_cpu_inc_return(), this_cpu_dec()     3: two stores of the preempt count, ldadd; with more than one CPU 4: mrs
the beginning of a sleepable program      1 more: might_fault() of enter, which the specification does not have
schedule()                                0, and body() after it 1 more: here a task that blocks stands before it,
                                          there after it
an enter that says no                     1 more with more than one CPU: the misses counter is no event, its address is
========================================  ==========================================================================

Two things are counted where they happen here, and later or not at all there. A task that migrates leaves a CPU: that
is a switch, where nobody has taken it from there already. And one that comes with its body to a CPU where the body is
active breaks `exclusive` by that, not by its next event. With these prices the shortest length of every violation is
the same.
"""

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from ctxrace.bpf.caller import Caller
from ctxrace.bpf.guards.case import Case
from ctxrace.bpf.guards.run import run
from ctxrace.bpf.models import UNPINNED, cells, model_cases
from ctxrace.bpf.specification import (
    COMPILED,
    EXCLUSIVE,
    Callers,
    Kernel,
    Program,
    Specification,
    State,
    schedule,
    specify,
)
from ctxrace.bpf.specification.code import body, dec, inc_return
from ctxrace.cli.models import CORNER, REMARKS, TITLE
from ctxrace.core.errors import ScenarioError
from ctxrace.core.system import Step
from ctxrace.core.verdict import Outcome, Result
from ctxrace.explore.search import search
from ctxrace.kernel.change import TaskCount
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption, Rcu
from ctxrace.report.models import render_models

from .guard_cases import cases, guard_case

GUARD = {file: guard for guard, files in COMPILED.items() for file in files}
KEYS = model_cases()
Lengths = dict[str, tuple[int, int]]


class Priced:
    """The specification, each line at its price. sleepable: whether the program is."""

    properties = Specification.properties

    def __init__(self, system: Specification, sleepable: bool) -> None:
        self.system, self.sleepable, self.several = system, sleepable, len(system.cpus) > 1

    def initial(self) -> State:
        return self.system.initial()

    def steps(self, state: State) -> Iterator[Step]:
        for step in self.system.steps(state):
            choice = self.system.choice(step)
            who, cpu, _ = choice
            leaves = any(task == who and there != cpu for there, task in enumerate(state.current))
            yield step._replace(switches=step.switches + leaves, events=self.price(state, step))

    def price(self, state: State, step: Step) -> int:
        system, choice = self.system, self.system.choice(step)
        before, me = state.contexts[choice.who], system.taking(state, choice)
        code = system.code[choice.who]
        line = code.lines[me.at]
        enters = system.act(state.active, choice.who, me, system.rctx_now(state.contexts, choice.who, me))[2]
        if before.cpu != choice.cpu and EXCLUSIVE in step.broken and not enters:
            return 0
        price = 3 + self.several if line in (inc_return, dec) else int(line is not schedule)
        price += self.sleepable * ((me.at == 0) + (line is body))
        return price + (self.several and me.at + 1 in code.answers and not enters)

    def lengths(self) -> Lengths:
        """Switches and events of the shortest violation of each kind of property."""
        found = search(self)
        assert found.exhausted or set(found.runs) == set(self.properties)
        return {
            broken.kind: (sum(step.switches for _, step in steps), sum(step.events for _, step in steps))
            for broken, steps in found.runs.items()
        }


def specified(case: Case, *, fifo: int = 0, entry_window: bool = False) -> Lengths:
    interrupts = tuple(Level[name.upper()] for name in case.caller.interrupts or ())
    caller = case.caller
    tasks = sum(count.count for count in case.change.tasks or (TaskCount(2),))
    rcu, pinned = caller.rcu == "preemptible", UNPINNED not in caller.defines
    system = specify(
        GUARD[case.guard],
        Kernel(case.preemption, rcu, case.change.cpus or 1, migrate_disable=pinned),
        Program(caller.sleepable),
        Callers(tasks + fifo, interrupts, fifo=fifo, entry_window=entry_window),
    )
    return Priced(system, case.caller.sleepable).lengths()


def by_kind(result: Result) -> Lengths:
    assert all(verdict.outcome is not Outcome.INCOMPLETE for verdict in result.verdicts)
    return {
        verdict.property.kind: (verdict.interleaving.switches, len(verdict.interleaving.events))
        for verdict in result.verdicts
        if verdict.interleaving is not None
    }


@cache
def decided() -> dict[Case, Result]:
    return dict(zip(KEYS, run(list(KEYS), 2).results, strict=True))


def test_every_cell_is_as_specified() -> None:
    found = {case.command: by_kind(result) for case, result in decided().items()}
    assert found == {case.command: specified(case) for case in KEYS}


def test_the_table_is_pinned(golden: Callable[[str, str], None]) -> None:
    results = list(decided().values())
    golden("models-table.txt", render_models(cells(KEYS, results), TITLE, CORNER, REMARKS))
    lines = []
    for case, (place, row, column) in KEYS.items():
        told = " ".join(f"{kind} {s}/{e}" for kind, (s, e) in by_kind(decided()[case]).items()) or "holds"
        verdict = decided()[case].verdicts[0]
        where = f"{place.title.partition(';')[0]}: {' '.join(row)}, {column}"
        lines.append(f"{where}: {told}; {verdict.states:,} states, {verdict.transitions:,} transitions")
    golden("models-states.txt", "\n".join(lines) + "\n")


def test_debians_kernel_for_arm64() -> None:
    # 7.2: PREEMPT_LAZY without PREEMPT_RCU.
    def outcome(guard: str, sleepable: bool) -> str:
        caller = Caller("fentry", 1, sleepable, Rcu.NON_PREEMPTIBLE, None if sleepable else ())
        return str(decided()[next(c for c in KEYS if (c.guard, c.preemption, c.caller, c.change.cpus) ==
                                  (guard, "lazy", caller, None))].outcome)  # fmt: skip

    assert [outcome("arm64-v1", sleepable) for sleepable in (False, True)] == ["holds", "violated"]
    assert [outcome("arm64-merged", sleepable) for sleepable in (False, True)] == ["holds", "holds"]


@pytest.mark.parametrize(
    ("guard", "tasks", "fifo", "sleepable"),
    [("arm64-v1", 1, 1, False), ("arm64-v1", 2, 1, False), ("arm64-v1", 1, 1, True), ("arm64-merged", 2, 1, True)],
)
def test_a_real_time_task_tears_its_victims_increment_only_if_it_blocks(
    guard: str, tasks: int, fifo: int, sleepable: bool
) -> None:
    caller = Caller("fentry", sleepable=sleepable, interrupts=None if sleepable else ())
    case = guard_case(guard, "full", tasks, caller=caller, fifo_tasks=fifo)
    found = by_kind(case.check())
    assert found == specified(case, fifo=fifo)
    assert bool(found) == (guard == "arm64-v1" and (tasks, sleepable) != (1, False))


@pytest.mark.parametrize("guard", ["generic-lse", "arm64-v1", "arm64-merged"])
@pytest.mark.parametrize(("preemption", "tasks"), [("none", 2), ("full", 2), ("full", 1)])
def test_the_entry_window_changes_no_verdict(guard: str, preemption: str, tasks: int) -> None:
    caller = Caller("fentry", interrupts=("hardirq", "nmi"))
    plain, window = (guard_case(guard, preemption, tasks, caller=caller, entry_window=on) for on in (False, True))
    found = by_kind(window.check())
    assert found == by_kind(plain.check()) == specified(window, entry_window=True)


def test_commands_name_the_machine() -> None:
    case = guard_case("arm64-v1", "lazy", 1, caller=Caller("fentry", defines=(UNPINNED,)), cpus=2, entry_window=True,
                fifo_tasks=3)  # fmt: skip
    assert case.command == (
        "ctxrace bpf --guard arm64-v1 --preemption lazy --trampoline fentry -D BPF_NO_MIGRATE_DISABLE --tasks 1 "
        "--fifo-tasks 3 --cpus 2 --entry-window"
    )


def test_rt_has_preemptible_rcu_only() -> None:
    with pytest.raises(ScenarioError, match="preemption='rt' does not go with rcu='non-preemptible': PREEMPT_RT has"):
        cases(["arm64-v1"], [Preemption.RT], callers=[Caller("fentry", rcu=Rcu.NON_PREEMPTIBLE)])
    with pytest.raises(ScenarioError, match="no guard 'v1'; ctxrace has: generic-lse"):
        model_cases(["v1"])


@pytest.mark.parametrize("arch", ["x86-64", "riscv64"])
def test_one_cpu_where_more_are_not_modelled(arch: str) -> None:
    trampoline = {"x86-64": "fentry", "riscv64": "raw_tp"}[arch]
    with pytest.raises(ScenarioError, match=f"more than one is not modelled on {arch}: .*; pass cpus=1"):
        guard_case("arm64-v1", "full", arch=arch, caller=Caller(trampoline), cpus=2).check()
