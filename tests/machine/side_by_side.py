"""The evaluator and unicorn side by side: the same instruction from the same state, and what differs after it.

Both see some code and one data area. What is the same on every architecture without page tables is here.
"""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import pypcode
import unicorn
from tests.machine.bus import Bus

from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.evaluate import Registers, Trap, execute
from ctxrace.machine.lift import lift
from ctxrace.machine.pcode import Instruction, Varnode

__all__ = ["ALL_ONES", "PAGE", "TRAPS", "SideBySide"]

PAGE = 0x1000
TRAPS = "unicorn traps"
ALL_ONES = (1 << 64) - 1
_STOPS = (unicorn.UC_ERR_EXCEPTION, unicorn.UC_ERR_INSN_INVALID)
_UNMAPPED = (unicorn.UC_ERR_READ_UNMAPPED, unicorn.UC_ERR_WRITE_UNMAPPED, unicorn.UC_ERR_WRITE_PROT)

State = TypeVar("State")


class SideBySide(ABC, Generic[State]):
    """Run instructions of `code` in both, each from states of the caller's choice.

    code_at, data_at: the addresses; pristine: the data area before each run; machine: unicorn's CPU without memory;
    counter: unicorn's number of the program counter.
    """

    def __init__(
        self,
        arch: Architecture,
        code_at: int,
        code: bytes,
        data_at: int,
        pristine: bytes,
        machine: unicorn.Uc,
        counter: int,
    ) -> None:
        self.arch = arch
        self.code_at, self.code = code_at, code + bytes(-len(code) % PAGE)
        self.data_at, self.pristine = data_at, pristine
        self.states = 0
        self.bus = Bus(code_at, self.code, data_at, pristine, arch.byte_order)
        self.context = pypcode.Context(arch.language)
        self._lifted: dict[int, Instruction] = {}
        self.unicorn, self._counter = machine, counter
        for address, data in ((code_at, self.code), (data_at, pristine)):
            machine.mem_map(address, len(data))
            machine.mem_write(address, data)
        machine.mem_protect(code_at, len(self.code), unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        self.fresh = machine.context_save()

    @abstractmethod
    def model(self, state: State) -> Registers:
        """Return the evaluator's registers in `state`."""

    @abstractmethod
    def emulate(self, state: State) -> None:
        """Put unicorn into `state`."""

    @abstractmethod
    def register_differences(self, registers: Registers) -> list[str]:
        """Say in which registers both differ."""

    @abstractmethod
    def spell(self, state: State) -> str:
        """Spell a state for messages."""

    def instruction(self, address: int) -> Instruction:
        """Return what the lifter makes of the instruction at `address`; raise `pypcode.BadDataError`."""
        if address not in self._lifted:
            code = self.code[address - self.code_at : address - self.code_at + 16]
            self._lifted[address] = lift(self.context, self.arch, address, code)
        return self._lifted[address]

    def run(self, address: int, steps: int, state: State) -> str:
        """Run up to `steps` instructions in both from `state`, and say how they differ: nothing if they agree.

        Raises `ExecutionError` where the evaluator refuses an instruction.
        """
        registers = self.model(state)
        self.unicorn.context_restore(self.fresh)  # also forgets what the exclusive monitor was armed for
        self.emulate(state)
        self.bus.monitor = None
        difference = ""
        try:
            for _ in range(steps):
                self.states += 1
                difference, after = self._step(address, registers)
                if difference:
                    spelled = f"{self.instruction(address)} ({self.instruction(address).code.hex()})"
                    difference = f"{spelled}: {difference}\n  from {self.spell(state)}"
                    break
                address = after
                if not self.code_at <= address < self.code_at + len(self.code):
                    break
        finally:
            self.restore(bool(difference) or address < 0)  # a fault may leave half a store behind
        return difference

    def restore(self, differs: bool) -> None:
        """Put the data area back in both; differs: whether there may be more to undo than the evaluator's stores."""
        if differs:
            self.bus.data[:] = self.pristine
            self.unicorn.mem_write(self.data_at, self.pristine)
        for offset, before in reversed(self.bus.undo):
            self.bus.data[offset : offset + len(before)] = before
            self.unicorn.mem_write(self.data_at + offset, before)
        self.bus.undo.clear()

    def place(self, name: str) -> tuple[int, int]:
        """Return offset and size of a register that SLEIGH calls `name`."""
        found = self.context.registers[name]
        placed = self.arch.place(Varnode("register", found.offset, found.size))
        return placed.offset, placed.size

    def _step(self, address: int, registers: Registers) -> tuple[str, int]:
        try:
            model = f"{execute(self.instruction(address), registers, self.bus, self.arch):#x}"
        except Trap:
            model = "trap"
        except IndexError as error:
            model = str(error)
        try:
            self.unicorn.emu_start(address, ALL_ONES, 0, 1)
            status = unicorn.UC_ERR_OK
        except unicorn.UcError as raised:
            status = raised.errno
        if status in _STOPS:
            return ("" if model == "trap" else f"{TRAPS}, we go on to {model}"), -1
        if status in _UNMAPPED and model.startswith("access"):
            return "", -1
        if status not in (unicorn.UC_ERR_OK, unicorn.UC_ERR_FETCH_UNMAPPED):  # the latter is the next instruction's
            return f"unicorn: {unicorn.UcError(status)}, we: {model}", -1
        after = self.unicorn.reg_read(self._counter)
        if model != f"{after:#x}":
            return f"unicorn goes to {after:#x}, we: {model}", -1
        return "; ".join([*self.register_differences(registers), *self._memory_difference()]), after

    def _memory_difference(self) -> list[str]:
        theirs, ours = self.unicorn.mem_read(self.data_at, len(self.pristine)), self.bus.data
        if theirs == ours:
            return []
        at = next(index for index in range(len(ours)) if theirs[index] != ours[index])
        return [f"{at:#x} {ours[at : at + 16].hex(' ')}, unicorn {theirs[at : at + 16].hex(' ')}"]
