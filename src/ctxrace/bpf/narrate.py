"""Tell a run of the specification: who runs, which line, what it read and wrote."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ctxrace.core.interleaving import Access, Event, Interleaving, Turn
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.context import ACCOUNTING, IDLE_PREEMPT_COUNT, arrival_reason

if TYPE_CHECKING:
    from ctxrace.bpf.specification import Active, Specification, State

__all__ = ["narrate"]


def narrate(system: "Specification", run: Sequence[tuple["State", Step]]) -> Interleaving:
    """Return `run` as rows: events, and the turns between contexts."""
    return _Narrator(system).tell(run)


class _Narrator:
    def __init__(self, system: "Specification") -> None:
        self.system = system
        self.rows: list[Event | Turn] = []
        self.task = ""  # the task that runs; none: the idle task
        self.finished = ""  # the task that finished last
        self.stack: list[str] = []  # the interrupts over it

    def tell(self, run: Sequence[tuple["State", Step]]) -> Interleaving:
        outcome = ""
        for state, step in run:
            who, after = step.label, step.state
            assert isinstance(who, int)
            self._turn(state, who)
            self._event(state, who, after)
            if not after.contexts[who].at:
                self._finish(who)
            outcome = "; ".join(_explain(broken, state, after) for broken in step.broken)
        present = {row.context for row in self.rows}
        contexts = tuple(name for name in self.system.names if name in present)
        return Interleaving(contexts, tuple(self.rows), outcome, sum(step.switches for _, step in run))

    def _turn(self, state: "State", who: int) -> None:
        name, begins = self.system.names[who], not state.contexts[who].at
        if who in self.system.handlers:
            if begins:
                over = f"{arrival_reason(self.system.levels[who])}; over {self._below()}, runs attempt"
                self.rows.append(Turn("arrival", name, over))
                self.stack.append(name)
            return
        if name == self.task:
            return
        if self.task:
            reason = f"task {self.task} is preempted: preempt count 0, interrupts on"
        elif any(state.contexts[other].at for other in self.system.tasks):
            reason = f"task {self.finished} has finished"
        else:
            reason = "the CPU is idle"
        kind = "start" if begins and not self.task else "switch"
        self.rows.append(Turn(kind, name, f"{reason}; runs attempt" if begins else reason))
        self.task = name

    def _event(self, state: "State", who: int, after: "State") -> None:
        system = self.system
        at, then = state.contexts[who].at, after.contexts[who].at
        function = "enter" if at < system.body else "exit"
        notes: tuple[str, ...] = ()
        if at == system.body:
            function, notes = "body", ("leaves body",)
        elif then == system.body:
            notes = ("enters body",)
        elif function == "enter" and then != at + 1:
            notes = ("refused",)
        text = system.guard.spell(system.code[at], str(int(system.levels[who])))
        accesses = tuple(self._access(kind, state, who, after) for kind in system.code[at].touches)
        self.rows.append(Event(system.names[who], 0, text, function, None, accesses, notes))

    def _access(self, kind: str, state: "State", who: int, after: "State") -> Access:
        if kind == "preempt_count":
            before, now = self._preempt_count(state), self._preempt_count(after)
            return Access("write", "current", 0, 4, now, before, "preempt_count")
        if kind == "word":
            return Access("read", "active", 0, 4, int.from_bytes(state.active, "little"), None, "active")
        rctx, size, name = 0, 4, "active"
        if self.system.guard.counters > 1:
            rctx, size = int(self.system.levels[who]), 1
            name = f"active[{rctx}]"
        if kind == "read":
            return Access("read", "active", rctx, size, state.active[rctx], None, name)
        return Access("write", "active", rctx, size, after.active[rctx], state.active[rctx], name)

    def _preempt_count(self, state: "State") -> int:
        """Return the current task's preempt count: interrupts over it count in it, too."""
        names, levels = self.system.names, self.system.levels
        over = [names.index(name) for name in self.stack]
        below = [names.index(self.task)] if self.task else []
        count = 0 if below else IDLE_PREEMPT_COUNT
        count += sum(ACCOUNTING[levels[who]] for who in over)
        return count + sum(state.contexts[who].off for who in (*below, *over))

    def _finish(self, who: int) -> None:
        name = self.system.names[who]
        if who in self.system.handlers:
            self.stack.pop()
            self.rows.append(Turn("return", name, f"back to {self._below()}"))
        else:
            self.rows.append(Turn("finish", name))
            self.finished, self.task = name, ""

    def _below(self) -> str:
        return self.stack[-1] if self.stack else f"task {self.task}" if self.task else "the idle task"


def _explain(broken: Property, state: "State", after: "State") -> str:
    match broken.kind:
        case "exclusive":
            return "body is active twice on one CPU"
        case "balanced":
            return f"the CPU is idle, and {_difference(after.active)}"
        case "recovers":
            return "the CPU is idle, and one more undisturbed attempt does not run body"
        case _:
            what = "attempts overlapped" if state.overlapped else "an undisturbed attempt was made"
            return f"the CPU is idle again: {what}, and body never ran"


def _difference(active: "Active") -> str:
    names = [f"active[{rctx}]" for rctx in range(len(active))] if len(active) > 1 else ["active"]
    return " and ".join(f"{name} is {value}, not 0" for name, value in zip(names, active, strict=True) if value)
