"""Why a claimed step cannot be: what happens instead, in words that can be pasted into a reply."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from ctxrace.claims.execute import Executed
from ctxrace.claims.observer.observer import ClaimFollower
from ctxrace.claims.observer.step_readings import Memory
from ctxrace.claims.resolve import Resolved, variable_of
from ctxrace.claims.syntax import Act, Condition, Line, Term
from ctxrace.claims.tell import Story
from ctxrace.core.interleaving import Access, Event, Turn
from ctxrace.core.system import Step
from ctxrace.explore.product import Label, Mark
from ctxrace.kernel.narrate.narrator import Narrator
from ctxrace.kernel.rules.contexts import INTERRUPT_NAMES
from ctxrace.machine.avoidance import can_avoid
from ctxrace.machine.image import Image
from ctxrace.machine.lift import Lifter
from ctxrace.machine.memory import RegionKind

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


def reasons(image: Image, resolved: Resolved, executed: Executed, reached: int) -> Iterator[str]:
    """Say why the step after `reached` others cannot be, the shortest answer first."""
    line = resolved.claim.steps[reached]
    if isinstance(line.says, Condition):
        yield from _conditions(executed, line.says, "after the steps before, " if reached else "")
    elif line.says.kind == "avoid":
        yield _called(image, resolved, executed, line, line.says)
    elif line.strict:
        yield from _not_at_once(executed, line.says, reached)
    else:
        yield from _never(executed, line.says, "after the steps before, " if reached else "")


def _called(image: Image, resolved: Resolved, executed: Executed, line: Line, says: Act) -> str:
    """Say that what must not be called is called all the same."""
    function = resolved.functions[says.subject]
    named = says.subject if says.subject == function else f"{says.subject} ({function})"
    if always_called(image, resolved, line):
        entries = " or ".join(resolved.entries[says.who])
        return f"every way through {entries} calls {named}: it is always called"
    follower, nodes = executed.follower, executed.found.nodes
    if executed.found.progress >= len(follower.steps):
        return f"no execution that has all the steps lets {says.who} finish without a call of {named}"
    bit = follower.pairs[says.who, function]
    if all(isinstance(mark.memory, Memory) and mark.memory.called & bit for _, mark in nodes):
        return f"in every execution of the steps before, {says.who} has called {named}"
    return f"after the steps before, {says.who} is in no attempt, or has called {named}"


def _not_at_once(executed: Executed, says: Act, reached: int) -> Iterator[str]:
    """Say why a strict step does not come next."""
    if not reached and says.kind not in ("start", "switch", "arrive"):
        begins = "arrives" if says.who in INTERRUPT_NAMES else "starts"
        started = "arrived" if says.who in INTERRUPT_NAMES else "started"
        yield (
            f"it is strict, so nothing may come before it, and {says.who} has not {started} yet; "
            f"write before it: {says.who} {begins}"
        )
        return
    before = "between the step before and it" if reached else "before it"
    yield f"it is strict, so nothing may come {before}, and it is not what comes next"
    yield from _next(executed, says.who)


def _never(executed: Executed, says: Act, before: str) -> Iterator[str]:
    """Say that `says` never happens: what its context does instead, or has done, and what it would do next."""
    never = f"{before}{says.who} never does that"
    seen = list(dict.fromkeys(_instead(executed, says)))
    if seen:
        shown = ", ".join(seen[:_SHOWN]) + (f" and {len(seen) - _SHOWN} more" if len(seen) > _SHOWN else "")
        yield f"{never}; what {says.who} does there: {shown}"
        return
    earlier = _earlier(executed, says) if says.kind in ("read", "write") and _all_looked_at(executed) else []
    same = [(number, access) for number, access in earlier if _fits(executed, access, says)]
    if same:
        number, access = same[-1]
        yield f"{says.who} has done so before (event {number}: {access}), and does not do it again in this attempt"
    elif earlier:
        done = "read" if says.kind == "read" else "written"
        listed = "; ".join(f"event {number}: {access}" for number, access in earlier[-_SHOWN:])
        times = {1: "once", 2: "twice"}.get(len(earlier), f"{len(earlier)} times")
        yield f"{says.who} has {done} it {times} ({listed}), and does not do so again in this attempt"
    else:
        yield never
    yield from _forbidden(executed, says.who)
    yield from _next(executed, says.who)


def _forbidden(executed: Executed, who: str) -> Iterator[str]:
    """Say which steps forbid `who` to go on as it would."""
    follower = executed.follower
    if not executed.run:
        return
    _, mark = executed.run[-1][1].state
    for line in follower.steps:
        says = line.says
        if not isinstance(says, Act) or says.kind != "avoid" or says.who not in ("", who):
            continue
        if mark.memory.avoiding & follower.pairs[says.who, follower.resolved.functions[says.subject]]:
            yield f"step {line.label} forbids {who} to call {says.subject}"


def _next(executed: Executed, who: str) -> Iterator[str]:
    found = could(executed.follower, executed.run, who)
    if found:
        yield f"what {who} would do next: {'; or '.join(found)}"


def memory(follower: ClaimFollower, run: Sequence[tuple[Any, Step]]) -> Iterator[str]:
    """Say what the claim's variables hold after `run`."""
    state = run[-1][1].state[0] if run else follower.system.initial()
    for name in follower.resolved.places:
        if follower.resolved.places[name].name == "preempt_count":
            continue
        value = follower.conditions.value(state, name)
        yield f"{name} is {'not known' if value is None else _spelled(value)}"


def could(follower: ClaimFollower, run: Sequence[tuple[Any, Step]], who: str) -> tuple[str, ...]:
    """Say what `who` could do next after `run`, if the claim were not strict."""
    state, mark = run[-1][1].state if run else (follower.system.initial(), None)
    if mark is None:
        mark = follower.initial(state)
    already = len(Story(follower, run).rows)
    said: dict[str, None] = {}
    for step in follower.system.steps(state):
        for actor, after in follower.follow(state, step, mark, strictly=False):
            if follower.actor_name(actor) != who:
                continue
            label = Label(step.label, actor, after)
            longer = [*run, ((state, mark), step._replace(label=label, state=(step.state, after)))]
            for row in Story(follower, longer).rows[already : already + 1]:
                said[_worded(row)] = None
    return tuple(said)


def _worded(row: Event | Turn) -> str:
    """Return what `row` tells of its context, without what the claim says of it."""
    row = replace(row, notes=tuple(note for note in row.notes if not note.startswith("← ")))
    if isinstance(row, Event):
        return str(row).removeprefix(f"{row.context}: ")
    verbs = {"start": "starts", "switch": "goes on", "arrival": "arrives", "return": "returns", "finish": "finishes"}
    verb = "starts" if row.kind == "switch" and _begins(row) else verbs[row.kind]
    told = "; ".join(filter(None, [row.reason, *row.notes]))
    return f"{verb} ({told})" if told else verb


def _begins(row: Event | Turn) -> bool:
    """Return whether `row` begins an attempt of its context that it goes on with."""
    return isinstance(row, Turn) and (
        row.kind in ("start", "arrival") or (row.kind == "switch" and "; runs " in row.reason)
    )


def _instead(executed: Executed, says: Act) -> Iterator[str]:
    """Say what the context does of the same kind, in all states in which the claimed step is waited for."""
    if says.kind not in ("read", "write", "return"):
        return
    follower = executed.follower
    system = follower.system
    actor = follower.contexts.index(says.who)
    for state, mark in islice(executed.found.nodes, _LOOKED_AT):
        if not isinstance(mark.memory, Memory) or follower.whereabouts.running(state, mark.memory.where) != actor:
            continue
        if state.shared < 0 or system.after_event(state).events == 0:
            continue
        told = Narrator(system).event(state, says.who)
        if says.kind == "return":
            left = f"leaves {follower.resolved.functions[says.subject]}"
            pairs = zip(told.notes, told.notes[1:], strict=False)
            yield from (then for note, then in pairs if note == left and then.startswith("returns"))
        else:
            yield from (str(access) for access in told.accesses if _about(executed, access, says))


def _all_looked_at(executed: Executed) -> bool:
    return len(executed.found.nodes) <= _LOOKED_AT


def _earlier(executed: Executed, says: Act) -> list[tuple[int, Access]]:
    """Return what the context has done of the same kind in its attempt, with the number of the event."""
    number, found = 0, []
    for row in Story(executed.follower, executed.run).rows:
        number += isinstance(row, Event)
        if row.context != says.who:
            continue
        if isinstance(row, Event):
            found += [(number, access) for access in row.accesses if _about(executed, access, says)]
        elif _begins(row):
            found = []
    return found


def _about(executed: Executed, access: Access, says: Act) -> bool:
    """Return whether `access` is of the claimed kind, and of all of the claimed place."""
    return access.kind == says.kind and _within(executed, access, says) is not None


def _within(executed: Executed, access: Access, says: Act) -> range | None:
    """Return which bytes of `access` are the claimed place; None where it has other bytes."""
    place = executed.follower.resolved.places[says.subject]
    if place.kind is not RegionKind.SHARED:
        return range(place.size) if access.name == place.name else None
    variable = variable_of(place.name)
    start = place.start - executed.follower.system.layout.variable(variable).start - access.offset
    inside = range(start, start + place.size)
    return inside if access.symbol == variable and inside.start >= 0 and inside.stop <= access.size else None


def _fits(executed: Executed, access: Access, says: Act) -> bool:
    """Return whether `access`, of the claimed place, has the claimed values."""
    inside = _within(executed, access, says)
    assert inside is not None
    order = executed.follower.system.image.arch.byte_order

    def part(number: int | None) -> int:
        data = (number or 0).to_bytes(access.size, order)
        return int.from_bytes(data[inside.start : inside.stop], order)

    return all(
        value is None or value.accepts(part(number), len(inside))
        for value, number in ((says.old, access.before), (says.value, access.value))
    )


def _conditions(executed: Executed, condition: Condition, before: str) -> Iterator[str]:
    follower, nodes = executed.follower, executed.found.nodes
    for term in condition.terms:
        if term.kind != "value":
            continue
        idle = any(other.kind == "idle" for other in condition.terms)
        values = sorted(set(_values(follower, nodes, term, idle)))
        if values:
            more = ", ..." if len(values) > _SHOWN or not _all_looked_at(executed) else ""
            shown = ", ".join(map(_spelled, values[:_SHOWN])) + more
            yield f"{before}{term.subject} is {shown}{' whenever the CPU is idle' if idle else ''}"
    yield f"{before}it never holds"


def _spelled(value: int) -> str:
    """Return `value` as rows have it."""
    return str(Access("read", "", 0, 0, value, name="it")).removeprefix("it is ")


def _values(follower: ClaimFollower, nodes: Iterable[tuple[Any, Mark]], term: Term, idle: bool) -> Iterator[int]:
    for state, _ in islice(nodes, _LOOKED_AT):
        if not idle or (state.shared >= 0 and follower.system.is_idle(state)):
            value = follower.conditions.value(state, term.subject)
            if value is not None:
                yield value
