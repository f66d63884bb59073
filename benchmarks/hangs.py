"""Measure what the detection of hangs costs: the same searches with it and without, to their end, in one run.

Run as ``python -m benchmarks.hangs``. Each search has a process of its own, so that its memory is its own, and takes
nothing from earlier runs. The seconds are CPU time of a search whose steps are all known, so that nothing hides the
cost; the memory is what the process has grown by since its program was loaded.
"""

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from ctxrace.bpf.guards.known import guard_path
from ctxrace.explore.search import Exploration, search
from ctxrace.explore.summaries import summarized
from ctxrace.explore.watch import Engine
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.model.build import nested, system_for
from ctxrace.kernel.program import load
from ctxrace.kernel.properties.hang import HANG
from ctxrace.kernel.scenario import validate
from ctxrace.machine.findings.store import OFF

TASKS = (3, 16)
RUNS = 5


class Cost(NamedTuple):
    """What a search took. seconds: of CPU time; kilobytes: of the process, at most."""

    states: int
    seconds: float
    kilobytes: int


def measure(tasks: int, engine: Engine, *, hangs: bool) -> Cost:
    """Search the guard as merged, with all interrupts, to its end. hangs: whether they are looked for."""
    program = load(guard_path("arm64-merged"))
    scenario = replace(ScenarioChange.of(tasks=tasks).apply(program.scenario), alone=not hangs)
    system = system_for(program.image, validate(scenario, program.image))
    before = _peak()

    def searched() -> Exploration:
        return summarized(nested(system), frozenset()) if engine is Engine.SUMMARIES else search(system, frozenset())

    found = searched()
    if (HANG in found.possible) is not hangs:
        sys.exit(f"{tasks} tasks, {engine}: the hangs were {'not ' if hangs else ''}decided")
    kilobytes, times = _peak() - before, []
    for _ in range(RUNS):
        began = time.process_time()
        searched()
        times.append(time.process_time() - began)
    return Cost(found.states, min(times), kilobytes)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _apart(tasks: int, engine: Engine, *, hangs: bool) -> Cost:
    words = [sys.executable, "-m", "benchmarks.hangs", "--one", json.dumps([tasks, engine, hangs])]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, OFF: "1"})
    if done.returncode:
        sys.exit(done.stderr)
    return Cost(*json.loads(done.stdout))


def main() -> None:
    """Print one table."""
    table = Table("tasks", "engine", "states", "without, s", "with, s", "ratio", "without, MB", "with, MB", "ratio",
                  title="arm64-merged: what the detection of hangs costs")  # fmt: skip
    for tasks in TASKS:
        for engine in Engine:
            without, found = (_apart(tasks, engine, hangs=hangs) for hangs in (False, True))
            table.add_row(
                str(tasks), str(engine), f"{found.states:,}",
                f"{without.seconds:.3f}", f"{found.seconds:.3f}", f"{found.seconds / without.seconds:.2f}",
                f"{without.kilobytes / 1024:.1f}", f"{found.kilobytes / 1024:.1f}",
                f"{found.kilobytes / without.kilobytes:.2f}",
            )  # fmt: skip
    Console(width=110).print(table)


if __name__ == "__main__":
    if "--one" in sys.argv:
        tasks, engine, hangs = json.loads(sys.argv[2])
        print(json.dumps(measure(tasks, Engine(engine), hangs=hangs)))
    else:
        main()
