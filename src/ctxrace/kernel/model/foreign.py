"""What it means that a context reaches memory that is another one's own, or that is not known."""

from dataclasses import replace

from ctxrace.core.errors import ExecutionError
from ctxrace.core.facts.fault import MachineFault
from ctxrace.kernel.model.layout import Layout
from ctxrace.machine.memory import ForeignAccess, wild

__all__ = ["StackEscapes", "reached"]


class StackEscapes(Exception):
    """A context reaches another one's stack: stacks are not private."""


def reached(layout: Layout, entry: str, level: str, access: ForeignAccess) -> MachineFault:
    """Return the fault that `access` is, by `entry` at `level`.

    Raises `StackEscapes`: it reaches a stack; `ExecutionError`: it reaches what the model does not know.
    """
    instruction = f"{access.instruction} at {access.place}"
    if name := _undefined(layout, access.address):
        raise ExecutionError(
            f"{instruction} accesses {name}, which nothing defines; define it in a C file, and name that first"
        )
    match layout.foreign(access.address):
        case "stack":
            raise StackEscapes
        case "task_struct" if not layout.struct.size:
            raise ExecutionError(
                f"{instruction} accesses current's task_struct, and nothing says where that has its members: "
                f"{layout.image.name} has neither debug information (DWARF) with a struct task_struct, nor was it "
                "compiled with ctxrace's headers; compile it with -g, or include <ctxrace/kernel.h>"
            )
        case "task_struct":
            raise ExecutionError(
                f"{entry} ({level}) reaches into another task's task_struct; the model knows only current's. Keep what "
                "tasks share in a variable of its own"
            )
    return replace(wild(access.address, access.size).fault, instruction=access.instruction, place=access.place)


def _undefined(layout: Layout, address: int) -> str:
    """Return the name of what nothing defines and lies at `address`; empty: there is none."""
    for section in layout.image.sections:
        for offset in layout.offsets if section.undefined else ():
            linked = (address - offset) & 0xFFFF_FFFF_FFFF_FFFF
            if section.address <= linked < section.address + len(section.data):
                return min(layout.image.all_symbols, key=lambda symbol: abs(symbol.address - linked)).name
    return ""
