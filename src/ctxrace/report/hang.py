"""What hangs, CPU by CPU, as lockdep draws a deadlock: where each context stands, and what it waits for.

Sentences about hangs stand here alone.
"""

from collections.abc import Iterator
from itertools import zip_longest

from ctxrace.core.hang import Activity, Changer, Hang, Hindrance, Stuck, Waited
from ctxrace.core.interleaving import Source
from ctxrace.report.layout import clean, wrap

__all__ = ["hang_summary"]

_GAP = 3
_HINDRANCES = {
    Hindrance.INTERRUPTED: "{who} is interrupted by {by}",
    Hindrance.OFF_CPU: "{who} does not get the CPU from {by}",
    Hindrance.STUCK: "{who} is stuck as well",
    Hindrance.NO_ATTEMPT: "{who} has begun as often as the scenario lets it",
    Hindrance.CANNOT_BEGIN: "{who} cannot begin here",
    Hindrance.NO_HELP: "{who} may come, and does not change that",
}


def hang_summary(hang: Hang, width: int) -> Iterator[str]:
    """Yield the lines that say why the contexts of `hang` cannot come to their ends, none longer than `width`."""
    cpus = sorted({stuck.cpu for stuck in hang.contexts})
    yield "it stays like this:" if hang.settled else "it stands like this where the interleaving ends:"
    side_by_side = len(cpus) == 2
    room = (width - 2 - _GAP) // 2 if side_by_side else width - 2
    columns = []
    for cpu in cpus:
        lines = [f"CPU{cpu}", "----"]
        depth = 0
        for stuck in hang.contexts:
            if stuck.cpu == cpu:
                if stuck.level != "task":
                    lines.append(f"{'  ' * depth}<Interrupt>")
                    depth += 1
                lines += _context(stuck, "  " * depth, room)
        columns.append(lines)
    if side_by_side:
        for left, right in zip_longest(*columns, fillvalue=""):
            yield f"  {left:<{room + _GAP}}{right}".rstrip()
        return
    for lines in columns:
        yield from (f"  {line}" for line in lines)


def _context(stuck: Stuck, indent: str, room: int) -> Iterator[str]:
    where = f"{stuck.function}()" if stuck.function else "its return"
    place = f", {_place(stuck.source)}" if stuck.source is not None else ""
    head = f"{stuck.context} ({stuck.entry}) in {where}{place}"
    match stuck.activity:
        case Activity.SPINS:
            what = "" if stuck.waits_for else ": takes the same steps again and again"
        case Activity.LOOPS:
            what = ": loops for ever, and reads nothing that another context can change"
        case Activity.INTERRUPTED:
            what = f": interrupted by {stuck.by}"
        case Activity.OFF_CPU:
            what = f": {stuck.by} has the CPU, and does not give it up"
        case Activity.SLEEPS:
            what = ": sleeps, and is not woken"
    yield from _wrapped(head + what, indent, room)
    for waited in stuck.waits_for:
        yield from _wrapped(_reads(waited), f"{indent}  ", room)
        for changer in waited.changers:
            yield from _wrapped(_hindered(changer), f"{indent}    ", room)


def _reads(waited: Waited) -> str:
    values = ", ".join(map(str, waited.values[:4])) + (", ..." if len(waited.values) > 4 else "")
    return f"reads {waited.name} again and again: {values}"


def _hindered(changer: Changer) -> str:
    who = changer.context if changer.context == changer.entry else f"{changer.context} ({changer.entry})"
    return f"{_HINDRANCES[changer.hindrance].format(who=who, by=changer.by)}"


def _place(source: Source) -> str:
    return f"{source.file.rpartition('/')[2]}:{source.line}"


def _wrapped(text: str, indent: str, room: int) -> Iterator[str]:
    return (f"{indent}{line}" for line in wrap(clean(text), room - len(indent), "  "))
