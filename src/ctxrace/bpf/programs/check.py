"""Check two programs: every way in which they meet, every question about the memory that both reach."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ctxrace.bpf.programs.elf.object import Function
from ctxrace.bpf.programs.follow.alone import Graph, follow_alone
from ctxrace.bpf.programs.follow.operands import Code
from ctxrace.bpf.programs.follow.values import Region
from ctxrace.bpf.programs.meet.encounters import Combination, combinations
from ctxrace.bpf.programs.meet.pair import Aliases, Question, Topic, Touch, questions, touches
from ctxrace.bpf.programs.meet.prepare import Meeting, constants_of, prepare
from ctxrace.bpf.programs.meet.system import IDLE, PairSystem, Rules
from ctxrace.bpf.programs.rules.placement import Placement
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.core.verdict import Outcome
from ctxrace.explore.search import Limits, search

__all__ = ["Answer", "Placed", "check_pair", "meet", "place", "stuck", "system_of"]

MOST_STATES = 50_000  # to find out whether a guard is given back after all


@dataclass(frozen=True)
class Placed:
    """A program, where it runs, and what it does."""

    function: Function
    placement: Placement
    graph: Graph


@dataclass(frozen=True)
class Answer:
    """What was found out about one question. side: the program whose property it is.

    run: for a violation, its steps. system: what they are steps of.
    """

    question: Question
    combination: Combination
    outcome: Outcome
    side: int = 0
    reason: str = ""
    states: int = 0
    transitions: int = 0
    run: Sequence[tuple[Any, Step]] = ()
    system: PairSystem | None = None


def check_pair(code: Code, first: Placed, second: Placed, limits: Limits) -> Iterator[Answer]:
    """Yield the answers to every question about two programs, which may be one and the same."""
    same = first.function == second.function
    for combination in combinations(first.placement, second.placement, same_program=same):
        meeting = meet(code, (first.graph, second.graph), combination.rules, other_task=combination.other_task)
        cells: set[tuple[Region, int, int]] = set()
        for question in questions(meeting.shared):
            yield from _answers(meeting, question, combination, limits, cells)
        for region, low, high in sorted(cells, key=repr):
            question = Question(Topic.GUARD, region, low, high, ((low, high),))
            if _restored_alone(meeting, question, limits):
                yield from _answers(meeting, question, combination, limits, set())


def meet(code: Code, graphs: tuple[Graph, Graph], rules: Rules, *, other_task: bool) -> Meeting:
    """Return what two programs do to one another's memory. other_task: whether they run in two tasks."""
    aliases = Aliases(graphs, other_task=other_task)
    every: dict[Region, list[Touch]] = {}
    for side, graph in enumerate(graphs):
        for node, facts in graph.facts.items():
            for access in facts.accesses:
                region, certain = aliases.of(side, access.region)
                every.setdefault(region, []).append(Touch(side, node, access, region, access.exact and certain))
    arrivals = [arrival for arrival in (*rules.arrivals, *rules.resumes) if arrival]
    asleep = any(arrival.asleep for arrival in arrivals)
    return Meeting(code, graphs, aliases, every, touches(graphs, aliases), constants_of(code), asleep)


_NAMES = {Topic.UNMIXED: "unmixed", Topic.LOST_UPDATE: "lost update", Topic.GUARD: "leaked"}


def system_of(meeting: Meeting, question: Question, rules: Rules, *, whole: bool = False) -> PairSystem:
    """Return the system that answers a question. whole: without any reduction, to compare with."""
    watched, slices = prepare(meeting, question, whole=whole)
    kind = _NAMES[question.topic]
    first = Property(kind, ("0",))
    alike = question.topic is Topic.GUARD or meeting.graphs[0] is meeting.graphs[1]
    second = first if alike else Property(kind, ("1",))
    return PairSystem(watched, slices, rules, (first, second), Property("unsure", (kind,)), everywhere=whole)


def _answers(
    meeting: Meeting, question: Question, combination: Combination, limits: Limits,
    cells: set[tuple[Region, int, int]],
) -> Iterator[Answer]:  # fmt: skip
    system = system_of(meeting, question, combination.rules)
    cells |= {(cell.region, cell.low, cell.high) for cell in system.watched.cells}
    found = search(system, system.wanted, limits)
    size = found.states, found.transitions
    broken = [prop for prop in found.runs if prop.kind != "unsure"]
    for prop in broken:
        side = int(prop.subjects[0])
        yield Answer(question, combination, Outcome.VIOLATED, side, "", *size, found.runs[prop], system)
    if broken:
        return
    if found.runs:
        (run,) = found.runs.values()
        reason = "an access of unknown extent may or may not overwrite these bytes"
        yield Answer(question, combination, Outcome.INCOMPLETE, 0, reason, *size, run, system)
    elif not found.exhausted:
        yield Answer(question, combination, Outcome.INCOMPLETE, 0, found.stopped, *size)
    else:
        yield Answer(question, combination, Outcome.HOLDS, 0, "", *size)


def _restored_alone(meeting: Meeting, question: Question, limits: Limits) -> bool:
    """Return whether each program, undisturbed, always puts the cell back: then it is a guard."""
    system = system_of(meeting, question, Rules((None, None), (None, None)))
    found = search(system, None, limits)
    return found.exhausted and not found.runs


def place(code: Code, function: Function, placement: Placement, callback_of: str = "") -> Placed:
    """Follow a program alone. callback_of: for a timer's or a workqueue's callback, its map."""
    return Placed(function, placement, follow_alone(code, function.section, function.start, callback_of))


def stuck(answer: Answer) -> bool:
    """Return whether a guard that is not given back stays taken, whatever runs afterwards undisturbed."""
    assert answer.system is not None
    system = answer.system
    question = answer.question
    alone = PairSystem(system.watched, system.slices, Rules((None, None), (None, None)), *system.judged)
    cells = [(cell.region, cell.low, cell.high) for cell in system.watched.cells]
    index = cells.index((question.region, question.low, question.high))
    seen, work = {answer.run[-1][1].state}, [answer.run[-1][1].state]
    while work:
        for step in alone.steps(work.pop()):
            state = step.state
            if state.running == IDLE and state.memory.cells[index] == system.watched.cells[index].initial:
                return False
            if state not in seen:
                seen.add(state)
                work.append(state)
        if len(seen) > MOST_STATES:
            return False
    return True


