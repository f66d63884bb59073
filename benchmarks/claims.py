"""Print how fast claims are answered: the thread's three lists, claims about interrupts by both
engines, and 200 steps on a large system.

Run as ``python benchmarks/claims.py``. Nothing is asserted.
"""

import random
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ctxrace.bpf.claims import prepare, with_guard
from ctxrace.bpf.guards.known import guard_path
from ctxrace.claims.decide import decide
from ctxrace.claims.export import claim_text
from ctxrace.claims.parse import parse_claim
from ctxrace.core.interleaving import Event
from ctxrace.explore.watch import Engine, Limits
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.model.build import one_cpu
from ctxrace.kernel.narrate.tell import narrate
from ctxrace.kernel.program import load
from ctxrace.kernel.scenario import validate

CLAIMS = Path(__file__).parent.parent / "examples" / "claims"


def flagship(table: Table) -> None:
    """Time each list of the thread on each guard, compiled before."""
    for name in ("bot", "author-19", "author-9"):
        for guard in ("arm64-v1", "arm64-merged", "generic-lse"):
            path = CLAIMS / f"{name}.txt"
            claim = with_guard(parse_claim(path.read_text(), str(path)), guard)
            prepare(claim)
            began = time.perf_counter()
            result = decide(*prepare(claim))
            seconds = time.perf_counter() - began
            table.add_row(f"{name}, {guard}: {result.answer} {result.failed}", f"{seconds:.2f} s", "under 2 s")


def interrupts(table: Table) -> None:
    """Time claims about interrupts on the guard as merged, with three levels of them, by both engines."""
    for text in ("outcome: violates exclusive", "1. A: active[0] 0 -> 1\n2. nmi arrives\n3. nmi: active[3] 3 -> 4"):
        claim = parse_claim(f"system bpf arm64-merged, trampoline bare\n{text}")
        prepared, answers = prepare(claim), set()
        for engine in Engine:
            began = time.perf_counter()
            result = decide(*prepared, limits=Limits(1_000_000, engine=engine))
            seconds = time.perf_counter() - began
            answers.add((result.answer, result.failed, result.outcome))
            row = f"{text.splitlines()[-1]}, {engine}: {result.answer}, {result.states:,} states"
            table.add_row(row, f"{seconds:.2f} s", "under 5 s" if engine is Engine.SUMMARIES else "")
        assert len(answers) == 1, answers


def two_hundred_steps(table: Table) -> None:
    """Time a random walk of 200 claimed steps on the guard as merged, 3 tasks and all interrupts."""
    program = load(guard_path("arm64-merged"))
    scenario = validate(ScenarioChange.of(tasks=3).apply(program.scenario), program.image)
    system = one_cpu(program.image, scenario)
    rng, state, run, events = random.Random(1), system.initial(), [], 0
    while events < 200:
        step = rng.choice(list(system.steps(state)))
        run.append((state, step))
        state, events = step.state, events + step.events
    text = claim_text(narrate(system, run), (), "bpf arm64-merged, trampoline bare, tasks 3")
    lines = text.splitlines()
    for left_out in (0.0, 0.3):
        kept = [line for line in lines if not (" -> " in line or "reads" in line) or rng.random() >= left_out]
        head, steps = kept[:2], kept[2:202]
        claim = parse_claim("\n".join([*head, *steps]))
        began = time.perf_counter()
        result = decide(*prepare(claim))
        seconds = time.perf_counter() - began
        shown = result.interleaving
        number = sum(isinstance(row, Event) for row in shown) if shown else 0
        what = f"{len(steps)} steps, {left_out:.0%} of the accesses left out: {result.answer}, {number} events"
        table.add_row(what, f"{seconds:.2f} s", "under 20 s")
        if not result.shortest:
            table.add_row("  the execution may not be the shortest", "", "")


def main() -> None:
    """Measure everything and print one table."""
    table = Table("what", "measured", "wanted", title=f"ctxrace replay on Python {sys.version.split()[0]}")
    flagship(table)
    interrupts(table)
    two_hundred_steps(table)
    Console().print(table)


if __name__ == "__main__":
    main()
