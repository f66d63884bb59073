"""riscv64: the evaluator held against an independent CPU emulator, instruction by instruction, from random states.

Unicorn runs in M-mode and has no interrupts, so sstatus is checked by hand, against the manual (vol. I, "Zicsr":
which forms read and write). lr and sc agree with unicorn's, which keeps the address and the value that lr found; that
sc fails after an interrupt is the exclusive monitor's business and tested with the kernel's rules.
"""

import random
from pathlib import Path

import pypcode
import pytest
from tests.machine.awkward import ROOM, Assemble, assembled, compilers, disagreements
from tests.machine.emulator_riscv64 import CODE, TRAPS, Comparison, random_state

from ctxrace.bpf.guards.known import GUARDS_OF, guard_path
from ctxrace.core.errors import ExecutionError
from ctxrace.kernel.program import load
from ctxrace.machine.arch.riscv64 import RISCV64
from ctxrace.machine.lift import Lifter

STATES = 8  # for each case
TRIPLES = ("t0, t1, t2", "t0, t0, t1", "t0, t1, t1", "zero, t0, t1", "t0, zero, t1", "t0, t1, zero")
OPERATIONS = (
    *("add", "sub", "sll", "slt", "sltu", "xor", "srl", "sra", "or", "and", "addw", "subw", "sllw", "srlw", "sraw"),
    *("mul", "mulh", "mulhsu", "mulhu", "mulw", "div", "divu", "divw", "divuw", "rem", "remu", "remw", "remuw"),
)
BRANCHES = ("beq", "bne", "blt", "bge", "bltu", "bgeu")
LOADS = ("lb", "lh", "lw", "ld", "lbu", "lhu", "lwu")
STORES = ("sb", "sh", "sw", "sd")
AMO = ("add", "and", "or", "xor", "swap", "max", "maxu", "min", "minu")
ORDERS = ("", ".aq", ".rl", ".aqrl")

GROUPS = {
    "registers": [f"{op} {triple}" for op in OPERATIONS for triple in TRIPLES],
    "immediates": [
        *(f"{op} t0, t1, {n}" for op in ("addi", "slti", "sltiu", "xori", "ori", "andi", "addiw") for n in (0, 1, -1)),
        *(f"{op} {r}, 2047; {op} t2, t3, -2048" for op in ("addi", "xori", "addiw") for r in ("t0, t1", "t0, t0")),
        *(f"{op} {r}, {n}" for op in ("slli", "srli", "srai") for n in (0, 1, 32, 63) for r in ("t0, t1", "a4, a4")),
        *(f"{op} t0, t1, {n}" for op in ("slliw", "srliw", "sraiw") for n in (0, 1, 31)),
        *("lui t0, 0x80000", "lui t0, 1", "lui a3, 0xfffff", "auipc t0, 0", "auipc t0, 0xfffff", "auipc zero, 1"),
        *("li a3, -1", "li t0, 31", "nop", "mv a3, a4", "neg t0, t1", "not t0, t1", "negw t0, t1", "sext.w t0, t1"),
        *("seqz t0, t1", "snez t0, t1", "sltz t0, t1", "sgtz t0, t1"),
    ],
    "compressed": [
        *("c.add t0, t1", "c.mv t0, t1", "c.addi t0, -5", "c.addiw t0, 7", "c.li t0, -3", "c.lui t0, 0xfffe1"),
        *("c.addi16sp sp, -64", "c.addi4spn a2, sp, 16", "c.slli t0, 33", "c.srli a2, 5", "c.srai a2, 61"),
        *("c.andi a2, -9", "c.sub a2, a3", "c.xor a2, a3", "c.or a2, a3", "c.and a2, a3", "c.subw a2, a3"),
        *("c.addw a2, a3", "c.lw a2, 4(a0)", "c.ld a2, 8(a1)", "c.sw a2, 8(a0)", "c.sd a2, 16(a1)"),
        *("c.lwsp t0, 12(sp)", "c.ldsp t0, 24(sp)", "c.swsp t0, 4(sp)", "c.sdsp t0, 16(sp)", "c.nop", "c.addi t0, 1"),
    ],
    "memory": [
        *(f"{op} t0, {n}({b})" for op in LOADS for n in (0, 8, -16) for b in ("a0", "sp")),
        *(f"{op} {r}, {n}(a1)" for op in STORES for n in (0, 2040, -2048) for r in ("t0", "zero", "a1")),
        *("lw a0, 4(a0)", "ld zero, 0(a0)", "lbu t0, 7(a1)", "lw t0, 3(a0)", "ld t0, 1(a0)", "sd t0, 5(a1)"),
    ],
    "atomics": [
        *(f"amo{op}.{s}{o} t0, t1, (a0)" for op in AMO for s in "wd" for o in ORDERS),
        *(f"amo{op}.{s} {r}, (a0)" for op in AMO for s in "wd" for r in ("zero, t1", "t0, zero", "t1, t1", "a0, t1")),
        *(f"amo{op}.{s} t0, a0, (a0)" for op in AMO for s in "wd"),
    ],
    "reservations": [
        *(f"lr.{s}{o} t0, (a0)" for s in "wd" for o in ORDERS),
        *(f"lr.{s} t0, (a0); sc.{s}{o} t1, t2, (a0)" for s in "wd" for o in ORDERS),
        *(f"lr.{s} t0, (a0); addi t0, t0, 1; sc.{s} t0, t0, (a0)" for s in "wd"),
        *(f"lr.{s} zero, (a0); sc.{s} zero, t0, (a0); sc.{s} t1, t0, (a0)" for s in "wd"),
        *(f"lr.{s} t0, (a0); addi t3, a0, 64; sc.{s} t1, t0, (t3)" for s in "wd"),
        *(f"sc.{s} t1, t2, (a0)" for s in "wd"),
        *(f"lr.{s} t0, (a0); sc.{s} a0, t0, (a0)" for s in "wd"),
    ],
    "branches": [
        *(f"{op} {pair}, .+16" for op in BRANCHES for pair in ("t0, t1", "t0, zero", "t0, t0")),
        *("c.beqz a2, .+8", "c.bnez a2, .+8", "c.j .+8", "j .-64", "jal .+16", "jal t0, .+16", "jal zero, .-32"),
        *("jalr t0", "jalr t0, 4(t1)", "jalr ra, 4(ra)", "jalr t0, -3(t0)", "jr t0", "ret", "c.jr t0", "c.jalr t0"),
        *("c.jalr ra", "jalr zero, 8(t1)", "jalr zero, 0(ra)"),
    ],
    "others": ["fence", "fence rw, rw", "fence r, rw", "fence.i", ".4byte 0x100000f", "ebreak", "c.ebreak"],
}  # fmt: skip

@pytest.fixture(scope="session")
def assemble(tmp_path_factory: pytest.TempPathFactory) -> Assemble:
    """Assemble each instruction as it is spelled."""
    cache = tmp_path_factory.mktemp("riscv64")

    def spelled(case: str) -> str:
        short = "c" in {word.split(".")[0] for word in case.replace(";", " ").split()}
        return f".option {'rvc' if short else 'norvc'}\n{case}\n.option rvc"

    return lambda cases: assembled(map(spelled, cases), RISCV64, cache, header=".option norelax\n.text")


@pytest.mark.parametrize("group", GROUPS)
def test_awkward_instructions(group: str, assemble: Assemble) -> None:
    cases = GROUPS[group]
    comparison = Comparison(assemble(cases))
    wrong = disagreements(cases, STATES, lambda at, steps, rng: comparison.run(CODE + at, steps, random_state(rng)))
    assert not wrong, "\n".join(wrong)
    assert comparison.states >= STATES * len(cases)


def test_random_encodings() -> None:
    """Whatever the evaluator is ready to execute does what unicorn does, where unicorn knows it."""
    rng = random.Random(3)
    words = [rng.getrandbits(32) for _ in range(6144)]
    comparison = Comparison(b"".join(word.to_bytes(4, "little") for word in words))
    agreed = 0
    for address in range(CODE, CODE + 4 * len(words), 4):
        try:
            instruction = comparison.instruction(address)
        except pypcode.BadDataError:
            continue
        if instruction.mnemonic.startswith("csrr"):
            continue
        try:
            base = words[(address - CODE) // 4] >> 15 & 31
            states = (random_state(rng), random_state(rng, range(base, base + 1)), random_state(rng, range(8, 16)))
            differences = [comparison.run(address, 1, state) for state in states]
        except ExecutionError:
            continue
        if not any(TRAPS in difference for difference in differences):  # reserved, or misaligned
            assert differences == ["", "", ""]
            agreed += 1
    assert agreed > 1500


@pytest.mark.parametrize("cc", compilers(RISCV64))
@pytest.mark.parametrize("optimize", ["-O0", "-O2", "-Os"])
def test_every_instruction_of_the_guards(optimize: str, cc: str | None, tmp_path: Path) -> None:
    done: set[bytes] = set()
    for guard in GUARDS_OF["riscv64"]:
        flags = ("-march=rv64imac",) if cc == "clang" else ()  # before clang 17, which the extensions' names are new to
        path = guard_path(guard, "riscv64")
        image = load(path, arch="riscv64", cc=cc, optimize=optimize, flags=flags, cache=tmp_path).image
        text = image.section(".text")
        assert text is not None
        assert text.address == CODE
        comparison = Comparison(text.data)
        address = text.address
        while address < text.address + len(text.data):
            instruction = comparison.instruction(address)
            if instruction.code not in done and "sstatus" not in instruction.operands:
                done.add(instruction.code)
                rng = random.Random(address)
                for _ in range(5):
                    assert comparison.run(address, 1, random_state(rng, range(8, 16))) == "", f"{guard} at {address:#x}"
            address += len(instruction.code)
    assert len(done) > 40


@pytest.mark.parametrize(
    ("case", "before", "register", "after"),
    [
        # What sstatus.SIE was, what t0 holds after it, what SIE is after it; t1 holds 2, t2 holds ~2.
        ("csrr t0, sstatus", 2, 2, 2),
        ("csrrc t0, sstatus, t1", 2, 2, 0),
        ("csrrc t0, sstatus, t2", 2, 2, 2),
        ("csrrci t0, sstatus, 2", 2, 2, 0),
        ("csrrci t0, sstatus, 29", 2, 2, 2),
        ("csrrs t0, sstatus, t1", 0, 0, 2),
        ("csrrsi t0, sstatus, 2", 0, 0, 2),
        ("csrrs t0, sstatus, zero", 0, 0, 0),
        ("csrrw t0, sstatus, t1", 0, 0, 2),
        ("csrrw t0, sstatus, zero", 2, 2, 0),
        ("csrrwi t0, sstatus, 31", 0, 0, 2),
        ("csrrw t0, sstatus, t2", 2, 2, 0),
        ("csrci sstatus, 2", 2, 5, 0),
        ("csrs sstatus, t1", 0, 5, 2),
    ],
)
def test_the_interrupt_mask_by_hand(case: str, before: int, register: int, after: int, assemble: Assemble) -> None:
    comparison = Comparison(assemble([case]))
    state = random_state(random.Random(0))
    general = list(state.general)
    general[4:7] = 5, 2, ~2 & (1 << 64) - 1  # t0, t1, t2
    state = state._replace(general=tuple(general))
    changed, status, memory = comparison.evaluate(CODE, state, status=before)
    general[4] = register
    assert (changed.general, status, memory) == (tuple(general), after, comparison.pristine)


def test_reading_the_interrupt_mask_does_not_write_it(assemble: Assemble) -> None:
    # What writes it is an event: interrupts may arrive from there on.
    cases = ["csrr t0, sstatus", "csrrs t0, sstatus, zero", "csrrci t0, sstatus, 0", "csrrci t0, sstatus, 2"]
    comparison = Comparison(assemble(cases))
    mask = RISCV64.place(comparison.instruction(CODE).ops[0].inputs[0])
    written = [
        any(op.output == mask for op in comparison.instruction(CODE + index * ROOM).ops) for index in range(len(cases))
    ]
    assert written == [False, False, False, True]


@pytest.mark.parametrize(
    "case",
    ["csrr t0, sscratch", "csrw sie, t0", "csrw time, t0", "ecall", "wfi", "sret", "sfence.vma", "fadd.d ft0, ft1, ft2",
     "fld ft0, (a0)", "andn t0, t1, t2", "rev8 t0, t1", "vadd.vv v0, v1, v2", "amoadd.b t0, t1, (a0)"],
)  # fmt: skip
def test_what_is_refused(case: str, assemble: Assemble) -> None:
    known = ".option arch, +f, +d, +v, +zbb, +zabha; "
    comparison = Comparison(assemble([known + case]))
    with pytest.raises((ExecutionError, pypcode.BadDataError), match=r"lacks the instruction|resolve"):
        comparison.run(CODE, 1, random_state(random.Random(0)))


def test_code_for_ever_illegal_is_a_trap(tmp_path: Path) -> None:
    source = tmp_path / "trap.c"
    source.write_text("void two(void) { __builtin_trap(); } void four(void) { asm(\".4byte 0xc0001073\"); }")
    image = load(source, arch="riscv64", cache=tmp_path).image
    code = Lifter(image)
    assert [str(code[image.symbols[name].address]) for name in ("two", "four")] == ["unimp", "unimp"]
    traps = [code[image.symbols[name].address].ops[0].user for name in ("two", "four")]
    assert set(traps) <= RISCV64.traps
