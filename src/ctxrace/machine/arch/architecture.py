"""What p-code does not say about an instruction set, and the machine must know."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ctxrace.machine.pcode import Instruction, Varnode

__all__ = ["ELF_MACHINES", "Architecture"]

ELF_MACHINES = {62: "EM_X86_64", 183: "EM_AARCH64", 243: "EM_RISCV"}
"""pyelftools' names of `e_machine`, by their numbers."""


def _unknown(_address: int, _code: bytes) -> Instruction | None:
    return None


def _anywhere(_instruction: Instruction) -> int:
    return 0


def _as_it_is(varnode: Varnode) -> Varnode:
    return varnode


@dataclass(frozen=True)
class Architecture:
    """Describe an instruction set. Registers and user operations are named as SLEIGH names them.

    name: what users type; language: the SLEIGH language; elf_machine: pyelftools' name of `e_machine`.
    text: where kernel code is linked to.
    little_endian: how memory holds numbers; instructions of every architecture here are little-endian.
    targets: what tells each family of compilers (``zig``, ``clang``) to compile for it;
    gcc: names of GCC cross-compilers; c_flags: what every kernel object of it is built with.
    """

    name: str
    language: str
    elf_machine: str
    relative_relocation: int  # R_*_RELATIVE
    symbol_relocations: frozenset[int]  # R_*_64 (ABS64), R_*_GLOB_DAT, R_*_JUMP_SLOT: a word is a symbol's address
    little_endian: bool
    word: int  # bytes in a pointer
    text: int
    targets: dict[str, str]
    gcc: tuple[str, ...]
    c_flags: tuple[str, ...]

    stack_pointer: str
    link_register: str | None  # None: a call pushes the return address
    argument: str  # the first argument of a call
    result: str  # what a call returns
    task_register: str | None  # `current`; None: it is the per-CPU variable current_task
    preempt_count_variable: str | None  # a per-CPU variable; None: it is in the thread_info
    percpu_register: str | None  # this CPU's offset of per-CPU variables; None: it is __per_cpu_offset[its number]
    interrupt_mask_register: str
    interrupt_bits: int  # hard interrupts arrive while these bits of it ...
    interrupts_on: int  # ... have this value
    unmasked: int  # what the register holds when a task or a softirq begins
    masked: int  # what it holds when a handler of hard interrupts or NMIs begins
    system_registers: Container[int]  # where SLEIGH keeps registers that are more than storage

    arms_monitor: frozenset[str]  # mnemonics that arm the exclusive monitor
    atomic: frozenset[str]  # mnemonics whose several accesses hardware makes as one
    without_effect: frozenset[str]  # user operations that do nothing on one CPU: barriers, hints
    traps: frozenset[str]  # user operations that end the run: BUG(), an undefined instruction
    monitor_clear: str  # user operations of the exclusive monitor; empty where there is none
    monitor_pass: str
    monitor_status: str

    one_cpu_because: str  # why more than one CPU is not modelled; empty where it is

    repair: Callable[[Instruction], Instruction]  # mends p-code that differs from the manual
    # Where we keep what SLEIGH keeps in a register or a temporary: in a small register file, lowest byte first.
    place: Callable[[Varnode], Varnode] = _as_it_is
    temporaries: range = range(0)  # where SLEIGH keeps some of its own among the registers
    # What bytes at an address are that SLEIGH does not know, None where we do not know it, either.
    unknown: Callable[[int, bytes], Instruction | None] = _unknown
    # The multiple of bytes at which an instruction's first access must be, or else it faults; 0: anywhere.
    alignment: Callable[[Instruction], int] = _anywhere
    whole_instructions: bool = False  # one CPU never takes an interrupt between two accesses of an instruction
    delays_interrupts: frozenset[str] = frozenset()  # what turns interrupts on with the end of the next instruction
    # User operations whose result has no known value, and what that is: the code must not use it.
    unpredictable: Mapping[str, str] = field(default_factory=dict)
    # The register that a shadow call stack is kept in, and the instruction that puts a return address onto it.
    shadow_call: tuple[str, bytes] | None = None
    link_flags: tuple[str, ...] = ("--no-relax",)  # the linker leaves the compiler's instructions alone

    @property
    def byte_order(self) -> Literal["little", "big"]:
        """The order of a number's bytes in memory, as `int.from_bytes` calls it."""
        return "little" if self.little_endian else "big"

    @property
    def known_system_registers(self) -> frozenset[str]:
        """The system registers that have a meaning in the model; any other is an error."""
        named = {self.task_register, self.percpu_register, self.interrupt_mask_register}
        return frozenset(name for name in named if name)

    @property
    def identity_registers(self) -> tuple[str, ...]:
        """The registers that say which task runs on which CPU. Code may read them; only the kernel writes them."""
        return tuple(name for name in (self.task_register, self.percpu_register) if name)
