"""Tell a run of the specification: who runs, which line, what it read and wrote."""

from collections.abc import Sequence

from ctxrace.bpf.specification.code import Context, schedule
from ctxrace.bpf.specification.system import Specification, State
from ctxrace.core.ending import BodyNeverRan, BodyOverlaps, Difference, Ending, NotRecovered, ValuesLeft
from ctxrace.core.interleaving import Access, Event, Interleaving, ValueKind
from ctxrace.core.note import Note, NoteKind
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.core.turn import IDLE_TASK, Cause, Turn, TurnKind
from ctxrace.kernel.rules.contexts import ACCOUNTING, IDLE_PREEMPT_COUNT, arrival_cause

__all__ = ["narrate"]


def narrate(system: Specification, run: Sequence[tuple[State, Step]]) -> Interleaving:
    """Return `run` as rows: events, and the turns between contexts."""
    return _Narrator(system).tell(run)


class _Cpu:
    """A CPU: the task that runs, empty for the idle task, the one that finished last, and the interrupts over it."""

    def __init__(self, number: int) -> None:
        self.number, self.task, self.finished = number, "", ""
        self.stack: list[str] = []

    def running(self) -> str:
        return self.stack[-1] if self.stack else self.task or IDLE_TASK


class _Narrator:
    def __init__(self, system: Specification) -> None:
        self.system = system
        self.rows: list[Event | Turn] = []
        self.many = len(system.cpus) > 1
        self.cpus = [_Cpu(cpu) for cpu in system.cpus]

    def tell(self, run: Sequence[tuple[State, Step]]) -> Interleaving:
        endings: tuple[Ending, ...] = ()
        for state, step in run:
            choice, after = self.system.choice(step), step.state
            who, me = choice.who, self.system.taking(state, choice)
            self._turn(state, who, me)
            self._event(state, who, me, after)
            if not after.contexts[who].at:
                self._finish(who, self.cpus[me.cpu])
            endings = tuple(self._ending(broken, state, after, me.cpu) for broken in step.broken)
        present = {row.context for row in self.rows}
        contexts = tuple(name for name in self.system.names if name in present)
        return Interleaving(contexts, tuple(self.rows), endings, sum(step.switches for _, step in run))

    def _turn(self, state: State, who: int, me: Context) -> None:
        name, cpu = self.system.names[who], self.cpus[me.cpu]
        if who in self.system.handlers:
            if not me.at:
                cause = arrival_cause(self.system.levels[who])
                below, accounted = cpu.running(), not me.early
                turn = Turn(TurnKind.ARRIVAL, name, cause, entry="attempt", below=below, accounted=accounted)
                self.rows.append(turn)
                cpu.stack.append(name)
            return
        if name == cpu.task:
            return
        cause, previous, function = self._why_it_runs(state, name, cpu)
        kind = TurnKind.SWITCH if me.at or cpu.task else TurnKind.START
        entry, number = "" if me.at else "attempt", cpu.number if self.many else None
        self.rows.append(Turn(kind, name, cause, previous, function, entry, cpu=number))
        for other in self.cpus:
            other.task = "" if other.task == name else other.task
        cpu.task = name

    def _why_it_runs(self, state: State, name: str, cpu: _Cpu) -> tuple[Cause, str, str]:
        """Return why the task `name` may run, the task that lost the CPU to it, and the function where it did."""
        system = self.system
        me = state.contexts[system.names.index(name)]
        if me.at and self.cpus[me.cpu] is not cpu:
            return Cause.MIGRATES, "", ""
        if cpu.task:
            previous = system.names.index(cpu.task)
            if system.code[previous].lines[state.contexts[previous].at - 1] is schedule:
                return Cause.SLEEPS, cpu.task, "schedule"
            return Cause.PREEMPTED, cpu.task, ""
        if cpu.finished and any(state.contexts[other].at for other in system.tasks):
            return Cause.FINISHED, cpu.finished, ""
        return Cause.CPU_IDLE, "", ""

    def _event(self, state: State, who: int, me: Context, after: State) -> None:
        system, code = self.system, self.system.code[who]
        rctx = system.rctx_now(state.contexts, who, me)
        enters = system.act(state.active, who, me, rctx)[2]
        function = code.one[me.at % len(code.one)][0]
        notes: tuple[Note, ...] = ()
        if enters:
            notes = (Note(NoteKind.ENTERS, "body"),)
        elif me.at + 1 in code.answers:
            notes = (Note(NoteKind.REFUSED),)
        elif system.inside(who, me) not in (-1, system.inside(who, after.contexts[who])):
            notes = (Note(NoteKind.LEAVES, "body"),)
        accesses = tuple(self._access(kind, state, who, me, after) for kind in code.lines[me.at].touches)
        text = system.guard.spell(code.lines[me.at], str(rctx))
        self.rows.append(Event(system.names[who], 0, text, function, None, accesses, notes))

    def _access(self, kind: str, state: State, who: int, me: Context, after: State) -> Access:
        if kind == "preempt_count":
            before = self._preempt_count(state, me)
            now = before + after.contexts[who].off - me.off
            return Access("write", "current", 0, 4, now, before, "preempt_count", ValueKind.PREEMPT_COUNT)
        system = self.system
        first, end = system.counters(who, me)
        if kind == "word":
            name = self._name("active", first)
            return Access("read", "active", 0, 4, int.from_bytes(state.active[first:end], "little"), None, name)
        rctx, size, name = 0, 4, "active"
        if system.guard.counters > 1:
            rctx, size = system.rctx_now(state.contexts, who, me), 1
            name = f"active[{rctx}]"
        name, slot = self._name(name, first), first + rctx
        if kind == "read":
            return Access("read", "active", rctx, size, state.active[slot], None, name)
        return Access("write", "active", rctx, size, after.active[slot], state.active[slot], name)

    def _name(self, name: str, first: int) -> str:
        """Return what to call a counter among those that begin at `first`."""
        cpu, program = divmod(first // self.system.guard.counters, len(self.system.programs))
        whose = f"prog{program + 1}->" if len(self.system.programs) > 1 else ""
        return f"{whose}{name}" + (f"@{cpu}" if self.many else "")

    def _preempt_count(self, state: State, me: Context) -> int:
        """Return the current task's preempt count: interrupts over it count in it, too."""
        names, levels, cpu = self.system.names, self.system.levels, self.cpus[me.cpu]
        over = [names.index(name) for name in cpu.stack]
        below = [names.index(cpu.task)] if cpu.task else []
        early = {who for who in over if state.contexts[who].early or (me.early and not state.contexts[who].at)}
        count = 0 if below else IDLE_PREEMPT_COUNT
        count += sum(ACCOUNTING[levels[who]] for who in over if who not in early)
        return count + sum(state.contexts[who].off for who in (*below, *over))

    def _finish(self, who: int, cpu: _Cpu) -> None:
        name = self.system.names[who]
        if who in self.system.handlers:
            cpu.stack.pop()
            self.rows.append(Turn(TurnKind.RETURN, name, below=cpu.running()))
        else:
            self.rows.append(Turn(TurnKind.FINISH, name))
            cpu.finished, cpu.task = name, ""

    def _ending(self, broken: Property, state: State, after: State, cpu: int) -> Ending:
        match broken.kind:
            case "exclusive":
                return BodyOverlaps("body", 2, cpu if self.many else None)
            case "balanced":
                return ValuesLeft(self._differences(after), self.many)
            case "recovers":
                return NotRecovered("attempt", "body", self.many)
            case _:
                return BodyNeverRan("attempt", "body", bool(state.overlapped), self.many)

    def _differences(self, after: State) -> tuple[Difference, ...]:
        each = self.system.guard.counters
        names = [f"active[{slot % each}]" if each > 1 else "active" for slot in range(len(after.active))]
        counters = enumerate(after.active)
        return tuple(Difference(self._name(names[slot], slot), value, 0) for slot, value in counters if value)
