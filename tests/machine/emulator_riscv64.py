"""riscv64: the evaluator and unicorn side by side. Code at `CODE`, and one data area at `DATA`."""

import random
from typing import NamedTuple

import pypcode
import unicorn
from tests.machine.bus import Bus
from unicorn import riscv_const as registers_of

from ctxrace.machine.arch.riscv64 import RISCV64
from ctxrace.machine.evaluate import Registers, Trap, execute
from ctxrace.machine.lift import lift
from ctxrace.machine.pcode import Instruction, Varnode

__all__ = ["CODE", "DATA", "TRAPS", "Comparison", "State", "random_state"]

CODE = 0xFFFF_FFFF_8000_0000
DATA = 0xFFFF_FFFF_9000_0000
DATA_SIZE = 0x3000
TRAPS = "unicorn traps"
_PAGE = 0x1000
_ALL_ONES = (1 << 64) - 1
_STOPS = (unicorn.UC_ERR_EXCEPTION, unicorn.UC_ERR_INSN_INVALID)
_UNMAPPED = (unicorn.UC_ERR_READ_UNMAPPED, unicorn.UC_ERR_WRITE_UNMAPPED, unicorn.UC_ERR_WRITE_PROT)
_EDGES = (
    *(0, 1, 2, -1, -2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, -128, -129, -32768, 31, 32, 33, 63, 64),
    *(0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, -0x8000_0000, -0x8000_0001, 0xAAAA_AAAA_AAAA_AAAA),
    *(0x7FFF_FFFF_FFFF_FFFF, -0x8000_0000_0000_0000, 0x8000_0000_8000_0000, 0x7FFF_FFFF_8000_0000),
)


class State(NamedTuple):
    """x1 to x31."""

    general: tuple[int, ...]


class Comparison:
    """Run instructions of `code` in both, each from states of the caller's choice."""

    def __init__(self, code: bytes) -> None:
        self.code = code + bytes(-len(code) % _PAGE)
        self.states = 0
        rng = random.Random(0)
        words = ((rng.choice(_EDGES) if rng.random() < 0.6 else rng.getrandbits(64)) for _ in range(DATA_SIZE // 8))
        self.pristine = b"".join((word & _ALL_ONES).to_bytes(8, "little") for word in words)
        self._bus = Bus(CODE, self.code, DATA, self.pristine, RISCV64.byte_order)
        self._context = pypcode.Context(RISCV64.language)
        self._lifted: dict[int, Instruction] = {}
        self._places = [RISCV64.place(Varnode("register", 0x2000 + 8 * number, 8)) for number in range(1, 32)]
        self._unicorn = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV64)
        for address, data in ((CODE, self.code), (DATA, self.pristine)):
            self._unicorn.mem_map(address, len(data))
            self._unicorn.mem_write(address, data)
        self._unicorn.mem_protect(CODE, len(self.code), unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        self._fresh = self._unicorn.context_save()
        self._general = [getattr(registers_of, f"UC_RISCV_REG_X{number}") for number in range(1, 32)]

    def instruction(self, address: int) -> Instruction:
        """Return what the lifter makes of the instruction at `address`; raise `pypcode.BadDataError`."""
        if address not in self._lifted:
            code = self.code[address - CODE : address - CODE + 16]
            self._lifted[address] = lift(self._context, RISCV64, address, code)
        return self._lifted[address]

    def run(self, address: int, steps: int, state: State) -> str:
        """Run up to `steps` instructions in both from `state`, and say how they differ: nothing if they agree.

        Raises `ExecutionError` where the evaluator refuses an instruction.
        """
        registers = self._model(state)
        self._unicorn.context_restore(self._fresh)
        self._unicorn.reg_write_batch(list(zip(self._general, state.general, strict=True)))
        self._bus.monitor = None
        difference = ""
        try:
            for _ in range(steps):
                self.states += 1
                difference, after = self._step(address, registers)
                if difference:
                    spelled = f"{self.instruction(address)} ({self.instruction(address).code.hex()})"
                    difference = f"{spelled}: {difference}\n  from {[hex(value) for value in state.general]}"
                    break
                address = after
                if not CODE <= address < CODE + len(self.code):
                    break
        finally:
            self._restore(bool(difference) or address < 0)
        return difference

    def evaluate(self, address: int, state: State, steps: int = 1, status: int = 0) -> tuple[State, int, bytes]:
        """Execute with the evaluator alone; return the registers, sstatus and the data area."""
        registers = self._model(state)
        place = RISCV64.place(Varnode("register", 0x9000_0800, 8))
        registers.write(place.offset, 8, status)
        self._bus.monitor = None
        for _ in range(steps):
            address = execute(self.instruction(address), registers, self._bus, RISCV64)
        memory = bytes(self._bus.data)
        self._restore(False)
        return self._model_state(registers), registers.read(place.offset, 8), memory

    def _step(self, address: int, registers: Registers) -> tuple[str, int]:
        try:
            model = f"{execute(self.instruction(address), registers, self._bus, RISCV64):#x}"
        except Trap:
            model = "trap"
        except IndexError as error:
            model = str(error)
        try:
            self._unicorn.emu_start(address, _ALL_ONES, 0, 1)
            status = unicorn.UC_ERR_OK
        except unicorn.UcError as raised:
            status = raised.errno
        if status in _STOPS:
            return ("" if model == "trap" else f"{TRAPS}, we go on to {model}"), -1
        if status in _UNMAPPED and model.startswith("access"):
            return "", -1
        if status not in (unicorn.UC_ERR_OK, unicorn.UC_ERR_FETCH_UNMAPPED):  # the latter is the next instruction's
            return f"unicorn: {unicorn.UcError(status)}, we: {model}", -1
        after = self._unicorn.reg_read(registers_of.UC_RISCV_REG_PC)
        if model != f"{after:#x}":
            return f"unicorn goes to {after:#x}, we: {model}", -1
        return self._differences(registers), after

    def _differences(self, registers: Registers) -> str:
        ours, theirs = self._model_state(registers).general, self._unicorn.reg_read_batch(self._general)
        pairs = enumerate(zip(ours, theirs, strict=True), 1)
        found = [f"x{number} {a:#x}, unicorn {b:#x}" for number, (a, b) in pairs if a != b]
        memory = self._unicorn.mem_read(DATA, DATA_SIZE)
        if memory != self._bus.data:
            at = next(index for index in range(DATA_SIZE) if memory[index] != self._bus.data[index])
            found.append(f"{at:#x} {self._bus.data[at : at + 16].hex(' ')}, unicorn {memory[at : at + 16].hex(' ')}")
        return "; ".join(found)

    def _restore(self, differs: bool) -> None:
        if differs:
            self._bus.data[:] = self.pristine
            self._unicorn.mem_write(DATA, self.pristine)
        for offset, before in reversed(self._bus.undo):
            self._bus.data[offset : offset + len(before)] = before
            self._unicorn.mem_write(DATA + offset, before)
        self._bus.undo.clear()

    def _model(self, state: State) -> Registers:
        registers = Registers()
        for place, value in zip(self._places, state.general, strict=True):
            registers.write(place.offset, place.size, value)
        return registers

    def _model_state(self, registers: Registers) -> State:
        return State(tuple(registers.read(place.offset, place.size) for place in self._places))


def random_state(rng: random.Random, pointers: range = range(10, 12)) -> State:
    """Make up a state in which sp and the registers numbered `pointers` point into the data area, aligned."""
    general: list[int] = []
    for number in range(1, 32):
        kind = rng.random()
        if number == 2 or number in pointers:
            value = DATA + 0x1000 + 16 * rng.randrange(0x80)
        elif kind < 0.55:
            value = rng.choice(_EDGES) + rng.choice((0, 0, 0, 1, -1))
        elif kind < 0.65 and general:
            value = rng.choice(general)
        else:
            value = rng.getrandbits(64) >> rng.choice((0, 0, 0, 32, 48, 56))
        general.append(value & _ALL_ONES)
    return State(tuple(general))
