"""Tell a run of the specification: who runs, which line, what it read and wrote."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ctxrace.core.interleaving import Access, Event, Interleaving, Turn
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.context import ACCOUNTING, arrival_reason

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
        for state, step in run:
            self._turn(state, step.label)
            self._event(state, step)
            if not step.state.contexts[step.label].at:
                self._finish(step.label)
        present = {row.context for row in self.rows}
        contexts = tuple(name for name in self.system.names if name in present)
        outcome = "; ".join(self._explain(broken, *run[-1]) for broken in (run[-1][1].broken if run else ()))
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

    def _event(self, state: "State", step: Step) -> None:
        who, system = step.label, self.system
        at, then = state.contexts[who].at, step.state.contexts[who].at
        action = system.code[at]
        function = "enter" if at < system.body else "body" if at == system.body else "exit"
        accesses = tuple(self._access(kind, state, step) for kind in action.touches)
        notes = ["enters body"] if then == system.body else []
        if at == system.body:
            notes = ["leaves body"]
        elif at == system.body - 1 and not notes:
            notes = ["refused"]
        text = system.guard.spell(action, str(int(system.levels[who])))
        self.rows.append(Event(system.names[who], 0, text, function, None, accesses, tuple(notes)))

    def _access(self, kind: str, state: "State", step: Step) -> Access:
        system = self.system
        if kind == "preempt_count":
            now, then = (self._preempt_count(each, step.label) for each in (state, step.state))
            return Access("write", "current", 0, 4, then, now, "preempt_count")
        if kind == "word":
            return Access("read", "active", 0, 4, int.from_bytes(state.active, "little"), None, "active")
        if system.guard.counters == 1:
            rctx, size, name = 0, 4, "active"
        else:
            rctx = system.levels[step.label]
            size, name = 1, f"active[{rctx:d}]"
        value = state.active[rctx]
        if kind == "read":
            return Access("read", "active", rctx, size, value, None, name)
        return Access("write", "active", rctx, size, step.state.active[rctx], value, name)

    def _preempt_count(self, state: "State", who: int) -> int:
        """Return the current task's preempt count while `who` runs: interrupts add to that of the task below them."""
        system = self.system
        below = [task for task in system.tasks if system.names[task] == self.task]
        over = [handler for handler in system.handlers if system.names[handler] in self.stack]
        accounted = sum(ACCOUNTING[system.levels[handler]] for handler in over)
        return accounted + sum(state.contexts[each].off for each in (*below, *over)) + (0 if below else 1)

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

    def _explain(self, broken: Property, state: "State", step: Step) -> str:
        match broken.kind:
            case "exclusive":
                return "body is active twice on one CPU"
            case "balanced":
                return f"the CPU is idle, and {_difference(step.state.active)}"
            case "recovers":
                return "the CPU is idle, and one more undisturbed attempt does not run body"
            case _:
                how = "attempts overlapped" if state.overlapped else "one attempt was made, undisturbed"
                return f"the CPU is idle again: {how}, and body never ran"


def _difference(active: "Active") -> str:
    names = [f"active[{rctx}]" for rctx in range(len(active))] if len(active) > 1 else ["active"]
    return " and ".join(f"{name} is {value}, not 0" for name, value in zip(names, active, strict=True) if value)
