"""What a fault is, in words that go on from the name of who makes it."""

from ctxrace.core.facts.fault import FaultKind, MachineFault
from ctxrace.report.layout import clean

__all__ = ["fault_phrase"]


def fault_phrase(fault: MachineFault) -> str:
    """Return what the context does: `accesses 8 bytes at 0x0, where no memory is (a wild pointer)`."""
    if fault.kind is FaultKind.TRAPS:
        return clean(f"traps: {fault.instruction} (BUG(), or undefined behaviour made one by the compiler)")
    where = f"{fault.instruction} at {fault.place} " if fault.place else ""
    return clean(where + _what(fault))


def _what(fault: MachineFault) -> str:
    address, size = f"{fault.address:#x}", fault.size
    match fault.kind:
        case FaultKind.READ_ONLY:
            return f"writes {size} bytes to {address}, which is read-only ({fault.region})"
        case FaultKind.MISALIGNED:
            wrong = f"which is no multiple of {fault.alignment}: an alignment fault, as atomic accesses must be aligned"
            return f"accesses {size} bytes at {address}, {wrong}"
        case FaultKind.ACROSS_END:
            return f"accesses {size} bytes at {address}, across the end of {fault.region}"
        case FaultKind.BELOW_STACK:
            return f"touches its stack at {address}, below the stack pointer"
        case FaultKind.STACK_LEFT:
            return f"its stack pointer is {address}, outside of its stack"
        case _:
            return f"accesses {size} bytes at {address}, where no memory is (a wild pointer)"
