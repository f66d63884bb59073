"""Pages for tests: of a result with two violations, of hostile names, of a very long run."""

from dataclasses import replace
from random import Random

from ctxrace.core.ending import BodyOverlaps
from ctxrace.core.interleaving import Access, Event, Interleaving, Source
from ctxrace.core.source import Coverage, Line
from ctxrace.core.turn import Cause, Turn, TurnKind
from ctxrace.core.verdict import Outcome, Result
from ctxrace.report.page.render import render_page
from ctxrace.report.page.results import page_of_results, page_of_run

from ..test_text import BALANCED, EXCLUSIVE, PROGRESS, both_inside, nested, result, verdict

HOSTILE = (
    "a 'b' \"c\" </script><script>alert(1)</script><img src=x onerror=alert(2)> &amp; \udcff\x1b[31m \u202e {{ 7*7 }}"
)
"""What a name may be: markup, quotes, a byte that is not UTF-8, what a terminal obeys, a template's own syntax."""


def violated() -> Result:
    verdicts = [
        verdict(EXCLUSIVE, Outcome.VIOLATED, replace(both_inside(), schedule="1f3a90bc.5d20e1c7:A:1 B:1 A:2 B:2")),
        verdict(BALANCED, Outcome.VIOLATED, nested()),
        verdict(PROGRESS, Outcome.HOLDS),
    ]
    lines = (Line(Source("guard.c", 23, "active[rctx]++;"), "attempt", 4), Line(Source("guard.c", 30, "x;"), "f", 0))
    return replace(result(verdicts), replay="ctxrace replay guard.c", coverage=Coverage(lines, complete=True))


def hostile_run() -> Interleaving:
    source = Source(HOSTILE, 1, HOSTILE)
    access = Access("write", HOSTILE, 0, 4, 1, 0, HOSTILE)
    event = Event(HOSTILE, 1, HOSTILE, HOSTILE, source, (access,))
    start = Turn(TurnKind.START, HOSTILE, Cause.CPU_IDLE, entry=HOSTILE)
    return Interleaving((HOSTILE,), (start, event), (BodyOverlaps(HOSTILE, 2),), 1, HOSTILE)


def hostile() -> Result:
    broken = replace(EXCLUSIVE, kind=HOSTILE, subjects=(HOSTILE,), sentence=HOSTILE)
    shown = result([verdict(broken, Outcome.VIOLATED, hostile_run())], HOSTILE, HOSTILE)
    line = Line(Source(HOSTILE, 1, HOSTILE), HOSTILE, 0)
    return replace(shown, replay=HOSTILE, command=HOSTILE, coverage=Coverage((line,), complete=True))


def html(*results: Result) -> str:
    return render_page(page_of_results(results), "1.2.3")


def long_run(events: int) -> Interleaving:
    """A run that nothing can be folded in."""
    random = Random(1)
    who, rows = "A", list[Event | Turn]((Turn(TurnKind.START, "A", Cause.CPU_IDLE, entry="attempt"),))
    for _ in range(events):
        if random.random() < 0.1:
            left, who = who, "B" if who == "A" else "A"
            rows.append(Turn(TurnKind.SWITCH, who, Cause.PREEMPTED, left))
        slot, value = random.randrange(40), random.randrange(256)
        access = Access("write", "x", slot, 1, value, random.randrange(256), f"x[{slot}]")
        source = Source("guard.c", 20 + slot, f"x[{slot}]++;")
        rows.append(Event(who, 4 * slot, f"strb w9, [x8, #{slot}]", "attempt", source, (access,)))
    return Interleaving(("A", "B"), tuple(rows), (BodyOverlaps("body", 2),), 1)


def long_html(events: int) -> str:
    return render_page(page_of_run(long_run(events), [EXCLUSIVE], "guard.c", "ctxrace replay guard.c"), "1.2.3")
