"""Steps of single contexts, each evaluated once.

What a context does next hangs on its own state and on the few bytes it reads, not on all of memory. So the
outcome of a step is kept in a tree that branches on the values read, and the search mostly walks these trees. What
an earlier run has found out is taken from there (`KnownSteps`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from ctxrace.core.errors import ExecutionError
from ctxrace.core.facts.fault import MachineFault
from ctxrace.kernel.model.addresses import HIDDEN
from ctxrace.kernel.model.foreign import reached
from ctxrace.kernel.model.interner import Interner
from ctxrace.kernel.model.known_steps import KnownSteps, Seen
from ctxrace.kernel.model.layout import Layout
from ctxrace.kernel.model.outcome import NO_FLOW, Outcome, Role, Tree
from ctxrace.kernel.rules.contexts import Level
from ctxrace.machine.arch import Architecture
from ctxrace.machine.drift.memory import Counters, DriftingMemory
from ctxrace.machine.drift.number import DriftObserved, Mark
from ctxrace.machine.evaluate import Registers
from ctxrace.machine.flow import EXIT, Flow, Machine
from ctxrace.machine.memory import Fault, FirstWrite, ForeignAccess, Memory, RegionKind
from ctxrace.machine.own_address import AddressObserved, OwnAddress, OwnMemory, marked, plain

__all__ = ["CurrentSeen", "Flows", "IdentityEscapes"]

_TRACED = 1 << 64
"""In the place of a counter's bit: a word of which nobody knows what it holds."""


class IdentityEscapes(Exception):
    """A task does something that another task with the same entry would do differently: they are not symmetric."""


class CurrentSeen(Exception):
    """An interrupt looks at more of the task that it cut in on than its counts, or does not only save its bpf_ctx."""


class Flows:
    """Step flows of control.

    numbers: of all CPUs.
    symmetric: identities that must be indistinguishable from identity 0, if any.
    highest: the highest level that may arrive. A context below it has one more state, right before its return: an
    interrupt that arrives there sees the context in the preempt count, and sees all that it has done.
    blind: whether it is an error that an interrupt looks at current's task_struct, but for the counts, and for
    bpf_ctx, which it may save and put back. Then writing bpf_ctx is no event.
    announcing: the levels at which the ends of announced functions are notes, too.
    counters: what may drift, and must make no difference to any step; None: that is not asked.
    remember: whether steps that earlier runs have evaluated are taken from there, and `keep` keeps those of this run.
    """

    def __init__(
        self,
        machine: Machine,
        layout: Layout,
        numbers: Interner[tuple[Role, Flow]],
        symmetric: Sequence[int],
        highest: Level,
        blind: bool,
        announcing: frozenset[Level] = frozenset(),
        counters: Counters | None = None,
        *,
        remember: bool = False,
    ) -> None:
        self.machine = machine
        self.layout = layout
        self._symmetric = symmetric
        self._highest = highest
        self._blind = blind
        self._saved = frozenset(layout.struct.run_context) if blind else frozenset[int]()
        self._hidden = [0]
        self._saw_hidden: list[tuple[Role | int, int, bytes, bytes, Outcome, Seen]] = []
        self._announcing = announcing
        self._counters = counters
        self.numbers = numbers
        self._trees: dict[tuple[Role | int, int], Tree[Outcome]] = {}
        self._known: KnownSteps | None = None
        if remember and counters is None:
            self._known = KnownSteps.of(machine, layout, numbers, (symmetric, highest, blind, sorted(announcing)))
        self._disarmed: dict[int, int] = {}

    def start(self, role: Role, identity: int, shared: bytes, task_struct: bytes) -> Outcome:
        """Begin the role's entry while task `identity` is current."""
        return self._look_up(role, identity, shared, task_struct)

    def step(self, flow: int, identity: int, shared: bytes, task_struct: bytes) -> Outcome:
        """Take the event before which flow number `flow` stands."""
        return self._look_up(flow, identity, shared, task_struct)

    def outcomes_of(self, what: Role | int, identity: int) -> Tree[Outcome]:
        """Return what is known of how a role begins, or of a flow's next event, while task `identity` is current."""
        tree = self._trees.get((what, identity))
        if tree is None:
            tree = self._trees[what, identity] = Tree()
        return tree

    def is_endless(self, flow: int) -> bool:
        """Return whether a flow is in a loop without an event, so that it takes no step any more."""
        return self.numbers.values[flow][1].endless

    def disarm(self, flow: int) -> int:
        """Return the flow after another context ran: an exception return clears the exclusive monitor.

        On x86-64 it also ends the shadow of STI (SDM vol. 2, STI: the inhibition ends after delivery of another event).
        """
        known = self._disarmed.get(flow)
        if known is None:
            role, state = self.numbers.values[flow]
            state = state._replace(monitor=(), shadow=False)
            known = self._disarmed[flow] = self.numbers((role, self._without_unseen(role, state)))
        return known

    def hide(self, pointer: int) -> None:
        """Take note that an interrupt finds `HIDDEN` where `pointer` is; raise `CurrentSeen` where one would notice."""
        if pointer != HIDDEN and pointer not in self._hidden:
            self._hidden.append(pointer)
            for step in self._saw_hidden:
                self._compare_hidden(pointer, *step)

    def outcomes(self) -> Iterator[tuple[int, Outcome]]:
        """Return every outcome evaluated so far, with the identity that was current."""
        return ((identity, outcome) for _, identity, outcome in self.outcomes_of_roles())

    def outcomes_of_roles(self) -> Iterator[tuple[Role, int, Outcome]]:
        """Return every outcome evaluated so far, with the role of the context and the identity that was current."""
        for (what, identity), tree in self._trees.items():
            role = what if isinstance(what, Role) else self.numbers.values[what][0]
            for outcome in tree.leaves():
                yield role, identity, outcome

    def keep(self) -> None:
        """Keep what was evaluated for later runs."""
        if self._known is not None:
            self._known.keep()

    def _look_up(self, what: Role | int, identity: int, shared: bytes, task_struct: bytes) -> Outcome:
        tree = self.outcomes_of(what, identity)
        outcome = tree.find(shared, task_struct)
        if outcome is not None:
            return outcome
        if self._known is not None and (known := self._known.find(what, identity, shared, task_struct)):
            self._check_hidden(what, identity, shared, task_struct, known.outcome, known.seen)
            tree.insert(known.reads, known.outcome)
            return known.outcome
        outcome, memory, alike = self._evaluate(what, identity, shared, task_struct)
        seen = Seen(False, False, [])
        if self._blind:
            seen = self._check_blindness(what, memory)
            self._check_hidden(what, identity, shared, task_struct, outcome, seen)
        if identity in self._symmetric and not alike:
            self._compare_identities(what, identity, shared, task_struct, outcome, memory)
        reads = tuple(memory.reads)
        tree.insert(reads, outcome)
        if self._known is not None:
            self._known.add(what, identity, reads, outcome, seen)
        return outcome

    def _evaluate(
        self, what: Role | int, identity: int, shared: bytes, task_struct: bytes
    ) -> tuple[Outcome, Memory, bool]:
        """Return what a step does, in which memory, and whether all symmetric identities are known to do the same."""
        role, flow = (what, None) if isinstance(what, Role) else self.numbers.values[what]
        over = flow is not None and flow.pc == EXIT  # then nothing is executed
        found = None
        if identity in self._symmetric and not over:
            found = self._run_alike(role, flow, identity, shared, task_struct)
        alike = over or found is not None
        result, memory = found or self._run(role, flow, identity, shared, task_struct)
        did = tuple(memory.writes), flow.pc if flow else 0, tuple(memory.touches), tuple(memory.notes)
        if isinstance(result, MachineFault):
            return Outcome(NO_FLOW, True, False, *did, result, tuple(memory.path)), memory, alike
        finished = result.pc == EXIT and (role.level >= self._highest or result is flow)
        masked = not self.machine.interrupts_enabled(result)
        number = self.numbers((role, result))
        return Outcome(number, finished, masked, *did, path=tuple(memory.path)), memory, alike

    def _run_alike(
        self, role: Role, flow: Flow | None, identity: int, shared: bytes, task_struct: bytes
    ) -> tuple[Flow, Memory] | None:
        """Take the step as `_run` does; None where it may be another one for another task (`OwnAddress`)."""
        layout, machine = self.layout, self.machine
        if layout.shared_stacks or self._counters is not None:
            return None
        span = layout.own_memory(identity)

        def known(word: int) -> int:
            return OwnAddress(word) if word in span else word

        if flow is not None and any(word in span for word in (*flow.monitor, *flow.done)):
            return None
        stack = layout.stack(role.level, identity)
        used = b"" if flow is None else flow.stack
        memory = OwnMemory(
            layout.regions(role.level, identity),
            layout.constant,
            shared,
            task_struct,
            bytes(len(stack) - len(used)) + used,
            layout.struct.quiet,
            self._saved,
            machine.arch.byte_order,
            span,
            layout.struct.pid,
            len(stack) - len(used),
        )
        system = {name: known(word) for name, word in layout.system_registers(identity).items()}
        try:
            after = self._proceed(role, None if flow is None else marked(flow, known), memory, system, stack, known)
            words = [*(word for _, word in after.registers), *(activation.stack for activation in after.active)]
            if any((type(word) is OwnAddress) is not (int(word) in span) for word in words):
                return None
            if any(int(word) in span for word in (*after.monitor, *after.done)):
                return None
            memory.check_stack(len(stack) - len(after.stack), after.stack)
            memory.check_writes()
        except (AddressObserved, Fault, FirstWrite, ForeignAccess):
            return None
        return plain(after), memory

    def _proceed(
        self,
        role: Role,
        flow: Flow | None,
        memory: Memory,
        system: Mapping[str, int],
        stack: range,
        known: Callable[[int], int] = int,
    ) -> Flow:
        """Go on from `flow`, or begin the role's entry; known: marks the stack pointer with which that begins."""
        announcing = role.level in self._announcing
        if flow is not None:
            return self.machine.proceed(flow, memory, system, stack, announcing=announcing)
        start = (role.entry, memory, system, stack, role.masked)
        return self.machine.begin(*start, top=known(stack.stop), way=role.way, announcing=announcing)

    def _without_unseen(self, role: Role, flow: Flow) -> Flow:
        """Return `flow` without the drifting words that its next step does not look at, and leaves nothing of.

        What a load-exclusive read of a counter is one where the store-exclusive is bound to fail. Others count on while
        the flow stands there, so that this word would fall behind the counter further and further.
        """
        if not flow.marks or flow.endless or flow.done or flow.pc == EXIT or self.layout.shared_stacks:
            return flow
        for mark in flow.marks:
            if not mark.on_stack and self._is_unseen(role, flow, mark):
                words = tuple((at, word) for at, word in flow.registers if at != mark.at)
                flow = flow._replace(registers=words, marks=tuple(other for other in flow.marks if other != mark))
        return flow

    def _is_unseen(self, role: Role, flow: Flow, mark: Mark) -> bool:
        """Return whether the next step is the same whatever the word at `mark` and shared memory hold."""
        layout, sp = self.layout, self.machine.stack_pointer
        at = Registers(dict(flow.registers)).read(sp.offset, sp.size)
        identity = next((task for task in range(layout.tasks) if at in layout.stack(role.level, task)), layout.idle)
        stack = layout.stack(role.level, identity)
        memory = self._memory(role, flow, identity, layout.shared, layout.task_struct(identity))
        assert isinstance(memory, DriftingMemory)
        unknown = Mark(False, mark.at, -1, _TRACED)
        traced = flow._replace(marks=tuple(unknown if one == mark else one for one in flow.marks))
        try:
            entered = memory.enter(traced, len(stack) - len(flow.stack))
            after = self._proceed(role, entered, memory, layout.system_registers(identity), stack)
            left = self._for_all_drifts(after, memory, stack)
        except (DriftObserved, Fault, FirstWrite, ForeignAccess, ExecutionError):
            return False
        return not memory.reads and not memory.writes and all(not one.counters & _TRACED for one in left.marks)

    def _memory(self, role: Role, flow: Flow | None, identity: int, shared: bytes, task_struct: bytes) -> Memory:
        layout = self.layout
        stack = layout.stack(role.level, identity)
        content = b"" if flow is None or layout.shared_stacks else flow.stack
        private = bytes(len(stack) - len(content)) + content
        seen = (layout.regions(role.level, identity), layout.constant, shared, task_struct, private)
        how = (layout.struct.quiet, self._saved, self.machine.arch.byte_order)
        return Memory(*seen, *how) if self._counters is None else DriftingMemory(*seen, *how, self._counters)

    def _run(
        self, role: Role, flow: Flow | None, identity: int, shared: bytes, task_struct: bytes
    ) -> tuple[Flow | MachineFault, Memory]:
        layout = self.layout
        stack = layout.stack(role.level, identity)
        memory = self._memory(role, flow, identity, shared, task_struct)
        drifts = memory if isinstance(memory, DriftingMemory) else None
        system = layout.system_registers(identity)
        try:
            if flow is not None and flow.pc == EXIT:
                return flow, memory
            if flow is not None and drifts is not None:
                flow = drifts.enter(flow, len(stack) - len(flow.stack))
            after = self._proceed(role, flow, memory, system, stack)
            return after if drifts is None else self._for_all_drifts(after, drifts, stack), memory
        except Fault as found:
            return found.fault, memory
        except FirstWrite as write:
            assert layout.image.discovery is not None
            layout.image.discovery.write(layout.symbol_address(write.address)[0], write.size)
            raise
        except ForeignAccess as access:
            return reached(layout, role.entry, str(role.level), access), memory

    def _for_all_drifts(self, flow: Flow, memory: DriftingMemory, stack: range) -> Flow:
        """Return `flow` as it is after any drift; raise `DriftObserved` where it may not be masked as it is now."""
        bool(self.machine.unmasked(Registers(dict(flow.registers))))
        return memory.leave(flow, len(stack) - len(flow.stack))

    def _check_blindness(self, what: Role | int, memory: Memory) -> Seen:
        """Return what an interrupt's step has to do with bpf_ctx; raise `CurrentSeen` where it looks at more."""
        role, flow = (what, None) if isinstance(what, Role) else self.numbers.values[what]
        if role.level is Level.TASK:
            return Seen(False, False, [])
        touched = [*((kind, at) for kind, at, _, _ in memory.reads), *((w.kind, w.offset) for w in memory.writes)]
        mine = {offset for kind, offset in touched if kind is RegionKind.OWN}
        if mine - self.layout.struct.quiet - self._saved:
            raise CurrentSeen
        holds = flow is not None and _may_hold(flow, HIDDEN, self.machine.arch)
        return Seen(holds, bool(mine & self._saved), [])

    def _check_hidden(
        self, what: Role | int, identity: int, shared: bytes, task_struct: bytes, found: Outcome, seen: Seen
    ) -> None:
        """Raise `CurrentSeen` where an interrupt does something else if it cuts in on another task."""
        if not seen.holds and not (seen.touches and self.layout.run_context(task_struct) == HIDDEN):
            return  # it does not know what the task's bpf_ctx is
        step = (what, identity, shared, task_struct, found, seen)
        self._saw_hidden.append(step)
        for pointer in self._hidden:
            self._compare_hidden(pointer, *step)

    def _compare_hidden(
        self,
        pointer: int,
        what: Role | int,
        identity: int,
        shared: bytes,
        task_struct: bytes,
        found: Outcome,
        seen: Seen,
    ) -> None:
        """Raise `CurrentSeen` unless an interrupt takes this very step where it finds `pointer` and not `HIDDEN`."""
        if pointer in seen.compared:
            return
        role, flow = (what, None) if isinstance(what, Role) else self.numbers.values[what]
        layout = self.layout

        def revealed(flow: Flow) -> Flow:
            return layout.change_words(flow, lambda word: _revealed(word, pointer))

        if layout.run_context(task_struct) == HIDDEN:
            task_struct = layout.with_run_context(task_struct, pointer)
        result, memory = self._run(role, None if flow is None else revealed(flow), identity, shared, task_struct)
        expected = found.fault or revealed(self.numbers.values[found.flow][1])
        hidden, shown = (value.to_bytes(8, self.machine.arch.byte_order) for value in (HIDDEN, pointer))
        writes = tuple(write._replace(data=shown) if write.data == hidden else write for write in found.writes)
        did = (tuple(memory.writes), tuple(memory.touches), tuple(memory.notes))
        if result != expected or did != (writes, found.touches, found.notes):
            raise CurrentSeen
        seen.compared.append(pointer)

    def _compare_identities(
        self, what: Role | int, identity: int, shared: bytes, task_struct: bytes, found: Outcome, seen: Memory
    ) -> None:
        """Raise `IdentityEscapes` unless every symmetric identity takes this very step, up to its own addresses."""
        role, flow = (what, None) if isinstance(what, Role) else self.numbers.values[what]
        after = None if found.fault else self.numbers.values[found.flow][1]
        for other in self._symmetric:
            if other == identity or (other == self.layout.idle and role.level is Level.TASK):
                continue
            moved = None if flow is None else self.layout.relocate_flow(flow, identity, other)
            theirs = self.layout.relocate_task_struct(task_struct, identity, other)
            result, memory = self._run(role, moved, other, shared, theirs)
            expected = None if after is None else self.layout.relocate_flow(after, identity, other)
            writes = [self.layout.relocate_write(write, identity, other) for write in found.writes]
            alike = isinstance(result, MachineFault) if expected is None else result == expected
            same = alike and memory.writes == writes
            read = [place[:3] for place in memory.reads] == [place[:3] for place in seen.reads]
            if not same or not read or tuple(memory.notes) != found.notes:
                raise IdentityEscapes


def _may_hold(flow: Flow, word: int, arch: Architecture) -> bool:
    """Return whether `word` is among the words of `flow`, or its bytes are a part of two others on the stack."""
    words = [*(value for _, value in flow.registers), *flow.monitor, *flow.done, *(each.stack for each in flow.active)]
    return word in words or word.to_bytes(8, arch.byte_order) in flow.stack


def _revealed(value: int, pointer: int) -> int:
    return pointer if value == HIDDEN else value
