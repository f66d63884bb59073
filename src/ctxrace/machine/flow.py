"""A flow of control, run from event to event.

Between two events a context only touches what is its own. No other context can tell when those steps happen, so they
run at once after the event before them. What is left is a `Flow` that stands before its next event, as plain data.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from ctxrace.core.errors import ExecutionError
from ctxrace.core.facts.fault import FaultKind, MachineFault
from ctxrace.core.limits import spend
from ctxrace.machine.drift.number import DriftObserved, Mark
from ctxrace.machine.evaluate import Effect, Registers, Trap
from ctxrace.machine.facts import Facts, never, reads, refusal, returns, with_callers, writes
from ctxrace.machine.findings.code import analysed
from ctxrace.machine.image import Image, Symbol
from ctxrace.machine.memory import Fault, ForeignAccess, Memory, NotPrivate, Split
from ctxrace.machine.pcode import Instruction, Varnode

__all__ = ["EXIT", "Activation", "Flow", "Machine"]

EXIT = 0xEEEE_0000_0000_0000
"""Where an entry returns to."""

PRIVATE_STEPS = 200_000
"""More steps than this without an event are taken for a loop that never ends."""

_BETWEEN_LOOKS = 64  # private steps between two looks at the budget in force
_SHADOW_CALLS = 8  # a shadow call stack takes one byte in so many of a context's stack


class Activation(NamedTuple):
    """A watched function that is running: until control is back at `returns_to` with the stack pointer at `stack`."""

    function: str
    returns_to: int
    stack: int


class Flow(NamedTuple):
    """The private state of a context that stands before an event.

    registers: the live words of the register file; stack: the bytes from the stack pointer to the top.
    monitor: what the exclusive monitor is armed for, the address of every 8 bytes. active: the watched functions that
    are running, outermost first. done: values of the accesses that the instruction at `pc` has made as steps of their
    own. shadow: whether the instruction before has turned interrupts on, which takes effect after the one at `pc`.
    endless: whether it is in a loop without an event, at `pc`. marks: what differs with how far counters have drifted.
    """

    pc: int
    registers: tuple[tuple[int, int], ...]
    stack: bytes
    monitor: tuple[int, ...] = ()
    active: tuple[Activation, ...] = ()
    done: tuple[int, ...] = ()
    shadow: bool = False
    endless: bool = False
    marks: tuple[Mark, ...] = ()


class Machine:
    """Run flows of one image.

    entries: functions that contexts run. watched: functions whose activations are tracked.
    check: the function that the code calls when a condition is false, with the text of the condition. sleeping:
    functions whose first instruction is an event, as a task may give up the CPU there, and what each stands for.
    announced: more functions whose beginning is noted, and in flows that announce them also their end and result.
    results: whether results that no caller reads are noted, too. migrates: whether flows go on on other CPUs. Then it
    is an event to ask on which CPU one is: the answer is another one right before and right after.
    """

    def __init__(
        self,
        image: Image,
        entries: Iterable[str],
        watched: Iterable[str],
        check: str,
        sleeping: Mapping[str, str] = MappingProxyType({}),
        announced: Iterable[str] = (),
        results: bool = False,
        *,
        migrates: bool = False,
    ) -> None:
        self.image = image
        self.arch = image.arch
        self.tracked = frozenset(watched)
        self.result_sizes = {name: image.result_size(name) for name in announced}
        self.starts = [start.address for name in entries for start in image.starts_of(name)]
        self.results, self.migrates = results, migrates
        self.code, self.liveness = analysed(image, self.starts, results=results)
        noted = [image.symbols[name] for name in (*self.tracked, *self.result_sizes)]
        self._watched = {symbol.address: symbol for symbol in noted}
        # Static functions of a header: one in each object file that was linked.
        self.checks = frozenset(symbol.address for symbol in image.all_symbols if symbol.name == check)
        self.sleeping = {s.address: sleeping[s.name] for s in image.all_symbols if s.name in sleeping}
        self.stack_pointer = self.code.register(self.arch.stack_pointer)
        self.link = self.code.register(self.arch.link_register) if self.arch.link_register else None
        self.mask = self.code.register(self.arch.interrupt_mask_register)
        self.effects = Facts(self.code, lambda it: Effect(self.liveness.without_unread(it), self.arch))
        self.alignment = Facts(self.code, self.arch.alignment)
        self.refusal = Facts(self.code, refusal(self.code, self.liveness))
        self.returns = Facts(self.code, returns)
        # Whether an instruction writes the interrupt mask, and so which interrupts may arrive.
        self.changes_interrupt_mask = Facts(self.code, writes(self.mask))
        # Whether one reads what only this CPU has, and flows may migrate.
        cpu = self.arch.percpu_register if migrates else None
        self.asks_which_cpu = Facts(self.code, reads(self.code.register(cpu)) if cpu else never)
        # Whether one is an event wherever it is executed, whatever it touches.
        self.is_event = Facts(self.code, self._is_always_event)

    def begin(
        self,
        entry: str,
        memory: Memory,
        system: Mapping[str, int],
        stack: range,
        masked: bool,
        *,
        top: int | None = None,
        way: int = 0,
        announcing: bool = False,
    ) -> Flow:
        """Start `entry` on an empty stack at the addresses `stack`, and run it to its first event.

        system: what the system registers hold. masked: whether interrupts are off. top: the end of `stack`, as a number
        that is watched; None: its plain end. way: which of the entry's starts.
        announcing: whether the ends of announced functions are noted, too.
        """
        registers = Registers()
        self._make_stack(registers, memory, stack, stack.stop if top is None else top)
        registers.write(self.mask.offset, self.mask.size, self.arch.masked if masked else self.arch.unmasked)
        self._load_system(registers, system)
        run = _Run(self, registers, memory, stack, announcing)
        address = self.image.starts_of(entry)[way].address
        run.arrive(None, address)
        return run.to_next_event(address)

    def proceed(
        self, flow: Flow, memory: Memory, system: Mapping[str, int], stack: range, *, announcing: bool = False
    ) -> Flow:
        """Take the event before which `flow` stands, and run on to the next one.

        Returns a flow whose `pc` is `EXIT` where the entry has returned. Raises `Fault` for a bug of the code under
        test, `ExecutionError` where the model ends, `ForeignAccess` where memory turns out not to be private.
        """
        registers = Registers(dict(flow.registers))
        self._load_system(registers, system)
        memory.monitor = flow.monitor
        if flow.pc in self.sleeping and not flow.done:
            memory.notes.append(("sleeps", self.sleeping[flow.pc]))
        run = _Run(self, registers, memory, stack, announcing, flow.active)
        try:
            following = run.take_event(flow.pc, flow.done)
        except Split:
            return flow._replace(done=(*flow.done, *memory.made), monitor=memory.monitor)
        return run.to_next_event(following)

    def interrupts_enabled(self, flow: Flow) -> bool:
        """Return whether hard interrupts may arrive where `flow` stands."""
        return not flow.shadow and self.unmasked(Registers(dict(flow.registers)))

    def unmasked(self, registers: Registers) -> bool:
        """Return whether the interrupt mask in `registers` lets hard interrupts through."""
        mask = registers.read(self.mask.offset, self.mask.size)
        return mask & self.arch.interrupt_bits == self.arch.interrupts_on

    def entered(self, instruction: Instruction | None, address: int) -> Symbol | None:
        """Return the watched function that begins at `address`, if `instruction` has just gone there to run it.

        instruction: None for the hardware or the kernel, which begin an entry.
        """
        if (symbol := self._watched.get(address)) is None:
            return None
        called = instruction is None or any(op.opcode in ("CALL", "CALLIND") for op in instruction.ops)
        if not called and instruction is not None and 0 <= instruction.address - address < symbol.size:
            return None  # a loop back to its own first instruction
        return symbol

    def _is_always_event(self, instruction: Instruction) -> bool:
        at = instruction.address
        return at in self.sleeping or self.changes_interrupt_mask[at] or self.asks_which_cpu[at]

    def _make_stack(self, registers: Registers, memory: Memory, stack: range, top: int) -> None:
        if self._shadow is not None:
            top -= len(stack) // _SHADOW_CALLS  # it grows upwards, to the end of the context's stack
            registers.write(self._shadow.offset, self._shadow.size, top)
        if self.link is None:
            top -= self.arch.word
            memory.push_return(top, EXIT)
        else:
            registers.write(self.link.offset, self.link.size, EXIT)
        registers.write(self.stack_pointer.offset, self.stack_pointer.size, top)

    @cached_property
    def _shadow(self) -> Varnode | None:
        """The register of the shadow call stack, where the code has one."""
        name, push = self.arch.shadow_call or ("", b"")
        pushes = push and any(self.code[address].code == push for address in self.liveness.addresses)
        return self.code.register(name) if pushes else None

    def _load_system(self, registers: Registers, system: Mapping[str, int]) -> None:
        for name, value in system.items():
            place = self.code.register(name)
            registers.write(place.offset, place.size, value)


class _Run:
    """The steps of one context from one event to the next: its registers, memory and running functions meanwhile."""

    def __init__(
        self,
        machine: Machine,
        registers: Registers,
        memory: Memory,
        stack: range,
        announcing: bool,
        active: Iterable[Activation] = (),
    ) -> None:
        self.machine, self.image, self.arch = machine, machine.image, machine.arch
        self.registers, self.memory, self.stack = registers, memory, stack
        self.announcing = announcing
        self.active = list(active)
        self.shadow = self.endless = False

    def take_event(self, pc: int, done: tuple[int, ...]) -> int:
        """Take the event at `pc`, of which the accesses `done` were made before; return where control is then.

        Raises `Split` after an access that is a step of its own.
        """
        instruction = self.machine.code[pc]
        off = not self.machine.unmasked(self.registers)
        whole = self.arch.whole_instructions or instruction.mnemonic in self.arch.atomic
        self.memory.begin(private=False, atomic=whole, done=done, alignment=self.machine.alignment[pc])
        following = self.execute(instruction)
        self.memory.passes(pc, on=following == instruction.following)
        self.shadow = off and instruction.mnemonic in self.arch.delays_interrupts
        self.leave(following)
        self.arrive(instruction, following)
        return following

    def to_next_event(self, pc: int) -> Flow:
        """Take private steps from `pc` until an event, or the end of the entry; return the flow that stands there."""
        memory, registers = self.memory, self.registers
        snapshot, power, taken = (pc, dict(registers.words), bytes(memory.stack)), 1, 0  # Brent's cycle detection
        start = pc
        while pc != EXIT and not self.machine.is_event[pc]:
            following = self.take_private_step(pc)
            if following is None:
                break
            pc = following
            taken += 1
            if taken % _BETWEEN_LOOKS == 0:
                spend(f"running {self.image.where(start)}")
            if pc == snapshot[0] and registers.words == snapshot[1] and memory.stack == snapshot[2]:
                self.endless = True
                break
            if taken == power:
                snapshot, power = (pc, dict(registers.words), bytes(memory.stack)), power * 2
            if taken > PRIVATE_STEPS:
                raise ExecutionError(
                    f"{PRIVATE_STEPS:,} steps without an event after {self.image.where(start)}, the last at "
                    f"{self.image.where(pc)}; a loop that never ends? shorten it"
                )
        return self.freeze(pc)

    def take_private_step(self, pc: int) -> int | None:
        """Take the step at `pc` and return where control is then; None, and nothing has happened, if it is an event."""
        instruction = self.machine.code[pc]
        before, monitor = dict(self.registers.words), self.memory.monitor
        self.memory.begin(private=True, alignment=self.machine.alignment[pc])
        try:
            following = self.execute(instruction)
            if self.active and any(over.function in self.machine.tracked for over in self.ended(following)):
                raise NotPrivate
        except NotPrivate:
            self.registers.words, self.memory.monitor = before, monitor
            return None
        self.memory.passes(pc, on=following == instruction.following)
        self.shadow = False
        self.leave(following)
        self.arrive(instruction, following)
        return following

    def execute(self, instruction: Instruction) -> int:
        """Execute `instruction` and return where control is then; what is wrong with it is raised with its place."""
        try:
            return self._execute(instruction)
        except ExecutionError as error:
            if self.image.discovery is None:
                raise
            words = bytes(self.memory.stack[max(self.stack_pointer() - self.stack.start, 0) :])
            raise with_callers(error, instruction.address, self.image, self.machine.liveness, words) from None

    def _execute(self, instruction: Instruction) -> int:
        if unknown := self.machine.refusal[instruction.address]:
            raise ExecutionError(unknown)
        known = self.image.discovery
        if known is not None:
            if reason := known.refused.get(instruction.address):
                place = self.image.where(instruction.address)
                raise ExecutionError(f"{place}: {reason}")
            if not self.machine.liveness.reaches(instruction.address):
                known.enter(instruction.address)
        before = int(self.stack_pointer())
        try:
            following = self.machine.effects[instruction.address](self.registers, self.memory)
        except ExecutionError as error:
            raise ExecutionError(f"{self.image.where(instruction.address)}: {error}") from None
        except Trap:
            raise Fault(MachineFault(FaultKind.TRAPS, instruction=str(instruction))) from None
        except Fault as found:
            place = self.image.where(instruction.address)
            raise Fault(replace(found.fault, instruction=str(instruction), place=place)) from None
        except ForeignAccess as access:
            access.instruction, access.place = str(instruction), self.image.where(instruction.address)
            raise
        except DriftObserved as seen:
            seen.address = instruction.address
            raise
        if known is not None and any(op.opcode in ("BRANCHIND", "CALLIND") for op in instruction.ops):
            known.lead(instruction.address, following)
        if self.machine.returns[instruction.address]:
            self.check_return(instruction, following)
        lowest = self.stack.start + self.memory.lowest
        if lowest < min(before, int(self.stack_pointer())):
            raise Fault(MachineFault(FaultKind.BELOW_STACK, lowest))
        return following

    def check_return(self, instruction: Instruction, following: int) -> None:
        """Raise `ExecutionError` for a return to where liveness assumed none: it may have cut what is read there."""
        if following != EXIT and not self.machine.liveness.may_return(following):
            raise ExecutionError(
                f"{str(instruction)!r} at {self.image.where(instruction.address)} returns to "
                f"{self.image.where(following)}, which follows no call; a jump that is spelled as a return, as in a "
                "retpoline? write it as a jump, or compile without (-mindirect-branch=keep, -mno-retpoline)"
            )

    def freeze(self, pc: int) -> Flow:
        """Return the flow that stands at `pc`; raise `Fault` where its stack pointer has left its stack."""
        if pc == EXIT:
            left, mask = Registers(), self.machine.mask
            left.write(mask.offset, mask.size, self.registers.read(mask.offset, mask.size))
            words = tuple((at, value) for at, value in left.words.items() if value)
            return Flow(EXIT, words, b"", (), tuple(self.active))
        sp = int(self.stack_pointer())
        if not self.stack.start <= sp <= self.stack.stop:
            raise Fault(MachineFault(FaultKind.STACK_LEFT, sp))
        live = self.machine.liveness.cut(pc, self.registers.words)
        kept = bytes(self.memory.stack[sp - self.stack.start :])
        return Flow(pc, live, kept, self.memory.monitor, tuple(self.active), (), self.shadow, self.endless)

    def arrive(self, instruction: Instruction | None, pc: int) -> None:
        """Note what begins at `pc`, where `instruction` has just gone: a watched function, a failing check."""
        if pc in self.machine.checks:
            argument = self.machine.code.register(self.arch.argument)
            condition = self.image.string(self.registers.read(argument.offset, argument.size))
            self.memory.notes.append(("check", condition))
            self.memory.notes.append(("check at", f"{instruction.address:#x}" if instruction else ""))
        symbol = self.machine.entered(instruction, pc)
        if symbol is None:
            return
        self.memory.notes.append(("enters", symbol.name))
        if not self.announcing and symbol.name not in self.machine.tracked:
            return
        sp, link = self.stack_pointer(), self.machine.link
        if link is not None:
            self.active.append(Activation(symbol.name, self.registers.read(link.offset, link.size), sp))
        else:
            self.active.append(Activation(symbol.name, self.memory.return_address(sp), sp + self.arch.word))

    def leave(self, pc: int) -> None:
        """Note which watched functions are over now that control is at `pc`, and what they return."""
        if not self.active:
            return
        for over in self.ended(pc):
            self.active.pop()
            self.memory.notes.append(("leaves", over.function))
            if size := self.machine.result_sizes.get(over.function, 0):
                result = self.machine.code.register(self.arch.result)
                self.memory.notes.append(("returns", str(self.registers.read(result.offset, size))))

    def ended(self, pc: int) -> list[Activation]:
        """Return the activations, innermost first, that are over now that control is at `pc`."""
        over: list[Activation] = []
        for activation in reversed(self.active):
            # With another stack pointer it is a nested call of the same function that has returned.
            if pc != activation.returns_to or self.stack_pointer() != activation.stack:
                break
            over.append(activation)
        return over

    def stack_pointer(self) -> int:
        """Return what the stack pointer holds, which is one word everywhere."""
        return self.registers.words.get(self.machine.stack_pointer.offset, 0)
