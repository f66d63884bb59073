"""arm64: the evaluator and unicorn side by side. Code at `CODE`, and one data area at `DATA`.

A load or store's base register (and index) is pointed into
the data area by what its encoding says ("Loads and Stores" in the Arm ARM's "A64 Base Instruction Descriptions").
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

import unicorn
from tests.machine.side_by_side import ALL_ONES, TRAPS, SideBySide
from unicorn import arm64_const as registers_of

from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.arch.arm64 import ARM64
from ctxrace.machine.evaluate import Registers, execute

__all__ = ["CODE", "DATA", "TRAPS", "Comparison", "State", "random_state"]

CODE = 0xFFFF_8000_8000_0000
DATA = 0xFFFF_8000_9000_0000
DATA_SIZE = 0xB000  # from a base near 0x1800: every scaled immediate (32,760) and every negative one
_DAIF = 0x3C0

_EDGES = (
    *(0, 1, 2, -1, -2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, -128, -129, -32768, -32769),
    *(0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0x8000_0001, -0x8000_0000, -0x8000_0001),
    *(0x7FFF_FFFF_FFFF_FFFF, -0x8000_0000_0000_0000, -0x7FFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_0000_0000),
    *(31, 32, 33, 63, 64, 65, 0xAAAA_AAAA_AAAA_AAAA, 0x8000_0000_8000_0000, 0x7FFF_FFFF_8000_0000),
)


class State(NamedTuple):
    """x0 to x30 and sp; N, Z, C, V as bits 3 to 0; D, A, I, F at their place in DAIF; what Linux keeps per CPU."""

    general: tuple[int, ...]
    flags: int
    daif: int
    task: int
    percpu: int


class Comparison(SideBySide[State]):
    """Run instructions of `code` in both, each from states of the caller's choice; arch: arm64 or arm64-be."""

    def __init__(self, code: bytes, seed: int = 0, arch: Architecture = ARM64) -> None:
        machine = unicorn.Uc(
            unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM if arch.little_endian else unicorn.UC_MODE_BIG_ENDIAN
        )
        machine.ctl_set_cpu_model(registers_of.UC_CPU_ARM64_MAX)
        pristine = _edgy_bytes(random.Random(seed), DATA_SIZE)
        super().__init__(arch, CODE, code, DATA, pristine, machine, registers_of.UC_ARM64_REG_PC)
        self._places = [self.place(f"x{index}") for index in range(31)] + [self.place("sp")]
        self._flags = [self.place(name) for name in ("NG", "ZR", "CY", "OV")]
        self._system = [self.place(name) for name in ("daif", "sp_el0", "tpidr_el1")]
        self._general = [getattr(registers_of, f"UC_ARM64_REG_X{index}") for index in range(31)]
        self._general += [registers_of.UC_ARM64_REG_SP]
        names = ("PSTATE", "SP_EL0", "TPIDR_EL1")
        self._others = [getattr(registers_of, f"UC_ARM64_REG_{name}") for name in names]

    def encoding(self, address: int) -> int:
        """Return the 32 bits at `address`."""
        return int.from_bytes(self.code[address - CODE : address - CODE + 4], "little")

    def data(self, address: int, size: int) -> int:
        """Return what the data area holds before a run."""
        return int.from_bytes(self.pristine[address - DATA : address - DATA + size], self.arch.byte_order)

    def evaluate(self, address: int, state: State) -> tuple[State, bytes]:
        """Execute one instruction with the evaluator alone; return the state and the data area after it."""
        registers = self.model(state)
        self.states += 1
        execute(self.instruction(address), registers, self.bus, self.arch)
        memory = bytes(self.bus.data)
        self.restore(False)
        return self._model_state(registers), memory

    def register_differences(self, registers: Registers) -> list[str]:
        """Say in which registers both differ."""
        ours, theirs = self._model_state(registers), self._unicorn_state()
        if ours == theirs:
            return []
        names = [*(f"x{index}" for index in range(31)), "sp", "nzcv", "daif", "sp_el0", "tpidr_el1"]
        pairs = zip(names, (*ours.general, *ours[1:]), (*theirs.general, *theirs[1:]), strict=True)
        return [f"{name} {a:#x}, unicorn {b:#x}" for name, a, b in pairs if a != b]

    def spell(self, state: State) -> str:
        """Spell a state for messages, without registers that are 0."""
        general = " ".join(f"x{index}={value:#x}" for index, value in enumerate(state.general) if value)
        return f"{general} nzcv={state.flags:04b} daif={state.daif:#x}"

    def model(self, state: State) -> Registers:
        """Return the evaluator's registers in `state`."""
        registers = Registers()
        for (offset, size), value in zip(self._places, state.general, strict=True):
            registers.write(offset, size, value)
        for index, (offset, size) in enumerate(self._flags):
            registers.write(offset, size, state.flags >> 3 - index & 1)
        for (offset, size), value in zip(self._system, state[2:], strict=True):
            registers.write(offset, size, value)
        return registers

    def _model_state(self, registers: Registers) -> State:
        general = tuple([registers.read(*place) for place in self._places])
        flags = 0
        for place in self._flags:
            flags = flags << 1 | registers.read(*place)
        daif, task, percpu = [registers.read(*place) for place in self._system]
        return State(general, flags, daif, task, percpu)

    def emulate(self, state: State) -> None:
        """Put unicorn into `state`."""
        pstate = state.flags << 28 | state.daif | 5  # EL1 with its own stack pointer
        values = (*state.general, pstate, state.task, state.percpu)
        self.unicorn.reg_write_batch(list(zip((*self._general, *self._others), values, strict=True)))

    def _unicorn_state(self) -> State:
        values = self.unicorn.reg_read_batch([*self._general, *self._others])
        pstate, task, percpu = values[32:]
        return State(tuple(values[:32]), pstate >> 28, pstate & _DAIF, task, percpu)


def random_state(rng: random.Random, comparison: Comparison, addresses: Sequence[int]) -> State:
    """Make up a state in which the instructions at `addresses`, in a row, find memory where they look for it."""
    general: list[int] = []
    for _ in range(32):
        kind = rng.random()
        if kind < 0.5:
            value = rng.choice(_EDGES) + rng.choice((0, 0, 0, 0, 1, -1))
        elif kind < 0.65 and general:
            value = rng.choice(general)
        else:
            value = rng.getrandbits(64) >> rng.choice((0, 0, 0, 32, 48, 56))
        general.append(value & ALL_ONES)
    general[31] = DATA + 0x1000 + 16 * rng.randrange(0x80)
    pointed = {31}
    for address in addresses:
        encoding = comparison.encoding(address)
        if _is_access(encoding):
            _point(rng, comparison, encoding, general, pointed)
    daif = rng.choice((0, 0x80, 0xC0, _DAIF, rng.getrandbits(4) << 6))
    return State(tuple(general), rng.getrandbits(4), daif, rng.getrandbits(64), rng.getrandbits(64))


def _is_access(encoding: int) -> bool:
    return encoding >> 25 & 5 == 4 and encoding >> 24 & 0x3B != 0x18  # a load or store, but not relative to the pc


def _point(rng: random.Random, comparison: Comparison, encoding: int, general: list[int], pointed: set[int]) -> None:
    base, second = encoding >> 5 & 31, encoding >> 16 & 31
    kind = encoding >> 24 & 0x3F  # 8: exclusive, ordered, compare and swap; bit 21 and no 11 to 10: atomic
    aligned = kind == 8 or (kind & 0x3B == 0x38 and encoding >> 21 & 1 and encoding >> 10 & 3 == 0)
    if base not in pointed:
        pointer = DATA + 0x1000 + rng.randrange(0x800)
        general[base] = pointer & ~15 if aligned else pointer
        pointed.add(base)
    if kind & 0x3B == 0x38 and encoding >> 21 & 1 and encoding >> 10 & 3 == 2 and second not in (base, 31):
        _index(rng, encoding, second, general)
    if kind == 8 and encoding >> 21 & 1 and rng.random() < 0.6:
        _let_compare_succeed(comparison, encoding, general)


def _let_compare_succeed(comparison: Comparison, encoding: int, general: list[int]) -> None:
    first, base = encoding >> 16 & 31, encoding >> 5 & 31
    single = encoding >> 23 & 1  # cas, not casp
    size = 1 << (encoding >> 30) if single else 4 << (encoding >> 30 & 1)
    mask = (1 << 8 * size) - 1
    for register, at in ((first, 0),) if single else ((first, 0), (first + 1, size)):
        if register != base and register < 31:
            general[register] = general[register] & ~mask | comparison.data(general[base] + at, size)


def _index(rng: random.Random, encoding: int, register: int, general: list[int]) -> None:
    option = encoding >> 13 & 7
    small = rng.randrange(0x100) if option == 2 else rng.randrange(-0x80, 0x80)  # uxtw takes no sign
    general[register] = small & 0xFFFF_FFFF | rng.getrandbits(32) << 32 if option in (2, 6) else small & ALL_ONES


def _edgy_bytes(rng: random.Random, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        value = rng.choice(_EDGES) if rng.random() < 0.6 else rng.getrandbits(64)
        data += (value & ALL_ONES).to_bytes(8, "little")[: rng.choice((1, 2, 4, 8, 8, 8))]
    return bytes(data[:size])
