"""What must hold: looks at the steps of the kernel as they are taken, and says which properties they break."""

from typing import TYPE_CHECKING

from ctxrace.core.property import Property
from ctxrace.kernel.model.recovery import recovers
from ctxrace.kernel.model.state import KernelState, Others
from ctxrace.kernel.scenario import Scenario

if TYPE_CHECKING:
    from ctxrace.kernel.model.system import KernelSystem

__all__ = ["CHECK", "ENDS", "FAULT", "RESTORED", "SLEEP", "Monitor"]

CHECK = Property("check", (), "every ctxrace_check() is true wherever it is executed")
FAULT = Property("fault", (), "no context touches memory that does not exist, or traps")
RESTORED = Property(
    "restored",
    (),
    "every entry leaves the preempt count, the interrupt mask, and of current bpf_ctx, softirq_disable_cnt and "
    "migration_disabled as it found them",
)
SLEEP = Property(
    "sleep", (), "only a task sleeps, or may sleep, with preemption and interrupts on, and no softirq on PREEMPT_RT"
)
ENDS = frozenset({FAULT, RESTORED, SLEEP})
"""What ends a run: nobody knows what comes after."""


class Monitor:
    """Watch over the properties of `scenario`.

    What has happened since the CPU was last idle is kept in bits of a number: for each progress property one for
    "its entry was attempted" and one for "its body ran".
    """

    def __init__(self, scenario: Scenario) -> None:
        wanted = scenario.properties
        self.properties = (*wanted, CHECK, FAULT, RESTORED, SLEEP)
        self.watched = tuple(dict.fromkeys(p.subjects[-1] for p in wanted if p.kind != "balanced"))
        self.seen: set[str] = set()
        self._exclusive = [p for p in wanted if p.kind == "exclusive"]
        self._progress = [p for p in wanted if p.kind == "progress"]
        self._at_idle = [p for p in wanted if p.kind in ("balanced", "recovers")]
        self._verdicts_at_idle: dict[tuple[int, int, Others, Property], bool] = {}
        self._activations: dict[tuple[int, str], int] = {}
        self.attempted = {
            entry: sum(1 << 2 * k for k, p in enumerate(self._progress) if p.subjects[0] == entry)
            for entry in scenario.entries
        }
        self._ran = {
            body: sum(2 << 2 * k for k, p in enumerate(self._progress) if p.subjects[1] == body)
            for body in self.watched
        }

    def remember(self, since_idle: int, enters: tuple[str, ...]) -> int:
        """Return the bits after the functions `enters` began to run."""
        self.seen.update(enters)
        for body in enters:
            since_idle |= self._ran.get(body, 0)
        return since_idle

    def entered(self, system: "KernelSystem", state: KernelState, enters: tuple[str, ...]) -> tuple[Property, ...]:
        """Return what is broken because the functions `enters` have just begun to run."""
        return tuple(
            wanted
            for wanted in self._exclusive
            if wanted.subjects[0] in enters and self.activations(system, state, wanted.subjects[0]) > 1
        )

    def idle(self, system: "KernelSystem", state: KernelState) -> tuple[Property, ...]:
        """Return what is broken now that the CPU is idle."""
        broken = [p for k, p in enumerate(self._progress) if state.since_idle >> 2 * k & 3 == 1]
        for wanted in self._at_idle:
            key = (state.shared, state.current, state.others, wanted)
            holds = self._verdicts_at_idle.get(key)
            if holds is None:
                holds = self._verdicts_at_idle[key] = self._holds_when_idle(system, state, wanted)
            if not holds:
                broken.append(wanted)
        return tuple(sorted(broken, key=self.properties.index))

    def activations(self, system: "KernelSystem", state: KernelState, body: str) -> int:
        """Return how often `body` is active on the CPU."""
        total = 0
        for flow, number in system.flows_in(state):
            count = self._activations.get((flow, body))
            if count is None:
                active = system.flows.numbers.values[flow][1].active
                count = self._activations[flow, body] = sum(a.function == body for a in active)
            total += count * number
        return total

    def _holds_when_idle(self, system: "KernelSystem", state: KernelState, wanted: Property) -> bool:
        if wanted.kind == "recovers":
            return all(recovers(cpu, state, *wanted.subjects) for cpu in system.cpus)
        first, now = system.layout.shared, system.shared.values[state.shared]
        places = system.layout.copies(wanted.subjects[0])
        return all(now[place.start : place.stop] == first[place.start : place.stop] for place in places)
