"""x86-64 as Linux uses it in ring 0.

Facts about the instruction set: Intel SDM (vol. 1 and 2). Facts about registers' roles: Linux
arch/x86/include/asm/percpu.h (GS), current.h and preempt.h (per-CPU variables), irqflags.h (IF).
"""

import re

from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.pcode import Instruction, Op, Varnode, constant, registers, scratch

__all__ = ["X86_64"]

GENERAL = (range(0x40), range(0x80, 0xC0))  # rax to rdi, r8 to r15 in SLEIGH's register space
SYSTEM = frozenset([*range(0x100, 0x120), *range(0x300, 0x800)])  # segments; debug, control, bounds, shadow stack
# Masks, x87, SSE and AVX from here on: not for kernel code, and no test holds their p-code against anything.
VECTORS = 0x800
_ADJUST = Varnode("register", 0x204, 1)  # AF, which SLEIGH does not compute
_OVERFLOW = Varnode("register", 0x20B, 1)
_RFLAGS = Varnode("register", 0x280, 8)
_DIVIDE_ERROR = "divideError"
# lock addl $0, -4(%rsp): smp_mb() (Linux arch/x86/include/asm/barrier.h), which leaves memory as it is, below the stack
# pointer where an interrupt may change it, and says of the flags that they are lost.
_MEMORY_BARRIER = bytes.fromhex("f0834424fc00")
_ONE_PLACE = re.compile(r"[a-z]+|word ptr \[-?0x[0-9a-f]+\]")  # a register, or memory that no register points to
_ADDRESS_SIZE = 0x67
_LEGACY_PREFIXES = b"\xf0\xf2\xf3\x2e\x36\x3e\x26\x64\x65\x66\x67"  # SDM vol. 2, 2.1.1

_NO_OPERATION = frozenset(
    {
        *("nop", "mfence", "lfence", "sfence", "pause", "endbr64"),
        *("prefetch", "prefetchw", "prefetcht0", "prefetcht1", "prefetcht2", "prefetchnta"),
    }
)
# hlt sleeps; the others need the AF that SLEIGH does not compute, or have a p-code that no test holds against anything.
_REFUSED = frozenset({"hlt", "lahf", "sahf", "enter", "iret", "iretd", "iretq", "retf", "rdtscp", "xlat", "xlatb"})


def repair(instruction: Instruction) -> Instruction:
    """Mend p-code that differs from the SDM. Each case was found by comparing with a CPU emulator."""
    name, _, prefix = instruction.mnemonic.lower().partition(".")
    mnemonic = f"{prefix} {name}" if prefix else name
    instruction = instruction._replace(mnemonic=mnemonic, operands=instruction.operands.lower())
    ops = instruction.ops
    if instruction.code == _MEMORY_BARRIER:
        return instruction._replace(ops=())
    untested = name in _REFUSED or (not ops and name not in _NO_OPERATION)
    if name == "verw":  # SLEIGH forgets that it reads its operand
        untested = not _ONE_PLACE.fullmatch(instruction.operands)
    if untested or any(node.offset >= VECTORS for node in registers(ops)):
        return instruction._replace(ops=(Op("CALLOTHER", None, (), f"{name}: its p-code is wrong or untested"),))
    if _ADDRESS_SIZE in _prefixes(instruction.code):
        ops = tuple(map(_low_addresses, ops))
    match name:
        case "ud2" | "int3":
            # SLEIGH goes on wherever the exception's handler says, which is for us the end of the run.
            stop = Op("BRANCH", None, (Varnode("ram", instruction.address, 8),))
            ops = (*(op for op in ops if op.opcode == "CALLOTHER"), stop)
        case "call":
            # To the instruction after it: SLEIGH takes it for the old way to read the instruction pointer.
            ops = tuple(op._replace(opcode="CALL") if op.opcode == "BRANCH" else op for op in ops)
        case "div" | "idiv":
            ops = _check_quotient(ops)
        case "shr":
            ops = _shift_right_overflow(ops)
        case "pushfq":
            ops = _push_flags(ops)
        case "rdtsc":  # the halves of EDX:EAX, extended by zeros, which SLEIGH forgets
            ops = tuple(Op("CALLOTHER", Varnode("register", at, 8), (), name) for at in (0, 0x10))
        case "movbe":
            ops = tuple(part for number, op in enumerate(ops) for part in _swap_bytes(op, 8 * number))
        case "popfq":
            ops = tuple(op for op in ops if op.output != _ADJUST)
    return instruction._replace(ops=tuple(map(_zero_extend, ops)))


def _prefixes(code: bytes) -> bytes:
    return code[: next((at for at, byte in enumerate(code) if byte not in _LEGACY_PREFIXES), len(code))]


def _low_addresses(op: Op) -> Op:
    # Of `4(%eip)` the address has 32 bits (SDM vol. 2, 2.2.1.6); SLEIGH extends its sign.
    def low(node: Varnode) -> Varnode:
        return node._replace(offset=node.offset & 0xFFFF_FFFF) if node.space == "ram" else node

    if op.opcode in ("BRANCH", "CBRANCH", "CALL"):
        return op
    return op._replace(inputs=tuple(map(low, op.inputs)), output=None if op.output is None else low(op.output))


def _zero_extend(op: Op) -> Op:
    # A write to a 32-bit register clears the upper half of the 64-bit one (SDM vol. 1, 3.4.1.1). SLEIGH forgets it
    # where xadd and xchg put what they found in memory into a register, which is a plain copy.
    output = op.output
    if op.opcode == "COPY" and output is not None and output.size == 4 and _is_general(output):
        return op._replace(opcode="INT_ZEXT", output=output._replace(size=8))
    return op


def _check_quotient(ops: tuple[Op, ...]) -> tuple[Op, ...]:
    # #DE where the divisor is 0 or the quotient does not fit; SLEIGH cuts the quotient off.
    at = next(index for index, op in enumerate(ops) if op.opcode in ("INT_DIV", "INT_SDIV"))
    quotient, divisor = ops[at].output, ops[at].inputs[1]
    assert quotient is not None
    kept, wide = scratch(0, quotient.size // 2), scratch(2, quotient.size)
    fits, divides, good = scratch(4, 1), scratch(5, 1), scratch(6, 1)
    return (
        *ops[: at + 1],
        Op("SUBPIECE", kept, (quotient, constant(0, 4))),
        Op("INT_ZEXT" if ops[at].opcode == "INT_DIV" else "INT_SEXT", wide, (kept,)),
        Op("INT_EQUAL", fits, (wide, quotient)),
        Op("INT_NOTEQUAL", divides, (divisor, constant(0, divisor.size))),
        Op("BOOL_AND", good, (fits, divides)),
        Op("CBRANCH", None, (constant(2, 4), good)),
        Op("CALLOTHER", None, (), _DIVIDE_ERROR),
        *ops[at + 1 :],
    )


def _shift_right_overflow(ops: tuple[Op, ...]) -> tuple[Op, ...]:
    # By one, OF is the highest bit of what was shifted (SDM vol. 2, SAL/SAR/SHL/SHR); SLEIGH clears it.
    shifted = next(op.inputs[0] for op in ops if op.opcode == "INT_RIGHT" and op.inputs[0] == op.output)
    return tuple(
        op._replace(opcode="INT_SLESS", inputs=(shifted, constant(0, shifted.size)))
        if op.output == _OVERFLOW and op.opcode == "COPY"
        else op
        for op in ops
    )


def _swap_bytes(op: Op, index: int) -> tuple[Op, ...]:
    # SLEIGH leaves it to a user operation.
    if op.user != "swap_bytes":
        return (op,)
    assert op.output is not None
    size, (given,) = op.output.size, op.inputs
    swapped: list[Op] = []
    total = constant(0, size)
    for at in range(size):
        byte, wide = scratch(index + 4 * at, 1), scratch(index + 4 * at + 1, size)
        placed, sum_ = scratch(index + 4 * at + 2, size), scratch(index + 4 * at + 3, size)
        swapped += [
            Op("SUBPIECE", byte, (given, constant(at, 4))),
            Op("INT_ZEXT", wide, (byte,)),
            Op("INT_LEFT", placed, (wide, constant(8 * (size - 1 - at), 4))),
            Op("INT_OR", sum_, (total, placed)),
        ]
        total = sum_
    return (*swapped, Op("COPY", op.output, (total,)))


def _push_flags(ops: tuple[Op, ...]) -> tuple[Op, ...]:
    # Bit 1 is always set (SDM vol. 1, 3.4.3). AF is pushed as 0, because it is not computed.
    without = tuple(
        op._replace(inputs=tuple(constant(0, 1) if node == _ADJUST else node for node in op.inputs)) for op in ops
    )
    return (*without[:-1], Op("INT_OR", _RFLAGS, (_RFLAGS, constant(2, 8))), without[-1])


def _is_general(node: Varnode) -> bool:
    return node.space == "register" and any(node.offset in registers for registers in GENERAL)


X86_64 = Architecture(
    name="x86-64",
    language="x86:LE:64:default",
    elf_machine="EM_X86_64",
    relative_relocation=8,
    symbol_relocations=frozenset({1, 6, 7}),
    little_endian=True,
    word=8,
    text=0xFFFF_FFFF_8100_0000,  # the kernel's: what -mcmodel=kernel compiles for is in the last 2 GiB
    targets={"zig": "x86_64-freestanding", "clang": "x86_64-linux-gnu"},
    gcc=("x86_64-linux-gnu-gcc", "gcc"),
    c_flags=(
        *("-mno-red-zone", "-mcmodel=kernel", "-mno-sse", "-mno-sse2", "-mno-mmx", "-mno-avx", "-mno-80387"),
        "-fcf-protection=none",  # on by default in some distributions' compilers; endbr64 does nothing here
    ),
    stack_pointer="RSP",
    link_register=None,
    argument="RDI",
    result="RAX",
    task_register=None,
    preempt_count_variable="__preempt_count",
    percpu_register="GS_OFFSET",
    interrupt_mask_register="IF",
    interrupt_bits=1,
    interrupts_on=1,
    unmasked=1,
    masked=0,
    system_registers=SYSTEM,
    arms_monitor=frozenset(),
    atomic=frozenset(),
    # Interrupts are taken between two instructions, and between two iterations of one that is repeated (SDM vol. 3,
    # "Program or Task Restart", and vol. 2, REP), which p-code makes a branch of the instruction to itself.
    whole_instructions=True,
    # SDM vol. 2, STI; where interrupts were off. Moves to SS do that, too, and are refused.
    delays_interrupts=frozenset({"sti"}),
    without_effect=frozenset({"LOCK", "UNLOCK", "clflush", "clflushopt"}),
    unpredictable={"rdtsc": "the time", "verw": "whether a segment is writable"},
    traps=frozenset({"invalidInstructionException", "swi", _DIVIDE_ERROR}),
    monitor_clear="",
    monitor_pass="",
    monitor_status="",
    one_cpu_because="an instruction without a lock prefix that reads and writes memory is two accesses to other CPUs",
    repair=repair,
)
