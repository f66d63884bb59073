"""Why a claimed step is impossible: what happens instead."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ctxrace.claims.execute import Executed
from ctxrace.claims.narrate import Story
from ctxrace.claims.observer.observer import ClaimObserver
from ctxrace.claims.observer.step_readings import Remembered
from ctxrace.claims.resolve import Resolved, variable_of
from ctxrace.claims.syntax import Act, Condition, Line, Term
from ctxrace.core.claim import Memory
from ctxrace.core.interleaving import Access, Event, ValueKind
from ctxrace.core.note import Note, NoteKind
from ctxrace.core.system import Step
from ctxrace.core.turn import Turn
from ctxrace.core.why import (
    AlreadyCalled,
    AlwaysCalled,
    CalledOrAway,
    DidBefore,
    DoesInstead,
    Forbids,
    HasValues,
    NeverDoes,
    NeverFinishesWithout,
    NeverHolds,
    NotNext,
    NotStarted,
    Why,
    WouldDo,
)
from ctxrace.explore.product import Label, ObserverState
from ctxrace.kernel.narrate.narrator import Narrator
from ctxrace.kernel.rules.contexts import INTERRUPT_NAMES
from ctxrace.machine.avoidance import can_avoid
from ctxrace.machine.image import Image
from ctxrace.machine.lift import Lifter
from ctxrace.machine.memory import RegionKind

__all__ = ["always_called", "could", "memory", "reasons"]

_SHOWN = 6


def always_called(image: Image, resolved: Resolved, line: Line) -> bool:
    """Return whether `line` says that a context does not call what every path through its entry calls."""
    says = line.says
    if not isinstance(says, Act) or says.kind != "avoid" or not says.who:
        return False
    code = Lifter(image)
    target = image.symbols[resolved.functions[says.subject]].address
    entries = resolved.entries[says.who]
    return not any(can_avoid(code, image.symbols[entry].address, target) for entry in entries)


def reasons(image: Image, resolved: Resolved, executed: Executed, reached: int) -> Iterator[Why]:
    """Yield why the step after `reached` others is impossible, the shortest answer first."""
    line, later = resolved.claim.steps[reached], reached > 0
    if isinstance(line.says, Condition):
        yield from _conditions(executed, line.says, later=later)
    elif line.says.kind == "avoid":
        yield _called(image, resolved, executed, line, line.says)
    elif line.strict:
        yield from _not_at_once(executed, line.says, first=not later)
    else:
        yield from _never(executed, line.says, later=later)


def _called(image: Image, resolved: Resolved, executed: Executed, line: Line, says: Act) -> Why:
    """Return that what must not be called is called all the same."""
    function = resolved.functions[says.subject]
    if always_called(image, resolved, line):
        return AlwaysCalled(resolved.entries[says.who], says.subject, function)
    call = says.who, says.subject, function
    observer, nodes = executed.observer, executed.found.nodes
    if executed.found.progress >= len(observer.steps):
        return NeverFinishesWithout(*call)
    bit = observer.pairs[says.who, function]
    if all(isinstance(observed.memory, Remembered) and observed.memory.called & bit for _, observed in nodes):
        return AlreadyCalled(*call)
    return CalledOrAway(*call)


def _not_at_once(executed: Executed, says: Act, *, first: bool) -> Iterator[Why]:
    """Yield why a strict step does not come next."""
    if first and says.kind not in ("start", "switch", "arrive"):
        yield NotStarted(says.who, says.who in INTERRUPT_NAMES)
        return
    yield NotNext(first)
    yield from _next(executed, says.who)


def _never(executed: Executed, says: Act, *, later: bool) -> Iterator[Why]:
    """Yield that `says` never happens: what its context does instead, or has done, and what it would do next."""
    effects = tuple(sorted(set(_instead(executed, says)), key=_order))
    if effects:
        yield DoesInstead(says.who, later, effects[:_SHOWN], max(len(effects) - _SHOWN, 0))
        return
    earlier = _earlier(executed, says) if says.kind in ("read", "write") else []
    same = [(number, access) for number, access in earlier if _fits(executed, access, says)]
    if same:
        yield DidBefore(says.who, (same[-1],), len(same), same=True)
    elif earlier:
        yield DidBefore(says.who, tuple(earlier[-_SHOWN:]), len(earlier), same=False)
    else:
        yield NeverDoes(says.who, later)
    yield from _forbidden(executed, says.who)
    yield from _next(executed, says.who)


def _forbidden(executed: Executed, who: str) -> Iterator[Why]:
    """Yield which steps forbid `who` to go on as it would."""
    observer = executed.observer
    if not executed.run:
        return
    _, observed = executed.run[-1][1].state
    for line in observer.steps:
        says = line.says
        if not isinstance(says, Act) or says.kind != "avoid" or says.who not in ("", who):
            continue
        if observed.memory.avoiding & observer.pairs[says.who, observer.resolved.functions[says.subject]]:
            yield Forbids(line.label, who, says.subject)


def _next(executed: Executed, who: str) -> Iterator[Why]:
    found = could(executed.observer, executed.run, who)
    if found:
        yield WouldDo(who, found)


def memory(observer: ClaimObserver, run: Sequence[tuple[Any, Step]]) -> Iterator[Memory]:
    """Yield what the claim's variables hold after `run`."""
    state = run[-1][1].state[0] if run else observer.system.initial()
    for name in observer.resolved.places:
        if observer.resolved.places[name].name != "preempt_count":
            yield Memory(name, observer.conditions.value(state, name))


def could(observer: ClaimObserver, run: Sequence[tuple[Any, Step]], who: str) -> tuple[Event | Turn, ...]:
    """Return what `who` could do next after `run`, if the claim were not strict."""
    state, observed = run[-1][1].state if run else (observer.system.initial(), None)
    if observed is None:
        observed = observer.initial(state)
    already = len(Story(observer, run).rows)
    found: dict[Event | Turn, None] = {}
    for step in observer.system.steps(state):
        for actor, after in observer.observe(state, step, observed, strictly=False):
            if observer.actor_name(actor) != who:
                continue
            label = Label(step.label, actor, after)
            longer = [*run, ((state, observed), step._replace(label=label, state=(step.state, after)))]
            for row in Story(observer, longer).rows[already : already + 1]:
                found[_unmarked(row)] = None
    return tuple(found)


def _unmarked(row: Event | Turn) -> Event | Turn:
    """Return `row` without the steps of the claim that it is."""
    found_states = (NoteKind.IS_STEP, NoteKind.IS_OUTCOME)
    return replace(row, notes=tuple(note for note in row.notes if note.kind not in found_states))


def _begins(row: Turn) -> bool:
    """Return whether `row` begins an attempt of its context that it goes on with."""
    return bool(row.entry) and row.first_event


def _instead(executed: Executed, says: Act) -> Iterator[Access | Note]:
    """Yield what the context does of the same kind, in all states in which the claimed step is waited for."""
    if says.kind not in ("read", "write", "return"):
        return
    observer = executed.observer
    system = observer.system
    actor = observer.contexts.index(says.who)
    seen: set[tuple[int, int, int]] = set()
    for state, observed in executed.found.nodes:
        key = (state.current, state.top, state.shared)
        assert isinstance(observed.memory, Remembered)
        if key in seen or observer.bindings.running(state, observed.memory.where) != actor:
            continue
        seen.add(key)
        if state.shared < 0 or system.after_event(state).events == 0:
            continue
        event = Narrator(system).event(state, says.who)
        if says.kind == "return":
            left = Note(NoteKind.LEAVES, observer.resolved.functions[says.subject])
            pairs = zip(event.notes, event.notes[1:], strict=False)
            yield from (then for note, then in pairs if note == left and then.kind is NoteKind.RETURNS)
        else:
            yield from (access for access in event.accesses if _about(executed, access, says))


def _order(effect: Access | Note) -> tuple[object, ...]:
    """Return what to order effects by: the place, what it held, the number, from the lowest."""
    if isinstance(effect, Note):
        return effect.subject, int(effect.value)

    def number(value: int | None) -> int:
        signed = effect.value_kind is ValueKind.SIGNED and value is not None and value >> 8 * effect.size - 1
        return (value or 0) - (1 << 8 * effect.size if signed else 0)

    return effect.symbol, effect.offset, effect.size, number(effect.before), number(effect.value)


def _earlier(executed: Executed, says: Act) -> list[tuple[int, Access]]:
    """Return what the context has done of the same kind in its attempt, with the number of the event."""
    number, found = 0, []
    for row in Story(executed.observer, executed.run).rows:
        number += isinstance(row, Event)
        if row.context != says.who:
            continue
        if isinstance(row, Event):
            found += [(number, access) for access in row.accesses if _about(executed, access, says)]
        elif isinstance(row, Turn) and _begins(row):
            found = []
    return found


def _about(executed: Executed, access: Access, says: Act) -> bool:
    """Return whether `access` is of the claimed kind, and of all of the claimed place."""
    return access.kind == says.kind and _within(executed, access, says) is not None


def _within(executed: Executed, access: Access, says: Act) -> range | None:
    """Return which bytes of `access` are the claimed place; None where it has other bytes."""
    place = executed.observer.resolved.places[says.subject]
    if place.kind is not RegionKind.SHARED:
        return range(place.size) if access.name == place.name else None
    variable = variable_of(place.name)
    start = place.start - executed.observer.system.layout.variable(variable).start - access.offset
    inside = range(start, start + place.size)
    return inside if access.symbol == variable and inside.start >= 0 and inside.stop <= access.size else None


def _fits(executed: Executed, access: Access, says: Act) -> bool:
    """Return whether `access`, of the claimed place, has the claimed values."""
    inside = _within(executed, access, says)
    assert inside is not None
    order = executed.observer.system.image.arch.byte_order

    def part(number: int | None) -> int:
        data = (number or 0).to_bytes(access.size, order)
        return int.from_bytes(data[inside.start : inside.stop], order)

    return all(
        value is None or value.accepts(part(number), len(inside))
        for value, number in ((says.old, access.before), (says.value, access.value))
    )


def _conditions(executed: Executed, condition: Condition, *, later: bool) -> Iterator[Why]:
    observer, nodes = executed.observer, executed.found.nodes
    for term in condition.terms:
        if term.kind != "value":
            continue
        idle = any(other.kind == "idle" for other in condition.terms)
        values = sorted(set(_values(observer, nodes, term, idle)))
        if values:
            yield HasValues(term.subject, tuple(values[:_SHOWN]), len(values) > _SHOWN, idle, later)
    yield NeverHolds(later)


def _values(
    observer: ClaimObserver, nodes: Iterable[tuple[Any, ObserverState]], term: Term, idle: bool
) -> Iterator[int]:
    for state, _ in nodes:
        if not idle or (state.shared >= 0 and observer.system.is_idle(state)):
            value = observer.conditions.value(state, term.subject)
            if value is not None:
                yield value
