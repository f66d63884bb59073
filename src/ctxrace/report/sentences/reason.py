"""Why a verdict is incomplete, and what a reader must know of a result, as sentences."""

from ctxrace.core.errors import VacuousError
from ctxrace.core.facts.reason import (
    BodyNeverRuns,
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
    HandlersInterleaved,
    NeverArrives,
    NeverBegins,
    Remark,
    SequentialMemory,
    SoftirqTasksBounded,
    StacksShared,
    StatisticsLeftOut,
    TasksToldApart,
)
from ctxrace.report.layout import clean
from ctxrace.report.sentences.stop import forecast_phrase, stop_phrase

__all__ = ["reason_sentence", "remark_sentence"]


def reason_sentence(reason: Reason) -> str:
    """Return what `reason` says."""
    return clean(_reason(reason))


def _reason(reason: Reason) -> str:
    match reason:
        case SearchEnded(stop, forecast):
            return stop_phrase(stop) + (f"; {forecast_phrase(forecast)}" if forecast else "")
        case EndedByViolations():
            return "all other properties are violated, and the search ended there; this one needs every state"
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


def _other_reason(reason: ExtentUnknown | LargeAlone | NotAsked | NotJudged | OutcomeNotSearched) -> str:
    match reason:
        case ExtentUnknown():
            return "an access of unknown extent may or may not overwrite these bytes"
        case LargeAlone(limit):
            return f"alone already, its programs have more than {limit:,} states"
        case NotAsked():
            return "interrupted before it was asked"
        case NotJudged():
            return "no such property was judged"
        case OutcomeNotSearched():
            return "the search for another way to the outcome was ended"


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
