"""A program's instructions as text: which are events, and why."""

from collections.abc import Sequence

from ctxrace.core.interleaving import Event
from ctxrace.report.layout import clean, cut, finish, wrap

__all__ = ["render_listing"]

WIDTH = 100
INSTRUCTION = 44


def render_listing(name: str, compiler: str, lines: Sequence[Event], remark: str = "") -> str:
    """Write the instructions `lines`, which are sorted by address; what has notes is an event, for these reasons.

    name: the program; compiler: who made it; remark: what a reader must know besides.
    Returns the text, with a newline at its end; no line exceeds 100 columns.
    """
    events = sum(bool(line.notes) for line in lines)
    out = [f"{clean(name)}: {events} of {len(lines)} instructions are events (marked *), {clean(compiler)}"]
    if remark:
        out.append(clean(remark))
    function, source = None, None
    for line in lines:
        if line.function != function:
            function, source = line.function, None
            out += ["", f"{clean(function)}:"]
        if line.source is not None and line.source != source:
            source = line.source
            out.append(cut(f"  {clean(source.file)}:{source.line}  {clean(source.text)}", WIDTH))
        mark = "*" if line.notes else " "
        shown = f"  {mark} {line.address:016x}  {clean(line.instruction)}"
        if not line.notes:
            out.append(cut(shown, WIDTH))
            continue
        reasons = wrap("; ".join(map(clean, line.notes)), WIDTH - INSTRUCTION - 22, "")
        first, *more = list(reasons)
        out.append(f"{cut(shown, INSTRUCTION + 20):<{INSTRUCTION + 20}}  {first}")
        out += [f"{'':<{INSTRUCTION + 22}}{text}" for text in more]
    return finish(out, WIDTH)
