"""What was found out about the programs of an object, as text: first the answer, then each cause with its run."""

from collections.abc import Iterator, Sequence

from ctxrace.core.meeting import Defect, Finding, Happening, Moment, Pair, Partner, ProgramsResult, Remedy, Touch, Use
from ctxrace.core.verdict import Outcome
from ctxrace.report.layout import clean, columns, finish, listed, typed, wrap
from ctxrace.report.sentences.reason import reason_sentence

__all__ = ["render_pairs", "render_programs", "render_replay", "render_rows"]

WIDTH = 100
SHOWN = 6  # pairs that are named where there are more
STRETCH = 4  # events of one program in a row that are all shown

_NOTHING = "no memory that both reach and one writes"
_WHY = {
    "preempts": "the task may lose the CPU between any two instructions",
    "runs while the first sleeps": "the task gives up the CPU where it sleeps",
    "interrupts": "nothing keeps the {by} away",
}
_USELESS = {
    Remedy.PREEMPT_DISABLE: "bpf_preempt_disable(), which does not stop interrupts",
    Remedy.TASK_STORAGE: "task storage: an interrupt runs in the same task",
    Remedy.BUFFER_PER_CONTEXT: "a buffer for each context level: both are at one level",
}


def render_programs(result: ProgramsResult) -> str:
    """Write the result of a check; no line exceeds 100 columns. Returns the text, with a newline at its end."""
    return finish(_lines(result), WIDTH)


def _lines(result: ProgramsResult) -> Iterator[str]:
    yield from wrap(_answer(result), WIDTH, "    ")
    yield from wrap(_kernel(result), WIDTH, "    ")
    yield from wrap(_size(result), WIDTH, "    ")
    yield from _not_read(result)
    yield from _ignored(result)
    for finding in result.findings:
        yield ""
        yield from _finding(finding, result.replay)
    yield from _unfollowed(result)
    if result.command:
        yield ""
        yield from typed(f"again: {result.command}", WIDTH)


def _answer(result: ProgramsResult) -> str:
    count = {outcome: sum(each.outcome is outcome for each in result.findings) for outcome in Outcome}
    match result.outcome:
        case Outcome.VIOLATED:
            causes = count[Outcome.VIOLATED]
            kinds = dict.fromkeys(each.defect.value for each in result.findings if each.outcome is Outcome.VIOLATED)
            return f"{result.file}: violated: {', '.join(kinds)} ({_counted(causes, 'cause')})"
        case Outcome.INCOMPLETE:
            return f"{result.file}: incomplete: nothing is known to be violated, and not everything is proved"
        case _ if result.ignored:
            return f"{result.file}: holds: nothing is violated but what is ignored"
        case _:
            return f"{result.file}: holds: no pair of programs mixes, loses or misses anything"


def _kernel(result: ProgramsResult) -> str:
    rcu = {"given": "as given", "config": "by the configuration", "distribution": f"as {result.distribution} builds it",
           "model": "which comes with the model"}.get(result.rcu_from, result.rcu_from)  # fmt: skip
    return f"kernel {result.kernel}, preemption {result.preemption}, RCU {result.rcu} ({rcu})"


def _unfollowed(result: ProgramsResult) -> Iterator[str]:
    if result.unfollowed:
        yield ""
        yield "not followed, so that nothing is proved about these programs:"
        for name, reason in result.unfollowed:
            yield from wrap(f"  {name}: {reason}", WIDTH, "    ")


def _not_read(result: ProgramsResult) -> Iterator[str]:
    """What the rules take for granted, as nobody read it in the kernel's sources."""
    if result.assumed:
        names = listed([clean(name) for name in result.assumed], min(SHOWN, len(result.assumed)))
        yield from wrap(
            f"assumed: a task calls the hooks of {names}, with nothing turned off; --context PROGRAM=LEVEL says where",
            WIDTH,
            "    ",
        )
    if result.inferred:
        names = listed([clean(name) for name in result.inferred], min(SHOWN, len(result.inferred)))
        yield from wrap(f"inferred: where {names} may run, as not every caller was read", WIDTH, "    ")


def _size(result: ProgramsResult) -> str:
    shares = "pair shares" if result.searched == 1 else "pairs share"
    return (
        f"{_counted(result.programs, 'program')}, {_counted(result.instructions, 'instruction')}; {result.searched:,} "
        f"{shares} memory and may meet; {_counted(result.states, 'state')}; two invocations at a time on one CPU"
    )


def _ignored(result: ProgramsResult) -> Iterator[str]:
    for each in result.ignored:
        yield f"ignored: {each.defect}: {_counted(each.causes, 'cause')}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _finding(finding: Finding, replay: str) -> Iterator[str]:
    yield from wrap(f"{finding.outcome}: {finding.defect}: {_sentence(finding)}", WIDTH, "    ")
    if not finding.sure:
        yield from _indented(
            "it is not known whether both run in these contexts: nobody read where their hooks are called; "
            "--context PROGRAM=LEVEL says where"
        )
    if finding.reason:
        yield from _indented(reason_sentence(finding.reason))
    yield from render_rows(finding.programs, finding.rows)
    yield from _indented(f"why: {_why(finding)}")
    if finding.remedies:
        yield from _indented(f"closed by: {', '.join(finding.remedies)}")
    for useless in _not_closing(finding):
        yield from _indented(f"not closed by: {useless}")
    if finding.also:
        pairs = [f"{first} and {second}" for first, second in finding.also]
        yield from _indented(f"the same: {listed([clean(pair) for pair in pairs], min(SHOWN, len(pairs)))}")
    if replay and finding.schedule:
        names = ",".join(dict.fromkeys(partner.name for partner in finding.programs))
        yield from typed(f"replay: {replay} --program {names} --schedule '{finding.schedule}'", WIDTH)


def _indented(text: str) -> list[str]:
    return [f"   {line}" for line in wrap(text, WIDTH - 3, "    ")]


def _sentence(finding: Finding) -> str:
    mine, other = finding.programs
    name = mine.name
    them = f"another invocation of {other.name}" if mine.name == other.name else other.name
    match finding.defect:
        case Defect.UNMIXED:
            return f"{name} sends {_bytes(finding)} of {finding.memory} that {them} wrote meanwhile"
        case Defect.LOST_UPDATE:
            return f"{name} overwrites what {them} stored to {finding.memory} ({_bytes(finding)})"
        case Defect.MISSED:
            return f"{name} is skipped while {them} holds {finding.guard}, and its event is lost"
        case Defect.LEAKED:
            return f"{finding.memory} ({_bytes(finding)}) is not put back when {name} and {other.name} have met"
        case Defect.STUCK:
            return f"{finding.memory} ({_bytes(finding)}) stays taken for ever when {name} and {other.name} have met"


def _bytes(finding: Finding) -> str:
    spans = [f"{low}-{high - 1}" if high > low + 1 else str(low) for low, high in finding.ranges]
    alone = len(spans) == 1 and "-" not in spans[0]
    return f"byte{'' if alone else 's'} {', '.join(spans[:SHOWN])}{', ...' if len(spans) > SHOWN else ''}"


def _why(finding: Finding) -> str:
    mine, other = finding.programs
    why = _WHY.get(finding.how, finding.how).format(by=mine.level if finding.defect is Defect.MISSED else other.level)
    held = f", while {finding.guard} is held" if finding.guard else ""
    return f"{why}{held} (rule: {finding.rule})"


def _not_closing(finding: Finding) -> Iterator[str]:
    for remedy in finding.useless:
        if finding.defect is Defect.MISSED:
            yield "bpf_preempt_disable(): the guard is taken before the program can call it"
        elif remedy in _USELESS:
            yield _USELESS[remedy]


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
        lines = ["nothing is violated", "", *render_rows(finding.programs, finding.rows)]
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
    yield from wrap(_kernel(result), WIDTH, "    ")
    yield from _not_read(result)
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
