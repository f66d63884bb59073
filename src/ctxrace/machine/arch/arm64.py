"""arm64: AArch64 as Linux uses it at EL1.

Facts about the instruction set: Arm ARM (DDI 0487). Facts about registers' roles: Linux
arch/arm64/include/asm/current.h (sp_el0), percpu.h (tpidr_el1), irqflags.h (daif).
"""

import re

from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.pcode import Instruction, Op, Varnode, constant, registers, scratch, with_zero_register

__all__ = ["ARM64", "repair"]

GENERAL = range(0x4000, 0x4100)  # x0 to x30 in SLEIGH's register space
VECTORS = 0x5000  # from here on; not for kernel code, and no test holds their p-code against anything
SYSTEM = range(0x1000, 0x3000)
TEMPORARIES = range(0x3100, 0x3118)  # tmp_ldWn, tmp_ldXn, tmp_stWn, tmp_stXn, of 4 and 8 bytes
_DAIF = Varnode("register", 0x1020, 8)

_LOAD_EXCLUSIVE = frozenset({"ldxr", "ldxrb", "ldxrh", "ldxp", "ldaxr", "ldaxrb", "ldaxrh", "ldaxp"})
_ATOMIC_PAIRS = frozenset({"ldxp", "ldaxp", "stxp", "stlxp", "casp", "caspa", "caspl", "caspal"})
_ZERO_REGISTER = range(0x40F8, 0x4100)
_EXTREMES = re.compile(r"(ld|st)[su](max|min)(a|l|al)?[bh]?")
_NARROW_SIGNED_LOADS = re.compile(r"ld(r|ur|tr|apur)s[bh]")
# What must be aligned without FEAT_LSE2 (Arm ARM, "Alignment of data accesses"): exclusives, the atomics of FEAT_LSE,
# and loads and stores that acquire or release. In bits 31 and 30 is the size, of pairs in bit 30 that of each half.
_ALIGNED = re.compile(
    r"(ld|st)[al]?xrb?h?|ldaxrb?h?|stlxrb?h?|ldap?u?rs?[bhw]?|ldl?arb?h?|stll?u?rb?h?"
    r"|(cas|swp|(ld|st)(add|clr|eor|set|[su]max|[su]min))(a|l|al)?[bh]?"
)
_ALIGNED_PAIRS = re.compile(r"lda?xp|stl?xp|caspa?l?")
_PUSH_SHADOW_CALL = (0xF800_865E).to_bytes(4, "little")  # str x30, [x18], #8
# SLEIGH's rmif mixes up flags, its crc32 reads memory at the polynomial; unicorn cannot judge the others.
_WRONG = re.compile(r"rmif|crc32.*|(ld|st)64b.*|irg|gmi|addg|subg|subps?|ldgm?|stz?2?gm?|stgp")


def repair(instruction: Instruction, big_endian: bool = False) -> Instruction:
    """Mend p-code that differs from the Arm ARM. Each case was found by comparing with a CPU emulator."""
    ops = instruction.ops
    encoding = int.from_bytes(instruction.code, "little")
    match instruction.mnemonic:
        case name if _WRONG.fullmatch(name) or any(node.offset >= VECTORS for node in registers(ops)):
            return instruction._replace(ops=(Op("CALLOTHER", None, (), f"{name}: its p-code is wrong or untested"),))
        case name if name.startswith(("ldapr", "ldar", "ldlar")):
            ops = _load_acquire(encoding)
        case name if name.startswith(("stlr", "stllr")):
            ops = _store_release(encoding)
        case "stlxp" | "ldpsw":
            ops = _second_half(ops)
        case "casp" | "caspa" | "caspl" | "caspal":
            # SLEIGH copies the two pairs of X registers a second time, swapped; for W registers it is wrong all over.
            twice = encoding >> 30 & 1 and not big_endian
            ops = ops[:4] + ops[8:] if twice else _compare_and_swap_pair(encoding, big_endian)
        case name if _EXTREMES.fullmatch(name):
            ops = _extreme(name, encoding)
        case name if _NARROW_SIGNED_LOADS.fullmatch(name) and encoding >> 22 & 1:
            ops = _sign_extend_to_word(ops)
        case "msr":
            ops = tuple(_mask_bits_only(op) for op in ops)
    # The atomics write and read xzr as if it were storage (`swp w0, wzr, [x1]`), `stxr wzr, ...` writes a constant.
    return instruction._replace(ops=tuple(with_zero_register(_zero_extend(op), _ZERO_REGISTER) for op in ops))


def alignment(instruction: Instruction) -> int:
    """Return the multiple of bytes at which the memory that `instruction` accesses must begin, 0 for anywhere."""
    encoding = int.from_bytes(instruction.code, "little")
    if _ALIGNED_PAIRS.fullmatch(instruction.mnemonic):
        return 16 if encoding >> 30 & 1 else 8
    return 1 << (encoding >> 30) if _ALIGNED.fullmatch(instruction.mnemonic) else 0


def _zero_extend(op: Op) -> Op:
    # A write to a W register clears the upper half of its X register ("Registers in AArch64 state").
    # SLEIGH forgets it in the atomics (cas, swp, ldadd, ...), where the result is a plain copy.
    output = op.output
    if output is None or output.space != "register" or output.size != 4 or output.offset not in GENERAL:
        return op
    if op.opcode in ("COPY", "INT_ZEXT"):
        return op._replace(opcode="INT_ZEXT", output=Varnode("register", output.offset, 8))
    return op


def _load_acquire(encoding: int) -> tuple[Op, ...]:
    # SLEIGH's ldapr copies a scratch register instead of loading; its `ldar w0` loads 8 bytes.
    loaded = scratch(0, 1 << (encoding >> 30))
    return (
        Op("LOAD", loaded, (_base(encoding),)),
        Op("INT_ZEXT", _general(encoding, 8), (loaded,)),
    )


def _store_release(encoding: int) -> tuple[Op, ...]:
    # SLEIGH's stlrb and stlrh store 4 bytes.
    return (Op("STORE", None, (_base(encoding), _general(encoding, 1 << (encoding >> 30)))),)


def _second_half(ops: tuple[Op, ...]) -> tuple[Op, ...]:
    # SLEIGH's ldpsw looks for its second word 8 bytes after the first, `stlxp w0, x1, x2` puts the second one at 4.
    accesses = [index for index, op in enumerate(ops) if op.opcode in ("LOAD", "STORE")]
    target = ops[accesses[0]].output or ops[accesses[0]].inputs[1]
    return tuple(
        op._replace(inputs=(op.inputs[0], constant(target.size, 8)))
        if op.opcode == "INT_ADD" and accesses[0] < index < accesses[1]
        else op
        for index, op in enumerate(ops)
    )


def _compare_and_swap_pair(encoding: int, big_endian: bool) -> tuple[Op, ...]:
    size = 4 << (encoding >> 30 & 1)
    address, expected, wanted, found = _base(encoding), *(scratch(index, 2 * size) for index in (0, 2, 4))
    differs, low, high = scratch(6, 1), scratch(7, size), scratch(8, size)
    first, second = encoding >> 16, encoding
    upper = not big_endian  # which register of a pair is the upper half of the number: the one at the higher address
    return (
        Op("PIECE", expected, (_general(first + upper, size), _general(first + (not upper), size))),
        Op("PIECE", wanted, (_general(second + upper, size), _general(second + (not upper), size))),
        Op("LOAD", found, (address,)),
        Op("INT_NOTEQUAL", differs, (found, expected)),
        Op("CBRANCH", None, (constant(2, 4), differs)),
        Op("STORE", None, (address, wanted)),
        Op("SUBPIECE", low, (found, constant(0, 4))),
        Op("SUBPIECE", high, (found, constant(size, 4))),
        Op("INT_ZEXT", _general(first + (not upper), 8), (low,)),
        Op("INT_ZEXT", _general(first + upper, 8), (high,)),
    )


def _extreme(name: str, encoding: int) -> tuple[Op, ...]:
    # For bytes and halfwords SLEIGH compares the whole W register, with memory extended by zeros even if signed.
    size = 1 << (encoding >> 30)
    address, given, found = scratch(0, 8), scratch(1, size), scratch(2, size)
    result, keep = scratch(3, size), scratch(4, 1)
    is_max = "max" in name
    return (
        Op("COPY", address, (_base(encoding),)),
        Op("COPY", given, (_general(encoding >> 16, size),)),
        Op("LOAD", found, (address,)),
        Op("INT_ZEXT", _general(encoding, 8), (found,)),
        Op("COPY", result, (given,)),
        Op(
            "INT_SLESSEQUAL" if name[2] == "s" else "INT_LESSEQUAL",
            keep,
            (found, given) if is_max else (given, found),
        ),
        Op("CBRANCH", None, (constant(2, 4), keep)),
        Op("COPY", result, (found,)),
        Op("STORE", None, (address, result)),
    )


def _sign_extend_to_word(ops: tuple[Op, ...]) -> tuple[Op, ...]:
    # SLEIGH extends `ldrsb w0` to 64 bits instead of 32, and `ldursb w0` by zeros.
    *before, last = ops
    word = scratch(0, 4)
    return (*before, Op("INT_SEXT", word, last.inputs), Op("INT_ZEXT", last.output, (word,)))


def _mask_bits_only(op: Op) -> Op:
    # `msr daif, x0` keeps bits 9 to 6 of x0; SLEIGH copies them all.
    if op.opcode == "COPY" and op.output == _DAIF:
        return op._replace(opcode="INT_AND", inputs=(*op.inputs, constant(0x3C0, 8)))
    return op


def _base(encoding: int) -> Varnode:
    number = encoding >> 5 & 31
    return Varnode("register", 0x8 if number == 31 else GENERAL.start + 8 * number, 8)


def _general(number: int, size: int) -> Varnode:
    """Return the low bytes of a register by the lowest five bits of `number`; 31 is xzr."""
    return Varnode("register", GENERAL.start + 8 * (number & 31), size)


ARM64 = Architecture(
    name="arm64",
    language="AARCH64:LE:64:v8A",
    elf_machine="EM_AARCH64",
    relative_relocation=1027,
    symbol_relocations=frozenset({257, 1025, 1026}),
    little_endian=True,
    word=8,
    text=0xFFFF_8000_8000_0000,  # KIMAGE_VADDR with 48-bit addresses
    targets={"zig": "aarch64-freestanding", "clang": "aarch64-linux-gnu"},
    gcc=("aarch64-linux-gnu-gcc",),
    c_flags=("-mgeneral-regs-only",),
    stack_pointer="sp",
    link_register="x30",
    task_register="sp_el0",
    percpu_register="tpidr_el1",
    interrupt_mask_register="daif",
    preempt_count_variable=None,
    interrupt_bits=0x80,  # PSTATE.I, at its place in DAIF
    interrupts_on=0,
    unmasked=0,
    masked=0xC0,  # I and F, as the kernel sets them (`msr daifset, #3`)
    argument="x0",
    result="x0",
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
    one_cpu_because="",
    repair=repair,
    temporaries=TEMPORARIES,
    alignment=alignment,
    shadow_call=("x18", _PUSH_SHADOW_CALL),  # Linux arch/arm64/include/asm/scs.h
)
