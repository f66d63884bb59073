"""A change of the context that runs, as a sentence."""

from ctxrace.core.turn import IDLE_TASK, Cause, Turn, TurnKind
from ctxrace.report.layout import clean
from ctxrace.report.sentences.context import context_name, context_phrase
from ctxrace.report.sentences.note import note_phrase

__all__ = ["turn_reason", "turn_sentence"]

_PREEMPTIBLE = "preempt count 0, interrupts on"


def turn_sentence(turn: Turn, then: str = "") -> str:
    """Return which context runs from here on and why; then: the context that goes on after a return, if known."""
    name, reason = context_name(turn.context), turn_reason(turn)
    match turn.kind:
        case TurnKind.START:
            what = f"{name} starts"
        case TurnKind.SWITCH:
            what = f"switch to {name}"
        case TurnKind.ARRIVAL:
            what = f"<{name}> arrives"
        case TurnKind.RETURN:
            what = f"</{name}> returns" + (f" to {context_name(then)}" if then and not turn.below else "")
        case TurnKind.FINISH:
            what = f"{name} finishes"
        case TurnKind.BETWEEN:
            what = name
    why = "; ".join(filter(None, [reason, *map(note_phrase, turn.notes)]))
    return clean(f"{what}: {why}" if why else what)


def turn_reason(turn: Turn) -> str:
    """Return why the context may run, where, and which entry it begins; empty where none of it is known."""
    place = f"on CPU {turn.cpu}" if turn.cpu is not None else ""
    cause = _cause(turn)
    if turn.context == IDLE_TASK and turn.cpu is not None:
        cause += ", to be moved away"
    moved = f"it migrates from CPU {turn.came_from}" if turn.came_from is not None else ""
    runs = f"{'runs' if turn.first_event else 'begins'} {turn.begins}" if turn.entry else ""
    if turn.kind is TurnKind.RETURN:
        runs = f"back to {context_phrase(turn.below)}" if turn.below else ""
    elif turn.below:
        accounted = "" if turn.accounted else ", the preempt count does not say so"
        runs = f"over {context_phrase(turn.below)}{accounted}" + (f", {runs}" if runs else "")
    return "; ".join(filter(None, [place, cause, moved, runs]))


def _cause(turn: Turn) -> str:
    if turn.cause is None:
        return ""
    previous = context_phrase(turn.previous)
    match turn.cause:
        case Cause.FINISHED:
            return f"{previous} has finished"
        case Cause.SLEEPS:
            return f"{previous} sleeps" + (f", in {turn.function}()" if turn.function else "")
        case Cause.PREEMPTED if not turn.first_event:
            return f"{previous} is preempted"
        case Cause.PREEMPTED:
            where = f" in {turn.function}()" if turn.function else ""
            return f"{previous} is preempted{where}: {_PREEMPTIBLE}"
        case Cause.PREEMPTED_FIRST:
            return f"{previous} is preempted before its first event"
        case _:
            return str(turn.cause)
