"""A flow of control, run from event to event.

Between two events a context only touches what is its own, so nobody can tell when those steps happen: they run
at once after the event before them. What is left is a `Flow` that stands before its next event, as plain data.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from ctxrace.core.errors import ExecutionError
from ctxrace.machine.evaluate import Registers, Trap, execute
from ctxrace.machine.image import Image, Symbol
from ctxrace.machine.lift import Lifter
from ctxrace.machine.liveness import Liveness
from ctxrace.machine.memory import Fault, ForeignAccess, Memory, NotPrivate, Split
from ctxrace.machine.pcode import Instruction, Op, Varnode

__all__ = ["EXIT", "Activation", "Flow", "Machine"]

EXIT = 0xEEEE_0000_0000_0000
"""Where an entry returns to."""

PRIVATE_STEPS = 200_000
"""More steps than this without an event are taken for a loop that never ends."""


class Activation(NamedTuple):
    """A watched function that is running: until control is back at `returns_to` with the stack pointer at `stack`."""

    function: str
    returns_to: int
    stack: int


class Flow(NamedTuple):
    """The private state of a context that stands before an event.

    registers: the live words of the register file; stack: the bytes from the stack pointer to the top.
    monitor: the address that the exclusive monitor is armed for, if any.
    active: the watched functions that are running, outermost first.
    done: values of the accesses that the instruction at `pc` has already made as steps of their own.
    """

    pc: int
    registers: tuple[tuple[int, int], ...]
    stack: bytes
    monitor: tuple[int, ...] = ()
    active: tuple[Activation, ...] = ()
    done: tuple[int, ...] = ()


class _Whether(dict[int, bool]):
    """Whether an operation of the instruction at an address is of a kind, found out once for each address."""

    def __init__(self, code: Lifter, kind: Callable[[Op], bool]) -> None:
        super().__init__()
        self._code, self._kind = code, kind

    def __missing__(self, address: int) -> bool:
        answer = self[address] = any(map(self._kind, self._code[address].ops))
        return answer


class Machine:
    """Run flows of one image.

    entries: functions that contexts run. watched: functions whose activations are tracked.
    check: the function that the code calls when a condition is false, with the text of the condition.
    sleeping: functions whose first instruction is an event, because a task may give up the CPU there.
    announced: more functions whose beginning is noted, and in flows that announce them also their end and result.
    results: whether results that nobody reads are told, too.
    migrates: whether flows go on on other CPUs. Then it is an event to ask on which CPU one is: the answer is another
    one right before and right after.
    """

    def __init__(
        self,
        image: Image,
        entries: Iterable[str],
        watched: Iterable[str],
        check: str,
        sleeping: Iterable[str] = (),
        announced: Iterable[str] = (),
        results: bool = False,
        *,
        migrates: bool = False,
    ) -> None:
        self.image = image
        self.arch = image.arch
        self.code = Lifter(image)
        self._tracked = frozenset(watched)
        self._announced = {name: image.result_size(name) for name in announced}
        starts = [image.symbols[name].address for name in entries]
        self.liveness = Liveness(self.code, starts, results=results)
        noted = (*self._tracked, *self._announced)
        self._watched = {image.symbols[name].address: image.symbols[name] for name in noted}
        # Static functions of a header: one in each object file that was linked.
        self.checks = frozenset(symbol.address for symbol in image.all_symbols if symbol.name == check)
        names = frozenset(sleeping)
        self.sleeping = {symbol.address: symbol.name for symbol in image.all_symbols if symbol.name in names}
        self._stack_pointer = self.code.register(self.arch.stack_pointer)
        self._link = self.code.register(self.arch.link_register) if self.arch.link_register else None
        self._mask = self.code.register(self.arch.interrupt_mask_register)
        self._changes_mask = _Whether(self.code, _writes(self._mask))
        asks = self.arch.percpu_register if migrates else None
        self._asks_cpu = _Whether(self.code, _reads(self.code.register(asks))) if asks else None

    def begin(
        self,
        entry: str,
        memory: Memory,
        system: Mapping[str, int],
        stack: range,
        masked: bool,
        *,
        announcing: bool = False,
    ) -> Flow:
        """Start `entry` on an empty stack at the addresses `stack`, and run it to its first event.

        system: what the system registers hold. masked: whether interrupts are off.
        announcing: whether the ends of announced functions are told, too.
        """
        registers = Registers()
        if self._link is None:
            memory.push_return(EXIT)
            registers.write(self._stack_pointer.offset, 8, stack.stop - 8)
        else:
            registers.write(self._stack_pointer.offset, 8, stack.stop)
            registers.write(self._link.offset, 8, EXIT)
        mask = self.arch.masked if masked else self.arch.unmasked
        registers.write(self._mask.offset, self._mask.size, mask)
        self._load_system(registers, system)
        address = self.image.symbols[entry].address
        active: list[Activation] = []
        self._arrive(None, address, registers, active, memory, stack, announcing)
        return self._run_private(address, registers, active, memory, stack, announcing)

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
        active = list(flow.active)
        instruction = self.code[flow.pc]
        if flow.pc in self.sleeping and not flow.done:
            memory.notes.append(("sleeps", self.sleeping[flow.pc]))
        memory.begin(private=False, atomic=instruction.mnemonic in self.arch.atomic, done=flow.done)
        try:
            following = self._execute(instruction, registers, memory, stack)
        except Split:
            return flow._replace(done=(*flow.done, *memory.made), monitor=memory.monitor)
        self._leave(following, registers, active, memory)
        self._arrive(instruction, following, registers, active, memory, stack, announcing)
        return self._run_private(following, registers, active, memory, stack, announcing)

    def interrupts_enabled(self, flow: Flow) -> bool:
        """Return whether hard interrupts may arrive where `flow` stands."""
        mask = Registers(dict(flow.registers)).read(self._mask.offset, self._mask.size)
        return mask & self.arch.interrupt_bits == self.arch.interrupts_on

    def changes_interrupt_mask(self, address: int) -> bool:
        """Return whether the instruction at `address` writes the interrupt mask, and so changes who may arrive."""
        return self._changes_mask[address]

    def asks_which_cpu(self, address: int) -> bool:
        """Return whether the instruction at `address` reads what only this CPU has, and flows may migrate."""
        return self._asks_cpu is not None and self._asks_cpu[address]

    def _run_private(
        self,
        pc: int,
        registers: Registers,
        active: list[Activation],
        memory: Memory,
        stack: range,
        announcing: bool,
    ) -> Flow:
        snapshot, power, taken = (pc, dict(registers.words), bytes(memory.stack)), 1, 0  # Brent's cycle detection
        start = pc
        while pc != EXIT:
            instruction = self.code[pc]
            if pc in self.sleeping or self.changes_interrupt_mask(pc) or self.asks_which_cpu(pc):
                break
            before = dict(registers.words)
            monitor = memory.monitor
            memory.begin(private=True)
            try:
                following = self._execute(instruction, registers, memory, stack)
                if any(a.function in self._tracked for a in self._ended(following, registers, active)):
                    raise NotPrivate
            except NotPrivate:
                registers.words, memory.monitor = before, monitor
                break
            self._leave(following, registers, active, memory)
            self._arrive(instruction, following, registers, active, memory, stack, announcing)
            pc = following
            taken += 1
            if pc == snapshot[0] and registers.words == snapshot[1] and memory.stack == snapshot[2]:
                raise ExecutionError(
                    f"the code loops for ever without an event at {self.image.where(pc)}; "
                    "let the loop read something that another context can change"
                )
            if taken == power:
                snapshot, power = (pc, dict(registers.words), bytes(memory.stack)), power * 2
            if taken > PRIVATE_STEPS:
                raise ExecutionError(
                    f"{PRIVATE_STEPS:,} steps without an event after {self.image.where(start)}, the last at "
                    f"{self.image.where(pc)}; a loop that never ends? shorten it"
                )
        return self._freeze(pc, registers, active, memory, stack)

    def _execute(self, instruction: Instruction, registers: Registers, memory: Memory, stack: range) -> int:
        self._check_system_registers(instruction)
        sp = self._stack_pointer.offset
        before = registers.read(sp, 8)
        try:
            following = execute(instruction, registers, memory, self.arch)
        except ExecutionError as error:
            raise ExecutionError(f"{self.image.where(instruction.address)}: {error}") from None
        except Trap:
            raise Fault(f"traps: {instruction} (BUG(), or undefined behaviour made one by the compiler)") from None
        except Fault as fault:
            raise Fault(f"{instruction} at {self.image.where(instruction.address)} {fault}") from None
        except ForeignAccess as access:
            access.instruction = f"{instruction} at {self.image.where(instruction.address)}"
            raise
        if any(op.opcode == "RETURN" for op in instruction.ops):
            self._check_return(instruction, following)
        if stack.start + memory.lowest < min(before, registers.read(sp, 8)):
            raise Fault(f"touches its stack at {stack.start + memory.lowest:#x}, below the stack pointer")
        return following

    def _check_return(self, instruction: Instruction, following: int) -> None:
        if following != EXIT and not self.liveness.may_return(following):
            # It counted registers as dead that are read there.
            raise ExecutionError(
                f"{str(instruction)!r} at {self.image.where(instruction.address)} returns to "
                f"{self.image.where(following)}, which follows no call; a jump that is spelled as a return, as in a "
                "retpoline? write it as a jump, or compile without (-mindirect-branch=keep, -mno-retpoline)"
            )

    def _freeze(
        self, pc: int, registers: Registers, active: list[Activation], memory: Memory, stack: range
    ) -> Flow:
        if pc == EXIT:
            left = Registers()
            left.write(self._mask.offset, self._mask.size, registers.read(self._mask.offset, self._mask.size))
            return Flow(EXIT, tuple((at, value) for at, value in left.words.items() if value), b"", (), tuple(active))
        sp = registers.read(self._stack_pointer.offset, 8)
        if not stack.start <= sp <= stack.stop:
            raise Fault(f"its stack pointer is {sp:#x}, outside of its stack")
        live = self.liveness.cut(pc, registers.words)
        return Flow(pc, live, bytes(memory.stack[sp - stack.start :]), memory.monitor, tuple(active))

    def _arrive(
        self,
        instruction: Instruction | None,
        pc: int,
        registers: Registers,
        active: list[Activation],
        memory: Memory,
        stack: range,
        announcing: bool,
    ) -> None:
        if pc in self.checks:
            memory.notes.append(("check", self._condition(registers)))
        symbol = self._entered(instruction, pc)
        if symbol is None:
            return
        memory.notes.append(("enters", symbol.name))
        if not announcing and symbol.name not in self._tracked:
            return
        sp = registers.read(self._stack_pointer.offset, 8)
        if self._link is not None:
            active.append(Activation(symbol.name, registers.read(self._link.offset, 8), sp))
        else:
            active.append(Activation(symbol.name, memory.return_address(sp - stack.start), sp + 8))

    def _entered(self, instruction: Instruction | None, pc: int) -> Symbol | None:
        """Return the watched function that begins at `pc`, if `instruction` has just gone there to run it."""
        symbol = self._watched.get(pc)
        if symbol is None:
            return None
        called = instruction is None or any(op.opcode in ("CALL", "CALLIND") for op in instruction.ops)
        if not called and instruction is not None and 0 <= instruction.address - pc < symbol.size:
            return None  # a loop back to its own first instruction
        return symbol

    def _leave(self, pc: int, registers: Registers, active: list[Activation], memory: Memory) -> None:
        for ended in self._ended(pc, registers, active):
            active.pop()
            function = ended.function
            memory.notes.append(("leaves", function))
            if size := self._announced.get(function, 0):
                result = self.code.register(self.arch.result)
                memory.notes.append(("returns", str(registers.read(result.offset, size))))

    def _ended(self, pc: int, registers: Registers, active: list[Activation]) -> list[Activation]:
        """Return the activations, innermost first, that are over now that control is at `pc`."""
        over: list[Activation] = []
        for activation in reversed(active):
            stack = registers.read(self._stack_pointer.offset, 8)
            if pc != activation.returns_to or stack != activation.stack:
                break
            over.append(activation)
        return over

    def _condition(self, registers: Registers) -> str:
        argument = self.code.register(self.arch.argument)
        return self.image.string(registers.read(argument.offset, argument.size))

    def _load_system(self, registers: Registers, system: Mapping[str, int]) -> None:
        for name, value in system.items():
            place = self.code.register(name)
            registers.write(place.offset, place.size, value)

    def _check_system_registers(self, instruction: Instruction) -> None:
        for op in instruction.ops:
            for node in (*op.inputs, op.output):
                if node is None or node.space != "register" or node.offset not in self.arch.system_registers:
                    continue
                name = self.code.register_name(node)
                written = node is op.output and name != self.arch.interrupt_mask_register
                if name not in self.arch.known_system_registers or written:
                    raise ExecutionError(
                        f"the model does not know what {'writing' if written else 'reading'} the register {name} means "
                        f"({str(instruction)!r} at {self.image.where(instruction.address)}); keep it out of the code"
                    )


def _writes(register: Varnode) -> Callable[[Op], bool]:
    return lambda op: op.output is not None and op.output[:2] == register[:2]


def _reads(register: Varnode) -> Callable[[Op], bool]:
    return lambda op: any(node[:2] == register[:2] for node in op.inputs)
