"""Results as plain text that a kernel developer pastes into a mail: the first line is the answer.

No line exceeds 100 columns, and there is no time of day and no duration in it: the same input, the same bytes.
"""

import shlex
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ctxrace.core.hang import Hang
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.report.coverage import never_executed, never_taken
from ctxrace.report.hang import hang_summary
from ctxrace.report.heading import scenario_of, verdict_words
from ctxrace.report.lanes import render_interleaving
from ctxrace.report.layout import SHELL_WORD, clean, columns, cut, cut_front, finish, listed, typed, wrap
from ctxrace.report.overview import render_table
from ctxrace.report.sentences.reason import reason_sentence, remark_sentence
from ctxrace.report.sentences.summary import summary

__all__ = ["Violation", "answer", "in_short", "opening", "print_report", "remarks", "render_interleaving",
           "render_result", "render_table", "replay_parts", "violations"]  # fmt: skip

WIDTH = 100
NARROWEST = 60
ROOMY = 80  # columns with which all numbers are shown
CASE = 40  # columns of the case that are worth less than the properties' subjects
LEAST = 16  # and those worth less than their kinds
STYLES = (
    (r"(?i)\bviolated\b", "bold red"),
    (r"(?i)\bincomplete\b", "bold yellow"),
    (r"\bholds\b|\bverdicts hold\b", "bold green"),
    (r"(?m)^ +── .*$", "cyan"),
    (r"(?m)^ +\S+:\d+  .*$", "dim"),
    (r"(?m)^=> .*$", "bold"),
    (r"\S+ ➜ \S+", "bold"),
)


def render_result(result: Result, width: int = WIDTH) -> str:
    """Write one scenario's result: the answer, what was checked, the verdicts, the interleavings, the command.

    width: columns that no line exceeds (at least 60). Returns the text, with a newline at its end.
    """
    width = max(width, NARROWEST)
    return finish(_lines(result, width), width)


def print_report(text: str, console: Console) -> None:
    """Print what a `render_` function returned, in colour if `console` is a terminal, byte for byte otherwise."""
    if not console.is_terminal:
        console.file.write(text)
        return
    styled = Text(text)
    for pattern, style in STYLES:
        styled.highlight_regex(pattern, style)
    console.print(styled, soft_wrap=True, end="")


@dataclass(frozen=True, slots=True)
class Violation:
    """One run and every verdict that it shows."""

    interleaving: Interleaving
    verdicts: tuple[Verdict, ...]


def _lines(result: Result, width: int) -> Iterator[str]:
    yield answer(result, width)
    yield from wrap(scenario_of(result.setup), width, "    ")
    if result.verdicts:
        yield ""
        yield from _verdicts(result.judged, width)
    below = remarks(result)
    if below:
        yield ""
    for remark in below:
        yield from wrap(remark, width, "    ")
    for violation in violations(result.verdicts):
        yield ""
        yield from _told(violation, result.replay, width)
    if result.command:
        yield ""
        yield from typed(f"again: {result.command}", width)


def remarks(result: Result) -> list[str]:
    """Return why verdicts are incomplete, and what a reader must know besides."""
    return [
        *_reasons(result),
        *(f"note: {remark_sentence(note)}" for note in dict.fromkeys(result.notes)),
        *filter(None, [never_executed(result.coverage), never_taken(result.coverage)]),
    ]


def _reasons(result: Result) -> Iterator[str]:
    """Yield each reason once, with the verdicts that it is the reason of."""
    about: dict[tuple[Outcome, str], list[str]] = {}
    for it in result.judged:
        if it.reason:
            about.setdefault((it.outcome, reason_sentence(it.reason)), []).append(str(it.property))
    for (outcome, reason), properties in about.items():
        yield f"{outcome}: {', '.join(properties)}: {reason}"


def answer(result: Result, width: int) -> str:
    """Return the most telling of several wordings that fits into one line of `width` columns."""
    case = clean(result.case)
    worst_first = (Outcome.VIOLATED, Outcome.INCOMPLETE, Outcome.HOLDS)
    groups = {worst: group for worst in worst_first if (group := [v for v in result.verdicts if v.outcome is worst])}
    if not groups:
        return f"{cut_front(case, CASE)}: nothing was checked: the scenario declares no property"
    outcome = next(iter(groups))
    wordings = list(_wordings(outcome, groups.pop(outcome), groups, width))
    for words, least in wordings:
        if (room := width - cell_len(words)) >= min(least, cell_len(case)):
            return cut_front(case, room) + words
    return cut(cut_front(case, LEAST) + wordings[-1][0], width)  # a single endless name


def _wordings(
    outcome: Outcome, first: Sequence[Verdict], others: Mapping[Outcome, Sequence[Verdict]], width: int
) -> Iterator[tuple[str, int]]:
    """Yield what may follow the case, the most telling first, and how many columns the case should keep for it."""
    states = max(verdict.states for group in (first, *others.values()) for verdict in group)
    size = f"{states:,} state{'' if states == 1 else 's'}"
    always = " in every interleaving" if outcome is Outcome.HOLDS else ""
    tails = {Outcome.HOLDS: f"{always} ({size})", Outcome.INCOMPLETE: f" not violated in {size}"}
    tail, answer = tails.get(outcome, ""), verdict_words(first[0])
    by_name, by_kind, by_number = (
        "".join(f"; {verdict_words(group[0])}: {name(group)}" for group in others.values())
        for name in (_named, _kinds, lambda group: str(len(group)))
    )
    yield f": {answer}: {_named(first)}{tail}{by_name}", CASE
    if len({verdict.property.kind for verdict in first}) > 1 or len(first) == 1:  # a kind alone is no name
        for rest in (tail + by_kind, always + by_kind, always + by_number):
            yield f": {answer}: {_kinds(first)}{rest}", LEAST
    for number in range(len(first), 0, -1):
        yield f": {answer}: {_named(first, number)}{tail}{by_number}", LEAST
    more = f" and {len(first) - 1} more" if len(first) > 1 else ""
    room = width - LEAST - cell_len(f": {answer}: {more}{tail}{by_number}")
    yield f": {answer}: {cut(_named(first[:1]), max(room, 1))}{more}{tail}{by_number}", LEAST


def _named(verdicts: Sequence[Verdict], shown: int | None = None) -> str:
    return listed([clean(str(verdict.property)) for verdict in verdicts], shown)


def _kinds(verdicts: Sequence[Verdict]) -> str:
    """Name properties by their kinds alone, and say how many there are of each."""
    number = Counter(clean(verdict.property.kind) for verdict in verdicts)
    return ", ".join(kind if times == 1 else f"{kind} ×{times}" for kind, times in number.items())


def _verdicts(verdicts: Sequence[Verdict], width: int) -> list[str]:
    rows = [("verdict", "switches", "events", "states", "transitions")]
    for verdict in verdicts:
        run = verdict.interleaving
        length = (str(run.switches), str(len(run.events))) if run else ("-", "-")
        rows.append((str(verdict.outcome), *length, f"{verdict.states:,}", f"{verdict.transitions:,}"))
    shown = len(rows[0]) if width >= ROOMY else 3  # how large the search was is the least telling
    numbers = columns([row[:shown] for row in rows], right={1, 2, 3, 4})
    names = ["property", *(clean(str(verdict.property)) for verdict in verdicts)]
    room = width - 4 - cell_len(numbers[0])
    rows_of_two = [(cut(name, room), rest) for name, rest in zip(names, numbers, strict=True)]
    return [f"  {line}" for line in columns(rows_of_two)]


def violations(verdicts: Sequence[Verdict]) -> list[Violation]:
    """Gather the verdicts that one and the same run decides: it is shown once."""
    shared: dict[tuple[object, ...], list[tuple[Verdict, Interleaving]]] = {}
    for verdict in verdicts:
        if (run := verdict.interleaving) is not None and verdict.outcome is Outcome.VIOLATED:
            shared.setdefault((run.contexts, run.rows), []).append((verdict, run))
    found = []
    for group in shared.values():
        runs = [run for _, run in group]
        endings = tuple(dict.fromkeys(ending for run in runs for ending in run.endings))
        found.append(Violation(replace(runs[0], endings=endings), tuple(verdict for verdict, _ in group)))
    return found


def opening(violation: Violation) -> tuple[str, list[str]]:
    """Return the title of a violation, and what is said above its interleaving: what must hold, and what goes wrong."""
    verdicts, run = violation.verdicts, violation.interleaving
    title = f"violated: {listed([str(verdict.property) for verdict in verdicts])} ({run.length})"
    lines = []
    for verdict in verdicts:
        if verdict.property.sentence:
            about = f"{verdict.property}: " if len(verdicts) > 1 else ""
            lines.append(f"must hold: {about}{verdict.property.sentence}")
    return title, [*lines, *in_short(run)]


def in_short(run: Interleaving) -> list[str]:
    """Return what goes wrong, and how it comes about."""
    what, how = summary(run)
    return [*([f"in short: {what}"] if what else []), *([f"how: {how}"] if how else [])]


def _told(violation: Violation, replay: str, width: int) -> Iterator[str]:
    run = violation.interleaving
    title, lines = opening(violation)
    for line in (title, *lines):
        yield from wrap(line, width, "    ")
    yield ""
    yield from render_interleaving(run, width).splitlines()
    for ending in run.endings:
        if isinstance(ending, Hang):
            yield ""
            yield from hang_summary(ending, width)
            yield ""
    if replay and run.schedule:
        yield from _replay(replay, run.schedule, width)


def replay_parts(command: str, schedule: str) -> tuple[str, str, str]:
    """Return the command that replays `schedule`: its beginning, the option, and the flags for the compiler."""
    words = SHELL_WORD.findall(command)
    end = words.index("--") if "--" in words else len(words)
    return " ".join(words[:end]), f"--schedule {shlex.quote(schedule)}", " ".join(words[end:])


def _replay(command: str, schedule: str, width: int) -> Iterator[str]:
    command, option, flags = replay_parts(command, schedule)
    whole = f"replay: {command} {option} {flags}".rstrip()
    if cell_len(whole) <= width:
        yield whole
        return
    *lines, last = typed(f"replay: {command}", width - 2)
    yield from [*lines, f"{last} \\"]
    # A schedule may be broken between its words, also within quotes.
    room = width - 2 * bool(flags)
    *lines, last = textwrap.wrap(option, room, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    yield from [*lines, f"{last} \\" if flags else last]
    yield from (f"    {line}" for line in typed(flags, width - 4) if line)
