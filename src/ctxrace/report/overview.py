"""Many results as one table: a row for each case and preemption model, a column for each kind of property."""

from collections.abc import Callable, Iterator, Sequence

from rich.cells import cell_len

from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.report.heading import interrupts_of, rcu_of, tasks_of
from ctxrace.report.layout import clean, columns, cut, finish, listed, typed, wrap
from ctxrace.report.sentences.reason import reason_sentence, remark_sentence

__all__ = ["cell_text", "render_table", "row_labels", "table_answer", "table_remarks"]

WIDTH = 100
LABEL = 34

Shape = Callable[[Sequence[Verdict]], str]


def render_table(
    results: Sequence[Result], noun: str = "guard", hint: str = "", missing: Sequence[str] = (), width: int = WIDTH
) -> str:
    """Write one table of all results; its first line is the answer.

    results: in the order of the rows. missing: the cases of those that were to be found, and were not.
    noun: what a case is called in the first column.
    hint: what to type to see the interleavings; without it, the command of the first violated result.

    Returns the text, with a newline at its end; no line exceeds `width` columns.
    """
    return finish(_lines(results, noun, hint, missing, width), width)


def _lines(results: Sequence[Result], noun: str, hint: str, missing: Sequence[str], width: int) -> Iterator[str]:
    yield table_answer(results, noun, missing, width)
    if not results:
        return
    facts, labels = row_labels(results, noun)
    if facts:
        yield from wrap(", ".join(facts), width, "    ")
    blocks, legend = _blocks(results, labels, width)
    for block in blocks:
        yield ""
        yield from block
    violated = [result for result in results if result.outcome is Outcome.VIOLATED]
    remarks = list(table_remarks(results))
    if violated:
        remarks.append(legend)
    if remarks:
        yield ""
    for remark in remarks:
        yield from wrap(remark, width, "    ")
    if violated and (command := hint or violated[0].command):
        yield from typed(f"interleavings: {command}", width)


def table_answer(results: Sequence[Result], noun: str, missing: Sequence[str], width: int = WIDTH) -> str:
    """Return how many verdicts are of which kind, and for which cases everything holds."""
    verdicts = [verdict for result in results for verdict in result.judged]
    if not verdicts:
        return f"nothing was checked{': no case was begun' if missing else ''}"
    number = {outcome: sum(verdict.outcome is outcome for verdict in verdicts) for outcome in Outcome}
    cases = list(dict.fromkeys([*(result.case for result in results), *missing]))
    unsafe = {result.case for result in results if result.outcome is not Outcome.HOLDS or not result.verdicts}
    unsafe.update(missing)
    safe = [clean(case) for case in cases if case not in unsafe]
    if len(safe) == len(cases):
        start = f"all {len(verdicts)} verdicts hold: " if len(verdicts) > 1 else "the verdict holds: "
    else:
        parts = [f"{number[word]} {word}" for word in (Outcome.VIOLATED, Outcome.INCOMPLETE) if number[word]]
        begun = f", {len(missing)} of {len(results) + len(missing)} cases not begun" if missing else ""
        start = f"{', '.join(parts) or '0 violated'} of {len(verdicts)} verdicts{begun}; "
        none = "is known to hold" if missing or number[Outcome.INCOMPLETE] else "holds"
        start += "everything holds for " if safe else f"no {noun} {none} everything"
    brief = start.replace(" verdicts;", ";").replace(" verdicts,", ",")
    wordings = [start + listed(safe), *(brief + listed(safe, shown) for shown in range(len(safe), 0, -1))]
    wordings = wordings if safe else [start]
    wordings.append(f"{start}{len(safe)} of {len(cases)} {noun}s" if safe else start)
    return next((wording for wording in wordings if cell_len(wording) <= width), wordings[-1])


def row_labels(results: Sequence[Result], noun: str) -> tuple[list[str], list[list[str]]]:
    """Tell what all results share, and label the rows (after a heading) by case, preemption and what differs."""
    kinds: dict[str, list[str]] = {
        "arch": [result.setup.arch for result in results],
        "compiler": [result.setup.compiler for result in results],
        "RCU": [rcu_of(result.setup) for result in results],
        "tasks": [tasks_of(result.setup) for result in results],
        "interrupts": [interrupts_of(result.setup) for result in results],
    }
    facts = []
    labels = [[noun, "preemption"], *([result.case, result.setup.preemption] for result in results)]
    for kind, values in kinds.items():
        if len(set(values)) > 1:
            for label, value in zip(labels, [kind, *values], strict=True):
                label.append(value.removeprefix(f"{kind}: "))
        elif values[0]:
            facts.append(values[0])
    return facts, [[cut(clean(cell), LABEL) for cell in label] for label in labels]


def _blocks(results: Sequence[Result], labels: list[list[str]], width: int) -> tuple[list[list[str]], str]:
    """Draw the table in the widest form that fits, and say how to read a cell and what the form leaves out.

    Too many kinds of properties become several tables.
    """
    kinds = list(dict.fromkeys(verdict.property.kind for result in results for verdict in result.judged))
    if _fits(block := _block(results, labels, kinds, _long), width):
        return [block], "sw, ev: switches and events of the shortest interleaving"
    legend = "VIOLATED s/e: the shortest interleaving has s switches and e events"
    if not _fits(_block(results, labels, kinds, _short), width) and _fits(
        block := _block(results, labels, kinds, _short, states=False), width
    ):
        numbers = [_states(result) for result in results]
        return [block], f"{legend}; a row has {min(numbers):,} to {max(numbers):,} states"
    blocks = []
    while kinds:
        fitting = (n for n in range(len(kinds), 1, -1) if _fits(_block(results, labels, kinds[:n], _short), width))
        taken = next(fitting, 1)
        blocks.append(_block(results, labels, kinds[:taken], _short))
        kinds = kinds[taken:]
    return blocks, legend


def _fits(lines: Sequence[str], width: int) -> bool:
    return all(cell_len(line) <= width for line in lines)


def _block(
    results: Sequence[Result], labels: list[list[str]], kinds: Sequence[str], shape: Shape, *, states: bool = True
) -> list[str]:
    rows = [[*labels[0], *map(clean, kinds), *(["states"] if states else [])]]
    for label, result in zip(labels[1:], results, strict=True):
        cells = [shape([verdict for verdict in result.judged if verdict.property.kind == kind]) for kind in kinds]
        rows.append([*label, *cells, *([f"{_states(result):,}"] if states else [])])
    return [f"  {line}" for line in columns(rows, right={len(rows[0]) - 1} if states else set())]


def _states(result: Result) -> int:
    return max((verdict.states for verdict in result.verdicts), default=0)


def _long(verdicts: Sequence[Verdict]) -> str:
    return cell_text(verdicts, "VIOLATED ({} sw, {} ev)")


def _short(verdicts: Sequence[Verdict]) -> str:
    return cell_text(verdicts, "VIOLATED {}/{}")


def cell_text(verdicts: Sequence[Verdict], violated: str) -> str:
    """Say the worst of the verdicts; of several violated ones the length of the shortest run."""
    outcomes = {verdict.outcome for verdict in verdicts}
    if Outcome.VIOLATED in outcomes:
        runs = [v.interleaving for v in verdicts if v.outcome is Outcome.VIOLATED and v.interleaving is not None]
        lengths = [(run.switches, len(run.events)) for run in runs]
        return violated.format(*min(lengths)) if lengths else "VIOLATED"
    if Outcome.INCOMPLETE in outcomes:
        return str(Outcome.INCOMPLETE)
    return str(Outcome.HOLDS) if outcomes else "-"


def table_remarks(results: Sequence[Result], shown: int | None = None) -> Iterator[str]:
    """Yield each reason and note once, with the results that it is about unless it is about all.

    shown: of how many results the names are given; None: of all.
    """
    about: dict[str, list[str]] = {}
    for result in results:
        incomplete = [it for it in result.judged if it.outcome is Outcome.INCOMPLETE and it.reason]
        reasons = [_incomplete(verdict, alone=len(incomplete) < len(result.judged)) for verdict in incomplete]
        for remark in dict.fromkeys([*reasons, *(f"note: {remark_sentence(note)}" for note in result.notes)]):
            about.setdefault(remark, []).append(f"{result.case} {result.setup.preemption}")
    for remark, names in about.items():
        yield remark if len(names) == len(results) else f"{remark} [{listed(names, shown)}]"


def _incomplete(verdict: Verdict, *, alone: bool) -> str:
    """Return why a verdict is incomplete; alone: say which, as others of the result are not."""
    about = f"{verdict.property}: " if alone else ""
    return f"incomplete: {about}{reason_sentence(verdict.reason) if verdict.reason else ''}"
