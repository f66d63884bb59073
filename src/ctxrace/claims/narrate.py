"""Narrate a run that was observed for a claim: its tasks by the claim's names, its claimed steps marked."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ctxrace.claims.observer.observer import ClaimObserver
from ctxrace.claims.observer.step_readings import Remembered
from ctxrace.claims.observer.task_bindings import RUNS, Bindings
from ctxrace.claims.observer.whole_interrupts import WholeInterrupts
from ctxrace.claims.syntax import Act, Condition, Line
from ctxrace.core.claim import AtTheEnd, InCode, NotInEntry, Standing
from ctxrace.core.interleaving import Event
from ctxrace.core.names import task_name
from ctxrace.core.note import Note, NoteKind
from ctxrace.core.system import Step
from ctxrace.core.turn import Turn, TurnKind
from ctxrace.explore.product import Label, ObserverState, inner
from ctxrace.kernel.model.state import REST
from ctxrace.kernel.narrate.narrator import Narrator
from ctxrace.kernel.rules.contexts import INTERRUPT_NAMES
from ctxrace.machine.flow import EXIT

__all__ = ["Story", "standing"]

_TURNS = {
    "start": (TurnKind.START, TurnKind.SWITCH),
    "switch": (TurnKind.START, TurnKind.SWITCH),
    "finish": (TurnKind.FINISH,),
    "arrive": (TurnKind.ARRIVAL,),
    "leave": (TurnKind.RETURN,),
}
"""The turns that each kind of act may be."""


class _NamedNarrator(Narrator):
    """Call each task as the claim does, and those that it does not name by other letters."""

    def __init__(self, observer: ClaimObserver) -> None:
        super().__init__(observer.system)
        self.claimed = observer.names
        self.next = ""

    def _name(self, task: int) -> str:
        if self.next:
            return self.next
        group = self.system.tasks.values[task].group
        known = [n for n in self.resting.names(task) if self.named[n] == group and n not in self.claimed]
        if known:
            return min(known)
        taken = {*self.claimed, *self.named}
        return next(name for name in map(task_name, range(len(taken) + 1)) if name not in taken)

    def _waiting(self, task: int) -> str:
        if self.next:
            return self.next
        return min(name for name in self.waiting.names(task) if name not in self.claimed)


class Story:
    """A run that a product has taken, as rows, and which row each claimed step is.

    rows_of: for each claimed step's index the index of its row, if the run has one.
    """

    def __init__(self, observer: ClaimObserver, run: Sequence[tuple[Any, Step]]) -> None:
        self.observer = observer
        narrator, opened = _NamedNarrator(observer), WholeInterrupts(observer.system)
        system_run: list[tuple[Any, Step]] = []
        rows: list[Event | Turn] = []
        self.rows_of: dict[int, int] = {}
        progress = run[0][0][1].progress if run else 0
        for (state, _), step in run:
            label = step.label
            assert isinstance(label, Label)
            name = observer.actor_name(label.actor) if isinstance(label.actor, int) else ""
            narrator.next = "" if name in INTERRUPT_NAMES else name
            before = len(narrator.rows)
            for pair in opened.opened(state, inner(step)):
                narrator.add(*pair)
                system_run.append(pair)
            first = len(rows)
            rows += narrator.rows[before:]
            reached = min(label.observed.progress, len(observer.steps))
            self._mark(range(progress, reached), first, rows)
            progress = max(progress, reached)
        self.progress = progress
        for index, row in self.rows_of.items():
            rows[row] = _noted(rows[row], observer.steps[index])
        self.rows = rows
        whole = narrator.interleaving(system_run)
        self.interleaving = replace(whole, rows=tuple(rows), schedule="", endings=())

    def _mark(self, indices: range, first: int, rows: list[Event | Turn]) -> None:
        for index in indices:
            says = self.observer.steps[index].says
            row = next((k for k in range(first, len(rows)) if _is(rows[k], says)), None)
            if row is None and isinstance(says, Act) and says.kind in ("call", "return"):
                # It was noted with an earlier event of its context; other contexts have run since.
                rows.append(Turn(TurnKind.BETWEEN, says.who, notes=(_claimed_note(says),)))
            if row is not None or rows:
                self.rows_of[index] = len(rows) - 1 if row is None else row

    def event_number(self, index: int) -> int:
        """Return the number of the event that claimed step `index` is; 0 where it is none."""
        row, says = self.rows_of.get(index), self.observer.steps[index].says
        if row is None or not isinstance(self.rows[row], Event) or isinstance(says, Condition):
            return 0
        return sum(isinstance(other, Event) for other in self.rows[: row + 1])


def standing(observer: ClaimObserver, run: Sequence[tuple[Any, Step]]) -> list[Standing]:
    """Return where each context stands after `run`, running interrupts first."""
    system = observer.system
    state, observed = run[-1][1].state if run else (system.initial(), None)
    found: list[Standing] = []
    for frame in reversed(state.interrupts):
        flow = system.frames.values[frame].flow
        level = system.flows.numbers.values[flow][0].level
        found.append(Standing(str(level), _place(observer, flow)))
    current = system.tasks.values[state.current].flow
    where: Bindings = ()
    if isinstance(observed, ObserverState) and isinstance(observed.memory, Remembered):
        where = observed.memory.where
    for name, at in zip(observer.names, where, strict=False):
        number = state.current if at == RUNS else at
        flow = REST if number < 0 else system.tasks.values[number].flow
        preempted = at != RUNS and flow != REST
        found.append(Standing(name, _place(observer, flow), preempted))
    if RUNS not in where and current != REST:
        found.append(Standing("", _place(observer, current)))
    return found


def _place(observer: ClaimObserver, flow: int) -> InCode | AtTheEnd | NotInEntry:
    if flow == REST:
        return NotInEntry()
    role, at = observer.system.flows.numbers.values[flow]
    if at.pc == EXIT:
        return AtTheEnd(role.entry)
    image = observer.system.image
    function = image.function_at(at.pc)
    instruction = str(observer.system.flows.machine.code[at.pc])
    return InCode(function.name if function else "", at.pc, instruction, image.source(at.pc))


def _is(row: Event | Turn, says: Act | Condition) -> bool:
    if isinstance(says, Condition) or row.context != says.who:
        return False
    if says.kind in ("call", "return"):
        kind = NoteKind.ENTERS if says.kind == "call" else NoteKind.LEAVES
        return any(note.kind is kind for note in row.notes)
    if isinstance(row, Event):
        return any(access.kind == says.kind for access in row.accesses)
    return row.kind in _TURNS.get(says.kind, ())


def _claimed_note(says: Act) -> Note:
    if says.kind == "call":
        return Note(NoteKind.CALLED, says.subject)
    return Note(NoteKind.RETURNED, says.subject, says.value.text if says.value else "")


def _noted(row: Event | Turn, line: Line) -> Event | Turn:
    note = Note(NoteKind.IS_STEP, line.label) if line.label else Note(NoteKind.IS_OUTCOME)
    return row if note in row.notes else replace(row, notes=(*row.notes, note))
