"""Why a verdict is incomplete, and what a reader must know of a result, as sentences."""

from ctxrace.core.errors import VacuousError
from ctxrace.core.facts.growth import Grows
from ctxrace.core.facts.reason import (
    BeginsOtherwise,
    BodyNeverRuns,
    ContextsUnread,
    EndedByViolationOf,
    EndedByViolations,
    ExtentUnknown,
    LargeAlone,
    NeverReturns,
    NoCheckRuns,
    NotAsked,
    NotJudged,
    NotKnownShortest,
    OnlyIfSequential,
    OutcomeNotSearched,
    Reason,
    SearchEnded,
)
from ctxrace.core.facts.remark import (
    AttemptsBounded,
    CompiledWith,
    DriftsLeftOut,
    HandlersInterleaved,
    LinesUnknown,
    NeverArrives,
    NeverBegins,
    NothingDeclared,
    Remark,
    SequentialMemory,
    SoftirqTasksBounded,
    StacksShared,
    StatisticsLeftOut,
    StatisticsProved,
    TasksToldApart,
)
from ctxrace.report.layout import clean, listed
from ctxrace.report.sentences.stop import forecast_phrase, stop_phrase

__all__ = ["reason_sentence", "remark_sentence"]

_SHORT = 60  # characters of a line of source


def reason_sentence(reason: Reason) -> str:
    """Return what `reason` says."""
    return clean(_reason(reason))


def _reason(reason: Reason) -> str:
    match reason:
        case SearchEnded(stop, forecast, grows):
            more = [forecast_phrase(forecast)] if forecast else []
            return "; ".join([stop_phrase(stop), *more, *map(growth_phrase, grows), *_remedy(grows)])
        case EndedByViolations():
            return (
                "all other properties are violated, and the search ended there; this one needs every state, which "
                "--property hang visits"
            )
        case EndedByViolationOf(prop):
            return f"{prop} is violated, and what happens after that is not known"
        case NotKnownShortest():
            return "the search ended before it was known to be the shortest"
        case BodyNeverRuns() | NeverReturns():
            return str(VacuousError(reason))
        case NoCheckRuns():
            return "no ctxrace_check() is executed in any interleaving, and that is why none was found false"
        case OnlyIfSequential():
            return "it holds if memory is sequentially consistent between CPUs, which hardware need not be"
        case _:
            return _other_reason(reason)


def _other_reason(
    reason: ExtentUnknown | BeginsOtherwise | ContextsUnread | LargeAlone | NotAsked | NotJudged | OutcomeNotSearched,
) -> str:
    match reason:
        case BeginsOtherwise(memory):
            return f"it is so where {listed(memory)} begins as user space or another program may have left it"
        case ExtentUnknown():
            return "an access of unknown extent may or may not overwrite these bytes"
        case ContextsUnread():
            return (
                "it is not known whether both run in these contexts: nobody read where their hooks are called; "
                "--context PROGRAM=LEVEL says where"
            )
        case LargeAlone(limit):
            return f"alone already, its programs have more than {limit:,} states"
        case NotAsked():
            return "interrupted before it was asked"
        case NotJudged():
            return "no such property was judged"
        case OutcomeNotSearched():
            return "the search for another way to the outcome was ended"


def growth_phrase(grows: Grows) -> str:
    """Return that a variable only grows, and what depends on it."""
    if grows.held:
        return f"{grows.name} grows on while a context keeps what it read of it ({grows.values:,} distances so far)"
    place = grows.depends
    where = f", and {place.file.rpartition('/')[2]}:{place.line} depends on it" if place else ""
    where += f" ({place.text})" if place and 0 < len(place.text) <= _SHORT else ""
    where = ", and a property asks for it" if grows.asked_for else where
    return f"{grows.name} has had {grows.values:,} values{where}"


def _remedy(grows: tuple[Grows, ...]) -> list[str]:
    if not grows:
        return []
    narrower = ", or give it a narrower type" if len(grows) == 1 and grows[0].size > 1 else ""
    without = ", or decide other properties without that one (--property)" if any(it.asked_for for it in grows) else ""
    return [f"bound how often each context begins (CTXRACE_ATTEMPTS, --attempts){narrower}{without}"]


def remark_sentence(remark: Remark) -> str:
    """Return what `remark` says."""
    return clean(_remark(remark))


def _remark(remark: Remark) -> str:
    match remark:
        case AttemptsBounded(times):
            often = "once" if times == 1 else f"{times} times"
            return f"each context begins its entry at most {often}; nothing is claimed beyond that"
        case NeverArrives(level):
            return f"no {level} could ever arrive"
        case NeverBegins(entry):
            return f"no task ever begins {entry}"
        case StatisticsLeftOut(names):
            return f"left out, as no branch depends on it: {', '.join(names)}"
        case StatisticsProved(names):
            return f"left out, as no step depends on it (proved): {', '.join(names)}"
        case DriftsLeftOut(names, multiple):
            return _drifts(names, multiple)
        case NothingDeclared():
            return (
                "no property is declared, and no ctxrace_check() is in the machine code: only hangs, faults, "
                "sleeping in atomic context and a preempt count that is left changed are looked for"
            )
        case TasksToldApart():
            return "tasks are told apart: one's own address or pid reaches what others see"
        case SoftirqTasksBounded(tasks):
            return f"of each softirq, {tasks} tasks of a CPU are in the handler at once, not more"
        case SequentialMemory():
            return "between CPUs, memory is taken to be sequentially consistent"
        case HandlersInterleaved():
            return "handlers touch memory that another CPU touches: they are interleaved step by step, not summed up"
        case StacksShared():
            return "stacks count as shared memory: one context reaches another one's"
        case CompiledWith(defines):
            return f"compiled with {', '.join(defines)}"
        case LinesUnknown(kernel):
            return f"{kernel} has no debug information: its instructions are shown, without source lines"


def _drifts(names: tuple[str, ...], multiple: int) -> str:
    by = "by any number" if multiple == 1 else f"by a multiple of {multiple}"
    what = f"{names[0]} has" if len(names) == 1 else f"{', '.join(names)} have all"
    return f"states count as one where {what} grown {by}: every step is then the same (proved)"
