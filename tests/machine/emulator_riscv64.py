"""riscv64: the evaluator and unicorn side by side. Code at `CODE`, and one data area at `DATA`."""

import random
from typing import NamedTuple

import unicorn
from tests.machine.side_by_side import ALL_ONES, TRAPS, SideBySide
from unicorn import riscv_const as registers_of

from ctxrace.machine.arch.riscv64 import RISCV64
from ctxrace.machine.evaluate import Registers, execute
from ctxrace.machine.pcode import Varnode

__all__ = ["CODE", "DATA", "TRAPS", "Comparison", "State", "random_state"]

CODE = 0xFFFF_FFFF_8000_0000
DATA = 0xFFFF_FFFF_9000_0000
DATA_SIZE = 0x3000
_EDGES = (
    *(0, 1, 2, -1, -2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, -128, -129, -32768, 31, 32, 33, 63, 64),
    *(0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, -0x8000_0000, -0x8000_0001, 0xAAAA_AAAA_AAAA_AAAA),
    *(0x7FFF_FFFF_FFFF_FFFF, -0x8000_0000_0000_0000, 0x8000_0000_8000_0000, 0x7FFF_FFFF_8000_0000),
)


class State(NamedTuple):
    """x1 to x31."""

    general: tuple[int, ...]


class Comparison(SideBySide[State]):
    """Run instructions of `code` in both, each from states of the caller's choice."""

    def __init__(self, code: bytes) -> None:
        rng = random.Random(0)
        words = ((rng.choice(_EDGES) if rng.random() < 0.6 else rng.getrandbits(64)) for _ in range(DATA_SIZE // 8))
        pristine = b"".join((word & ALL_ONES).to_bytes(8, "little") for word in words)
        machine = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV64)
        super().__init__(RISCV64, CODE, code, DATA, pristine, machine, registers_of.UC_RISCV_REG_PC)
        self._places = [RISCV64.place(Varnode("register", 0x2000 + 8 * number, 8)) for number in range(1, 32)]
        self._general = [getattr(registers_of, f"UC_RISCV_REG_X{number}") for number in range(1, 32)]

    def evaluate(self, address: int, state: State, steps: int = 1, status: int = 0) -> tuple[State, int, bytes]:
        """Execute with the evaluator alone; return the registers, sstatus and the data area."""
        registers = self.model(state)
        place = RISCV64.place(Varnode("register", 0x9000_0800, 8))
        registers.write(place.offset, 8, status)
        self.bus.monitor = None
        for _ in range(steps):
            address = execute(self.instruction(address), registers, self.bus, RISCV64)
        memory = bytes(self.bus.data)
        self.restore(False)
        return self._model_state(registers), registers.read(place.offset, 8), memory

    def register_differences(self, registers: Registers) -> list[str]:
        """Say in which registers both differ."""
        ours, theirs = self._model_state(registers).general, self.unicorn.reg_read_batch(self._general)
        pairs = enumerate(zip(ours, theirs, strict=True), 1)
        return [f"x{number} {a:#x}, unicorn {b:#x}" for number, (a, b) in pairs if a != b]

    def spell(self, state: State) -> str:
        """Spell a state for messages."""
        return str([hex(value) for value in state.general])

    def emulate(self, state: State) -> None:
        """Put unicorn into `state`."""
        self.unicorn.reg_write_batch(list(zip(self._general, state.general, strict=True)))

    def model(self, state: State) -> Registers:
        """Return the evaluator's registers in `state`."""
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
        general.append(value & ALL_ONES)
    return State(tuple(general))
