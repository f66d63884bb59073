"""What the search leaves out changes nothing: random small kernels, with every reduction and with none."""

import random
from pathlib import Path

import pytest

from ctxrace.core.property import Property
from ctxrace.explore.search import search
from ctxrace.kernel.flows import CurrentSeen, IdentityEscapes
from ctxrace.kernel.position import REST
from ctxrace.kernel.program import load
from ctxrace.kernel.scenario import validate
from ctxrace.kernel.system import KernelSystem

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


class Unreduced(KernelSystem):
    """Tell tasks apart, let interrupts tell whom they cut in on, and preempt tasks that have done nothing yet."""

    def _leave(self, current: int) -> int | None:
        task = self.tasks.values[current]
        return super()._leave(current if task.flow == REST else self.tasks(task._replace(begun=True)))


def decide(system: KernelSystem) -> tuple[int, dict[Property, tuple[int, int]]]:
    found = search(system, frozenset())
    lengths = {
        prop: (sum(step.switches for _, step in run), sum(step.events for _, step in run))
        for prop, run in found.runs.items()
    }
    return found.states, lengths


def compare(folder: Path, seed: int) -> bool:
    """Return whether the reductions applied, after comparing the verdicts and lengths with those without."""
    path = folder / "random.c"
    path.write_text(random_source(seed))
    program = load(path, optimize=random.Random(seed).choice(["-O1", "-O2", "-Os"]), cache=folder)
    scenario = validate(program.scenario, program.image)
    plain, expected = decide(Unreduced(program.image, scenario, folded=False, blind=False))
    try:
        reduced, lengths = decide(KernelSystem(program.image, scenario))
    except (IdentityEscapes, CurrentSeen):
        return False
    assert lengths == expected, path.read_text()
    assert reduced <= plain
    return True


@pytest.mark.parametrize("seed", range(24))
def test_random_kernels(tmp_path: Path, seed: int) -> None:
    assert compare(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_many_random_kernels(tmp_path: Path, seed: int) -> None:
    assert compare(tmp_path, seed)
