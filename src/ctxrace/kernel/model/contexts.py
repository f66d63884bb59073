"""What the contexts of one CPU do, each by itself: a step of one of them, on the memory that it finds.

What numbers in a `KernelState` stand for is kept once, in `Numbers`, for all CPUs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import NamedTuple

from ctxrace.core.property import Property
from ctxrace.kernel.model.addresses import HIDDEN
from ctxrace.kernel.model.assumptions import Assumptions
from ctxrace.kernel.model.flows import Flows
from ctxrace.kernel.model.groups import fresh_task_struct, groups_of, tasks_of
from ctxrace.kernel.model.layout import Layout
from ctxrace.kernel.model.outcome import Outcome, Role, Tree, after
from ctxrace.kernel.model.state import (
    NO_FRAME,
    REST,
    UNLIMITED,
    Arrival,
    Frame,
    KernelState,
    Move,
    Numbers,
    Others,
    Taken,
    Task,
)
from ctxrace.kernel.properties.coverage import arrives, finishes, runs
from ctxrace.kernel.properties.demands import watched
from ctxrace.kernel.properties.invariants import CHECK, ENDS, FAULT, RESTORED, SLEEP
from ctxrace.kernel.rules.contexts import SOFTIRQS_AT_ONCE, Level
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.kernel.rules.sleeping import BLOCKS, may_sleep
from ctxrace.kernel.scenario import Scenario
from ctxrace.machine.drift.memory import Counters
from ctxrace.machine.flow import Machine
from ctxrace.machine.memory import RegionKind, Touch, Write

__all__ = ["NOTHING", "Announced", "Contexts", "Running"]

class Announced(NamedTuple):
    """Functions whose calls are noted, and in contexts of `levels` also their returns, with what they return."""

    functions: tuple[str, ...] = ()
    levels: frozenset[Level] = frozenset()
    results: bool = False


NOTHING = Announced()


class Running:
    """What runs: a context before an event of `flow`, with current's task_struct `mine`; or the idle task, at `REST`.

    All that is known of it without shared memory is in one place, because a search asks for it in every state.
    takes_steps: whether it has an event. taken: what each outcome of that does, by the outcome's id: `flows` keeps all
    outcomes, so that no other one gets it. arrivals: the interrupts that may cut in, None where nobody has asked.
    """

    __slots__ = ("_flow", "_flows", "_identity", "_known", "_mine", "arrivals", "rests", "taken", "takes_steps")

    def __init__(self, flows: Flows, flow: int, identity: int, mine: bytes) -> None:
        self._flows, self._flow, self._identity, self._mine = flows, flow, identity, mine
        self.rests = flow == REST
        self.takes_steps = not self.rests and not flows.is_endless(flow)
        self._known: Tree[Outcome] = flows.outcomes_of(flow, identity) if self.takes_steps else Tree()
        self.taken: dict[int, Taken] = {}
        self.arrivals: list[Arrival] | None = None

    def event(self, shared: bytes) -> Outcome:
        """Return the next event where shared memory holds `shared`."""
        outcome = self._known.find(shared, self._mine)
        return self._flows.step(self._flow, self._identity, shared, self._mine) if outcome is None else outcome


class Contexts:
    """Take steps of the contexts of `scenario` on one CPU.

    machine: executes the image's code. numbers: what numbers in states stand for, the same for all CPUs.
    cpu: which CPU this is. announced: the functions whose calls and returns are noted.
    everywhere: whether tasks are preempted also before their first event and after their last.
    memory: what memory begins with, None for what the image has.
    counters: as in `Flows`.
    """

    def __init__(
        self,
        machine: Machine,
        scenario: Scenario,
        numbers: Numbers,
        assumed: Assumptions,
        *,
        cpu: int = 0,
        announced: Announced = NOTHING,
        everywhere: bool = False,
        memory: bytes | None = None,
        counters: Counters | None = None,
    ) -> None:
        symmetric, blind, shared_stacks = assumed
        self.image, self.scenario, self.symmetric, self.blind = machine.image, scenario, symmetric, blind and symmetric
        self.cpu, self.everywhere = cpu, everywhere
        self.handlers = scenario.interrupts
        tasks = tasks_of(scenario)
        self.layout = Layout(self.image, tasks, shared_stacks, scenario.statistics, scenario.cpus, cpu, memory)
        highest = max((handler.level for handler in self.handlers), default=Level(int(everywhere)))
        identities = range(self.layout.tasks + 1) if symmetric else ()
        self.flows = Flows(
            machine, self.layout, numbers.flows, identities, highest, self.blind, announced.levels, counters,
            remember=True,
        )  # fmt: skip
        self.groups = groups_of(scenario, self.layout, symmetric)
        # Whether interrupts can tell on whom they cut in: PREEMPT_RT leaves softirq_disable_cnt in a preempted task.
        self.tells = not self.blind or scenario.preemption is Preemption.RT
        self.shared, self.task_structs = numbers.shared, numbers.task_structs
        self.tasks, self.frames = numbers.tasks, numbers.frames
        attempts = UNLIMITED if scenario.attempts is None else scenario.attempts
        self.fresh = [
            self.tasks(Task(number, REST, self.task_structs(fresh_task_struct(self.layout, group)), False, attempts))
            for number, group in enumerate(self.groups)
        ]
        self.idle = self.fresh[-1] = self.tasks(self.tasks.values[self.fresh[-1]]._replace(cpu=cpu))
        self.arrives = [arrives(str(handler.level), handler.entry) for handler in self.handlers]
        self._starts: dict[tuple[int, Role], Move] = {}
        self._first_frames: dict[tuple[int, int, int], list[tuple[int, tuple[int, ...], Move]]] = {}
        self._roles = [self.roles(Level.TASK, group.entry) if group.entry else [] for group in self.groups]
        self._contents: dict[int, tuple[object, ...]] = {}
        self._finishes = {entry: finishes(entry) for entry in scenario.entries}

    def running(self, current: int, top: int) -> Running:
        """Return the context that runs: the interrupt frame `top`, or the task `current` if there is none."""
        group, flow, task_struct = self.tasks.values[current][:3]
        flow = flow if top == NO_FRAME else self.frames.values[top].flow
        identity, mine = self.groups[group].identity, self.task_structs.values[task_struct]
        return Running(self.flows, flow, identity, mine)

    def move(self, current: int, top: int, outcome: Outcome) -> Move:
        """Return what `outcome`, the next event of `top` or `current`, does to what that can reach."""
        group, flow, task_struct = self.tasks.values[current][:3]
        began, run_context = self.tasks.values[self.fresh[group]].task_struct, 0
        if top != NO_FRAME:
            flow, began, run_context = self.frames.values[top]
        role, _ = self.flows.numbers.values[flow]
        return self.conclude(role, outcome, self.task_structs.values[task_struct], began, run_context)

    def written(self, shared: int, writes: Sequence[Write]) -> int:
        """Return the number of shared memory's content `shared` after `writes`, which are all to it."""
        return self.shared(after(writes, self.shared.values[shared]))

    def first_move(self, task: int, role: Role) -> Move:
        """Return what beginning the role's entry does, up to its first event, while `task` is current."""
        key = (task, role)
        move = self._starts.get(key)
        if move is None:
            task_struct = self.tasks.values[task].task_struct
            mine, run_context = self.task_structs.values[task_struct], 0
            if role.level is not Level.TASK:
                mine, run_context = self._interrupted(mine, role)
            outcome = self.flows.start(role, self.identity(task), self.layout.shared, mine)
            began = self.task_structs(mine)
            move = self._starts[key] = self.conclude(role, outcome, mine, began, run_context)
        return move

    def first_frames(self, number: int, task: int) -> list[tuple[int, tuple[int, ...], Move]]:
        """Return how handler `number` may begin over `task`: in which way, its frame (none if it is over), its move.

        Of the task only who it is and what is in its task_struct make a difference.
        """
        group, _, task_struct = self.tasks.values[task][:3]
        found = self._first_frames.get((number, group, task_struct))
        if found is None:
            found = self._first_frames[number, group, task_struct] = []
            handler = self.handlers[number]
            for role in self.roles(handler.level, handler.entry, handler.window):
                move = self.first_move(task, role)
                move = move._replace(witnessed=(*move.witnessed, self.arrives[number]))
                over = () if move.flow == REST else (self.frames(Frame(move.flow, move.began, move.run_context)),)
                found.append((role.way, over, move))
        return found

    def _interrupted(self, mine: bytes, role: Role) -> tuple[bytes, int]:
        """Return current's task_struct as an interrupt that begins `role` finds it, and the bpf_ctx that it hides."""
        accounted = self.layout.with_preempt_count(mine, self.layout.preempt_count(mine) + role.accounting)
        if not self.blind:
            return accounted, 0
        run_context = self.layout.run_context(mine)
        self.flows.hide(run_context)
        return self.layout.with_run_context(accounted, HIDDEN), run_context

    def conclude(self, role: Role, outcome: Outcome, mine: bytes, began: int, run_context: int) -> Move:
        """Return the move that `outcome` is, the accounting undone where it is an interrupt's last step."""
        broken: list[Property] = [CHECK for kind, _ in outcome.notes if kind == "check"][:1]
        enters = tuple(name for kind, name in outcome.notes if kind == "enters")
        witnessed: list[Property] = list(map(runs, enters))
        layout, first = self.layout, self.task_structs.values[began]
        calls = [what for kind, what in outcome.notes if kind == "sleeps"]
        wrongly = any(not self._may_sleep(role, what, outcome, mine) for what in calls)
        mine = outcome.apply(mine, RegionKind.OWN)
        if wrongly:  # with the first instruction of this step: what comes after it is undefined, and counts for nothing
            broken, enters, witnessed = [SLEEP], (), []
        elif outcome.fault:
            broken.append(FAULT)
        elif outcome.finished:
            witnessed.append(self._finishes[role.entry])
            if layout.put_back(mine) != layout.put_back(first) or outcome.masked != role.masked:
                broken.append(RESTORED)
            if role.level is not Level.TASK:
                mine = layout.with_preempt_count(mine, layout.preempt_count(first) - role.accounting)
                mine = layout.with_run_context(mine, run_context) if self.blind else mine
        flow = REST if outcome.finished else outcome.flow
        did = (enters, tuple(broken), tuple(witnessed), outcome)
        return Move(flow, self.task_structs(mine), not ENDS.isdisjoint(broken), *did, began, run_context)

    def contents(
        self, state: KernelState, touches: Sequence[Touch]
    ) -> Iterator[tuple[Touch, RegionKind, int, bytes, bytes]]:
        """Return each access of the event taken in `state`: where its bytes are kept, before it and after it."""
        blobs = {
            RegionKind.SHARED: bytearray(self.shared.values[state.shared]),
            RegionKind.OWN: bytearray(self.task_structs.values[self.tasks.values[state.current].task_struct]),
        }
        identity, order = self.identity(state.current), self.image.arch.byte_order
        for touch in touches:
            kind, at = self.layout.locate(touch.address, identity)
            place = slice(at, at + touch.size)
            before = bytes(blobs[kind][place])
            if touch.kind == "write":
                blobs[kind][place] = touch.value.to_bytes(touch.size, order)
            yield touch, kind, at, before, bytes(blobs[kind][place])

    def _may_sleep(self, role: Role, calls: str, outcome: Outcome, mine: bytes) -> bool:
        return may_sleep(
            role.level,
            calls=calls,
            interrupts_on=not outcome.masked,
            preempt_count=self.layout.preempt_count(mine),
            softirq_disable_count=self.layout.softirq_disable_count(mine),
        )

    def sleeps(self, task: int) -> bool:
        """Return whether a task that does not run is at rest, or sleeps."""
        flow = self.tasks.values[task].flow
        return flow == REST or self.calls_to_sleep(flow) in BLOCKS

    def calls_to_sleep(self, flow: int) -> str | None:
        """Return the `Sleep` function before whose first step a flow stands, if it does."""
        return self.flows.machine.sleeping.get(self.flows.numbers.values[flow][1].pc)

    def fingerprints(self) -> tuple[str, str]:
        """Return what stands in schedules for the machine code, and for the scenario and how it is explored."""
        code = b"".join(b"%x %s" % (section.address, section.data) for section in self.image.sections)
        demands = replace(self.scenario, properties=())
        explored = (watched(self.scenario.properties), self.symmetric, self.blind, self.layout.shared_stacks)
        found = self.image.discovery  # which memory counts as shared decides which steps are events
        parts = (demands, explored) if found is None else (demands, explored, tuple(found.written()))
        scenario = repr(parts).encode()
        return sha256(code).hexdigest()[:8], sha256(scenario).hexdigest()[:8]

    def has_checks(self) -> bool:
        """Return whether any entry may reach a ctxrace_check()."""
        machine = self.flows.machine
        return any(machine.liveness.indirect or machine.liveness.reaches(address) for address in machine.checks)

    def flows_in(self, state: KernelState) -> list[tuple[int, int]]:
        """Return the numbers of all flows in flight on this CPU, each with how many contexts are in it."""
        tasks = self.tasks.values
        flows = [(tasks[state.current].flow, 1), *((self.frames.values[frame].flow, 1) for frame in state.interrupts)]
        waiting = [(tasks[task], number) for task, number in state.others]
        flows += [(task.flow, number) for task, number in waiting if task.cpu == self.cpu and not task.elsewhere]
        return [(flow, number) for flow, number in flows if flow != REST]

    def roles(self, level: Level, entry: str, window: bool = False) -> list[Role]:
        """Return the roles in which a context of `level` may begin `entry`, one for each of the entry's starts."""
        return [Role(level, entry, window, way) for way in range(len(self.image.starts_of(entry)))]

    def roles_of_task(self, group: int) -> list[Role]:
        """Return the roles of the tasks of `group`, as `roles`."""
        return self._roles[group]

    def identity(self, task: int) -> int:
        """Return whose addresses task number `task` runs with."""
        return self.groups[self.tasks.values[task].group].identity

    def content(self, waiting: tuple[int, int]) -> tuple[object, ...]:
        """Return what the number of a task stands for, to order by: numbers are given in the order of the search."""
        known = self._contents.get(waiting[0])
        if known is None:
            task = self.tasks.values[waiting[0]]
            flow = () if task.flow == REST else self.flows.numbers.values[task.flow]
            known = (*task._replace(flow=0, task_struct=0), flow, self.task_structs.values[task.task_struct])
            self._contents[waiting[0]] = known
        return known

    def may_serve(self, task: int, waiting: Others) -> bool:
        """Return whether `task`, which is at rest, may begin here: of a softirq so many are at it, and not more."""
        group = self.groups[self.tasks.values[task].group]
        if group.level is Level.TASK or self.scenario.cpus == 1:
            return True
        serving = 0
        for other, number in waiting:
            it = self.tasks.values[other]
            here = it.flow != REST and it.cpu == self.cpu and not it.elsewhere
            its = self.groups[it.group]
            serving += number * (here and (its.entry, its.level) == (group.entry, group.level))
        return serving < SOFTIRQS_AT_ONCE
