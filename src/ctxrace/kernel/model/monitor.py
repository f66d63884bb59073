"""Judge steps of the kernel as they are taken: which demands do they break?

A step may be judged differently for what has happened since the CPU was last idle. That is kept in bits of a number,
`KernelState.since_idle`: for each progress property which entries were attempted, and which bodies ran.
"""

from collections.abc import Sequence

from ctxrace.core.property import Property
from ctxrace.kernel.model.contexts import Contexts
from ctxrace.kernel.model.recovery import recovers
from ctxrace.kernel.model.state import KernelState, Others
from ctxrace.kernel.properties.demands import Demand, Progress

__all__ = ["Monitor"]


class Monitor:
    """Watch over the demands of a scenario, on the CPUs whose contexts are `cpus`."""

    def __init__(self, demands: Sequence[Property], cpus: Sequence[Contexts]) -> None:
        self.cpus = cpus
        self._demands = [prop for prop in demands if isinstance(prop, Demand)]
        pairs = [prop.subjects for prop in self._demands if isinstance(prop, Progress)]
        names = dict.fromkeys([f"attempted {entry}" for entry, _ in pairs] + [f"ran {body}" for _, body in pairs])
        bits = {name: 1 << bit for bit, name in enumerate(names)}
        self._attempted = {entry: bits[f"attempted {entry}"] for entry, _ in pairs}
        self._ran = {body: bits[f"ran {body}"] for _, body in pairs}
        self._when_idle: dict[tuple[int, int, Others, int], tuple[Property, ...]] = {}
        self._activations: dict[tuple[int, str], int] = {}

    def attempt(self, since_idle: int, entry: str) -> int:
        """Return the bits after `entry` has begun."""
        return since_idle | self._attempted.get(entry, 0)

    def run(self, since_idle: int, enters: Sequence[str]) -> int:
        """Return the bits after the functions `enters` have begun to run."""
        for body in enters:
            since_idle |= self._ran.get(body, 0)
        return since_idle

    def entered(self, cpu: Contexts, state: KernelState, enters: Sequence[str]) -> tuple[Property, ...]:
        """Return what is broken because the functions `enters` have just begun to run on `cpu`."""
        view = _Seen(self, cpu, state)
        return tuple(
            prop for prop in self._demands if not all(prop.holds_when_entered(body, view) for body in enters)
        )

    def idle(self, cpu: Contexts, state: KernelState) -> tuple[Property, ...]:
        """Return what is broken now that the CPUs are idle, as `cpu` sees the state."""
        key = (state.shared, state.current, state.others, state.since_idle)
        broken = self._when_idle.get(key)
        if broken is None:
            view = _Seen(self, cpu, state)
            broken = tuple(prop for prop in self._demands if not prop.holds_when_idle(view))
            self._when_idle[key] = broken
        return broken

    def activations(self, cpu: Contexts, state: KernelState, body: str) -> int:
        """Return how often `body` is active on `cpu`."""
        total = 0
        for flow, number in cpu.flows_in(state):
            count = self._activations.get((flow, body))
            if count is None:
                active = cpu.flows.numbers.values[flow][1].active
                count = self._activations[flow, body] = sum(a.function == body for a in active)
            total += count * number
        return total

    def attempted(self, since_idle: int, entry: str) -> bool:
        """Return whether the bits say that `entry` has begun."""
        return bool(since_idle & self._attempted[entry])

    def ran(self, since_idle: int, body: str) -> bool:
        """Return whether the bits say that `body` ran."""
        return bool(since_idle & self._ran[body])


class _Seen:
    """A state as a CPU sees it, for the conditions of properties (`View`)."""

    def __init__(self, monitor: Monitor, cpu: Contexts, state: KernelState) -> None:
        self._monitor, self._cpu, self._state = monitor, cpu, state

    def activations(self, body: str) -> int:
        return self._monitor.activations(self._cpu, self._state, body)

    def unchanged(self, variable: str) -> bool:
        layout, now = self._cpu.layout, self._cpu.shared.values[self._state.shared]
        return layout.contents(variable, now) == layout.contents(variable, layout.shared)

    def recovers(self, entry: str, body: str) -> bool:
        return all(recovers(cpu, self._state, entry, body) for cpu in self._monitor.cpus)

    def attempted(self, entry: str) -> bool:
        return self._monitor.attempted(self._state.since_idle, entry)

    def ran(self, body: str) -> bool:
        return self._monitor.ran(self._state.since_idle, body)
