"""Compare ctxrace with SPIN on the guard as merged, every context once. CPU seconds of the searches alone, in one run.

Run as ``python -m benchmarks.spin [MOST]``, with up to MOST tasks (5). It needs `spin` and a C compiler. The model is
`spin/merged.pml`; both must come to the same verdicts before anything is timed. Without symmetry reduction SPIN
searches up to MOST - 1 tasks, as it takes some GB from 5 on. Where it needs more than `SECONDS` or `MEGABYTES`, it is
ended, and the table has a lower bound (>).
"""

import os
import re
import resource
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
SECONDS = 900
"""What one of SPIN's searches may take, of CPU time."""
MEGABYTES = 14_000
"""What one of them may take of memory."""


class Searched(NamedTuple):
    """What a search found. seconds: CPU time, the kernel's for it too. ended: whether it came to its end."""

    holds: bool
    states: int
    seconds: float
    ended: bool = True

    def __str__(self) -> str:
        return f"{self.seconds:.2f} ({self.states:,})" if self.ended else f"> {self.seconds:.0f} (> {self.states:,})"


def spin(folder: Path, tasks: int, *defines: str) -> Searched:
    """Return what SPIN finds; its verifier is compiled before the time runs."""
    subprocess.run(["spin", f"-DN={tasks}", *defines, "-a", MODEL], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cc", "-O2", "-DSAFETY", f"-DMEMLIM={MEGABYTES}", "-o", "pan", "pan.c"], cwd=folder, check=True)
    words = ["./pan", "-m1000000", f"-w{min(16 + 2 * tasks, 28)}"]  # with these hash tables it is fastest
    output = folder / "out"
    with output.open("w") as file:
        running = subprocess.Popen(words, cwd=folder, stdout=file)
        resource.prlimit(running.pid, resource.RLIMIT_CPU, (SECONDS, SECONDS))
        _, status, usage = os.wait4(running.pid, 0)
    seconds = usage.ru_utime + usage.ru_stime
    said = output.read_text()
    if status or "reached -DMEMLIM bound" in said:
        seen = re.findall(r"States=\s*(\S+)", said)  # printed now and then
        return Searched(True, int(float(seen[-1])) if seen else 0, seconds, ended=False)
    states = re.search(r"(\d+) states, stored", said)
    errors = re.search(r"errors: (\d+)", said)
    if states is None or errors is None or "max search depth too small" in said:
        sys.exit(f"SPIN did not come to an end:\n{said}")
    return Searched(errors[1] == "0", int(states[1]), seconds)


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
                  "ordered / ctxrace", "ordered / steps known",
                  title="arm64-merged, each context once: CPU seconds (states)")  # fmt: skip
    lines: dict[str, list[tuple[float, float]]] = {"SPIN": [], "SPIN, ordered": [], "ctxrace": [], "steps known": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        agree(folder)
        for tasks in range(2, max(most, 7) + 1):
            mine, known = ctxrace(tasks)
            plain = spin(folder, tasks) if tasks < most else None
            ordered = spin(folder, tasks, "-DORDERED") if tasks <= most else None
            for which, one in (("SPIN", plain), ("SPIN, ordered", ordered), ("ctxrace", mine)):
                if one and one.ended:
                    lines[which].append((tasks, one.seconds))
            lines["steps known"].append((tasks, known))
            table.add_row(
                str(tasks),
                *(str(one or "") for one in (plain, ordered, mine)),
                f"{known:.3f}",
                _ratio(plain, mine.seconds),
                _ratio(ordered, mine.seconds),
                _ratio(ordered, known),
            )
    Console(width=120).print(table)  # whole cells, also in a pipe
    plot(PLOTS / "spin.svg", "arm64-merged, each context once", "tasks", "CPU seconds", lines)


def _ratio(theirs: Searched | None, seconds: float) -> str:
    return "" if theirs is None else f"{'' if theirs.ended else '> '}{theirs.seconds / seconds:.2f}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
