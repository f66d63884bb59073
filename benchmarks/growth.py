"""Show how proofs grow with tasks, interrupt levels, guards in sequence, and CPUs. CPU seconds, in one run.

Run as ``python -m benchmarks.growth``; ``--short`` leaves out what takes more than some seconds. Each row is searched
to its end in a process of its own, and takes nothing from earlier runs; where the search of every state is possible in
reasonable time, it stands beside.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.plot import plot
from rich.console import Console
from rich.table import Table

from ctxrace.bpf.guards.known import guard_path
from ctxrace.explore.watch import Engine, Limits
from ctxrace.kernel.check import explore
from ctxrace.kernel.program import load
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.scenario import validate
from ctxrace.machine.findings.store import OFF

PLOTS = Path(__file__).parent / "plots"
LEVELS = (Level.NMI, Level.HARDIRQ, Level.SOFTIRQ)
SEQUENCE = """#define CTXRACE_SMP {smp}
#include <ctxrace/kernel.h>
{declared}
static noinline void body(void) {{ barrier(); }}
void attempt(void)
{{
{guards}
}}
CTXRACE_TASKS(2, attempt); CTXRACE_SOFTIRQ(attempt); CTXRACE_HARDIRQ(attempt); CTXRACE_NMI(attempt);
CTXRACE_EXCLUSIVE(body);
"""
GUARD = """	{{
		u8 level = interrupt_context_level(), *counts = this_cpu_ptr(active{k});
		u32 all;
		preempt_disable(); counts[level]++; all = *(u32 *)counts; preempt_enable();
		if (all == BIT(level * 8))
			body();
		preempt_disable(); counts[level]--; preempt_enable();
	}}
"""


class Size(NamedTuple):
    """What is searched: `guard` or a file with so many guards in sequence; `plainly`: also by every state."""

    what: str
    guard: str = "arm64-merged"
    tasks: int = 2
    levels: int = 3
    sequence: int = 0
    cpus: int = 1
    plainly: bool = True


def sizes(short: bool) -> Iterator[Size]:
    """Return the rows of the table."""
    for tasks in (2, 4, 8, 16, 32, 64) if short else (2, 4, 8, 16, 32, 64, 128, 255, 256):
        yield Size("tasks", tasks=tasks, plainly=tasks <= 8)
    for levels in range(4):
        yield Size("levels", levels=levels)
    for number in (1, 2, 4) if short else (1, 2, 3, 4, 6, 8):
        yield Size("guards in sequence", sequence=number, plainly=number == 1)
    for cpus, levels in ((1, 1), (2, 1), (2, 2), (2, 3)):
        yield Size("CPUs, levels", levels=levels, cpus=cpus, plainly=levels == 1)
    if not short:
        yield Size("arm64-v1, to its end", guard="arm64-v1", plainly=False)


def measure(size: Size, engine: Engine) -> tuple[int, float, int, bool]:
    """Return states, CPU seconds, the process's MB, and whether everything holds."""
    with tempfile.TemporaryDirectory() as folder:
        if size.sequence:
            path = Path(folder) / "sequence.c"
            declared = "\n".join(f"DEFINE_PER_CPU(u8, active{k}[4]) __aligned(8);" for k in range(size.sequence))
            guards = "".join(GUARD.format(k=k) for k in range(size.sequence))
            path.write_text(SEQUENCE.format(smp=0, declared=declared, guards=guards))
            program = load(path)
        else:
            flags = ["-DCTXRACE_SMP=1"] if size.cpus > 1 else []
            program = load(guard_path(size.guard, "arm64"), flags=flags)
    scenario = program.scenario
    levels = LEVELS[: size.levels]
    scenario = replace(
        scenario,
        tasks=(replace(scenario.tasks[0], count=size.tasks),),
        handlers=tuple(handler for handler in scenario.handlers if handler.level in levels),
        cpus=size.cpus,
    )
    scenario = validate(scenario, program.image)
    began = time.process_time()
    _, found = explore(program, scenario, Limits(engine=engine), everything=True)
    seconds = time.process_time() - began
    return found.states, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, not found.runs


def main(short: bool) -> None:
    """Print one table, and draw how it grows."""
    table = Table("what", "", "summaries: states", "s", "MB", "every state", "s", "ratio of states", "of seconds")
    lines: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for size in sizes(short):
        counted = {"tasks": size.tasks, "levels": size.levels, "guards in sequence": size.sequence}
        number = counted.get(size.what, size.cpus)
        mine = _apart(size, Engine.SUMMARIES)
        plain = _apart(size, Engine.REFERENCE) if size.plainly else None
        drawn = lines.setdefault(size.what, {})
        drawn.setdefault("summaries", []).append((number + (size.what == "levels"), mine[0]))
        if plain:
            drawn.setdefault("every state", []).append((number + (size.what == "levels"), plain[0]))
        told = f"{number}" + (f", {size.levels}" if size.what == "CPUs, levels" else "")
        table.add_row(
            size.what, told + ("" if mine[3] else ", violated"), f"{mine[0]:,}", f"{mine[1]:.2f}", f"{mine[2]}",
            *((f"{plain[0]:,}", f"{plain[1]:.2f}", f"{plain[0] / mine[0]:.1f}", f"{plain[1] / mine[1]:.1f}")
              if plain else ("", "", "", "")),
        )  # fmt: skip
    Console(width=110).print(table)  # whole cells, also in a pipe
    for what in ("tasks", "levels", "guards in sequence"):
        across = "levels, and 1" if what == "levels" else what
        plot(PLOTS / f"{what.replace(' ', '-')}.svg", f"arm64-merged: states by {what}", across, "states", lines[what])


def _apart(size: Size, engine: Engine) -> tuple[int, float, int, bool]:
    """Measure in a process of its own, so that its memory is its own, and that uses no findings of earlier ones."""
    words = [sys.executable, "-m", "benchmarks.growth", "--one", json.dumps([*size]), engine]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, OFF: "1"})
    if done.returncode:
        sys.exit(done.stderr)
    states, seconds, megabytes, holds = json.loads(done.stdout)
    return states, seconds, megabytes, holds


if __name__ == "__main__":
    if "--one" in sys.argv:
        print(json.dumps(measure(Size(*json.loads(sys.argv[2])), Engine(sys.argv[3]))))
    else:
        main("--short" in sys.argv)
