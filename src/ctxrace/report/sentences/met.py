"""What goes wrong where two BPF programs meet, as a sentence."""

from ctxrace.core.facts.defect import Defect, ProgramsMet

__all__ = ["bytes_phrase", "met_sentence"]

_SHOWN = 6  # ranges of bytes


def met_sentence(met: ProgramsMet) -> str:
    """Return what `met` says."""
    name, place = met.program, bytes_phrase(met.ranges)
    them = f"another invocation of {met.other}" if name == met.other else met.other
    match met.defect:
        case Defect.UNMIXED:
            return f"{name} sends {place} of {met.memory} that {them} wrote meanwhile"
        case Defect.LOST_UPDATE:
            return f"{name} overwrites what {them} stored to {met.memory} ({place})"
        case Defect.MISSED:
            return f"{name} is skipped while {them} holds {met.guard}, and its event is lost"
        case Defect.LEAKED:
            return f"{met.memory} ({place}) is not put back when {name} and {met.other} have met"
        case Defect.STUCK:
            return f"{met.memory} ({place}) stays taken for ever when {name} and {met.other} have met"


def bytes_phrase(ranges: tuple[tuple[int, int], ...]) -> str:
    """Return which bytes these are: of each range the first, and the first that is none of it."""
    spans = [f"{low}-{high - 1}" if high > low + 1 else str(low) for low, high in ranges]
    alone = len(spans) == 1 and "-" not in spans[0]
    return f"byte{'' if alone else 's'} {', '.join(spans[:_SHOWN])}{', ...' if len(spans) > _SHOWN else ''}"
