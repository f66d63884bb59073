"""The evaluator and unicorn side by side on x86-64: the same instruction from the same state, and what differs.

Memory is everywhere: a page that the evaluator touches is made up from its address and put into unicorn before that
executes the instruction, so that an access to any other place shows. Unicorn's physical addresses have fewer bits
than the kernel's, hence page tables.
"""

import random
from typing import NamedTuple

import pypcode
import unicorn
from unicorn import x86_const as registers_of

from ctxrace.machine.arch.x86_64 import X86_64
from ctxrace.machine.evaluate import Registers, Trap, execute
from ctxrace.machine.lift import lift
from ctxrace.machine.pcode import Instruction

__all__ = ["CODE", "FLAGS", "GENERAL", "Comparison", "State", "random_state"]

CODE = X86_64.text
GENERAL = (
    *("RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"),
)
FLAGS = {"CF": 0, "PF": 2, "ZF": 6, "SF": 7, "IF": 9, "DF": 10, "OF": 11}  # their bits; without AF
_PAGE = 0x1000
_ALL_ONES = (1 << 64) - 1
_UNDEFINED = {
    **dict.fromkeys(("mul", "imul"), frozenset({"SF", "ZF", "PF"})),
    **dict.fromkeys(("div", "idiv"), frozenset({"CF", "OF", "SF", "ZF", "PF"})),
    **dict.fromkeys(("bt", "bts", "btr", "btc"), frozenset({"OF", "SF", "PF"})),
    "verw": frozenset({"ZF"}),  # which depends on a table of descriptors
    **dict.fromkeys(("bsf", "bsr"), frozenset({"CF", "OF", "SF", "PF"})),
}
_SHIFTS = {"shl", "shr", "sar", "rol", "ror", "rcl", "rcr", "shld", "shrd"}
_EDGES = (
    *(0, 1, 2, -1, -2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 31, 32, 33, 63, 64, 65),
    *(0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, -0x8000_0000, 0x7FFF_FFFF_FFFF_FFFF, 1 << 63),
)


class State(NamedTuple):
    """The general registers in the order of their encoding, the flags by name, and the base of GS."""

    general: tuple[int, ...]
    flags: dict[str, int]
    gs: int


class _Bus:
    """The evaluator's memory: pages made up when they are first touched."""

    def __init__(self, code: bytes) -> None:
        self.pages: dict[int, bytearray] = {
            CODE + at: bytearray(code[at : at + _PAGE].ljust(_PAGE, b"\x90")) for at in range(0, len(code), _PAGE)
        }

    def load(self, address: int, size: int) -> int:
        return int.from_bytes(bytes(self._byte(address + at)[0] for at in range(size)), "little")

    def store(self, address: int, size: int, value: int) -> None:
        for at, byte in enumerate(value.to_bytes(size, "little")):
            self._byte(address + at)[0] = byte

    def _byte(self, address: int) -> memoryview:
        page, at = address & _ALL_ONES & -_PAGE, address % _PAGE
        if page not in self.pages:
            self.pages[page] = bytearray(_made_up(page))
        return memoryview(self.pages[page])[at : at + 1]

    def arm_monitor(self, address: int, _size: int) -> None:
        raise AssertionError(address)

    def pass_monitor(self, address: int) -> bool:
        raise AssertionError(address)

    def clear_monitor(self) -> None:
        raise AssertionError


class _Tables:
    """Unicorn's physical memory: page tables, and behind them pages (SDM vol. 3, 4-level paging)."""

    def __init__(self, machine: unicorn.Uc) -> None:
        self.machine = machine
        self.pages: dict[int, int] = {}  # the physical address of each page
        self._used = 0
        machine.mem_map(0, 0x40_0000)
        self._root = self._allocate()
        machine.reg_write(registers_of.UC_X86_REG_CR3, self._root)
        machine.reg_write(registers_of.UC_X86_REG_CR4, 0x20)  # physical addresses of more than 32 bits
        machine.reg_write(registers_of.UC_X86_REG_CR0, 0x8000_0011)  # paging

    def add(self, page: int, data: bytes) -> None:
        table = self._root
        for shift in (39, 30, 21):
            entry = table + 8 * (page >> shift & 511)
            table = int.from_bytes(self.machine.mem_read(entry, 8), "little") & -_PAGE
            if not table:
                table = self._allocate()
                self.machine.mem_write(entry, (table | 3).to_bytes(8, "little"))
        self.pages[page] = self._allocate()
        self.machine.mem_write(table + 8 * (page >> 12 & 511), (self.pages[page] | 3).to_bytes(8, "little"))
        self.machine.mem_write(self.pages[page], data)

    def _allocate(self) -> int:
        self._used += _PAGE
        return self._used


class Comparison:
    """Run instructions of `code` in both, each from states of the caller's choice."""

    def __init__(self, code: bytes) -> None:
        self.code = code
        self.states = 0
        self._context = pypcode.Context(X86_64.language)
        self._lifted: dict[int, Instruction] = {}

    def instruction(self, address: int) -> Instruction:
        """Return what the lifter makes of the instruction at `address`; raise `pypcode.BadDataError`."""
        if address not in self._lifted:
            code = self.code[address - CODE : address - CODE + 16]
            self._lifted[address] = lift(self._context, X86_64, address, code)
        return self._lifted[address]

    def run(self, address: int, steps: int, state: State) -> str:
        """Run up to `steps` instructions in both from `state`, and say how they differ: nothing if they agree.

        Raises `ExecutionError` where the evaluator refuses an instruction.
        """
        bus, registers, machine = _Bus(self.code), self._model(state), _machine(state)
        tables = _Tables(machine)
        for _ in range(steps):
            self.states += 1
            instruction = self.instruction(address)
            ignored = _ignored(instruction, registers, self._context)
            before = {page: bytes(data) for page, data in bus.pages.items()}
            try:
                following = execute(instruction, registers, bus, X86_64)
                if _is_canonical(following):
                    bus.load(following, 16)  # unicorn looks at what it would execute next
            except Trap:
                following = -1
            for page in bus.pages.keys() - tables.pages.keys():
                tables.add(page, before.get(page, _made_up(page)))
            if not all(map(_is_canonical, bus.pages)) or not (following == -1 or _is_canonical(following)):
                return ""  # the access faults, which the flow of a context makes of any address without memory
            try:
                machine.emu_start(address, _ALL_ONES, 0, 1)
                after = machine.reg_read(registers_of.UC_X86_REG_RIP)
            except unicorn.UcError as raised:
                if raised.errno not in (unicorn.UC_ERR_EXCEPTION, unicorn.UC_ERR_INSN_INVALID):
                    return f"{instruction}: unicorn: {raised}\n  from {state}"
                after = -1
            if after == address and following == -1:
                return ""  # #DE, of which unicorn does not always tell
            if after != following:
                return f"{instruction}: unicorn goes to {after:#x}, we to {following:#x}\n  from {state}"
            if after == -1:
                return ""
            differences = self._differences(registers, machine, ignored)
            differences += "".join(
                f"; memory in page {page:#x}"
                for page, data in bus.pages.items()
                if machine.mem_read(tables.pages[page], _PAGE) != data
            )
            if differences:
                return f"{instruction} ({instruction.code.hex()}): {differences}\n  from {state}"
            if not CODE <= after < CODE + len(self.code):
                return ""
            for name in ignored:  # whatever they are, they are the same from here on
                value = machine.reg_read(registers_of.UC_X86_REG_RFLAGS) >> FLAGS[name] & 1
                registers.write(*self._place(name), value)
            address = after
        return ""

    def evaluate(self, address: int, state: State) -> State:
        """Execute one instruction with the evaluator alone; return the state after it."""
        registers = self._model(state)
        execute(self.instruction(address), registers, _Bus(self.code), X86_64)
        flags = {name: registers.read(*self._place(name)) for name in FLAGS}
        return State(tuple([registers.read(*self._place(name)) for name in GENERAL]), flags, state.gs)

    def _differences(self, registers: Registers, machine: unicorn.Uc, ignored: set[str]) -> str:
        found = []
        for name in GENERAL:
            ours, theirs = registers.read(*self._place(name)), machine.reg_read(_constant(name))
            if ours != theirs:
                found.append(f"{name} {ours:#x}, unicorn {theirs:#x}")
        rflags = machine.reg_read(registers_of.UC_X86_REG_RFLAGS)
        for name in FLAGS.keys() - ignored:
            ours, theirs = registers.read(*self._place(name)), rflags >> FLAGS[name] & 1
            if ours != theirs:
                found.append(f"{name} {ours}, unicorn {theirs}")
        return "; ".join(found)

    def _model(self, state: State) -> Registers:
        registers = Registers()
        for name, value in zip(GENERAL, state.general, strict=True):
            registers.write(*self._place(name), value)
        for name, value in state.flags.items():
            registers.write(*self._place(name), value)
        registers.write(*self._place("GS_OFFSET"), state.gs)
        return registers

    def _place(self, name: str) -> tuple[int, int]:
        found = self._context.registers[name]
        return found.offset, found.size


def random_state(rng: random.Random) -> State:
    """Make up a state: edge values, and addresses in the kernel's half."""
    general = []
    for _ in GENERAL:
        kind = rng.random()
        value = rng.choice(_EDGES) if kind < 0.5 else rng.getrandbits(64) >> rng.choice((0, 0, 32, 48, 56))
        general.append(value & _ALL_ONES)
    for pointer in (4, 5, 6, 7):  # rsp, rbp, rsi, rdi
        general[pointer] = 0xFFFF_8880_0000_0000 + rng.getrandbits(20) * 8
    flags = {name: rng.getrandbits(1) for name in FLAGS}
    return State(tuple(general), flags, rng.getrandbits(20) * 8)


def _machine(state: State) -> unicorn.Uc:
    machine = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    for name, value in zip(GENERAL, state.general, strict=True):
        machine.reg_write(_constant(name), value)
    rflags = 2 + sum(value << FLAGS[name] for name, value in state.flags.items())
    machine.reg_write(registers_of.UC_X86_REG_RFLAGS, rflags)
    machine.reg_write(registers_of.UC_X86_REG_GS_BASE, state.gs)
    return machine


def _ignored(instruction: Instruction, registers: Registers, context: pypcode.Context) -> set[str]:
    """Return the flags that the SDM calls undefined after `instruction`."""
    name = instruction.mnemonic.removeprefix("lock ")
    if name not in _SHIFTS:
        return set(_UNDEFINED.get(name, ()))
    count = instruction.operands.rpartition(",")[2]
    place = context.registers["CL"]
    amount = registers.read(place.offset, 1) if count == "cl" else int(count, 16) if "," in instruction.operands else 1
    operand = instruction.operands.partition(",")[0]
    bits = 8 if operand in ("al", "bl", "ah") or "byte" in operand else 64 if operand.startswith("r") else 32
    bits = 16 if operand in ("ax", "bx") or operand.startswith("word") else bits
    amount &= 63 if bits == 64 or "qword" in operand else 31
    found = {"OF"} if amount > 1 else set()
    return found | {"CF"} if name in ("shl", "shr") and amount >= bits else found


def _is_canonical(page: int) -> bool:
    return page >> 47 in (0, 0x1FFFF)


def _constant(name: str) -> int:
    return int(getattr(registers_of, f"UC_X86_REG_{name}"))


def _made_up(page: int) -> bytes:
    rng = random.Random(page)
    return b"".join((rng.choice(_EDGES) & _ALL_ONES).to_bytes(8, "little") for _ in range(_PAGE // 8))
