"""Decide questions about two programs that meet in one way.

First nothing is known of shared memory: what holds then holds. A run that breaks something then is looked for with all
that is known; only where there is none, every state with all that is known is visited. Questions about bytes of one
region are asked together, as one run often answers all of them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ctxrace.bpf.programs.meet.beginnings import AnyBeginning
from ctxrace.bpf.programs.meet.encounters import Combination
from ctxrace.bpf.programs.meet.guided import follow_run
from ctxrace.bpf.programs.meet.invocation import Invocations
from ctxrace.bpf.programs.meet.memory import NOBODY, Cell
from ctxrace.bpf.programs.meet.pair import Question, Topic, coarse_question
from ctxrace.bpf.programs.meet.prepare import Meeting, prepare
from ctxrace.bpf.programs.meet.system import IDLE, Label, PairSystem, Rules
from ctxrace.bpf.programs.meet.telling import place_name
from ctxrace.core.facts.reason import BeginsOtherwise, ExtentUnknown, Reason, SearchEnded
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.core.verdict import Outcome
from ctxrace.explore.search import Limits, search

__all__ = ["Answer", "Deciding", "answers_of", "system_of"]

MOST_BARE = 1_000  # states without any values, after which all that is known is used

Run = Sequence[tuple[Any, Step]]
Preparing = Callable[[Question, bool], Invocations]
"""Prepares a question; the second argument is whether nothing is to be known of memory."""


@dataclass(frozen=True)
class Answer:
    """What was found out about one question. side: the program whose property it is.

    also: further questions with the same answer. run: for a violation, its steps; system: what they are steps of.
    """

    question: Question
    combination: Combination
    outcome: Outcome
    side: int = 0
    reason: Reason | None = None
    states: int = 0
    transitions: int = 0
    run: Run = ()
    system: PairSystem | None = None
    also: tuple[Question, ...] = ()


_NAMES = {Topic.UNMIXED: "unmixed", Topic.LOST_UPDATE: "lost update", Topic.GUARD: "leaked"}


def system_of(meeting: Meeting, question: Question, rules: Rules, *, whole: bool = False) -> PairSystem:
    """Return the system that answers a question. whole: without any reduction, to compare with."""
    return _system(meeting, prepare(meeting, question, whole=whole), rules)


def _system(meeting: Meeting, invocations: Invocations, rules: Rules) -> PairSystem:
    question = invocations.watched.question
    kind = _NAMES[question.topic]
    first = Property(kind, ("0",))
    alike = question.topic is Topic.GUARD or meeting.graphs[0] is meeting.graphs[1]
    second = first if alike else Property(kind, ("1",))
    return PairSystem(invocations, rules, (first, second), Property("unsure", (kind,)))


def answers_of(
    system: PairSystem, combination: Combination, limits: Limits, wanted: frozenset[Property]
) -> Iterator[Answer]:
    """Yield what a search of every state says of `wanted`: each violation, or that there is none or may be one."""
    question = system.watched.question
    found = search(system, wanted, limits)
    size = found.states, found.transitions
    broken = [prop for prop in found.runs if prop in wanted]
    for prop in broken:
        yield Answer(question, combination, Outcome.VIOLATED, int(prop.subjects[0]), None, *size, found.runs[prop],
                     system)  # fmt: skip
    if broken:
        return
    unsure = next((run for prop, run in found.runs.items() if prop == system.judged[1]), None)
    if unsure is not None:
        yield Answer(question, combination, Outcome.INCOMPLETE, 0, ExtentUnknown(), *size, unsure, system)
    elif found.stopped is not None:
        yield Answer(question, combination, Outcome.INCOMPLETE, 0, SearchEnded(found.stopped), *size)
    else:
        yield Answer(question, combination, Outcome.HOLDS, 0, None, *size)


class Deciding:
    """Decides the questions about two programs that meet in one way.

    is_guard: whether programs take a cell and give it back, so that it is free when they begin.
    """

    def __init__(
        self, meeting: Meeting, combination: Combination, limits: Limits, prepared: Preparing,
        is_guard: Callable[[Cell], bool] = lambda _: False,
    ) -> None:  # fmt: skip
        self.meeting, self.combination, self.limits, self.prepared = meeting, combination, limits, prepared
        self.is_guard = is_guard
        self.states = self.transitions = 0

    def answers(self, several: Sequence[Question], before: Iterable[Answer] = ()) -> list[Answer]:
        """Return what is violated or open of one question, or of some about bytes of a region; or that they hold.

        before: answers where they meet in another way, of which everything that the run does may happen here, too.
        """
        self.states = self.transitions = 0
        answers = [replace(each, combination=self.combination, system=self.system(each.question)) for each in before]
        left: dict[Question, set[Property]] = {}
        for prop in sorted(self.wanted(several[0]), key=str):
            side = int(prop.subjects[0])
            known = {each for answer in answers if answer.side == side for each in (answer.question, *answer.also)}
            open_ones = [question for question in several if question not in known]
            if len(open_ones) > 1:
                violated, open_ones = self.together(open_ones, prop)
                answers += violated
            for question in open_ones:
                left.setdefault(question, set()).add(prop)
        for question, props in left.items():
            answers += self.alone(question, frozenset(props))
        broken = {each for answer in answers if answer.outcome is Outcome.VIOLATED
                  for each in (answer.question, *answer.also)}  # fmt: skip
        wrong = [
            answer
            for answer in answers
            if answer.outcome is Outcome.VIOLATED
            or (answer.outcome is Outcome.INCOMPLETE and answer.question not in broken)
        ]
        first, *others = wrong or [Answer(several[0], self.combination, Outcome.HOLDS)]
        states, transitions = first.states + self.states, first.transitions + self.transitions
        return [replace(first, states=states, transitions=transitions), *others]

    def system(self, question: Question, *, bare: bool = False) -> PairSystem:
        return _system(self.meeting, self.prepared(question, bare), self.combination.rules)

    def wanted(self, question: Question) -> frozenset[Property]:
        return self.system(question, bare=True).wanted

    def look(self, system: PairSystem, wanted: frozenset[Property], most: int) -> tuple[bool, dict[Property, Run]]:
        """Search a system; return whether nothing is left open besides, and the runs that break something."""
        found = search(system, wanted, Limits(min(most, self.limits.max_states or most)))
        self.states += found.states
        self.transitions += found.transitions
        runs: dict[Property, Run] = {prop: run for prop, run in found.runs.items() if prop in wanted}
        sure = found.stopped is None and system.judged[1] not in found.runs
        return sure, runs

    def alone(self, question: Question, wanted: frozenset[Property]) -> Iterator[Answer]:
        """Yield the answers to one question."""
        bare = self.system(question, bare=True)
        sure, runs = self.look(bare, wanted, MOST_BARE)
        if sure and not runs:
            yield Answer(question, self.combination, Outcome.HOLDS)
            return
        system = self.system(question)
        left = frozenset(runs) if sure else wanted
        for prop, run in runs.items():
            if again := follow_run(run, bare, system, prop):
                left -= {prop}
                yield Answer(question, self.combination, Outcome.VIOLATED, int(prop.subjects[0]), run=again,
                             system=system)  # fmt: skip
        if left:
            for answer in answers_of(system, self.combination, self.limits, left):
                yield self.from_anywhere(system, left) if answer.outcome is Outcome.HOLDS else answer

    def from_anywhere(self, system: PairSystem, wanted: frozenset[Property]) -> Answer:
        """Return whether what holds from what was compiled holds from every beginning."""
        question = system.watched.question
        if not system.watched.cells:
            return Answer(question, self.combination, Outcome.HOLDS)
        begun = AnyBeginning(system, self.is_guard)
        found = search(begun, wanted, self.limits)
        self.states += found.states
        self.transitions += found.transitions
        for prop, run in sorted(found.runs.items(), key=lambda item: str(item[0])):
            changed = tuple(
                place_name(self.meeting.code.object, cell.region, cell.low, cell.high) for cell in begun.changed(run)
            )
            side = int(prop.subjects[0]) if prop in wanted else 0
            return Answer(question, self.combination, Outcome.INCOMPLETE, side, BeginsOtherwise(changed), run=run[1:],
                          system=system)  # fmt: skip
        if found.stopped is not None:
            return Answer(question, self.combination, Outcome.INCOMPLETE, 0, SearchEnded(found.stopped))
        return Answer(question, self.combination, Outcome.HOLDS)

    def together(self, several: Sequence[Question], prop: Property) -> tuple[list[Answer], list[Question]]:
        """Ask about all bytes at once, and again about those of which the run says nothing.

        Return what is violated, and what is left open.
        """
        violated, left = list[Answer](), list(several)
        while left:
            question = coarse_question(left)
            bare = self.system(question, bare=True)
            sure, runs = self.look(bare, frozenset({prop}), MOST_BARE)
            if sure and not runs:
                return violated, []
            found = self.broken_by(runs.get(prop, ()), bare, question, left, prop)
            if found is None:
                break
            violated.append(found)
            left = [each for each in left if each != found.question and each not in found.also]
        return violated, left

    def broken_by(
        self, run: Run, bare: PairSystem, coarse: Question, several: Sequence[Question], prop: Property
    ) -> Answer | None:  # fmt: skip
        """Return the questions that a run answers, with all that is known; None where it answers none."""
        if not run:
            return None
        system = self.system(coarse)
        known = follow_run(run, bare, system, prop)
        side = int(prop.subjects[0])
        broken = _mixed_by(system, known, side, several)
        for question in broken:
            own = self.system(question)
            if shown := follow_run(known, system, own, prop):
                also = tuple(other for other in broken if other != question)
                return Answer(question, self.combination, Outcome.VIOLATED, side, run=shown, system=own, also=also)
        return None


def _mixed_by(system: PairSystem, run: Run, side: int, several: Iterable[Question]) -> list[Question]:
    """Return the questions of which a run shows that the program `side` sends what the other wrote."""
    owners: dict[Question, int | None] = dict.fromkeys(several, NOBODY)
    mixed: dict[Question, None] = {}
    for before, step in run:
        label: Label = step.label  # type: ignore[assignment]
        if label.action != "step":
            continue
        me, other = before.of(label.side), before.of(1 - label.side)
        pending = other.pending if other else None
        effects = system.invocations.outcomes(label.side, me, before.memory, pending)[label.way].effects
        begins = not me.begun and me.node in system.watched.reaching[label.side]
        for question, owner in owners.items():
            if begins and owner == 1 - label.side:
                owners[question] = NOBODY  # what was before the first access of this one was before it
            for kind, region, low, high, _ in effects.log:
                if region == question.region and low < question.high and question.low < high:
                    if kind == "write":
                        owners[question] = None if effects.doubtful else label.side
                    elif kind == "send" and label.side == side and owners[question] == 1 - side:
                        mixed[question] = None
        if step.state.running == IDLE:
            owners = dict.fromkeys(owners, NOBODY)
    return list(mixed)
