"""Check two programs: every way in which they meet, every question about the memory that both reach."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from ctxrace.bpf.programs.elf.object import Function
from ctxrace.bpf.programs.follow.alone import Graph, follow_alone
from ctxrace.bpf.programs.follow.operands import Code
from ctxrace.bpf.programs.follow.state import IRQ_OFF, PREEMPT_OFF
from ctxrace.bpf.programs.follow.values import Region
from ctxrace.bpf.programs.meet.beginnings import is_guard
from ctxrace.bpf.programs.meet.decide import Answer, Deciding, answers_of, system_of
from ctxrace.bpf.programs.meet.encounters import Combination, combinations
from ctxrace.bpf.programs.meet.invocation import Invocations
from ctxrace.bpf.programs.meet.memory import Cell
from ctxrace.bpf.programs.meet.pair import Aliases, Question, Topic, Touch, coarse_question, questions, touches
from ctxrace.bpf.programs.meet.prepare import LookedAt, Meeting, prepare
from ctxrace.bpf.programs.meet.relevance import Slicer
from ctxrace.bpf.programs.meet.system import IDLE, PairSystem, Rules
from ctxrace.bpf.programs.rules.placement import Placement
from ctxrace.core.facts.reason import LargeAlone
from ctxrace.core.verdict import Outcome
from ctxrace.explore.search import Limits, search

__all__ = ["PairCheck", "Placed", "check_pair", "meet", "place", "stuck", "ways"]

APART = Rules((None, None), (None, None))  # neither comes over the other
MOST_STATES = 50_000  # to find out whether a guard is given back after all


@dataclass(frozen=True)
class Placed:
    """A program, where it runs, what it does, and what makes slices of that."""

    function: Function
    placement: Placement
    graph: Graph
    slicer: Slicer


def check_pair(code: Code, first: Placed, second: Placed, limits: Limits) -> Iterator[Answer]:
    """Yield the answers to every question about two programs, which may be one and the same."""
    return PairCheck(code, (first, second), limits).answers()


def ways(first: Placed, second: Placed) -> Iterator[Combination]:
    """Yield how two programs meet."""
    changed = counters_of(first.graph), counters_of(second.graph)
    same = first.function == second.function
    return combinations(first.placement, second.placement, changed, same_program=same)


def counters_of(graph: Graph) -> frozenset[int]:
    """Return which of `PREEMPT_OFF` and `IRQ_OFF` a program changes."""
    return frozenset(
        at for facts in graph.facts.values() for at in (PREEMPT_OFF, IRQ_OFF) if at in facts.set_ or at in facts.touched
    )


class PairCheck:
    """Every question about two programs, which may be one and the same; what several have in common is done once."""

    def __init__(self, code: Code, programs: tuple[Placed, Placed], limits: Limits) -> None:
        self.code, self.programs, self.limits = code, programs, limits
        self.graphs = programs[0].graph, programs[1].graph
        self.slicers = programs[0].slicer, programs[1].slicer
        self.meetings: dict[tuple[bool, bool], Meeting] = {}
        self.prepared: dict[tuple[bool, bool, Question, bool], Invocations] = {}
        self.guards: dict[tuple[bool, bool, Question], bool | None] = {}
        self.taken: dict[tuple[bool, bool, Question], bool] = {}
        self.nested: dict[tuple[bool, bool], list[tuple[Combination, dict[int, list[Answer]]]]] = {}
        self.of_tasks = _differs_between_tasks(self.graphs)

    def answers(self) -> Iterator[Answer]:
        """Yield the answers to all of them."""
        # An interrupt's run is one of a preemption, too, and the shortest: so those of interrupts are looked for first.
        for combination in sorted(ways(*self.programs), key=lambda each: each.preempts):
            yield from self.met(combination)

    def looked_at(self) -> tuple[LookedAt, LookedAt]:
        """Return what the answers so far are about, by program."""
        meetings = self.meetings.values()
        first, second = (LookedAt.union(each.looked_at[side] for each in meetings) for side in (0, 1))
        return first, second

    def met(self, combination: Combination) -> Iterator[Answer]:
        """Yield the answers where the programs meet in one way."""
        key = combination.other_task and self.of_tasks, asleep(combination.rules)
        if key not in self.meetings:
            self.meetings[key] = meet(
                self.code, self.graphs, combination.rules, other_task=key[0], slicers=self.slicers
            )
        meeting = self.meetings[key]

        def prepared(question: Question, bare: bool) -> Invocations:
            whole = (*key, question, bare)
            if whole not in self.prepared:
                self.prepared[whole] = prepare(meeting, question, bare=bare)
            return self.prepared[whole]

        def guards(cell: Cell) -> bool:
            question = _about(cell.region, cell.low, cell.high)
            whole = (*key, question)
            if whole not in self.taken:
                alone = system_of(meeting, question, APART)
                self.taken[whole] = is_guard(alone, (cell.region, cell.low, cell.high), MOST_STATES)
            return self.taken[whole]

        deciding = Deciding(meeting, combination, self.limits, prepared, guards)
        cells: set[tuple[Region, int, int]] = set()
        nested: dict[int, list[Answer]] = {}
        for number, group in enumerate(_by_region(questions(meeting.shared))):
            before = [
                answer
                for other, found in self.nested.get(key, ())
                if combination.allows(other)
                for answer in found.get(number, ())
            ]
            answers = deciding.answers(group, before)
            nested[number] = [answer for answer in answers if answer.outcome is Outcome.VIOLATED]
            yield from answers
            asked = coarse_question(group) if len(group) > 1 else group[0]
            cells |= {(cell.region, cell.low, cell.high) for cell in prepared(asked, False).watched.cells}
        for region, low, high in sorted(cells, key=repr):
            question = _about(region, low, high)
            guard = self.restored_alone((*key, question), meeting)
            if guard is None:
                assert self.limits.max_states is not None
                yield Answer(question, combination, Outcome.INCOMPLETE, 0, LargeAlone(self.limits.max_states))
            elif guard:
                system = system_of(meeting, question, combination.rules)
                yield from answers_of(system, combination, self.limits, system.wanted)
        if not combination.preempts:
            self.nested.setdefault(key, []).append((combination, nested))

    def restored_alone(self, key: tuple[bool, bool, Question], meeting: Meeting) -> bool | None:
        """Return whether each program, undisturbed, always puts a cell back: then it is a guard. None: not known."""
        if key not in self.guards:
            system = system_of(meeting, key[2], APART)
            found = search(system, frozenset(system.judged[0]), self.limits)
            self.guards[key] = None if not (found.exhausted or found.runs) else not found.runs
        return self.guards[key]


def _by_region(several: Iterable[Question]) -> Iterator[list[Question]]:
    """Yield the questions in their order, those about mixed bytes of one region together."""
    for (topic, _), group in groupby(several, lambda question: (question.topic, question.region)):
        if topic is Topic.UNMIXED:
            yield list(group)
        else:
            yield from ([question] for question in group)


def _about(region: Region, low: int, high: int) -> Question:
    """Return the question whether a cell is put back."""
    return Question(Topic.GUARD, region, low, high, ((low, high),))


def _differs_between_tasks(graphs: tuple[Graph, Graph]) -> bool:
    """Return whether one of two programs touches what belongs to the current task."""
    one, other = Aliases(graphs, other_task=False), Aliases(graphs, other_task=True)
    return any(
        one.of(side, access.region) != other.of(side, access.region)
        for side, graph in enumerate(graphs)
        for facts in graph.facts.values()
        for access in facts.accesses
    )


def asleep(rules: Rules) -> bool:
    """Return whether one program may come over the other only where it sleeps."""
    return any(arrival.asleep for arrival in (*rules.arrivals, *rules.resumes) if arrival)


def meet(
    code: Code, graphs: tuple[Graph, Graph], rules: Rules, *, other_task: bool,
    slicers: tuple[Slicer, Slicer] | None = None,
) -> Meeting:  # fmt: skip
    """Return what two programs do to one another's memory. other_task: whether they run in two tasks."""
    if slicers is None:
        slicers = Slicer(graphs[0]), Slicer(graphs[1])
    aliases = Aliases(graphs, other_task=other_task)
    every: dict[Region, list[Touch]] = {}
    for side, graph in enumerate(graphs):
        for node, facts in graph.facts.items():
            for access in facts.accesses:
                region, certain = aliases.of(side, access.region)
                every.setdefault(region, []).append(Touch(side, node, access, region, access.exact and certain))
    return Meeting(code, graphs, aliases, every, touches(graphs, aliases), code.constants, slicers, asleep(rules))


def place(code: Code, function: Function, placement: Placement, callback_of: str = "") -> Placed:
    """Follow a program alone. callback_of: for a timer's or a workqueue's callback, its map."""
    graph = follow_alone(code, function.section, function.start, callback_of)
    return Placed(function, placement, graph, Slicer(graph))


def stuck(answer: Answer) -> bool:
    """Return whether a guard that is not given back stays taken, whatever runs afterwards undisturbed."""
    assert answer.system is not None
    system = answer.system
    question = answer.question
    alone = PairSystem(system.invocations, APART, *system.judged)
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
