"""Compare ctxrace with SPIN on the guard as merged, every context once. CPU seconds of the searches alone, in one run.

Run as ``python -m benchmarks.spin [MOST]``, with up to MOST tasks (5). It needs `spin` and a C compiler. The model is
`spin/merged.pml`; both must come to the same verdicts before anything is timed. Memory: SPIN takes some GB from 5 tasks
on without symmetry reduction, which is why that ends one task earlier.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.plot import plot
from rich.console import Console
from rich.table import Table

from ctxrace.bpf.guards.known import guard_path
from ctxrace.explore.summaries import summarized
from ctxrace.kernel.check import check
from ctxrace.kernel.model.build import nested, system_for
from ctxrace.kernel.program import Program, load
from ctxrace.kernel.properties.demands import Exclusive
from ctxrace.kernel.scenario import Scenario, validate
from ctxrace.machine.findings.store import OFF

MODEL = Path(__file__).parent / "spin" / "merged.pml"
PLOTS = Path(__file__).parent / "plots"
RUNS = 3


class Searched(NamedTuple):
    """What a search found. seconds: CPU time of the user."""

    holds: bool
    states: int
    seconds: float


def spin(folder: Path, tasks: int, *defines: str) -> Searched:
    """Return what SPIN finds; its verifier is compiled before the time runs."""
    subprocess.run(["spin", f"-DN={tasks}", *defines, "-a", MODEL], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cc", "-O2", "-DSAFETY", "-o", "pan", "pan.c"], cwd=folder, check=True)
    output = folder / "out"
    with output.open("w") as file:
        running = subprocess.Popen(["./pan", "-m1000000", f"-w{min(20 + 2 * tasks, 30)}"], cwd=folder, stdout=file)
        _, _, usage = os.wait4(running.pid, 0)
    said = output.read_text()
    states = re.search(r"(\d+) states, stored", said)
    errors = re.search(r"errors: (\d+)", said)
    if states is None or errors is None or "max search depth too small" in said:
        sys.exit(f"SPIN did not come to an end:\n{said}")
    return Searched(errors[1] == "0", int(states[1]), usage.ru_utime)


def once(guard: str, tasks: int) -> tuple[Program, Scenario]:
    """Return a guard whose contexts all begin once."""
    program = load(guard_path(guard, "arm64"))
    scenario = replace(program.scenario, tasks=(replace(program.scenario.tasks[0], count=tasks),), attempts=1)
    return program, validate(scenario, program.image)


def ctxrace(tasks: int) -> tuple[Searched, float]:
    """Return what ctxrace finds, and the seconds of the search when every instruction's effects are known."""
    program, scenario = once("arm64-merged", tasks)
    system = system_for(program.image, scenario)
    began = time.process_time()
    found = summarized(nested(system), frozenset())
    seconds = time.process_time() - began
    known = []
    for _ in range(RUNS):
        began = time.process_time()
        summarized(nested(system), frozenset())
        known.append(time.process_time() - began)
    return Searched(not found.runs, found.states, seconds), min(known)


def agree(folder: Path) -> None:
    """Exit unless both come to the same verdicts on the guard as merged, and on the one without preempt_disable()."""
    for guard, defines in (("arm64-merged", ()), ("arm64-v1", ("-DPLAIN",))):
        program, scenario = once(guard, 2)
        verdicts = check(program, scenario).verdicts
        holds = all(verdict.outcome == "holds" for verdict in verdicts)
        exclusive = next(verdict for verdict in verdicts if isinstance(verdict.property, Exclusive))
        theirs = spin(folder, 2, *defines)
        if theirs.holds is not holds:
            sys.exit(f"{guard}: SPIN says {theirs}, ctxrace {exclusive.outcome}")


def main(most: int) -> None:
    """Print one table, and draw it."""
    os.environ[OFF] = "1"  # the searches of "ctxrace" evaluate every step anew
    missing = [name for name in ("spin", "cc") if shutil.which(name) is None]
    if missing:
        sys.exit(f"{missing[0]} is not installed; apt-get install spin gcc")
    table = Table("tasks", "SPIN", "SPIN, ordered by hand", "ctxrace", "steps known", "SPIN / ctxrace",
                  "ordered / steps known", title="arm64-merged, each context once: CPU seconds (states)")  # fmt: skip
    lines: dict[str, list[tuple[float, float]]] = {"SPIN": [], "SPIN, ordered": [], "ctxrace": [], "steps known": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        agree(folder)
        for tasks in range(2, max(most, 7) + 1):
            mine, known = ctxrace(tasks)
            plain = spin(folder, tasks) if tasks < most else None
            ordered = spin(folder, tasks, "-DORDERED") if tasks <= most else None
            for which, seconds in (("SPIN", plain and plain.seconds), ("SPIN, ordered", ordered and ordered.seconds),
                                   ("ctxrace", mine.seconds), ("steps known", known)):  # fmt: skip
                if seconds:
                    lines[which].append((tasks, seconds))
            table.add_row(
                str(tasks),
                *(f"{one.seconds:.2f} ({one.states:,})" if one else "" for one in (plain, ordered, mine)),
                f"{known:.3f}",
                f"{plain.seconds / mine.seconds:.2f}" if plain else "",
                f"{ordered.seconds / known:.2f}" if ordered else "",
            )
    Console().print(table)
    plot(PLOTS / "spin.svg", "arm64-merged, each context once", "tasks", "CPU seconds", lines)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
