"""riscv64: RV64IMAC as Linux uses it in S-mode.

Facts about the instruction set: The RISC-V Instruction Set Manual (vol. I, unprivileged, 20240411; vol. II,
privileged). Facts about registers' roles: Linux v6.19 arch/riscv/include/asm/current.h (tp) and irqflags.h
(sstatus.SIE). That a handler clears the reservation before it returns: arch/riscv/kernel/entry.S, ret_from_exception,
which ends with an sc for that alone.
"""

from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.pcode import Instruction, Op, Varnode, constant, registers, scratch, with_zero_register

__all__ = ["RISCV64"]

_GENERAL = 0x2000  # x0 in SLEIGH's register space
_ZERO_REGISTER = range(_GENERAL, _GENERAL + 8)
_FLOATS = range(0x3000, 0x8000)  # and vectors; not for kernel code, and no test holds their p-code against anything
_CSRS = range(0x9000_0000, 0x9000_8000)
_CSRS_HERE = 0x8000
_TASK = range(_GENERAL + 8 * 4, _GENERAL + 8 * 5)  # tp
_SSTATUS = Varnode("register", _CSRS_HERE + 8 * 0x100, 8)
_SIE = 2
_ILLEGAL = b"\0\0"  # defined as illegal for ever; what compilers end unreachable code with
_UNIMP = (0xC000_1073).to_bytes(4, "little")  # csrrw x0, cycle, x0: the same in four bytes

_FENCE_TSO = (0x8330_000F).to_bytes(4, "little")
_COUNTERS = {0xC00: "cycle", 0xC01: "time", 0xC02: "instret"}  # "Zicntr"; reading them writes nothing

_PASS = "reservationPasses"
_TRAP = "illegalInstruction"

# SLEIGH knows many extensions; what no test holds against anything is refused.
_TESTED = frozenset(
    word
    for line in (
        "add addi addiw addw and andi auipc beq beqz bge bgeu bgez bgt bgtu bgtz ble bleu blez blt bltu bltz",
        "bne bnez div divu divuw divw ebreak fence fence.i j jal jalr jr lb lbu ld lh lhu li lui lw lwu mul",
        "mulh mulhsu mulhu mulw mv neg negw nop not or ori rem remu remuw remw ret sb sd seqz sext.w sgtz sh",
        "sll slli slliw sllw slt slti sltiu sltu sltz snez sra srai sraiw sraw srl srli srliw srlw sub subw",
        "sw xor xori c.add c.addi c.addi16sp c.addi4spn c.addiw c.addw c.and c.andi c.beqz c.bnez c.ebreak",
        "c.j c.jalr c.jr c.ld c.ldsp c.li c.lui c.lw c.lwsp c.mv c.nop c.or c.sd c.sdsp c.slli c.srai c.srli",
        "c.sub c.subw c.sw c.swsp c.xor",
    )
    for word in line.split()
)
_ATOMICS = frozenset(
    f"amo{operation}.{size}"
    for operation in ("add", "and", "max", "maxu", "min", "minu", "or", "swap", "xor")
    for size in "wd"
)
_ORDERS = ("", ".aq", ".rl", ".aqrl")
_LOAD_RESERVED = frozenset(f"lr.{size}{order}" for size in "wd" for order in _ORDERS)
_STORE_CONDITIONAL = frozenset(f"sc.{size}{order}" for size in "wd" for order in _ORDERS)


def place(varnode: Varnode) -> Varnode:
    """Bring the control and status registers, which SLEIGH keeps far away, near the others."""
    if varnode.space == "register" and varnode.offset in _CSRS:
        return varnode._replace(offset=varnode.offset - _CSRS.start + _CSRS_HERE)
    return varnode


def repair(instruction: Instruction) -> Instruction:
    """Mend p-code that differs from the manual. Each case was found by comparing with a CPU emulator."""
    name, ops = instruction.mnemonic, instruction.ops
    encoding = int.from_bytes(instruction.code, "little")
    if instruction.code == _UNIMP:
        ops = (Op("CALLOTHER", None, (), _TRAP),)
    elif name in _LOAD_RESERVED:
        ops = _load_reserved(encoding)
    elif name in _STORE_CONDITIONAL:
        ops = _store_conditional(encoding)
    elif name.startswith("csrr"):
        ops = _control(name, encoding)
    elif name in ("div", "divu", "divw", "divuw"):
        ops = _divide(ops)
    elif name in ("jalr", "jr", "ret", "c.jalr", "c.jr"):
        ops = _target_first(ops)
    elif not _is_tested(name) or any(node.offset in _FLOATS for node in registers(ops)):
        ops = (Op("CALLOTHER", None, (), f"{name}: its p-code is wrong or untested"),)
    # SLEIGH writes to a constant where rd is x0 (`amoadd.d zero, t1, (a0)`, `c.addi zero, 1`), or to x0 as if it were
    # storage.
    return instruction._replace(ops=tuple(with_zero_register(op, _ZERO_REGISTER) for op in ops))


def unknown(address: int, code: bytes) -> Instruction | None:
    """Return the instruction at `address` that `code`, which SLEIGH does not know, begins with; None for any other."""
    if code.startswith(_ILLEGAL):
        return Instruction(address, _ILLEGAL, "unimp", "", (Op("CALLOTHER", None, (), _TRAP),))
    if code.startswith(_FENCE_TSO):
        return Instruction(address, _FENCE_TSO, "fence.tso", "", ())
    return None


def alignment(instruction: Instruction) -> int:
    """Return the size of what an atomic instruction accesses, which must be aligned (vol. I, "A"); 0 for any other."""
    name = instruction.mnemonic
    atomic = name in _LOAD_RESERVED | _STORE_CONDITIONAL or name.startswith("amo")
    return _size(int.from_bytes(instruction.code, "little")) if atomic else 0


def _is_tested(name: str) -> bool:
    return name in _TESTED or ".".join(name.split(".")[:2]) in _ATOMICS


def _load_reserved(encoding: int) -> tuple[Op, ...]:
    # SLEIGH keeps the reservation in registers of its own, which no interrupt clears.
    found = scratch(0, _size(encoding))
    return Op("LOAD", found, (_source(encoding),)), *_write(encoding, "INT_SEXT", found)


def _store_conditional(encoding: int) -> tuple[Op, ...]:
    passed, failed = scratch(0, 1), scratch(1, 1)
    return (
        Op("CALLOTHER", passed, (_source(encoding),), _PASS),
        Op("BOOL_NEGATE", failed, (passed,)),
        Op("CBRANCH", None, (constant(2, 4), failed)),
        Op("STORE", None, (_source(encoding), _read(encoding >> 20, _size(encoding)))),
        *_write(encoding, "INT_ZEXT", failed),
    )


def _control(name: str, encoding: int) -> tuple[Op, ...]:
    # Of sstatus only SIE is kept. Reading it with nothing to set or clear does not write it.
    register, given = encoding >> 20, encoding >> 15 & 31
    if register in _COUNTERS and not given and name == "csrrs":
        found = scratch(0, 8)
        return Op("CALLOTHER", found, (), _COUNTERS[register]), *_write(encoding, "COPY", found)
    if _CSRS_HERE + 8 * register != _SSTATUS.offset:
        return (Op("CALLOTHER", None, (), f"{name} of the register {register:#x}"),)
    was, operand, bits = (scratch(index, 8) for index in range(3))
    source = constant(given, 8) if name.endswith("i") else _read(given, 8)
    changes = [Op("INT_AND", bits, (source, constant(_SIE, 8)))]
    match name.removesuffix("i"):
        case "csrrw":
            changes.append(Op("COPY", _SSTATUS, (bits,)))
        case "csrrs":
            changes.append(Op("INT_OR", _SSTATUS, (was, bits)))
        case _:
            changes += [Op("INT_NEGATE", operand, (bits,)), Op("INT_AND", _SSTATUS, (was, operand))]
    if not given and not name.startswith("csrrw"):
        changes = []
    return Op("COPY", was, (_SSTATUS,)), *changes, *_write(encoding, "COPY", was)


def _divide(ops: tuple[Op, ...]) -> tuple[Op, ...]:
    # By zero the quotient has all bits set (vol. I, "Division Operations"); p-code does not say.
    at = next(index for index, op in enumerate(ops) if op.opcode in ("INT_DIV", "INT_SDIV"))
    quotient, divisor = ops[at].output, ops[at].inputs[1]
    assert quotient is not None
    result, zero = scratch(0, quotient.size), scratch(2, 1)
    return (
        *ops[:at],
        Op(ops[at].opcode, result, ops[at].inputs),
        Op("INT_NOTEQUAL", zero, (divisor, constant(0, divisor.size))),
        Op("CBRANCH", None, (constant(2, 4), zero)),
        Op("COPY", result, (constant(-1, quotient.size),)),
        Op("COPY", quotient, (result,)),
        *ops[at + 1 :],
    )


def _target_first(ops: tuple[Op, ...]) -> tuple[Op, ...]:
    # `c.jalr ra` goes to where ra pointed before, where SLEIGH writes the return address first; and of the target
    # in a register the lowest bit is cleared, which SLEIGH forgets unless there is an offset.
    *before, jump = ops
    if jump.inputs[0].space != "register":
        return ops
    target = scratch(0, 8)
    return Op("INT_AND", target, (*jump.inputs, constant(-2, 8))), *before, jump._replace(inputs=(target,))


def _size(encoding: int) -> int:
    return 1 << (encoding >> 12 & 3)


def _source(encoding: int) -> Varnode:
    return _read(encoding >> 15, 8)


def _read(number: int, size: int) -> Varnode:
    """Return the low bytes of the register by the lowest five bits of `number`; x0 is a constant."""
    return Varnode("register", _GENERAL + 8 * (number & 31), size) if number & 31 else constant(0, size)


def _write(encoding: int, opcode: str, value: Varnode) -> tuple[Op, ...]:
    """Return what puts `value` into the register rd; x0 cannot be written."""
    number = encoding >> 7 & 31
    return (Op(opcode, Varnode("register", _GENERAL + 8 * number, 8), (value,)),) if number else ()


RISCV64 = Architecture(
    name="riscv64",
    language="RISCV:LE:64:RV64GC",
    elf_machine="EM_RISCV",
    relative_relocation=3,
    symbol_relocations=frozenset({2, 5}),
    little_endian=True,
    word=8,
    text=0xFFFF_FFFF_8000_0000,  # KERNEL_LINK_ADDR (arch/riscv/include/asm/pgtable.h)
    targets={"zig": "riscv64-freestanding", "clang": "riscv64-linux-gnu"},
    gcc=("riscv64-linux-gnu-gcc",),
    # As arch/riscv/Makefile has them.
    c_flags=("-march=rv64imac_zicsr_zifencei", "-mabi=lp64", "-mcmodel=medany", "-mstrict-align", "-mrelax"),
    stack_pointer="sp",
    link_register="ra",
    result="a0",
    argument="a0",
    task_register="tp",
    preempt_count_variable=None,
    percpu_register=None,
    interrupt_mask_register="sstatus",
    interrupt_bits=_SIE,
    interrupts_on=_SIE,
    unmasked=_SIE,
    masked=0,
    system_registers=frozenset([*_TASK, *range(_CSRS_HERE, _CSRS_HERE + len(_CSRS))]),
    arms_monitor=_LOAD_RESERVED,
    atomic=frozenset(),
    without_effect=frozenset({"fence", "fence.i"}),
    traps=frozenset({"ebreak", _TRAP}),
    unpredictable=dict.fromkeys(_COUNTERS.values(), "the time"),
    monitor_clear="",
    monitor_pass=_PASS,
    monitor_status="",
    one_cpu_because="the number of a task's CPU is in its thread_info, which nothing changes when it migrates",
    repair=repair,
    place=place,
    unknown=unknown,
    alignment=alignment,
    link_flags=(),  # as CONFIG_RISCV_USE_LINKER_RELAXATION: auipc and jalr become one jal, whose target is known
)
