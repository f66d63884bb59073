"""The interleaving of a finding, as all reports of interleavings know it: a lane for each of the two invocations."""

import re
from collections.abc import Iterator

from ctxrace.core.interleaving import Access, Event, Interleaving, ValueKind
from ctxrace.core.meeting import Finding, Happening, Moment, Touch, Use
from ctxrace.core.note import Note, NoteKind
from ctxrace.core.turn import Cause, Turn, TurnKind
from ctxrace.core.verdict import Outcome

__all__ = ["run_of"]

_LEVELS = ("task", "softirq", "hardirq", "nmi")
_CAUSES = {"preempts": Cause.PREEMPTED, "runs while the first sleeps": Cause.SLEEPS}
_ONE = re.compile(r"[^\[]*(\[\d+\])?")  # a variable, or an element with a number: the same for both
_KINDS = {Use.READS: "read", Use.WRITES: "write", Use.SENDS: "read"}


def run_of(finding: Finding) -> Interleaving | None:
    """Return the interleaving of `finding`; None where it has none."""
    if not finding.rows:
        return None
    names = _names(finding)
    rows = tuple(_Rows(finding, names).rows())
    endings = (finding.met,) if finding.outcome is Outcome.VIOLATED else ()
    order = sorted(dict.fromkeys(names[row.who] for row in finding.rows), key=lambda name: _level(name))
    return Interleaving(tuple(order), rows, endings, finding.switches, finding.schedule)


def _names(finding: Finding) -> tuple[str, str]:
    mine, other = (f"{each.level} {each.name}" for each in finding.programs)
    if mine != other:
        return mine, other
    return (mine, f"{other} (2)") if finding.rows[0].who == 0 else (f"{mine} (2)", other)


def _level(name: str) -> int:
    word = name.partition(" ")[0]
    return _LEVELS.index(word) if word in _LEVELS else 0


class _Rows:
    """Makes turns of what begins, resumes and ends. An interrupt returns; a task that goes on has been switched to."""

    def __init__(self, finding: Finding, names: tuple[str, str]) -> None:
        self._finding, self._names = finding, names
        self._nested = finding.how == "interrupts"
        self._running: int | None = None
        self._in_flight: set[int] = set()
        self._finished: int | None = None
        self._explained = False

    def rows(self) -> Iterator[Event | Turn]:
        """Yield the rows of the interleaving."""
        for row in self._finding.rows:
            if row.moment is Moment.EVENT:
                yield self._event(row)
            elif row.moment is Moment.ENDS:
                yield self._end(row.who)
            elif row.moment is not Moment.RESUMES or self._running != row.who:
                yield self._begin(row.who, row.moment)

    def _begin(self, who: int, moment: Moment) -> Turn:
        name, over = self._names[who], self._running
        self._running, finished, self._finished = who, self._finished, None
        begins = moment is not Moment.RESUMES
        if begins:
            self._in_flight.add(who)
        if over is None:
            if finished is None:
                return Turn(TurnKind.START, name)
            return Turn(TurnKind.SWITCH, name, Cause.FINISHED, self._names[finished])
        notes = self._why(moment) if begins else ()
        if self._nested:
            return Turn(TurnKind.ARRIVAL, name, below=self._names[over], notes=notes)
        cause = _CAUSES.get(self._finding.how) if notes else None
        return Turn(TurnKind.SWITCH, name, cause, self._names[over], notes=notes)

    def _why(self, moment: Moment) -> tuple[Note, ...]:
        """Return the rule, the first time that it is used; and what keeps a program from running at all."""
        notes = [] if self._explained else [Note(NoteKind.ALLOWED_BY, self._finding.rule)]
        self._explained = True
        if moment is Moment.SKIPPED:
            notes.append(Note(NoteKind.SKIPPED, self._finding.guard))
        return tuple(notes)

    def _end(self, who: int) -> Turn:
        self._in_flight.discard(who)
        below = next(iter(self._in_flight), None)
        if self._nested and below is not None:
            self._running = below
            return Turn(TurnKind.RETURN, self._names[who], below=self._names[below])
        self._running, self._finished = None, who if below is not None else None
        return Turn(TurnKind.FINISH, self._names[who])

    def _event(self, row: Happening) -> Event:
        accesses: list[Access] = []
        notes: list[Note] = []
        for touch in row.touches:
            place = touch.place or f"{touch.memory}+{touch.offset}"
            if touch.use is Use.SENDS:
                notes.append(Note(NoteKind.SENDS, place, str(touch.size)))
            elif touch.memory == self._finding.memory or _ONE.fullmatch(touch.memory):
                accesses.append(_access(touch, place))
            else:  # of elements that keys choose, both may mean another one
                notes.append(Note(NoteKind.READS if touch.use is Use.READS else NoteKind.WRITES, place))
        return Event(self._names[row.who], 0, row.instruction, "", row.source, tuple(accesses), tuple(notes))


def _access(touch: Touch, place: str) -> Access:
    kind = ValueKind.UNKNOWN if touch.value is None else ValueKind.UNSIGNED
    value = touch.value or 0
    return Access(_KINDS[touch.use], touch.memory, touch.offset, touch.size, value, None, place, kind)
