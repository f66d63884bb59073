"""What is explored of a program, as results have it."""

from ctxrace.core.setup import Setup
from ctxrace.kernel.program import Program
from ctxrace.kernel.scenario import Scenario

__all__ = ["setup_of"]


def setup_of(program: Program, scenario: Scenario, case: str = "") -> Setup:
    """Return what is explored; case: what a report calls the program, its own name if empty."""
    return Setup(
        case or program.name,
        program.image.arch.name,
        program.compiler,
        str(scenario.preemption),
        scenario.task_count,
        scenario.levels,
        scenario.cpus,
        scenario.fifo_count,
        str(scenario.rcu),
        scenario.entry_window,
        scenario.attempts,
    )
