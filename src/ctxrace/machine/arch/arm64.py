"""arm64: AArch64 as Linux uses it at EL1.

Facts about the instruction set: Arm ARM (DDI 0487). Facts about registers' roles: Linux
arch/arm64/include/asm/current.h (sp_el0), percpu.h (tpidr_el1), irqflags.h (daif).
"""

from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.pcode import Instruction, Op, Varnode

__all__ = ["ARM64"]

GENERAL = range(0x4000, 0x4100)  # x0 to x30 in SLEIGH's register space
SYSTEM = range(0x1000, 0x3000)

_LOAD_EXCLUSIVE = frozenset({"ldxr", "ldxrb", "ldxrh", "ldxp", "ldaxr", "ldaxrb", "ldaxrh", "ldaxp"})
_ATOMIC_PAIRS = frozenset({"ldxp", "ldaxp", "stxp", "stlxp", "casp", "caspa", "caspl", "caspal"})
_ACQUIRE_PC_SIZES = {"ldaprb": 1, "ldaprh": 2}


def repair(instruction: Instruction) -> Instruction:
    """Mend p-code that differs from the Arm ARM. Each case was found by comparing with a CPU emulator."""
    if instruction.mnemonic.startswith("ldapr"):
        return _load_acquire_pc(instruction)
    ops = instruction.ops
    if instruction.mnemonic.startswith("casp"):
        ops = ops[:4] + ops[8:]  # SLEIGH copies the two register pairs a second time, swapped
    return instruction._replace(ops=tuple(_zero_extend(op) for op in ops))


def _zero_extend(op: Op) -> Op:
    # A write to a W register clears the upper half of its X register ("Registers in AArch64 state").
    # SLEIGH forgets it in the atomics (cas, swp, ldadd, ...), where the result is a plain copy.
    output = op.output
    if output is None or output.space != "register" or output.size != 4 or output.offset not in GENERAL:
        return op
    if op.opcode in ("COPY", "INT_ZEXT"):
        return op._replace(opcode="INT_ZEXT", output=Varnode("register", output.offset, 8))
    return op


def _load_acquire_pc(instruction: Instruction) -> Instruction:
    # SLEIGH's ldapr copies a scratch register instead of loading.
    encoding = int.from_bytes(instruction.code, "little")
    target, base = encoding & 31, encoding >> 5 & 31
    size = _ACQUIRE_PC_SIZES.get(instruction.mnemonic, 8 if encoding >> 30 == 3 else 4)
    address = Varnode("register", 0x8 if base == 31 else GENERAL.start + 8 * base, 8)
    loaded = Varnode("unique", 0, size)
    ops = [Op("LOAD", loaded, (address,))]
    if target != 31:
        ops.append(Op("INT_ZEXT", Varnode("register", GENERAL.start + 8 * target, 8), (loaded,)))
    return instruction._replace(ops=tuple(ops))


ARM64 = Architecture(
    name="arm64",
    language="AARCH64:LE:64:v8A",
    elf_machine="EM_AARCH64",
    little_endian=True,
    word=8,
    targets={"zig": "aarch64-freestanding", "clang": "aarch64-linux-gnu"},
    gcc=("aarch64-linux-gnu-gcc",),
    c_flags=("-mgeneral-regs-only",),
    stack_pointer="sp",
    stack_alignment=16,
    link_register="x30",
    task_register="sp_el0",
    percpu_register="tpidr_el1",
    interrupt_mask_register="daif",
    interrupt_mask=0x80,  # PSTATE.I, at its place in DAIF
    masked=0xC0,  # I and F, as the kernel sets them (`msr daifset, #3`)
    argument="x0",
    system_registers=SYSTEM,
    arms_monitor=_LOAD_EXCLUSIVE,
    atomic=_ATOMIC_PAIRS,
    without_effect=frozenset(
        {
            "DataMemoryBarrier",
            "DataSynchronizationBarrier",
            "InstructionSynchronizationBarrier",
            "SpeculationBarrier",
            "LOAcquire",
            "LORelease",
            "Hint_Prefetch",
            "Yield",
            "SendEvent",
            "SendEventLocally",
            "WaitForEvent",  # it may always wake up at once
        }
    ),
    traps=frozenset({"SoftwareBreakpoint", "UndefinedInstructionException"}),
    monitor_clear="ClearExclusiveLocal",
    monitor_pass="ExclusiveMonitorPass",
    monitor_status="ExclusiveMonitorsStatus",
    repair=repair,
)
