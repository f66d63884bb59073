"""Why an instruction is an event, as `ctxrace show` says it."""

from pathlib import Path

from ctxrace.kernel.check import explore
from ctxrace.kernel.narrate.listing import listing
from ctxrace.kernel.program import load
from ctxrace.report.sentences.note import note_phrase

SOURCE = """
#include <ctxrace/kernel.h>
static int shared;
void task(void) { schedule(); cmpxchg(&shared, 0, 1); local_irq_disable(); local_irq_enable(); }
CTXRACE_TASKS(1, task);
"""


def test_reasons(tmp_path: Path) -> None:
    source = tmp_path / "case.c"
    source.write_text(SOURCE, encoding="utf-8")
    program = load(source, flags=["-march=armv8-a"], cache=tmp_path)
    system, _ = explore(program, program.scenario, everything=True)
    events = [line for line in listing(system.cpus[0]) if line.notes]
    reasons = [(line.instruction.split()[0], [note_phrase(note) for note in line.notes]) for line in events]
    assert reasons == [
        ("ldxr", ["reads shared"]),
        ("stlxr", ["writes shared"]),
        ("msr", ["changes the interrupt mask"]),
        ("msr", ["changes the interrupt mask"]),
        ("ret", ["may give up the CPU (schedule)"]),
    ]
