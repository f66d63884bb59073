"""Check two programs: every way in which they meet, every question about the memory that both reach."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ctxrace.bpf.programs.elf.object import Function
from ctxrace.bpf.programs.follow.alone import Graph, follow_alone
from ctxrace.bpf.programs.follow.operands import Code
from ctxrace.bpf.programs.follow.values import Region
from ctxrace.bpf.programs.meet.encounters import Combination, combinations
from ctxrace.bpf.programs.meet.pair import Aliases, Question, Topic, Touch, coarse_question, questions, touches
from ctxrace.bpf.programs.meet.prepare import Meeting, Prepared, prepare
from ctxrace.bpf.programs.meet.system import IDLE, PairSystem, Rules
from ctxrace.bpf.programs.rules.placement import Placement
from ctxrace.core.facts.reason import ExtentUnknown, LargeAlone, Reason, SearchEnded
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.core.verdict import Outcome
from ctxrace.explore.search import Limits, search

__all__ = ["Answer", "Placed", "check_pair", "meet", "place", "stuck", "system_of"]

MOST_COARSE = 1_000  # states, after which each question is asked alone
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
    reason: Reason | None = None
    states: int = 0
    transitions: int = 0
    run: Sequence[tuple[Any, Step]] = ()
    system: PairSystem | None = None


def check_pair(code: Code, first: Placed, second: Placed, limits: Limits) -> Iterator[Answer]:
    """Yield the answers to every question about two programs, which may be one and the same."""
    running = _PairCheck(code, (first.graph, second.graph), limits)
    for combination in combinations(first.placement, second.placement, same_program=first.function == second.function):
        yield from running.answers(combination)


class _PairCheck:
    """The questions about two programs in each combination of levels; what several have in common is done once."""

    def __init__(self, code: Code, graphs: tuple[Graph, Graph], limits: Limits) -> None:
        self.code, self.graphs, self.limits = code, graphs, limits
        self.meetings: dict[tuple[bool, bool], Meeting] = {}
        self.prepared: dict[tuple[bool, bool, Question], Prepared] = {}
        self.guards: dict[tuple[bool, bool, Question], bool | None] = {}

    def answers(self, combination: Combination) -> Iterator[Answer]:
        key = combination.other_task, asleep(combination.rules)
        if key not in self.meetings:
            self.meetings[key] = meet(self.code, self.graphs, combination.rules, other_task=combination.other_task)
        meeting = self.meetings[key]
        cells: set[tuple[Region, int, int]] = set()
        for group in _by_region(questions(meeting.shared)):
            coarse = self.coarse(key, meeting, group, combination, cells) if len(group) > 1 else None
            if coarse is not None:
                yield coarse
                continue
            for question in group:
                prepared = self.prepare(key, meeting, question)
                cells |= {(cell.region, cell.low, cell.high) for cell in prepared[0].cells}
                yield from _answers(system_from(meeting, prepared, combination.rules), combination, self.limits)
        for region, low, high in sorted(cells, key=repr):
            question = Question(Topic.GUARD, region, low, high, ((low, high),))
            prepared = self.prepare(key, meeting, question)
            guard = self.restored_alone((*key, question), meeting, prepared)
            if guard is None:
                assert self.limits.max_states is not None
                yield Answer(question, combination, Outcome.INCOMPLETE, 0, LargeAlone(self.limits.max_states))
            elif guard:
                yield from _answers(system_from(meeting, prepared, combination.rules), combination, self.limits)

    def coarse(
        self, key: tuple[bool, bool], meeting: Meeting, group: Sequence[Question], combination: Combination,
        cells: set[tuple[Region, int, int]],
    ) -> Answer | None:  # fmt: skip
        """Return that a whole group of questions holds, where one search can tell; None where it cannot."""
        prepared = self.prepare(key, meeting, coarse_question(group))
        system = system_from(meeting, prepared, combination.rules)
        found = search(system, system.wanted, Limits(MOST_COARSE))
        if not found.exhausted or found.runs:
            return None
        cells |= {(cell.region, cell.low, cell.high) for cell in prepared[0].cells}
        return Answer(prepared[0].question, combination, Outcome.HOLDS, 0, None, found.states, found.transitions)

    def prepare(self, key: tuple[bool, bool], meeting: Meeting, question: Question) -> Prepared:
        whole = (*key, question)
        if whole not in self.prepared:
            self.prepared[whole] = prepare(meeting, question)
        return self.prepared[whole]

    def restored_alone(
        self, key: tuple[bool, bool, Question], meeting: Meeting, prepared: Prepared
    ) -> bool | None:  # fmt: skip
        """Return whether each program, undisturbed, always puts a cell back: then it is a guard. None: not known."""
        if key not in self.guards:
            system = system_from(meeting, prepared, Rules((None, None), (None, None)))
            found = search(system, None, self.limits)
            self.guards[key] = None if not (found.exhausted or found.runs) else not found.runs
        return self.guards[key]


def _by_region(several: Iterable[Question]) -> Iterator[list[Question]]:
    """Yield the questions in their order, those about mixed bytes of one region together."""
    for (topic, _), group in groupby(several, lambda question: (question.topic, question.region)):
        if topic is Topic.UNMIXED:
            yield list(group)
        else:
            yield from ([question] for question in group)


def asleep(rules: Rules) -> bool:
    """Return whether one program may come over the other only where it sleeps."""
    return any(arrival.asleep for arrival in (*rules.arrivals, *rules.resumes) if arrival)


def meet(code: Code, graphs: tuple[Graph, Graph], rules: Rules, *, other_task: bool) -> Meeting:
    """Return what two programs do to one another's memory. other_task: whether they run in two tasks."""
    aliases = Aliases(graphs, other_task=other_task)
    every: dict[Region, list[Touch]] = {}
    for side, graph in enumerate(graphs):
        for node, facts in graph.facts.items():
            for access in facts.accesses:
                region, certain = aliases.of(side, access.region)
                every.setdefault(region, []).append(Touch(side, node, access, region, access.exact and certain))
    return Meeting(code, graphs, aliases, every, touches(graphs, aliases), code.constants, asleep(rules))


_NAMES = {Topic.UNMIXED: "unmixed", Topic.LOST_UPDATE: "lost update", Topic.GUARD: "leaked"}


def system_of(meeting: Meeting, question: Question, rules: Rules, *, whole: bool = False) -> PairSystem:
    """Return the system that answers a question. whole: without any reduction, to compare with."""
    return system_from(meeting, prepare(meeting, question, whole=whole), rules, whole=whole)


def system_from(meeting: Meeting, prepared: Prepared, rules: Rules, *, whole: bool = False) -> PairSystem:
    """Return the system that answers a question that is prepared."""
    watched, slices = prepared
    question = watched.question
    kind = _NAMES[question.topic]
    first = Property(kind, ("0",))
    alike = question.topic is Topic.GUARD or meeting.graphs[0] is meeting.graphs[1]
    second = first if alike else Property(kind, ("1",))
    return PairSystem(watched, slices, rules, (first, second), Property("unsure", (kind,)), everywhere=whole)


def _answers(system: PairSystem, combination: Combination, limits: Limits) -> Iterator[Answer]:
    question = system.watched.question
    found = search(system, system.wanted, limits)
    size = found.states, found.transitions
    broken = [prop for prop in found.runs if prop.kind != "unsure"]
    for prop in broken:
        side = int(prop.subjects[0])
        yield Answer(question, combination, Outcome.VIOLATED, side, None, *size, found.runs[prop], system)
    if broken:
        return
    if found.runs:
        (run,) = found.runs.values()
        yield Answer(question, combination, Outcome.INCOMPLETE, 0, ExtentUnknown(), *size, run, system)
    elif not found.exhausted:
        assert found.stopped is not None
        yield Answer(question, combination, Outcome.INCOMPLETE, 0, SearchEnded(found.stopped), *size)
    else:
        yield Answer(question, combination, Outcome.HOLDS, 0, None, *size)


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
