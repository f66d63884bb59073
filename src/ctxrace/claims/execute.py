"""Execute a claim's steps as far as they go."""

import time
from dataclasses import dataclass, replace
from typing import Any

from ctxrace.claims.observer.conditions import MOST_STATES
from ctxrace.claims.observer.observer import ClaimObserver
from ctxrace.claims.observer.whole_interrupts import WholeInterrupts, interrupts_may_be_whole
from ctxrace.claims.resolve import Resolved
from ctxrace.claims.syntax import Condition
from ctxrace.core.facts.stop import StateLimit, TimeLimit
from ctxrace.core.system import Step
from ctxrace.explore.nested_product import furthest
from ctxrace.explore.product import REACHED, Deepest, Product, deepest
from ctxrace.explore.search import Limits, Progress, search
from ctxrace.explore.summaries import summarized
from ctxrace.explore.watch import Engine
from ctxrace.kernel.model.assumptions import Assumptions
from ctxrace.kernel.model.build import kept, one_cpu
from ctxrace.kernel.model.contexts import Announced
from ctxrace.kernel.model.nested import NestedInterrupts
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.program import Program
from ctxrace.kernel.properties.hang import HANG

__all__ = ["Executed", "execute", "nested_of", "system_of"]

_SHORTENING = 20_000  # states of the product to visit in order to know the shortest execution
_SUMMING_UP = 5_000  # states after which interrupts are summed up, at first


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
    with kept(system):
        return _executed(ClaimObserver(system, resolved), limits, progress, goal)


def _executed(observer: ClaimObserver, limits: Limits, progress: Progress | None, goal: int | None) -> Executed:
    one_step_each = interrupts_may_be_whole(observer.resolved)
    explored = WholeInterrupts(observer.system) if one_step_each else observer.system
    product = Product(explored, observer, goal)
    summed_up = nested_of(observer, limits)
    if summed_up is None:
        found = deepest(product, limits, progress)
    else:
        found, by_length = _in_turn(product, summed_up, observer, limits, progress)
        if by_length:
            return Executed(observer, found, found.run, shortest=True)
    if found.progress == 0 or not found.run:
        return Executed(observer, found, [], shortest=True)
    goal, few = min(found.progress, product.goal), min(_SHORTENING, limits.max_states or _SHORTENING)
    if summed_up is not None:
        again, shortest = furthest(summed_up, observer, goal, Limits(few, limits.timeout), progress)
        if again.progress == goal and shortest:
            return Executed(observer, found, again.run, shortest=True)
    plain = search(Product(explored, observer, goal), None, Limits(few, limits.timeout), progress)
    return Executed(observer, found, plain.runs.get(REACHED) or found.run, REACHED in plain.shortest)


def _in_turn(
    product: Product, summed_up: NestedInterrupts, observer: ClaimObserver, limits: Limits, progress: Progress | None
) -> tuple[Deepest, bool]:
    """Return how far the steps go, and whether that comes of the search by length, in which interrupts are summed up.

    A long claim is soon confirmed by the search that goes on first where it has got furthest, and a wrong one is soon
    refuted by the other. So both have their turns, with four times as many states each time.
    """
    began, states = time.monotonic(), _SUMMING_UP
    while True:
        most, states = min(states, limits.max_states or states), 4 * states
        found = deepest(product, _left(limits, most, began), progress)
        if not isinstance(found.stopped, StateLimit):
            break
        more = min(states, limits.max_states or states)
        whole, _ = furthest(summed_up, observer, product.goal, _left(limits, more, began), progress)
        if whole.exhausted or whole.progress >= product.goal:
            return whole, True
        found = replace(found, stopped=whole.stopped)
        if not isinstance(whole.stopped, StateLimit) or most == limits.max_states:
            break
    if isinstance(found.stopped, TimeLimit) and limits.timeout is not None:
        found = replace(found, stopped=TimeLimit(limits.timeout))
    return found, False


def _left(limits: Limits, states: int, began: float) -> Limits:
    """Return what is left of `limits`, and so many states."""
    timeout = None if limits.timeout is None else max(limits.timeout - (time.monotonic() - began), 0.0)
    return replace(limits, max_states=states, timeout=timeout)


def nearest(observer: ClaimObserver, limits: Limits, progress: Progress | None) -> Deepest:
    """Return the shortest run with which `observer` gets to its goal, if it does, and no limit comes first."""
    summed_up = nested_of(observer, limits)
    if summed_up is not None:
        found, _ = furthest(summed_up, observer, None, limits, progress)
        return found if found.progress >= observer.goal else replace(found, run=[])
    system, whole = observer.system, interrupts_may_be_whole(observer.resolved)
    product = Product(WholeInterrupts(system) if whole else system, observer)
    plain = search(product, None, limits, progress)
    run = plain.runs.get(REACHED, [])
    return Deepest(observer.goal * bool(run), run, (), plain.states, plain.transitions, plain.exhausted, plain.stopped)


def nested_of(observer: ClaimObserver, limits: Limits) -> NestedInterrupts | None:
    """Return the observer's system with interrupts as nested runs; None where they are not to be summed up.

    They are not where the claim counts each as one step, nor where it says that the CPU hangs, and it can: from a part
    of a state nobody can tell.
    """
    system, resolved = observer.system, observer.resolved
    if not system.handlers or limits.engine is not Engine.SUMMARIES or interrupts_may_be_whole(resolved):
        return None
    conditions = [line.says for line in resolved.claim.steps if isinstance(line.says, Condition)]
    summed_up = NestedInterrupts(system)
    if any(term.kind == "hangs" for condition in conditions for term in condition.terms):
        found = summarized(summed_up, frozenset(), replace(limits, max_states=MOST_STATES))
        if HANG not in found.possible:
            return None
        observer.conditions.never_hangs = True
    return summed_up


def system_of(program: Program, resolved: Resolved, assumed: Assumptions, *, everywhere: bool) -> KernelSystem:
    """Return what executes the claim. everywhere: see `Contexts`."""
    return one_cpu(
        program.image,
        resolved.scenario,
        assumed,
        announced=Announced(resolved.announced, resolved.levels, resolved.results),
        everywhere=everywhere,
    )
