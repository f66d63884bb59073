"""Hold the two engines against one another on random kernels.

Run by itself, ``python -m tests.kernel.agreement SECONDS [FIRST]`` goes on for so long, from seed FIRST, and prints
what was compared. It ends with status 1 where they disagree.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from ctxrace.core.errors import ScenarioError
from ctxrace.core.source import Line
from ctxrace.explore.search import Exploration, search
from ctxrace.explore.summaries import summarized
from ctxrace.explore.watch import Limits
from ctxrace.kernel.coverage import coverage_of
from ctxrace.kernel.model.assumptions import Assumptions, without_wrong_ones
from ctxrace.kernel.model.build import nested, system_for
from ctxrace.kernel.model.nested_smp import HandlersMeet
from ctxrace.kernel.model.smp import SmpSystem
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.narrate.tell import narrate
from ctxrace.kernel.program import Program, load
from ctxrace.kernel.properties.hang import HANG
from ctxrace.kernel.scenario import Scenario, validate

from .random_kernels import random_scenario, random_text

__all__ = ["SCENARIOS", "Disagreement", "compare", "compare_for", "compare_random"]

SCENARIOS = 8
"""As many scenarios has each random file."""

_LIMITS = Limits(max_states=20_000)


class Disagreement(AssertionError):
    """The engines found something else."""


Found = tuple[KernelSystem | SmpSystem, Exploration]


def compare(program: Program, scenario: Scenario, limits: Limits = _LIMITS) -> str:
    """Search `scenario` with both engines, and return what came of it in a word; raise `Disagreement`.

    ``compared``: both were exhausted and found the same violations, told in the same words, and the same coverage.
    ``meet``: handlers touch what other CPUs touch, and are not summed up. ``large``: a limit was reached.
    """

    def plainly(assumed: Assumptions) -> Found:
        system = system_for(program.image, scenario, assumed)
        return system, search(system, frozenset(), limits)

    def summed_up(assumed: Assumptions) -> Found:
        system = system_for(program.image, scenario, assumed)
        return system, summarized(nested(system), frozenset(), limits)

    try:
        summary = without_wrong_ones(summed_up)
    except HandlersMeet:
        return "meet"
    reference = without_wrong_ones(plainly)
    if not (reference[1].exhausted and summary[1].exhausted):
        return "large"
    told = [_told(system, found) for system, found in (reference, summary)]
    if told[0] != told[1]:
        raise Disagreement(f"{scenario}: {told[0]} is not {told[1]}")
    if reference[1].witnessed != summary[1].witnessed:
        raise Disagreement(f"{scenario}: {reference[1].witnessed ^ summary[1].witnessed}")
    lines = [{line.source for line in _executed(system)} for system, _ in (reference, summary)]
    if lines[0] != lines[1]:
        raise Disagreement(f"{scenario}: {lines[0] ^ lines[1]} are executed by one engine alone")
    return "compared"


def _executed(system: KernelSystem | SmpSystem) -> list[Line]:
    return [line for line in coverage_of(system, complete=True).lines if line.steps]


def _told(system: KernelSystem | SmpSystem, found: Exploration) -> dict[str, str]:
    told = {str(prop): str(narrate(system, run)) for prop, run in found.runs.items()}
    if isinstance(system, SmpSystem) and HANG in found.runs:
        told[str(HANG)] = "violated"  # where handlers are not interleaved, the way to it may be longer
    return told


def compare_random(seed: int, cpus: int, folder: Path) -> Iterator[str]:
    """Compare the engines on `SCENARIOS` scenarios of one random file, and return what came of each."""
    rng = random.Random(f"{cpus} {seed}")
    path = folder / f"random{cpus}_{seed}.c"
    path.write_text(random_text(rng, smp=cpus > 1, rt=rng.random() < 0.15), encoding="utf-8")
    program = load(path, cache=folder)
    for _ in range(SCENARIOS):
        with suppress(ScenarioError):  # PREEMPT_RT with a single task
            scenario = validate(random_scenario(rng, program.scenario, cpus=cpus), program.image)
            yield compare(program, scenario)


def compare_for(seconds: float, first: int, compare_seed: Callable[[int, Path], Iterable[str]]) -> int:
    """Compare one seed after the other for so long, print what came of them, and return the exit status.

    compare_seed: returns what came of each comparison of a seed, or raises `Disagreement`.
    """
    began, counts, status = time.monotonic(), Counter[str](), 0
    seed = first
    with TemporaryDirectory() as folder:
        while time.monotonic() - began < seconds:
            try:
                counts.update(compare_seed(seed, Path(folder)))
            except Disagreement as found:
                print(f"seed {seed}: {found}", flush=True)
                status = 1
            seed += 1
    print(f"seeds {first} to {seed - 1}: " + ", ".join(f"{what} {number}" for what, number in sorted(counts.items())))
    return status


def _compare_seed(seed: int, folder: Path) -> Iterator[str]:
    cpus = 1 + seed % 2
    try:
        for what in compare_random(seed, cpus, folder):
            yield f"{cpus} CPU{'s' * (cpus > 1)}: {what}"
    except Disagreement as found:
        raise Disagreement(f"{cpus} CPUs: {found}") from None


def main(seconds: float, first: int) -> int:
    """Compare for so long, and return the exit status. Even seeds have one CPU, odd ones two."""
    return compare_for(seconds, first, _compare_seed)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
