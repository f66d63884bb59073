"""What the machine must be told about one instruction set that its p-code does not say."""

from collections.abc import Callable
from dataclasses import dataclass

from ctxrace.machine.pcode import Instruction

__all__ = ["Architecture"]


@dataclass(frozen=True)
class Architecture:
    """Describe an instruction set. Registers and user operations are named as SLEIGH names them.

    name: what users type; language: the SLEIGH language; elf_machine: pyelftools' name of `e_machine`.
    targets: what tells each family of compilers (``zig``, ``clang``) to compile for it;
    gcc: names of GCC cross-compilers; c_flags: what every kernel object of it is built with.
    """

    name: str
    language: str
    elf_machine: str
    little_endian: bool
    word: int  # bytes in a pointer
    targets: dict[str, str]
    gcc: tuple[str, ...]
    c_flags: tuple[str, ...]

    stack_pointer: str
    stack_alignment: int
    link_register: str
    argument: str  # the first argument of a call
    task_register: str  # `current`
    percpu_register: str  # this CPU's offset of per-CPU variables
    interrupt_mask_register: str
    interrupt_mask: int  # while one of these bits is set, no hard interrupt arrives
    masked: int  # what the register holds when a handler starts
    system_registers: range  # where SLEIGH keeps registers that are more than storage

    arms_monitor: frozenset[str]  # mnemonics that arm the exclusive monitor
    atomic: frozenset[str]  # mnemonics whose several accesses hardware makes as one
    without_effect: frozenset[str]  # user operations that do nothing on one CPU: barriers, hints
    traps: frozenset[str]  # user operations that end the run: BUG(), an undefined instruction
    monitor_clear: str
    monitor_pass: str
    monitor_status: str

    repair: Callable[[Instruction], Instruction]  # mends p-code that differs from the manual

    @property
    def known_system_registers(self) -> frozenset[str]:
        """The system registers that have a meaning in the model; any other is an error."""
        return frozenset({self.task_register, self.percpu_register, self.interrupt_mask_register})
