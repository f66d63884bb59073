"""What the search leaves out changes nothing: random small kernels, with every reduction and with none."""

import random
from pathlib import Path

import pytest

from ctxrace.core.property import Property
from ctxrace.explore.search import Limits, search
from ctxrace.kernel.model.assumptions import Assumptions
from ctxrace.kernel.model.build import contexts_of
from ctxrace.kernel.model.flows import CurrentSeen, IdentityEscapes
from ctxrace.kernel.model.monitor import Monitor
from ctxrace.kernel.model.outcome import Outcome
from ctxrace.kernel.model.state import REST, Taken
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.program import load
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.kernel.scenario import Scenario, validate
from ctxrace.machine.image import Image
from ctxrace.machine.memory import RegionKind

STATEMENTS = (
    "x++;",
    "x--;",
    "WRITE_ONCE(y, READ_ONCE(x));",
    "if (READ_ONCE(x) == READ_ONCE(y)) body();",
    "this_cpu_inc(z);",
    "this_cpu_dec(z);",
    "if (this_cpu_inc_return(z) == 1) body();",
    "preempt_disable(); x++; preempt_enable();",
    "local_irq_disable(); y++; x--; local_irq_enable();",
    "local_bh_disable(); WRITE_ONCE(y, 0); local_bh_enable();",
    "if (interrupt_context_level() > READ_ONCE(y)) WRITE_ONCE(x, 2);",
    "if (in_atomic()) WRITE_ONCE(x, 1);",
    "ctxrace_check(READ_ONCE(x) < 3);",
    "cmpxchg(&y, 0, 1);",
    "WRITE_ONCE(x, 0);",
    "WRITE_ONCE(y, 0);",
)
LIMITED = 7  # values wrap, so that no program counts for ever

RUN_CONTEXT = (
    "{{ void *old = current->bpf_ctx; current->bpf_ctx = &{0}; barrier(); {1} barrier(); current->bpf_ctx = old; }}"
)
ANYWHERE = (
    RUN_CONTEXT.format("x", "x++;"),
    RUN_CONTEXT.format("y", "if (READ_ONCE(x)) body();"),
    RUN_CONTEXT.format("x", "x--; WRITE_ONCE(y, READ_ONCE(x));"),
    "rcu_read_lock(); if (this_cpu_inc_return(z) == 1) body(); rcu_read_unlock();",
    "rcu_read_lock(); y++; y--; rcu_read_unlock();",
    "if (in_softirq()) WRITE_ONCE(y, 2);",
    "if (!in_task()) x++;",
)
SLEEPING = (
    "schedule();",
    "schedule();",
    "cond_resched();",
    "might_sleep();",
    "x++; schedule(); x--;",
    "y++; cond_resched(); y--;",
    "this_cpu_inc(z); might_sleep(); this_cpu_dec(z);",
    RUN_CONTEXT.format("y", "schedule(); x++;"),
    RUN_CONTEXT.format("x", "x--; cond_resched();"),
)
LOCKING = (
    "local_lock(&lock); x++; local_unlock(&lock);",
    "local_lock(&lock); WRITE_ONCE(y, 0); body(); local_unlock(&lock);",
)
WRONG = (
    "preempt_disable(); x++; schedule(); preempt_enable();",
    "if (READ_ONCE(x) == 2) { local_bh_disable(); might_sleep(); local_bh_enable(); }",
    "local_irq_disable(); cond_resched(); local_irq_enable();",
    "rcu_read_lock(); if (READ_ONCE(y)) schedule(); rcu_read_unlock();",
    "if (current->bpf_ctx == (void *)&x) WRITE_ONCE(y, 3);",
    "if (current->bpf_ctx) WRITE_ONCE(x, 3);",
)


def random_source(seed: int) -> str:
    rng = random.Random(seed)

    def function(name: str, most: int) -> str:
        return f"void {name}(void) {{ {' '.join(rng.choices(STATEMENTS, k=rng.randint(1, most)))} x &= {LIMITED}; }}"

    handlers = rng.sample(["SOFTIRQ", "HARDIRQ", "NMI"], rng.randint(0, 2))
    entries = ["task", *(level.lower() for level in handlers)]
    return "\n".join(
        [
            f"#define CTXRACE_LSE {rng.randint(0, 1)}",
            "#include <ctxrace/kernel.h>",
            "u8 x, y; DEFINE_PER_CPU(u8, z);",
            "static noinline void body(void) { barrier(); }",
            *(function(entry, 3 if entry == "task" else 2) for entry in entries),
            "CTXRACE_TASKS(2, task); CTXRACE_ATTEMPTS(1);",
            *(f"CTXRACE_{level}({level.lower()});" for level in handlers),
            "CTXRACE_EXCLUSIVE(body); CTXRACE_BALANCED(x); CTXRACE_BALANCED(z); CTXRACE_PROGRESS(task, body);",
        ]
    )


def random_configuration(seed: int) -> str:
    """Return a source of any preemption model, whose tasks sleep, lock, and have a context of their own."""
    rng = random.Random(seed)
    model = rng.choice(list(Preemption))
    rt = model is Preemption.RT
    handlers = rng.sample(["SOFTIRQ", "HARDIRQ", "NMI"], rng.randint(0, 2))
    fifo = rng.randint(0, 2) if rng.random() < 0.4 else 0

    def function(name: str, most: int) -> str:
        locks = LOCKING if not rt or name in ("task", "softirq") else ()
        sleeps = SLEEPING if name == "task" else ()
        pools = [pool for pool in (STATEMENTS, ANYWHERE, sleeps, sleeps, locks) if pool]
        chosen = [rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, most))]
        if rng.random() < 0.1:
            chosen.append(rng.choice(WRONG))
        return f"void {name}(void) {{ {' '.join(chosen)} x &= {LIMITED}; y &= {LIMITED}; }}"

    tasks = [("TASKS", 2 - fifo), ("FIFO_TASKS", fifo)]
    return "\n".join(
        [
            f"#define CTXRACE_LSE {rng.randint(0, 1)}",
            f"#define CTXRACE_PREEMPT_RCU {1 if rt else rng.randint(0, 1)}",
            f"#define CTXRACE_PREEMPT_RT {int(rt)}",
            "#include <ctxrace/kernel.h>",
            "u8 x, y; DEFINE_PER_CPU(u8, z); DEFINE_PER_CPU(local_lock_t, lock);",
            "static noinline void body(void) { barrier(); }",
            function("task", 3 - len(handlers) // 2),
            *(function(level.lower(), 3 - len(handlers)) for level in handlers),
            *(f"CTXRACE_{kind}({count}, task);" for kind, count in tasks if count),
            f"CTXRACE_ATTEMPTS({2 if not handlers and rng.random() < 0.3 else 1}); CTXRACE_PREEMPTION({model});",
            *(f"CTXRACE_{level}({level.lower()});" for level in handlers),
            "CTXRACE_ENTRY_WINDOW();" if len(handlers) == 1 and rng.random() < 0.4 else "",
            "CTXRACE_EXCLUSIVE(body); CTXRACE_BALANCED(x); CTXRACE_BALANCED(z); CTXRACE_PROGRESS(task, body);",
        ]
    )


class Uncounted(KernelSystem):
    """Count nothing for an access to bpf_ctx, which is an event where interrupts can tell whom they cut in on."""

    def _take(self, current: int, top: int, outcome: Outcome) -> Taken:
        taken = super()._take(current, top, outcome)
        places = [self.layout.locate(touch.address, self.identity(current)) for touch in outcome.touches]
        if places and all(kind is RegionKind.OWN and at in self.layout.struct.run_context for kind, at in places):
            return taken._replace(events=0)
        return taken


class Unreduced(Uncounted):
    """Tell tasks apart, let interrupts tell whom they cut in on, and preempt tasks that have done nothing yet."""

    def _leave(self, current: int) -> int | None:
        task = self.tasks.values[current]
        return super()._leave(current if task.flow == REST else self.tasks(task._replace(begun=True)))

    def _may_pass(self, task: int) -> bool:  # noqa: ARG002 - it begins and is preempted in steps of their own
        return False


def made(kind: type[KernelSystem], image: Image, scenario: Scenario, assumed: Assumptions) -> KernelSystem:
    """Return a system of this kind for one CPU."""
    contexts = contexts_of(image, scenario, assumed)
    return kind(contexts[0], Monitor(scenario.properties, contexts))


Lengths = dict[Property, tuple[int, int]]


def decide(system: KernelSystem, limits: Limits | None = None) -> tuple[int, Lengths, bool]:
    """Return the number of states, the lengths that are known to be the shortest, and whether all states were seen."""
    found = search(system, frozenset(), limits)
    lengths = {
        prop: (sum(step.switches for _, step in found.runs[prop]), sum(step.events for _, step in found.runs[prop]))
        for prop in found.shortest
    }
    return found.states, lengths, found.exhausted


def reduce(image: Image, scenario: Scenario, limits: Limits | None = None) -> tuple[bool, int, Lengths]:
    """Return whether all reductions applied, and what the search says with those that do."""
    for symmetric, blind in ((True, True), (True, False), (False, False)):
        try:
            states, lengths, _ = decide(made(Uncounted, image, scenario, Assumptions(symmetric, blind)), limits)
            return blind, states, lengths
        except (IdentityEscapes, CurrentSeen):
            continue
    raise AssertionError


def compare(folder: Path, seed: int, source: str, limits: Limits | None = None) -> bool:
    """Return whether the reductions applied, after comparing the verdicts and lengths with those without.

    limits: where to stop both searches; what is violated within them is compared.
    """
    path = folder / "random.c"
    path.write_text(source)
    program = load(path, optimize=random.Random(seed).choice(["-O1", "-O2", "-Os"]), cache=folder)
    scenario = validate(program.scenario, program.image)
    unreduced = made(Unreduced, program.image, scenario, Assumptions(symmetric=False, blind=False))
    plain, expected, all_seen = decide(unreduced, limits)
    all_applied, reduced, lengths = reduce(program.image, scenario, limits)
    if all_seen:
        assert lengths == expected, path.read_text()
        assert reduced <= plain
    assert lengths.items() >= expected.items(), path.read_text()
    return all_applied


@pytest.mark.parametrize("seed", range(24))
def test_random_kernels(tmp_path: Path, seed: int) -> None:
    assert compare(tmp_path, seed, random_source(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_many_random_kernels(tmp_path: Path, seed: int) -> None:
    assert compare(tmp_path, seed, random_source(seed))


@pytest.mark.parametrize("seed", range(20))
def test_random_configurations(tmp_path: Path, seed: int) -> None:
    compare(tmp_path, seed, random_configuration(seed), Limits(10_000))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1400))
def test_many_random_configurations(tmp_path: Path, seed: int) -> None:
    compare(tmp_path, seed, random_configuration(seed), Limits(100_000))
