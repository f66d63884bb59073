"""Results in a notebook: a table of verdicts, and below it each interleaving. Nothing of an input is markup."""

from collections.abc import Iterator
from html import escape

from ctxrace.core.claim import ClaimResult
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.meeting import ProgramsResult
from ctxrace.core.suite.trial import Trial
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.report.claim import render_claim
from ctxrace.report.heading import scenario_of, verdict_words
from ctxrace.report.layout import clean
from ctxrace.report.programs.text import render_programs
from ctxrace.report.sentences.reason import reason_sentence, remark_sentence
from ctxrace.report.suite import render_suite
from ctxrace.report.text import render_interleaving

__all__ = ["notebook_html"]

_COLORS = {Outcome.HOLDS: "#1a7f37", Outcome.VIOLATED: "#cf222e", Outcome.INCOMPLETE: "#9a6700"}
"""Of the words: dark enough for white, light enough for black."""


def notebook_html(value: Result | ClaimResult | Interleaving | ProgramsResult | Trial) -> str:
    """Return a piece of HTML that stands by itself, as Jupyter asks for it with ``_repr_html_``."""
    match value:
        case Result():
            return "<div>" + "".join(_result(value)) + "</div>"
        case ClaimResult():
            return _pre(render_claim(value))
        case Interleaving():
            return _pre(render_interleaving(value))
        case ProgramsResult():
            return _pre(render_programs(value))
        case Trial():
            line = _pre(render_suite([value]).partition("\n")[2])
            return line if value.result is None else line + notebook_html(value.result)


def _result(result: Result) -> Iterator[str]:
    yield f"<p><b>{_text(result.case)}</b>: {_colored(result.outcome, str(result.outcome))}<br>"
    yield f"<small>{_text(scenario_of(result.setup))}</small></p>"
    yield "<table><thead><tr>"
    yield "".join(f"<th>{name}</th>" for name in ("property", "verdict", "switches", "events", "states"))
    yield "</tr></thead><tbody>"
    yield from map(_row, result.judged)
    yield "</tbody></table>"
    yield from (f"<p><small>note: {_text(remark_sentence(note))}</small></p>" for note in dict.fromkeys(result.notes))
    drawn: set[Interleaving] = set()
    for verdict in result.verdicts:
        if (run := verdict.interleaving) is not None and run not in drawn:
            drawn.add(run)
            told = f"{verdict.property}: {run.length}"
            yield f"<details open><summary>{_text(told)}</summary>{_pre(render_interleaving(run))}</details>"
    if result.command:
        yield f"<p><small>again: <code>{_text(result.command)}</code></small></p>"


def _row(verdict: Verdict) -> str:
    run = verdict.interleaving
    length = ("-", "-") if run is None else (f"{run.switches:,}", f"{len(run.events):,}")
    words = _colored(verdict.outcome, verdict_words(verdict))
    why = f"<br><small>{_text(reason_sentence(verdict.reason))}</small>" if verdict.reason else ""
    cells = [_text(str(verdict.property)), words + why, *length, f"{verdict.states:,}"]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _colored(outcome: Outcome, words: str) -> str:
    return f'<span style="color:{_COLORS[outcome]};font-weight:bold">{_text(words)}</span>'


def _pre(text: str) -> str:
    return f'<pre style="line-height:1.25;overflow-x:auto">{escape(text.rstrip())}</pre>'


def _text(text: str) -> str:
    return escape(clean(text))
