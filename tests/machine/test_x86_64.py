"""What is particular about x86-64 beyond what single instructions do."""

import pypcode

from ctxrace.machine.arch.x86_64 import X86_64
from ctxrace.machine.lift import lift
from ctxrace.machine.liveness import _uses_and_defs
from ctxrace.machine.pcode import Instruction


def lifted(code: str) -> Instruction:
    return lift(pypcode.Context(X86_64.language), X86_64, X86_64.text, bytes.fromhex(code))


def test_what_a_jump_inside_the_instruction_skips_is_not_certain_to_be_written() -> None:
    # cmpxchg %ecx, %ebx: an unconditional jump skips the write to ebx where the comparison fails.
    _, defs = _uses_and_defs(lifted("0fb1cb"))
    assert not defs >> 0x18 & 0xFF


def test_a_call_to_the_next_instruction_is_a_call() -> None:
    assert [op.opcode for op in lifted("e800000000").ops][-1] == "CALL"


def test_an_undefined_instruction_leads_nowhere_else() -> None:
    ops = lifted("0f0b").ops
    assert [op.opcode for op in ops] == ["CALLOTHER", "BRANCH"]
    assert ops[-1].inputs[0].offset == X86_64.text
