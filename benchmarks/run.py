"""Print how fast ctxrace is on this machine. Ratios are measured side by side in one run; nothing is asserted.

Run as ``make benchmarks``, or ``python benchmarks/run.py``.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ctxrace.bpf.caller import Caller
from ctxrace.bpf.guards.case import Case
from ctxrace.bpf.guards.known import guard_path
from ctxrace.explore.search import search
from ctxrace.explore.watch import Engine, Limits
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import explore
from ctxrace.kernel.model.build import one_cpu
from ctxrace.kernel.program import load
from ctxrace.kernel.scenario import validate

RUNS = 5


def best(action: Callable[[], object]) -> float:
    """Return the shortest of several runs, in seconds: the one that the machine disturbed least."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return min(times)


def command(*arguments: str, cache: str) -> Callable[[], object]:
    """Return a call that runs the command line in a process of its own."""
    environment = os.environ | {"XDG_CACHE_HOME": cache}
    words = [sys.executable, "-m", "ctxrace", *arguments]
    return lambda: subprocess.run(words, env=environment, stdout=subprocess.DEVNULL, check=False)


def whole_commands(table: Table) -> None:
    """Time the flagship as a user runs it: the first time, and once compiled."""
    with tempfile.TemporaryDirectory() as cache:
        began = time.perf_counter()
        command("bpf", cache=cache)()
        first = time.perf_counter() - began
        table.add_row("ctxrace bpf, the first time", f"{first:.2f} s", "")
        again = best(command("bpf", cache=cache))
        table.add_row("ctxrace bpf, once compiled", f"{again:.2f} s", "under 10 s on two cores")
        example = str(Path(__file__).parent.parent / "examples" / "recursion_counter.c")
        table.add_row("ctxrace check, a small file", f"{best(command('check', example, cache=cache)):.2f} s", "")
        table.add_row("first run / once compiled", f"{first / again:.2f}", "")


def search_rate(table: Table) -> None:
    """Time search and evaluator on the guard as merged, 3 tasks and all interrupts: state by state, and summed up."""
    program = load(guard_path("arm64-merged"))
    scenario = validate(ScenarioChange.of(tasks=3).apply(program.scenario), program.image)
    states = dict.fromkeys(Engine, 0)

    def cold(engine: Engine) -> None:
        states[engine] = explore(program, scenario, Limits(engine=engine))[1].states

    system = one_cpu(program.image, scenario)
    search(system)
    seconds, warm = best(lambda: cold(Engine.REFERENCE)), best(lambda: search(system))
    summed_up, every = best(lambda: cold(Engine.SUMMARIES)), states[Engine.REFERENCE]
    table.add_row("arm64-merged, 3 tasks, states", f"{every:,}", "")
    table.add_row("states a second", f"{every / seconds:,.0f}", "at least 30,000")
    table.add_row("the same, every step known", f"{every / warm:,.0f}", "")
    table.add_row("search with evaluation / search alone", f"{seconds / warm:.2f}", "")
    table.add_row("interrupts summed up, states", f"{states[Engine.SUMMARIES]:,}", "")
    table.add_row("every state / interrupts summed up, time", f"{seconds / summed_up:.2f}", "")


def width(table: Table) -> None:
    """Time how many attempts the bytes of the guard as merged can hold: the proof, and the violation with one more."""
    for tasks, interrupts in ((256, ()), (257, ()), (255, ("nmi",))):
        case = Case("arm64-merged", ScenarioChange.of(tasks=tasks, only="exclusive"), Caller(interrupts=interrupts))
        began = time.perf_counter()
        (verdict,) = case.check().verdicts
        seconds = time.perf_counter() - began
        what = f"arm64-merged, {' and '.join([f'{tasks} tasks', *interrupts])}, {verdict.outcome}"
        table.add_row(what, f"{seconds:.2f} s, {verdict.states:,} states", "under 60 s" if interrupts else "")


def growth(table: Table) -> None:
    """Show how the states grow with the tasks."""
    counts = [Case("arm64-merged", ScenarioChange.of(tasks=n)).check().verdicts[0].states for n in (1, 2, 4, 8)]
    for tasks, count in zip((1, 2, 4, 8), counts, strict=True):
        table.add_row(f"arm64-merged, states with {tasks} tasks", f"{count:,}", f"{count / counts[0]:.2f} x")


def main() -> None:
    """Measure everything and print one table."""
    table = Table("what", "measured", "wanted", title=f"ctxrace on Python {sys.version.split()[0]}")
    for measure in (whole_commands, search_rate, growth, width):
        measure(table)
    largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    table.add_row("largest process", f"{largest // 1024:,} MB", "under 500 MB")
    Console().print(table)


if __name__ == "__main__":
    main()
