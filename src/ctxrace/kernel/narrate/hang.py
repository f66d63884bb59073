"""Why the contexts in flight hang: where each stands for ever, what it reads, and why nothing changes that."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ctxrace.core.hang import Activity, Changer, Hang, Hindrance, Stuck, Waited
from ctxrace.explore.possible import trap, way_to
from ctxrace.kernel.model.smp import SmpState, SmpSystem
from ctxrace.kernel.model.state import EVENT, NO_FRAME, REST, Arrive, KernelState, On, Start
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.narrate.narrator import Narrator
from ctxrace.kernel.narrate.places import place_of
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.sleeping import BLOCKS
from ctxrace.machine.flow import EXIT

__all__ = ["hang_of"]

_MOST_STATES = 20_000
"""Where more states follow, it is not found out in which the contexts stay."""

Role = tuple[Level, str]  # a context's level and its entry


class _Found(NamedTuple):
    """A context in flight, before it is known why it is stuck. task: its number, for an interrupt that of current."""

    name: str
    cpu: int
    role: Role
    flow: int
    task: int
    over: str  # the context over it, or that has its CPU; empty: it runs
    waits: bool  # for its CPU, as a task that was switched away from


def hang_of(system: KernelSystem | SmpSystem, state: Any, narrator: Any) -> Hang:  # noqa: ANN401 - of either system
    """Return why nothing helps from `state` on. narrator: has the rows of the run up to it, and may go on."""
    states = trap(system, state, _MOST_STATES)
    if states is None:
        return _Explained(system, narrator, state, [state]).hang(settled=False)
    target = min(states, key=lambda found: len(found.interrupts) if isinstance(found, KernelState) else _over(found))
    for before, step in way_to(system, state, target):
        narrator.add(before, step)
    return _Explained(system, narrator, target, states).hang(settled=True)


def _over(state: SmpState) -> int:
    return sum(len(cpu.interrupts) for cpu in state.cpus)


class _Explained:
    """What is known of `state`, one of `states`, which lead to one another and nowhere else."""

    def __init__(self, system: KernelSystem | SmpSystem, narrator: Any, state: Any, states: list[Any]) -> None:  # noqa: ANN401
        self.system, self.cpus = system, system.cpus
        self.narrators: list[Narrator] = [narrator] if isinstance(narrator, Narrator) else narrator.cpus
        self.found = [found for cpu in self.cpus for found in self.in_flight(cpu, self.seen(state, cpu.cpu))]
        self.reads: dict[tuple[int, Role], dict[str, set[int]]] = {}
        self.begin: set[Role] = set()
        for each in states:
            self.look_at(each)
        self.exhausted = self.without_attempts(self.seen(state, 0))

    def seen(self, state: Any, cpu: int) -> KernelState:  # noqa: ANN401
        """Return `state` as a CPU sees it."""
        found = self.system.seen_from(state, cpu) if isinstance(self.system, SmpSystem) else state
        assert isinstance(found, KernelState)
        return found

    def in_flight(self, cpu: KernelSystem, state: KernelState) -> Iterator[_Found]:
        """Return the contexts of a CPU: tasks that wait for it, the current one, and the interrupts over that."""
        tasks, narrator = cpu.tasks.values, self.narrators[cpu.cpu]
        levels = [f"{cpu.handlers[number].level}{narrator.suffix}" for number in narrator.stack]
        current = narrator.current or "idle"
        for task, count in state.others:
            it = tasks[task]
            if it.flow != REST and it.cpu == cpu.cpu and not it.elsewhere:
                for name in narrator.waiting.names(task)[:count]:
                    yield _Found(name, cpu.cpu, self.role(cpu, it.flow), it.flow, task, (levels or [current])[-1], True)
        flow = tasks[state.current].flow
        if flow != REST:
            over = levels[0] if levels else ""
            yield _Found(current, cpu.cpu, self.role(cpu, flow), flow, state.current, over, False)
        for depth, frame in enumerate(state.interrupts):
            flow = cpu.frames.values[frame].flow
            over = levels[depth + 1] if depth + 1 < len(levels) else ""
            yield _Found(levels[depth], cpu.cpu, self.role(cpu, flow), flow, state.current, over, False)

    def role(self, cpu: KernelSystem, flow: int) -> Role:
        """Return level and entry of a flow."""
        role, _ = cpu.flows.numbers.values[flow]
        return role.level, role.entry

    def look_at(self, state: Any) -> None:  # noqa: ANN401
        """Take note of what is read in the steps that `state` allows, and what begins."""
        for step in self.system.steps(state):
            number, label = (step.label.cpu, step.label.label) if isinstance(step.label, On) else (0, step.label)
            cpu = self.cpus[number]
            if isinstance(label, Arrive):
                self.begin.add((cpu.handlers[label.handler].level, cpu.handlers[label.handler].entry))
            elif isinstance(label, Start):
                self.begin.add((Level.TASK, cpu.groups[cpu.tasks.values[label.task].group].entry))
            elif label == EVENT:
                seen = self.seen(state, number)
                top = seen.top
                flow = cpu.tasks.values[seen.current].flow if top == NO_FRAME else cpu.frames.values[top].flow
                places = self.reads.setdefault((number, self.role(cpu, flow)), {})
                identity = cpu.identity(seen.current)
                for touch in cpu.after_event(seen).move.outcome.touches:
                    if touch.kind == "read":
                        name = place_of(cpu, touch.address, touch.size, identity)[2]
                        places.setdefault(name, set()).add(touch.value)

    def without_attempts(self, state: KernelState) -> set[Role]:
        """Return the roles whose contexts have begun as often as they may."""
        cpu, tasks = self.cpus[0], self.cpus[0].tasks.values
        spent = {
            (handler.level, handler.entry)
            for number, handler in enumerate(cpu.handlers)
            if state.arrivals and not state.arrivals[number]
        }
        left: dict[str, list[int]] = {}
        for number, group in enumerate(cpu.groups[:-1]):
            resting = [(task, count) for task, count in state.others if tasks[task].group == number]
            fresh = group.size - sum(count for _, count in resting) - (tasks[state.current].group == number)
            left.setdefault(group.entry, []).append(fresh)
            left[group.entry] += [tasks[task].attempts for task, _ in resting if tasks[task].flow == REST]
        return spent | {(Level.TASK, entry) for entry, counts in left.items() if not any(counts)}

    def hang(self, *, settled: bool) -> Hang:
        """Return what is known of each context in flight."""
        return Hang(tuple(map(self.stuck, self.found)), settled)

    def stuck(self, found: _Found) -> Stuck:
        """Return why a context does not come to its end."""
        cpu = self.cpus[found.cpu]
        _, flow = cpu.flows.numbers.values[found.flow]
        function = cpu.image.function_at(flow.pc) if flow.pc != EXIT else None
        activity = self.activity(found)
        waits = self.waited(found) if activity is Activity.SPINS else ()
        return Stuck(
            found.name,
            str(found.role[0]),
            found.cpu,
            found.role[1],
            function.name if function else "",
            cpu.image.source(flow.pc) if flow.pc != EXIT else None,
            str(cpu.flows.machine.code[flow.pc]) if flow.pc != EXIT else "",
            activity,
            found.over if activity in (Activity.INTERRUPTED, Activity.OFF_CPU) else "",
            waits,
        )

    def activity(self, found: _Found) -> Activity:
        """Return what a context does."""
        cpu = self.cpus[found.cpu]
        if cpu.flows.is_endless(found.flow):
            return Activity.LOOPS
        if not found.over or (found.waits and (found.cpu, found.role) in self.reads):
            return Activity.SPINS
        if found.waits and cpu.contexts.calls_to_sleep(found.flow) in BLOCKS:
            return Activity.SLEEPS
        return Activity.OFF_CPU if found.waits else Activity.INTERRUPTED

    def waited(self, found: _Found) -> tuple[Waited, ...]:
        """Return what a context reads again and again."""
        places = self.reads.get((found.cpu, found.role), {})
        waited = [Waited(name, tuple(sorted(values)), self.changers(found, name)) for name, values in places.items()]
        return tuple(it for it in waited if it.changers) or tuple(waited)

    def changers(self, reader: _Found, name: str) -> tuple[Changer, ...]:
        """Return what writes a place elsewhere in the search, and why that does not happen any more."""
        changers: list[Changer] = []
        for role in sorted(self.writers(name)):
            others = [found for found in self.found if found.role == role and found is not reader]
            changers += [Changer(it.name, role[1], _HINDRANCES[self.activity(it)], it.over) for it in others]
            if not others and role != reader.role:
                entry, hindrance = role[1], Hindrance.CANNOT_BEGIN
                if role in self.begin:
                    hindrance = Hindrance.NO_HELP
                elif role in self.exhausted:
                    hindrance = Hindrance.NO_ATTEMPT
                changers.append(Changer(str(role[0]), entry, hindrance))
        return tuple(changers)

    def writers(self, name: str) -> set[Role]:
        """Return the roles of all contexts that the search has seen to write a place."""
        return {
            (role.level, role.entry)
            for cpu in self.cpus
            for role, identity, outcome in cpu.flows.outcomes_of_roles()
            for touch in outcome.touches
            if touch.kind == "write" and place_of(cpu, touch.address, touch.size, identity)[2] == name
        }


_HINDRANCES = {
    Activity.SPINS: Hindrance.STUCK,
    Activity.LOOPS: Hindrance.STUCK,
    Activity.INTERRUPTED: Hindrance.INTERRUPTED,
    Activity.OFF_CPU: Hindrance.OFF_CPU,
    Activity.SLEEPS: Hindrance.STUCK,
}
