"""What was explored: the machine code and the scenario, as results of checks and of claims have them."""

from dataclasses import dataclass

__all__ = ["Setup"]


@dataclass(frozen=True, slots=True)
class Setup:
    """Say what was explored.

    case: the file or guard; arch, compiler: what the machine code is and what made it.
    tasks: how many tasks; interrupts: the levels that may arrive (``softirq``, ``hardirq``, ``nmi``).
    cpus: how many CPUs; fifo_tasks: how many of the tasks no other one preempts; rcu: its flavour.
    entry_window: whether interrupts also run their entries while they are not accounted for.
    attempts: how often each context begins its entry at most; None: no bound.
    """

    case: str
    arch: str
    compiler: str
    preemption: str
    tasks: int
    interrupts: tuple[str, ...]
    cpus: int = 1
    fifo_tasks: int = 0
    rcu: str = "preemptible"
    entry_window: bool = False
    attempts: int | None = None
