"""Execute a claim's steps as far as they go."""

from dataclasses import dataclass
from typing import Any

from ctxrace.claims.observer.observer import ClaimObserver
from ctxrace.claims.observer.whole_interrupts import WholeInterrupts, interrupts_may_be_whole
from ctxrace.claims.resolve import Resolved
from ctxrace.core.system import Step
from ctxrace.explore.product import REACHED, Deepest, Product, deepest
from ctxrace.explore.search import Limits, Progress, search
from ctxrace.kernel.model.assumptions import Assumptions
from ctxrace.kernel.model.build import kept, one_cpu
from ctxrace.kernel.model.contexts import Announced
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.program import Program

__all__ = ["Executed", "execute", "system_of"]

_SHORTENING = 20_000  # states of the product to visit in order to know the shortest execution


@dataclass(frozen=True)
class Executed:
    """How far the steps go. run: one that goes so far; shortest: whether it is known to be the shortest."""

    observer: ClaimObserver
    found: Deepest
    run: list[tuple[Any, Step]]
    shortest: bool


def execute(
    program: Program,
    resolved: Resolved,
    assumed: Assumptions,
    limits: Limits,
    progress: Progress | None,
    goal: int | None,
) -> Executed:
    """Follow the steps of `resolved` as far as they go, or to number `goal`.

    Raises `IdentityEscapes`, `CurrentSeen` or `StackEscapes` where the code is otherwise than `assumed`.
    """
    system = system_of(program, resolved, assumed, everywhere=True)
    observer = ClaimObserver(system, resolved)
    explored = WholeInterrupts(system) if interrupts_may_be_whole(resolved) else system
    product = Product(explored, observer, goal)
    with kept(system):
        found = deepest(product, limits, progress)
        if found.progress == 0 or not found.run:
            return Executed(observer, found, [], shortest=True)
        few = min(_SHORTENING, limits.max_states or _SHORTENING)
        nearest = Product(explored, observer, min(found.progress, product.goal))
        again = search(nearest, None, Limits(few, limits.timeout), progress)
    run = again.runs.get(REACHED)
    shortest = REACHED in again.shortest
    return Executed(observer, found, run or found.run, shortest)


def system_of(program: Program, resolved: Resolved, assumed: Assumptions, *, everywhere: bool) -> KernelSystem:
    """Return what executes the claim. everywhere: see `Contexts`."""
    return one_cpu(
        program.image,
        resolved.scenario,
        assumed,
        announced=Announced(resolved.announced, resolved.levels, resolved.results),
        everywhere=everywhere,
    )
