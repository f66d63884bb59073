"""What a fault is, in words."""

import pytest

from ctxrace.core.facts.fault import FaultKind, MachineFault
from ctxrace.core.note import Note, NoteKind
from ctxrace.report.sentences.fault import fault_phrase
from ctxrace.report.sentences.note import note_phrase

PHRASES = {
    MachineFault(FaultKind.TRAPS, instruction="udf #0x1"):
        "traps: udf #0x1 (BUG(), or undefined behaviour made one by the compiler)",
    MachineFault(FaultKind.WILD, 0x900, 8): "accesses 8 bytes at 0x900, where no memory is (a wild pointer)",
    MachineFault(FaultKind.WILD, 0, 4, instruction="ldr w0, [x1]", place="f+0x8"):
        "ldr w0, [x1] at f+0x8 accesses 4 bytes at 0x0, where no memory is (a wild pointer)",
    MachineFault(FaultKind.READ_ONLY, 0x1000, 2, ".rodata"): "writes 2 bytes to 0x1000, which is read-only (.rodata)",
    MachineFault(FaultKind.MISALIGNED, 0x1001, 4, alignment=4):
        "accesses 4 bytes at 0x1001, which is no multiple of 4: an alignment fault, as atomic accesses must be aligned",
    MachineFault(FaultKind.ACROSS_END, 0x100D, 4, ".data"): "accesses 4 bytes at 0x100d, across the end of .data",
    MachineFault(FaultKind.BELOW_STACK, 0x3FF0): "touches its stack at 0x3ff0, below the stack pointer",
    MachineFault(FaultKind.STACK_LEFT, 0x5000): "its stack pointer is 0x5000, outside of its stack",
}  # fmt: skip


@pytest.mark.parametrize("fault", PHRASES)
def test_each_kind_of_fault(fault: MachineFault) -> None:
    assert fault_phrase(fault) == PHRASES[fault]
    assert note_phrase(Note(NoteKind.FAULTS, fault=fault)) == PHRASES[fault]


def test_every_kind_has_a_phrase() -> None:
    assert {fault.kind for fault in PHRASES} == set(FaultKind)
