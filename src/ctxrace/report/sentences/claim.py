"""What is found of a claim's steps, as sentences."""

from ctxrace.core.claim import AtTheEnd, Finding, FindingKind, How, InCode, Memory, NotInEntry, Standing
from ctxrace.core.facts.reason import SearchEnded
from ctxrace.core.interleaving import Access, Event
from ctxrace.core.note import Note
from ctxrace.core.turn import Turn, TurnKind
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
from ctxrace.report.layout import clean
from ctxrace.report.sentences.access import access_phrase, access_phrases, number
from ctxrace.report.sentences.note import note_phrase
from ctxrace.report.sentences.reason import reason_sentence
from ctxrace.report.sentences.turn import turn_reason

__all__ = ["finding_phrase", "memory_phrase", "next_phrase", "standing_name", "standing_place", "why_sentence"]

_VERBS = {
    TurnKind.START: "starts",
    TurnKind.SWITCH: "goes on",
    TurnKind.ARRIVAL: "arrives",
    TurnKind.RETURN: "returns",
    TurnKind.FINISH: "finishes",
    TurnKind.BETWEEN: "goes on",
}


def finding_phrase(finding: Finding) -> str:
    """Return the verdict on a step, and what it is or why it is impossible."""
    match finding.kind:
        case FindingKind.IMPOSSIBLE:
            return "IMPOSSIBLE" + (f": {why_sentence(finding.why)}" if finding.why else "")
        case FindingKind.POSSIBLE:
            what = {
                How.EVENT: f": event {finding.event}",
                How.BETWEEN_EVENTS: ": between two events",
                How.NOT_CALLED: ": it is not called",
            }
            return "possible" + (what.get(finding.how, "") if finding.how else "")
        case _:
            return str(finding.kind)


def why_sentence(why: Why) -> str:
    """Return why a step is impossible."""
    return clean(_why(why))


def _why(why: Why) -> str:
    match why:
        case AlwaysCalled(entries, name, function):
            return f"every path through {' or '.join(entries)} calls {_function(name, function)}: it is always called"
        case NeverFinishesWithout(who, name, function):
            call = _function(name, function)
            return f"no execution that has all the steps lets {who} finish without a call of {call}"
        case AlreadyCalled(who, name, function):
            return f"in every execution of the steps before, {who} has called {_function(name, function)}"
        case CalledOrAway(who, name, function):
            return f"after the steps before, {who} is in no attempt, or has called {_function(name, function)}"
        case NotStarted(who, interrupt):
            started, begins = ("arrived", "arrives") if interrupt else ("started", "starts")
            return (
                f"it is strict, so nothing may come before it, and {who} has not {started} yet; "
                f"write before it: {who} {begins}"
            )
        case NotNext(first):
            where = "before it" if first else "between the step before and it"
            return f"it is strict, so nothing may come {where}, and it is not what comes next"
        case WouldDo(who, rows):
            return f"what {who} would do next: {'; or '.join(map(next_phrase, rows))}"
        case _:
            return _why_not(why)


def _why_not(why: Why) -> str:
    """Return why an access or a condition never comes."""
    match why:
        case DoesInstead():
            shown = ", ".join(map(_effect, why.effects)) + (f" and {why.more} more" if why.more else "")
            return f"{_never(why.who, later=why.later)}; what {why.who} does there: {shown}"
        case DidBefore():
            return _did_before(why)
        case NeverDoes(who, later):
            return _never(who, later=later)
        case Forbids(step, who, name):
            return f"step {step} forbids {who} to call {name}"
        case HasValues():
            shown = ", ".join(map(number, why.values)) + (", ..." if why.more else "")
            idle = " whenever the CPU is idle" if why.idle else ""
            return f"{_later(later=why.later)}{why.place} is {shown}{idle}"
        case NeverHolds(later):
            return f"{_later(later=later)}it never holds"
        case SearchEnded():
            return reason_sentence(why)
        case _:
            raise AssertionError(why)


def _did_before(why: DidBefore) -> str:
    accesses = "; ".join(f"event {event}: {access_phrase(access)}" for event, access in why.accesses)
    if why.same:
        return f"{why.who} has done so before ({accesses}), and does not do it again in this attempt"
    done = "read" if why.accesses[-1][1].kind == "read" else "written"
    times = {1: "once", 2: "twice"}.get(why.times, f"{why.times} times")
    return f"{why.who} has {done} it {times} ({accesses}), and does not do so again in this attempt"


def _function(name: str, function: str) -> str:
    return name if name == function else f"{name} ({function})"


def _later(*, later: bool) -> str:
    return "after the steps before, " if later else ""


def _never(who: str, *, later: bool) -> str:
    return f"{_later(later=later)}{who} never does that"


def _effect(effect: Access | Note) -> str:
    return access_phrase(effect) if isinstance(effect, Access) else note_phrase(effect)


def next_phrase(row: Event | Turn) -> str:
    """Return what a context does in `row`, without its name."""
    if isinstance(row, Event):
        effects = "; ".join([*access_phrases(row.accesses), *map(note_phrase, row.notes)])
        return clean(row.instruction) + (f"  [{effects}]" if effects else "")
    verb = "starts" if row.kind is TurnKind.SWITCH and row.entry and row.first_event else _VERBS[row.kind]
    facts = "; ".join(filter(None, [turn_reason(row), *map(note_phrase, row.notes)]))
    return f"{verb} ({facts})" if facts else verb


def standing_name(standing: Standing) -> str:
    """Return the context, as the claim calls it."""
    return clean(standing.context) or "another task"


def standing_place(standing: Standing) -> str:
    """Return where the context stands, and before which instruction."""
    return clean(_place(standing.place)) + (", preempted" if standing.preempted else "")


def _place(place: InCode | AtTheEnd | NotInEntry) -> str:
    match place:
        case NotInEntry():
            return "not in its entry"
        case AtTheEnd(entry):
            return f"at the end of {entry}, about to return"
        case InCode(function, address, instruction, source):
            where = f"in {function}" if function else f"at {address:#x}"
            line = f" ({source.file.rpartition('/')[2]}:{source.line})" if source else ""
            return f"{where}{line}, before: {instruction}"


def memory_phrase(memory: Memory) -> str:
    """Return what a place holds."""
    return clean(f"{memory.name} is {'not known' if memory.value is None else number(memory.value)}")
