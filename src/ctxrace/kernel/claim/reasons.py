"""Why a claimed step cannot be: what happens instead, in words that can be pasted into a reply."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ctxrace.core.interleaving import Access, Event
from ctxrace.core.system import Step
from ctxrace.explore.product import Label, Mark
from ctxrace.kernel.claim.follower import ClaimFollower
from ctxrace.kernel.claim.forms import Act, Condition, Line, Term
from ctxrace.kernel.claim.happenings import Memory
from ctxrace.kernel.claim.resolve import Resolved
from ctxrace.kernel.claim.tell import Story
from ctxrace.kernel.narrate import Narrator
from ctxrace.machine.avoidance import can_avoid
from ctxrace.machine.image import Image
from ctxrace.machine.lift import Lifter

if TYPE_CHECKING:
    from ctxrace.kernel.claim.decide import _Executed

__all__ = ["always_called", "could", "memory", "reasons"]

_LOOKED_AT = 20_000  # states in which the step is looked for
_SHOWN = 6


def always_called(image: Image, resolved: Resolved, line: Line) -> bool:
    """Return whether `line` says that a context does not call what every way through its entry calls."""
    says = line.says
    if not isinstance(says, Act) or says.kind != "avoid" or not says.who:
        return False
    code = Lifter(image)
    target = image.symbols[resolved.functions[says.subject]].address
    entries = resolved.entries[says.who]
    return not any(can_avoid(code, image.symbols[entry].address, target) for entry in entries)


def reasons(image: Image, resolved: Resolved, executed: "_Executed", reached: int) -> Iterator[str]:
    """Say why the step after `reached` others cannot be, the shortest answer first."""
    follower = executed.follower
    line = resolved.claim.steps[min(reached, len(resolved.claim.steps) - 1)]
    says = line.says
    if isinstance(says, Condition):
        yield from _conditions(follower, executed, says)
        return
    if says.kind == "avoid":
        function = resolved.functions[says.subject]
        named = says.subject if says.subject == function else f"{says.subject} ({function})"
        if always_called(image, resolved, line):
            entries = " or ".join(resolved.entries[says.who])
            yield f"every way through {entries} calls {named}: it is always called"
        else:
            yield f"in every execution of the steps before, {says.who or 'somebody'} calls {named}"
        return
    after = f"after the steps before, {says.who} never does that"
    seen = list(dict.fromkeys(_instead(follower, executed, says)))
    if says.kind in ("read", "write", "return") and seen:
        shown = ", ".join(seen[:_SHOWN]) + (f" and {len(seen) - _SHOWN} more" if len(seen) > _SHOWN else "")
        yield f"{after}; what {says.who} does there: {shown}"
        return
    earlier = list(_earlier(follower, executed.run, says)) if says.kind in ("read", "write") else []
    if earlier:
        yield f"{says.who} has done so before ({earlier[-1]}), and does not do it again in this attempt"
    else:
        yield after
    for could_be in could(follower, executed.run, says.who)[:1]:
        yield f"the next thing that {says.who} does: {could_be}"


def memory(follower: ClaimFollower, run: Sequence[tuple[Any, Step]]) -> Iterator[str]:
    """Say what the claim's variables hold after `run`."""
    state = run[-1][1].state[0] if run else follower.system.initial()
    for name in follower.resolved.places:
        if follower.resolved.places[name].name == "preempt_count":
            continue
        value = follower.conditions.value(state, name)
        yield f"{name} is {'not known' if value is None else value}"


def could(follower: ClaimFollower, run: Sequence[tuple[Any, Step]], who: str) -> tuple[str, ...]:
    """Say what `who` could do next after `run`."""
    state, mark = run[-1][1].state if run else (follower.system.initial(), None)
    if mark is None:
        mark = follower.initial(state)
    already = len(Story(follower, run).rows)
    said: dict[str, None] = {}
    for step in follower.system.steps(state):
        for actor, after in follower.follow(state, step, mark):
            if follower.actor_name(actor) != who:
                continue
            label = Label(step.label, actor, after)
            longer = [*run, ((state, mark), step._replace(label=label, state=(step.state, after)))]
            for row in Story(follower, longer).rows[already : already + 1]:
                said[str(row).removeprefix(f"{who}: ").split("  [← ")[0]] = None
    return tuple(said)


def _instead(follower: ClaimFollower, executed: "_Executed", says: Act) -> Iterator[str]:
    """Say what the context does of the same kind, in all states in which the claimed step is waited for."""
    system = follower.system
    actor = follower.contexts.index(says.who)
    for state, mark in islice(executed.found.nodes, _LOOKED_AT):
        if not isinstance(mark.memory, Memory) or follower.whereabouts.running(state, mark.memory.where) != actor:
            continue
        if state.shared < 0 or system.after_event(state).events == 0:
            continue
        told = Narrator(system).event(state, says.who)
        if says.kind == "return":
            yield from (note for note in told.notes if note.startswith("returns"))
        elif says.kind in ("read", "write"):
            yield from map(str, _same(told, says, follower))


def _earlier(follower: ClaimFollower, run: Sequence[tuple[Any, Step]], says: Act) -> Iterator[str]:
    """Say what the context has done of the same kind already."""
    number = 0
    for row in Story(follower, run).rows:
        number += isinstance(row, Event)
        if isinstance(row, Event) and row.context == says.who:
            yield from (f"event {number}: {access}" for access in _same(row, says, follower))


def _same(event: Event, says: Act, follower: ClaimFollower) -> Iterator[Access]:
    wanted = follower.resolved.places[says.subject].name
    for access in event.accesses:
        if access.kind == says.kind and _about(access, wanted):
            yield access


def _about(access: Access, name: str) -> bool:
    return access.name == name or access.name == name.partition("[")[0]


def _conditions(follower: ClaimFollower, executed: "_Executed", condition: Condition) -> Iterator[str]:
    nodes = executed.found.nodes
    for term in condition.terms:
        if term.kind != "value":
            continue
        idle = any(other.kind == "idle" for other in condition.terms)
        values = sorted(set(_values(follower, nodes, term, idle)))
        if values:
            shown = ", ".join(map(str, values[:_SHOWN])) + (", ..." if len(values) > _SHOWN else "")
            when = "whenever the CPU is idle after the steps before" if idle else "after the steps before"
            yield f"{when}, {term.subject} is {shown}"
    yield "after the steps before, it never holds"


def _values(follower: ClaimFollower, nodes: Iterable[tuple[Any, Mark]], term: Term, idle: bool) -> Iterator[int]:
    for state, _ in islice(nodes, _LOOKED_AT):
        if not idle or (state.shared >= 0 and follower.system.is_idle(state)):
            value = follower.conditions.value(state, term.subject)
            if value is not None:
                yield value
