"""Random small kernels: C files with four entries each, and scenarios that run them.

Their variables hold 0 to 3, so that most searches end soon. Each file is compiled once and has many scenarios.
"""

import random
from dataclasses import replace

from ctxrace.core.property import Property
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.kernel.scenario import Handler, Scenario, Tasks, balanced, exclusive, progress, recovers

__all__ = ["ENTRIES", "random_scenario", "random_text"]

ENTRIES = ("task_a", "task_b", "any_a", "any_b")
"""The last two can run in every context, the first two only in tasks."""

_DECLARED = """
u8 x, y; static unsigned long word; struct task_struct *who;
DEFINE_PER_CPU(u8, p);
noinline void body(void) { barrier(); }
"""


class _Writer:
    def __init__(self, rng: random.Random, smp: bool) -> None:
        self.rng, self.smp, self.depth = rng, smp, 0

    def variable(self) -> str:
        local = "*raw_cpu_ptr(&p)" if self.smp and self.rng.random() < 0.5 else "*this_cpu_ptr(&p)"
        return self.rng.choice(["x", "x", "y", local])

    def block(self, task: bool, sleeps: bool) -> str:
        self.depth += 1
        length = self.rng.randint(1, 3 if self.depth == 1 else 2)
        found = " ".join(self.statement(task, sleeps) for _ in range(length))
        self.depth -= 1
        return found

    def statement(self, task: bool, sleeps: bool) -> str:
        rng, v, k = self.rng, self.variable(), self.rng.randrange(3)
        plain = [
            f"WRITE_ONCE({v}, {k});",
            f"WRITE_ONCE({v}, (READ_ONCE({v}) + 1) & 3);",
            f"WRITE_ONCE({v}, (READ_ONCE({v}) - 1) & 3);",
            f"WRITE_ONCE({v}, READ_ONCE({self.variable()}));",
            "body();",
            "body();",
            f"this_cpu_write(p, {k});",
            f"xchg(&word, {k});",
            f"cmpxchg(&word, {k}, {rng.randrange(3)});",
            f"if (READ_ONCE({v}) == {k}) body();",
        ]
        if rng.random() < 0.05:
            return f"ctxrace_check(READ_ONCE({v}) != {k});"
        if rng.random() < 0.02:
            return "WRITE_ONCE(who, current);"
        if rng.random() < 0.02:
            return f"while (READ_ONCE({v}) == {k}) cpu_relax();"
        if rng.random() < 0.03:  # what ends a run: a count that is not put back, a call that must not be here
            return rng.choice(["preempt_disable();", "might_sleep();", "*(volatile int *)8 = 1;"])
        if task and sleeps and rng.random() < 0.08:
            return rng.choice(["schedule();", "cond_resched();", "might_sleep();"])
        if self.depth > 2 or rng.random() < 0.55:
            return rng.choice(plain)
        if rng.random() < 0.4:
            return f"if (READ_ONCE({v}) == {k}) {{ {self.block(task, sleeps)} }} else {{ {self.block(task, sleeps)} }}"
        around = ["preempt_disable(); {} preempt_enable();", "rcu_read_lock(); {} rcu_read_unlock();"]
        around.append(
            f"{{ unsigned long f{self.depth}; local_irq_save(f{self.depth}); {{}} local_irq_restore(f{self.depth}); }}"
        )
        around += ["local_bh_disable(); {} local_bh_enable();"] * task
        around += ["migrate_disable(); {} migrate_enable();"] * (task and self.smp)
        form = rng.choice(around)
        inner = self.block(task, sleeps and form.startswith("migrate"))
        return form.replace("{}", inner) if "{{" not in form else form.format(inner)


def random_text(rng: random.Random, *, smp: bool = False, rt: bool = False) -> str:
    """Return a C file with `ENTRIES`. smp: for several CPUs; rt: for PREEMPT_RT."""
    head = f"#define CTXRACE_LSE {rng.randrange(2)}\n#define CTXRACE_PREEMPT_RCU {int(rt or rng.random() < 0.5)}\n"
    head += "#define CTXRACE_SMP 1\n" * smp + "#define CTXRACE_PREEMPT_RT 1\n" * rt
    writer = _Writer(rng, smp)
    entries = [
        f"void {name}(void) {{ {writer.block(name.startswith('task'), name.startswith('task'))} }}" for name in ENTRIES
    ]
    return head + "#include <ctxrace/kernel.h>\n" + _DECLARED + "\n".join(entries) + "\n"


def random_scenario(rng: random.Random, base: Scenario, *, cpus: int = 1) -> Scenario:
    """Return a scenario for a file of `random_text`, whose own scenario is `base`."""
    names = rng.sample(ENTRIES, rng.choice((1, 1, 2)))
    count = 1 if len(names) == 2 or cpus > 1 else rng.choice((1, 2, 2))
    tasks = tuple(Tasks(count, name, rng.random() < 0.1) for name in names)
    levels = [
        level for level in (Level.SOFTIRQ, Level.HARDIRQ, Level.NMI) if rng.random() < (0.5 if cpus == 1 else 0.3)
    ]
    handlers = [Handler(level, rng.choice(ENTRIES[2:])) for level in levels]
    if handlers and rng.random() < 0.2:
        handlers.append(Handler(rng.choice(levels), rng.choice(ENTRIES[2:])))
    models = [model for model in Preemption if (model is Preemption.RT) == base.rt]
    entries = [*names, *(handler.entry for handler in handlers)]
    wanted: list[Property] = [exclusive("body")]
    wanted += [balanced(rng.choice(("x", "y", "p")))] * (rng.random() < 0.7)
    wanted += [recovers(rng.choice(entries), "body")] * (rng.random() < 0.4)
    wanted += [progress(rng.choice(entries), "body")] * (rng.random() < 0.4)
    return replace(
        base,
        tasks=tasks,
        handlers=tuple(sorted(set(handlers), key=lambda handler: (handler.level, handler.entry))),
        preemption=rng.choice(models),
        properties=tuple(wanted),
        cpus=cpus,
        attempts=rng.choice((None, None, None, 1, 2)) if cpus == 1 else 1,
        entry_window=bool(handlers) and rng.random() < 0.25,
    )
