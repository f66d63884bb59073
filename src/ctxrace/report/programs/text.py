"""What was found out about the programs of an object, as text: first the answer, then each cause with its run."""

from collections.abc import Iterator, Sequence

from ctxrace.core.meeting import Finding, Happening, Moment, Pair, Partner, ProgramsResult, Touch, Use
from ctxrace.core.verdict import Outcome
from ctxrace.report.layout import clean, columns, finish, listed, typed, wrap
from ctxrace.report.programs.said import (
    answer,
    counted,
    finding_answer,
    finding_remarks,
    kernel_sentence,
    remarks,
    size_sentence,
)
from ctxrace.report.sentences.reason import reason_sentence

__all__ = ["render_pairs", "render_programs", "render_replay", "render_rows",
           "replay_command"]  # fmt: skip

WIDTH = 100
STRETCH = 4  # events of one program in a row that are all shown

_NOTHING = "no memory that both reach and one writes"


def render_programs(result: ProgramsResult) -> str:
    """Write the result of a check; no line exceeds 100 columns. Returns the text, with a newline at its end."""
    return finish(_lines(result), WIDTH)


def _lines(result: ProgramsResult) -> Iterator[str]:
    for line in (answer(result), kernel_sentence(result), size_sentence(result), *remarks(result)):
        yield from wrap(line, WIDTH, "    ")
    for each in result.ignored:
        yield f"ignored: {each.defect}: {counted(each.causes, 'cause')}"
    for finding in result.findings:
        yield ""
        yield from _finding(finding, result.replay)
    yield from _unfollowed(result)
    if result.command:
        yield ""
        yield from typed(f"again: {result.command}", WIDTH)


def _unfollowed(result: ProgramsResult) -> Iterator[str]:
    if result.unfollowed:
        yield ""
        yield "not followed, so that nothing is proved about these programs:"
        for name, reason in result.unfollowed:
            yield from wrap(f"  {name}: {reason}", WIDTH, "    ")


def _finding(finding: Finding, replay: str) -> Iterator[str]:
    yield from wrap(finding_answer(finding), WIDTH, "    ")
    for reason in finding.reasons:
        yield from _indented(reason_sentence(reason))
    yield from render_rows(finding.programs, finding.rows)
    for line in finding_remarks(finding):
        yield from _indented(line)
    if replay and finding.schedule:
        yield from typed(f"replay: {replay_command(finding, replay)}", WIDTH)


def replay_command(finding: Finding, replay: str) -> str:
    """Return what shows a finding's interleaving again."""
    names = ",".join(dict.fromkeys(partner.name for partner in finding.programs))
    return f"{replay} --program {names} --schedule '{finding.schedule}'"


def _indented(text: str) -> list[str]:
    return [f"   {line}" for line in wrap(text, WIDTH - 3, "    ")]


def render_rows(programs: tuple[Partner, Partner], rows: Sequence[Happening]) -> list[str]:
    """Write an interleaving, a line for each event; of a long stretch of one program's, the first and the last ones."""
    table: list[tuple[str, str, str, str]] = []
    for stretch in _stretches(rows):
        shown = stretch if len(stretch) <= STRETCH else [*stretch[:2], None, stretch[-1]]
        for row in shown:
            if row is None:
                table.append(("", "", "", f"... {len(stretch) - 3} more"))
            else:
                partner = programs[row.who]
                table.append((partner.level, clean(partner.name), _place(row), _row_text(row)))
    return [f"   {line}".rstrip() for line in columns(table)]


def _stretches(rows: Sequence[Happening]) -> Iterator[list[Happening]]:
    """Yield the rows in pieces: the events of one program, and each other row alone, but for what an event implies."""
    piece: list[Happening] = []
    for row in rows:
        if piece and not (row.who == piece[-1].who and row.moment is piece[-1].moment is Moment.EVENT):
            yield piece
            piece = []
        piece.append(row)
    if piece:
        yield piece


def _place(row: Happening) -> str:
    if row.source is None:
        return ""
    return f"{clean(row.source.file.rsplit('/', 1)[-1])}:{row.source.line}"


def _row_text(row: Happening) -> str:
    if row.moment is not Moment.EVENT:
        return "is skipped by the kernel" if row.moment is Moment.SKIPPED else row.moment.value
    parts = [_touch(touch) for touch in row.touches]
    return clean(f"{'; '.join(parts)} ({row.instruction})" if parts and "(" not in row.instruction else
                 "; ".join(parts) or row.instruction)  # fmt: skip


def _touch(touch: Touch) -> str:
    place = touch.place or f"{touch.memory}+{touch.offset}"
    match touch.use:
        case Use.READS:
            return f"reads {place}" + ("" if touch.value is None else f", which is {touch.value}")
        case Use.WRITES:
            return f"writes {place}" + ("" if touch.value is None else f" = {touch.value}")
        case Use.SENDS:
            return f"sends {touch.size} bytes of {place}"


def render_replay(finding: Finding) -> str:
    """Write one run that was executed again, and what it shows. Returns the text, with a newline at its end."""
    if finding.outcome is Outcome.HOLDS:
        lines = [finding_answer(finding), "", *render_rows(finding.programs, finding.rows)]
    else:
        lines = list(_finding(finding, ""))
    return finish(lines, WIDTH)


def render_pairs(result: ProgramsResult) -> str:
    """Write which programs may meet, and on what; for the others, the rule that keeps them apart."""
    return finish(_pair_lines(result), WIDTH)


_TITLES = (
    ("runs", True, "may run over"),
    ("missed", True, "is skipped by the guard of"),
    ("runs", False, "might run over"),
    ("missed", False, "might be skipped by the guard of"),
)
"""How `Pair.meets` and `Pair.sure` are put."""


def _pair_lines(result: ProgramsResult) -> Iterator[str]:
    for line in (kernel_sentence(result), *remarks(result)):
        yield from wrap(line, WIDTH, "    ")
    for word, sure, title in _TITLES:
        meeting = [pair for pair in result.pairs if pair.meets == word and pair.sure is sure]
        found = [pair for pair in meeting if pair.memory or word == "missed"]
        if found:
            yield ""
            rows = [(clean(pair.second), title, clean(pair.first), _on(pair)) for pair in found]
            yield from (f"  {line}".rstrip() for line in columns(rows))
            if not sure:
                yield "  nobody read where their hooks are called; --context PROGRAM=LEVEL says where"
    apart: dict[str, int] = {}
    for pair in result.pairs:
        if pair.meets == "apart":
            apart[pair.rule] = apart.get(pair.rule, 0) + 1
        elif pair.meets == "runs" and not pair.memory:
            apart[_NOTHING] = apart.get(_NOTHING, 0) + 1
    if apart:
        yield ""
        yield f"kept apart ({sum(apart.values())} of {len(result.pairs)} ordered pairs):"
        yield from (f"  {line}" for line in columns([(f"{n:,}", rule) for rule, n in sorted(apart.items())], {0}))
    yield from _unfollowed(result)


def _on(pair: Pair) -> str:
    mark = " (inferred)" if pair.inferred else ""
    names = listed([clean(name) for name in pair.memory], min(len(pair.memory), 3)) if pair.memory else ""
    return (f"on {names}; " if names else "") + pair.rule + mark
