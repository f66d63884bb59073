"""What is true at the end of an interleaving, as a sentence."""

from ctxrace.core.ending import (
    BodyNeverRan,
    BodyOverlaps,
    CheckFalse,
    ClaimedOutcome,
    Difference,
    Ending,
    NotRecovered,
    NotRestored,
    SleepsWrongly,
    Undefined,
    ValuesLeft,
)
from ctxrace.core.facts.defect import ProgramsMet
from ctxrace.core.hang import Hang
from ctxrace.report.layout import clean
from ctxrace.report.sentences.met import met_sentence
from ctxrace.report.sentences.note import check_phrase

__all__ = ["ending_sentence"]

_SHOWN = 3  # differences


def ending_sentence(ending: Ending) -> str:
    """Return what `ending` says."""
    return clean(_sentence(ending))


def _sentence(ending: Ending) -> str:
    match ending:
        case BodyOverlaps(body, times, cpu):
            where = "one CPU" if cpu is None else f"CPU {cpu}"
            return f"{body} is active {'twice' if times == 2 else f'{times} times'} on {where}"
        case ValuesLeft():
            return f"{_idle(ending.several_cpus)}, and {_differences(ending.differences)}"
        case NotRecovered():
            idle = _idle(ending.several_cpus)
            return f"{idle}, and one more undisturbed {ending.entry} does not run {ending.body}"
        case BodyNeverRan():
            return f"{_idle(ending.several_cpus)} again: {_attempts(ending)}, and {ending.body} never ran"
        case CheckFalse(condition, source):
            return check_phrase(condition, source) if condition else "a ctxrace_check() is false"
        case Undefined():
            return "what happens from here on is undefined"
        case SleepsWrongly():
            return _sleeps(ending)
        case Hang():
            return "from here on, nothing that can happen lets every entry come to its end"
        case NotRestored():
            return (
                "the entry returns with another preempt count, interrupt mask, bpf_ctx, softirq_disable_cnt or "
                "migration_disabled than it began with"
            )
        case ProgramsMet():
            return met_sentence(ending)
        case ClaimedOutcome(text):
            return text


def _idle(several_cpus: bool) -> str:
    return "the CPUs are idle" if several_cpus else "the CPU is idle"


def _attempts(ending: BodyNeverRan) -> str:
    match ending.overlapped:
        case None:
            return f"{ending.entry} was attempted"
        case True:
            return "attempts overlapped"
        case False:
            return "an undisturbed attempt was made"


def _differences(differences: tuple[Difference, ...]) -> str:
    shown = [f"{found.name} is {found.value}, not {found.initial}" for found in differences[:_SHOWN]]
    more = len(differences) - _SHOWN
    return " and ".join(shown) + (f" and {more} more differ" if more > 0 else "")


def _sleeps(ending: SleepsWrongly) -> str:
    halves = f", softirq_disable_cnt {ending.softirq_disable_count:#x}" if ending.softirq_disable_count else ""
    off = ", interrupts off" if ending.interrupts_off else ""
    return f"{ending.bug}: {ending.function}() at preempt count {ending.preempt_count:#x}{halves}{off}"
