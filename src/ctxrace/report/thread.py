"""The thread decided: statements with their facts, as a table that fits a mail, and as JSON."""

import json
import textwrap
from collections.abc import Iterator, Sequence

from ctxrace.core.statement import Fact, Statement
from ctxrace.report.json import interleaving_facts
from ctxrace.report.layout import typed

__all__ = ["SCHEMA", "render_thread", "thread_to_json"]

SCHEMA = "ctxrace-thread/2"
WIDTH = 72
_ABOUT, _VERDICT = 26, 16
_SCENARIOS = (
    "2 tasks where nothing else is said. What interrupts them: softirq, hardirq and NMI, where the guard is by itself; "
    "an NMI, where a trampoline calls it (as in every list of steps); nothing, where programs sleep."
)
_BARRIERS = (
    'Of barriers: "the same code" is, byte for byte, what the compiler makes of the guard with one barrier(), before '
    'the decrement; "other code" differs from it, and its verdict is its own.'
)


def render_thread(statements: Sequence[Statement]) -> str:
    """Write every statement, its facts, and the command that shows each: ASCII, at most 72 columns."""
    lines = list(_opening(statements))
    for statement in statements:
        lines += ["", *_statement(statement)]
    lines += ["", *textwrap.wrap(_SCENARIOS, WIDTH)]
    if any(fact.size.endswith(" code") for statement in statements for fact in statement.facts):
        lines += textwrap.wrap(_BARRIERS, WIDTH)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def thread_to_json(statements: Sequence[Statement]) -> str:
    """Write the same facts as JSON, schema ``ctxrace-thread/2``."""
    facts = {
        "schema": SCHEMA,
        "statements": [
            {
                "quote": statement.quote,
                "who": statement.who,
                "so": statement.so if all(fact.as_expected for fact in statement.facts) else None,
                "facts": [_fact_as_json(fact) for fact in statement.facts],
            }
            for statement in statements
        ],
    }
    return json.dumps(facts, ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def _fact_as_json(fact: Fact) -> dict[str, object]:
    return {
        "about": fact.about,
        "verdict": fact.verdict,
        "expected": fact.expected,
        "as_expected": None if fact.incomplete else fact.as_expected,
        "size": fact.size,
        "reason": fact.reason,
        "missing": fact.missing,
        "command": fact.command,
        "interleaving": None if fact.interleaving is None else interleaving_facts(fact.interleaving),
    }


def _opening(statements: Sequence[Statement]) -> Iterator[str]:
    facts = [fact for statement in statements for fact in statement.facts]
    numbers = {
        "not as expected, marked !!": sum(fact.unlike for fact in facts),
        "incomplete, marked ??": sum(fact.incomplete for fact in facts),
    }
    told = [f"{number} {what}" for what, number in numbers.items() if number] or ["all as stated after =>"]
    missing = sum(bool(fact.missing) for fact in facts)
    told += [f"{missing} not asked here"] if missing else []
    yield from textwrap.wrap(f"{len(statements)} statements, {len(facts)} facts: {'; '.join(told)}", WIDTH)


def _statement(statement: Statement) -> Iterator[str]:
    yield from textwrap.wrap(f"{statement.quote} ({statement.who})", WIDTH, subsequent_indent="  ")
    if all(fact.as_expected for fact in statement.facts):
        yield from textwrap.wrap(f"=> {statement.so}", WIDTH, subsequent_indent="   ")
    for fact in statement.facts:
        yield from _fact(fact)


def _fact(fact: Fact) -> Iterator[str]:
    mark = "!!" if fact.unlike else "??" if fact.incomplete else "  "
    verdict, _, outcome = fact.verdict.partition("; ")
    told = fact.missing or fact.size
    yield f"{mark}{fact.about:<{_ABOUT}} {verdict:<{_VERDICT}} {'' if outcome else told}"
    if outcome:
        yield f"    {outcome}: {told}"
    if fact.unlike:
        yield f"!!  expected: {fact.expected}"
    if fact.reason:
        yield from textwrap.wrap(fact.reason, WIDTH, initial_indent=f"{mark}  ", subsequent_indent=f"{mark}  ")
    for line in typed(fact.command, WIDTH - 6):
        yield f"    $ {line}" if line.startswith("ctxrace") else f"      {line}"
