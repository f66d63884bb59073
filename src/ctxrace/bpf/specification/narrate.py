"""Tell a run of the specification: who runs, which line, what it read and wrote."""

from collections.abc import Sequence

from ctxrace.bpf.specification.code import Context, schedule
from ctxrace.bpf.specification.system import Specification, State
from ctxrace.core.interleaving import Access, Event, Interleaving, Turn
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.rules.contexts import ACCOUNTING, IDLE_PREEMPT_COUNT, arrival_reason

__all__ = ["narrate"]


def narrate(system: Specification, run: Sequence[tuple[State, Step]]) -> Interleaving:
    """Return `run` as rows: events, and the turns between contexts."""
    return _Narrator(system).tell(run)


class _Cpu:
    """Who is on a CPU: the task that runs, none being the idle task, the one that finished last, the interrupts."""

    def __init__(self, name: str) -> None:
        self.name, self.task, self.finished = name, "", ""
        self.stack: list[str] = []

    def below(self) -> str:
        return self.stack[-1] if self.stack else f"task {self.task}" if self.task else "the idle task"


class _Narrator:
    def __init__(self, system: Specification) -> None:
        self.system = system
        self.rows: list[Event | Turn] = []
        self.many = len(system.cpus) > 1
        self.cpus = [_Cpu(f"CPU {cpu}" if self.many else "the CPU") for cpu in system.cpus]

    def tell(self, run: Sequence[tuple[State, Step]]) -> Interleaving:
        outcome = ""
        for state, step in run:
            choice, after = self.system.choice(step), step.state
            who, me = choice.who, self.system.taking(state, choice)
            self._turn(state, who, me)
            self._event(state, who, me, after)
            if not after.contexts[who].at:
                self._finish(who, self.cpus[me.cpu])
            outcome = "; ".join(self._explain(broken, state, after, me.cpu) for broken in step.broken)
        present = {row.context for row in self.rows}
        contexts = tuple(name for name in self.system.names if name in present)
        return Interleaving(contexts, tuple(self.rows), outcome, sum(step.switches for _, step in run))

    def _turn(self, state: State, who: int, me: Context) -> None:
        name, cpu = self.system.names[who], self.cpus[me.cpu]
        if who in self.system.handlers:
            if not me.at:
                reason = arrival_reason(self.system.levels[who]) + (", not accounted for" if me.early else "")
                self.rows.append(Turn("arrival", name, f"{reason}; over {cpu.below()}, runs attempt"))
                cpu.stack.append(name)
            return
        if name == cpu.task:
            return
        reason = self._why_it_runs(state, name, cpu)
        kind = "switch" if me.at or cpu.task else "start"
        self.rows.append(Turn(kind, name, reason if me.at else f"{reason}; runs attempt"))
        for other in self.cpus:
            other.task = "" if other.task == name else other.task
        cpu.task = name

    def _why_it_runs(self, state: State, name: str, cpu: _Cpu) -> str:
        here = f"on {cpu.name}: " if self.many else ""
        system = self.system
        me = state.contexts[system.names.index(name)]
        if me.at and self.cpus[me.cpu] is not cpu:
            return f"{here}migration is not disabled"
        if cpu.task:
            previous = system.names.index(cpu.task)
            if system.code[previous].lines[state.contexts[previous].at - 1] is schedule:
                return f"{here}task {cpu.task} has blocked"
            return f"{here}task {cpu.task} is preempted: preempt count 0, interrupts on"
        if cpu.finished and any(state.contexts[other].at for other in system.tasks):
            return f"{here}task {cpu.finished} has finished"
        return f"{here}the CPU is idle"

    def _event(self, state: State, who: int, me: Context, after: State) -> None:
        system, code = self.system, self.system.code[who]
        rctx = system.rctx_now(state.contexts, who, me)
        enters = system.act(state.active, who, me, rctx)[2]
        function = code.one[me.at % len(code.one)][0]
        notes: tuple[str, ...] = ()
        if enters:
            notes = ("enters body",)
        elif me.at + 1 in code.answers:
            notes = ("refused",)
        elif system.inside(who, me) not in (-1, system.inside(who, after.contexts[who])):
            notes = ("leaves body",)
        accesses = tuple(self._access(kind, state, who, me, after) for kind in code.lines[me.at].touches)
        text = system.guard.spell(code.lines[me.at], str(rctx))
        self.rows.append(Event(system.names[who], 0, text, function, None, accesses, notes))

    def _access(self, kind: str, state: State, who: int, me: Context, after: State) -> Access:
        if kind == "preempt_count":
            before = self._preempt_count(state, me)
            now = before + after.contexts[who].off - me.off
            return Access("write", "current", 0, 4, now, before, "preempt_count")
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
            self.rows.append(Turn("return", name, f"back to {cpu.below()}"))
        else:
            self.rows.append(Turn("finish", name))
            cpu.finished, cpu.task = name, ""

    def _explain(self, broken: Property, state: State, after: State, cpu: int) -> str:
        idle = "the CPUs are idle" if self.many else "the CPU is idle"
        match broken.kind:
            case "exclusive":
                return f"body is active twice on CPU {cpu}" if self.many else "body is active twice on one CPU"
            case "balanced":
                return f"{idle}, and {self._difference(after)}"
            case "recovers":
                return f"{idle}, and one more undisturbed attempt does not run body"
            case _:
                what = "attempts overlapped" if state.overlapped else "an undisturbed attempt was made"
                return f"{idle} again: {what}, and body never ran"

    def _difference(self, after: State) -> str:
        each = self.system.guard.counters
        names = [f"active[{slot % each}]" if each > 1 else "active" for slot in range(len(after.active))]
        told = [
            f"{self._name(names[slot], slot)} is {value}, not 0" for slot, value in enumerate(after.active) if value
        ]
        return " and ".join(told)
