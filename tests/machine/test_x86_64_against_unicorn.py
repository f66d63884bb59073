"""x86-64: the evaluator held against an independent CPU emulator, instruction by instruction, from random states."""

import random
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest
from tests.machine.awkward import ROOM, Assemble, assembled, compilers, disagreements
from tests.machine.emulator_x86_64 import CODE, FLAGS, GENERAL, Comparison, State, random_state

from ctxrace.bpf.caller import Caller
from ctxrace.bpf.guards.known import GUARDS_OF, guard_path
from ctxrace.bpf.guards.load import load_guard
from ctxrace.core.errors import ExecutionError
from ctxrace.kernel.program import Build, load
from ctxrace.machine.arch.x86_64 import X86_64

STATES = 25  # for each case, and where there are thousands:
FEWER = {"destinations": 2}
CONDITIONS = ("o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g")
SIZES = (("b", "al", "bl"), ("w", "ax", "bx"), ("l", "eax", "ebx"), ("q", "rax", "rbx"))
WIDE = SIZES[1:]
PLACES = ("0x100000(%rip)", "-8(%rdi,%rcx,8)", "%gs:0x40(%rip)")  # the first is a place without a register
FORMS = ("(%rdi)", "-8(%rdi)", "0x12345(%rdi)", "4(%rsi,%rdx,2)", "0x10(,%rcx,4)", "0x1230", "-0x80000000",
         "%gs:0x2000", "%gs:8(%rdi,%rcx)", "(%edi)", "4(%eip)", "(%rsp)", "8(%rbp)", "(%r12)", "(%r13)")  # fmt: skip

# Unicorn 2.1.4 writes 32-bit operands of cmpxchg that hardware leaves alone, and looks at the wrong value for lock neg.
UNICORN_IS_WRONG = {"cmpxchgl %ebx, %ebx", "movl (%rdi), %eax; btsq $40, %rax; cmpxchgl %ebx, (%rdi)",
                    "cmpxchgl %ebx, 4(%eip)"}  # fmt: skip


def _each(*templates: str, sizes: Iterable[tuple[str, str, str]] = SIZES, **values: Iterable[object]) -> list[str]:
    """Fill in every combination: {s} is a size's suffix, {a} and {b} are registers of it."""
    return [
        template.format(s=s, a=f"%{a}", b=f"%{b}", **dict(zip(values, choice, strict=True)))
        for template in templates
        for s, a, b in sizes
        for choice in product(*values.values())
    ]


GROUPS = {
    "arithmetic": [
        *_each("{op}{s} {a}, {b}", "{op}{s} {a}, (%rdi)", "{op}{s} (%rdi), {a}", "{op}{s} $-3, {a}",
               "{op}{s} $5, (%rsi)", op=("add", "sub", "adc", "sbb", "cmp", "and", "or", "xor")),
        *_each("test{s} {a}, {b}", "test{s} $6, (%rdi)"),
        *_each("{op}{s} {a}", "{op}{s} (%rdi)", "lock {op}{s} (%rdi)", op=("inc", "dec", "neg", "not")),
        *_each("{op}b %ah, %bl", "{op}b %cl, %bh", "{op}b %ah, %al", sizes=SIZES[:1], op=("add", "sub", "xor", "mov")),
        *_each("lock {op}{s} {a}, (%rdi)", "lock {op}{s} $1, (%rdi)", op=("add", "sub", "and", "or", "xor")),
    ],
    "shifts": _each("{op}{s} {a}", "{op}{s} $3, {a}", "{op}{s} %cl, {a}", "{op}{s} $1, (%rdi)", "{op}{s} %cl, (%rdi)",
                    op=("shl", "shr", "sar", "rol", "ror")),
    "multiplication": [
        *_each("mul{s} {b}", "imul{s} {b}", "mul{s} (%rdi)"),
        *_each("imul{s} {b}, {a}", "imul{s} $-7, {b}, {a}", "imul{s} (%rdi), {a}", sizes=WIDE),
        *_each("div{s} {b}", "idiv{s} {b}", "div{s} (%rdi)"),
        *_each("xorl %edx, %edx; div{s} {b}", sizes=WIDE),
        *("xorl %edx, %edx; cqto; idivq %rbx", "cltd; idivl %ebx", "cwtd; idivw %bx", "movzbl %al, %eax; divb %bl"),
    ],
    "atomics": [
        *_each("xadd{s} {a}, {b}", "xadd{s} {a}, (%rdi)", "lock xadd{s} {a}, (%rdi)", "xadd{s} {a}, {a}"),
        *_each("xchg{s} {a}, {b}", "xchg{s} {a}, (%rdi)", "xchg{s} {b}, (%rdi)"),
        *_each("mov{s} (%rdi), {a}; btsq $40, %rax; cmpxchg{s} {b}, (%rdi)", "cmpxchg{s} {b}, (%rdi)",
               "lock cmpxchg{s} {b}, (%rdi)", "mov{s} (%rdi), {a}; lock cmpxchg{s} {b}, (%rdi)"),
        *_each("mov{s} {b}, {a}; cmpxchg{s} {a}, {b}", "cmpxchg{s} {b}, {b}"),
    ],
    "bits": [
        *_each("{op}{s} {a}, {b}", "{op}{s} $5, {a}", "{op}{s} $9, (%rdi)", sizes=WIDE,
               op=("bt", "bts", "btr", "btc")),
        *_each("movzbl %al, %eax; {op}{s} {a}, (%rdi)", sizes=WIDE, op=("bt", "bts", "btr", "btc")),
        *_each("movsbq %al, %rax; lock {op}{s} {a}, (%rdi)", sizes=WIDE[1:], op=("bts", "btr")),
        *_each("orl $1, %ebx; {op}{s} {b}, {a}", sizes=WIDE, op=("bsf", "bsr")),
        *("bswapl %eax", "bswapq %rbx"),
    ],
    "conditions": [
        *_each("set{c} %al", "set{c} %ah", "set{c} (%rdi)", "j{c} .+16", sizes=SIZES[:1], c=CONDITIONS),
        *_each("cmov{c}{s} {a}, {b}", "cmov{c}{s} (%rdi), {b}", sizes=WIDE, c=CONDITIONS),
        *("clc", "stc", "cmc", "cld", "std", "cli", "sti", "jmp .+8", "jmp *%rbx"),
    ],
    "moves": [
        *_each("mov{s} {a}, {b}", "mov{s} (%rdi), {a}", "mov{s} {a}, 8(%rdi)", "mov{s} $-2, {b}", "mov{s} $-2, (%rsi)"),
        *("movzbl %al, %ebx", "movzbl %ah, %ebx", "movzwl %ax, %ebx", "movzbw %al, %bx", "movzbl (%rdi), %eax"),
        *("movsbl %al, %ebx", "movsbq %al, %rbx", "movswl %ax, %ebx", "movswq (%rdi), %rax", "movslq %eax, %rbx"),
        *("movslq (%rdi), %rax", "movsbw %al, %bx", "movzwl (%rdi), %eax", "movb %ah, %bh"),
        "movabsq $0x123456789abc, %rax",
        *("cltq", "cqto", "cltd", "cwtl", "cbtw", "cwtd"),
        *_each("movbe{s} (%rdi), {a}", "movbe{s} {b}, 0x100000(%rip)", sizes=SIZES[2:]),
        *("leaq 8(%rdi,%rcx,4), %rax", "leal 1(%rax,%rbx,8), %ecx", "leaq 0x10(%rip), %rax", "leaw (%rdi), %ax"),
        *("movl -4(%rdi,%rsi,1), %eax; nop", "xorl %ecx, %ecx; movl (%rdi,%rcx,8), %eax"),
    ],
    "stack": [
        *("pushq %rax", "pushq %rsp", "popq %rax", "popq %rsp", "pushq $-5", "pushq (%rdi)", "popq (%rdi)", "leave"),
        *("call .+16", "call .+5", "call *%rbx", "call *(%rdi)", "ret", "ret $16", "pushq %rbx; ret"),
        *("pushq $0xad7; popfq", "pushq $0x202; popfq; pushfq; popq %rax", "pushw %ax", "popw %ax"),
    ],
    "per-CPU": [
        *_each("{op}{s} %gs:0x1234", "{op}{s} %gs:(%rdi)", op=("inc", "dec")),
        *_each("add{s} {a}, %gs:0x2000", "xadd{s} {a}, %gs:0x2010", "cmpxchg{s} {b}, %gs:0x2020",
               "mov{s} %gs:0x2040, {a}", "mov{s} {a}, %gs:0x2048", "and{s} $3, %gs:8(%rdi)", "or{s} {b}, %gs:(%rsi)",
               "mov{s} %gs:0x2020, {a}; cmpxchg{s} {b}, %gs:0x2020"),
        *("addq %gs:0x3000, %rax", "incl %gs:0x40(%rip)", "movl %gs:0x40(%rip), %eax"),
    ],
    "destinations": [
        *_each("{op}{s} {m}", "lock {op}{s} {m}", op=("inc", "dec", "neg", "not"), m=PLACES),
        *_each("{op}{s} {a}, {m}", "{op}{s} $-7, {m}", op=("add", "sub", "adc", "sbb", "xor", "mov"), m=PLACES),
        *_each("lock {op}{s} {a}, {m}", "lock {op}{s} $9, {m}", op=("add", "sub", "adc", "sbb", "or"), m=PLACES),
        *_each("{op}{s} {b}, {m}", "lock {op}{s} {b}, {m}", op=("xadd", "cmpxchg"), m=PLACES),
        *_each("xchg{s} {b}, {m}", "mul{s} {m}", "imul{s} {m}", m=PLACES),
        *_each("{op}{s} $3, {m}", "{op}{s} {m}", op=("shl", "shr", "sar", "rol", "ror"), m=PLACES),
        *_each("set{c} {m}", sizes=SIZES[:1], c=("o", "b", "e", "g"), m=PLACES),
        *_each("push{s} {m}", "pop{s} {m}", sizes=(SIZES[1], SIZES[3]), m=PLACES),
        *_each("bts{s} $5, {m}", "btc{s} $9, {m}", "lock btr{s} $7, {m}", sizes=WIDE, m=PLACES),
        *_each("add{s} {a}, {m}", "dec{s} {m}", "mov{s} $-7, {m}", "cmpxchg{s} {b}, {m}", m=FORMS),
        *_each("movs{s}", "stos{s}", "lods{s}", "cmps{s}", "scas{s}"),
    ],
    "repeated": _each("andl $3, %ecx; {r} {op}{s}", r=("rep",), op=("movs", "stos", "lods"))
                + _each("andl $3, %ecx; {r} {op}{s}", r=("repe", "repne"), op=("cmps", "scas")),
    "others": ["nop", "mfence", "lfence", "sfence", "pause", "endbr64", "ud2", "prefetcht0 (%rdi)", "prefetchw (%rdi)",
               "clflush (%rdi)", "verw %ax",
               "nopl 8(%rax,%rax,1)", "data16 nopw 8(%rax,%rax,1)", "xchgw %ax, %ax", "lock addl $0, (%rsp)"],
}  # fmt: skip


@pytest.fixture(scope="session")
def assemble(tmp_path_factory: pytest.TempPathFactory) -> Assemble:
    cache = tmp_path_factory.mktemp("x86-64")
    return lambda cases: assembled(cases, X86_64, cache, fill=", 0x90")


@pytest.mark.parametrize("group", GROUPS)
def test_awkward_instructions(group: str, assemble: Assemble) -> None:
    cases = [case for case in GROUPS[group] if case not in UNICORN_IS_WRONG and not case.startswith("lock neg")]
    states, comparison = FEWER.get(group, STATES), Comparison(assemble(cases))
    wrong = disagreements(cases, states, lambda at, steps, rng: comparison.run(CODE + at, steps, random_state(rng)))
    assert not wrong, "\n".join(wrong)
    assert comparison.states >= states * len(cases)


def test_what_unicorn_has_wrong_by_hand(assemble: Assemble) -> None:
    """The expected values are those of an x86-64 CPU, by running the same instructions on it."""
    code = assemble(["cmpxchgl %ecx, %ebx", "lock cmpxchgl %ecx, (%rdi)", "lock negl (%rdi)", "movbew (%rdi), %ax"])
    comparison = Comparison(code)
    blank = State((0,) * 16, dict.fromkeys(FLAGS, 0), 0)

    def state(**values: int) -> State:
        return blank._replace(general=tuple(values.get(name, 0) for name in GENERAL))

    # A comparison that fails writes the accumulator and nothing else, one that succeeds writes the destination.
    failed = comparison.evaluate(CODE, state(RAX=0x1000000007F, RBX=0xCB7370DE3ED841FE, RCX=9))
    assert failed.general == state(RAX=0x3ED841FE, RBX=0xCB7370DE3ED841FE, RCX=9).general
    succeeded = comparison.evaluate(CODE, state(RAX=0x1000000007F, RBX=0xAA0000007F, RCX=9))
    assert succeeded.general == state(RAX=0x1000000007F, RBX=9, RCX=9).general
    # At the end of the code are nops: 0x90909090.
    nops = CODE + len(code)
    stored = comparison.evaluate(CODE + ROOM, state(RAX=0x190909090, RCX=9, RDI=nops))
    assert (stored.general, stored.flags["ZF"]) == (state(RAX=0x190909090, RCX=9, RDI=nops).general, 1)
    negated = comparison.evaluate(CODE + 2 * ROOM, state(RDI=nops))  # 0x6f6f6f70
    # Unicorn 2.1.4 does not know 16 bits of movbe.
    swapped = comparison.evaluate(CODE + 3 * ROOM, state(RAX=0x123456, RDI=CODE))  # 0f b1: the first of the code
    assert swapped.general == state(RAX=0x120FB1, RDI=CODE).general
    assert {name for name, value in negated.flags.items() if value} == {"CF"}


@pytest.mark.parametrize("cc", compilers(X86_64))
@pytest.mark.parametrize("optimize", ["-O0", "-O1", "-O2", "-O3", "-Os"])
def test_every_instruction_of_the_guards(optimize: str, cc: str | None, tmp_path: Path) -> None:
    done: set[bytes] = set()
    for guard in GUARDS_OF["x86-64"]:
        path = guard_path(guard, "x86-64")
        text = load(path, arch="x86-64", cc=cc, optimize=optimize, cache=tmp_path).image.section(".text")
        assert text is not None
        comparison = Comparison(text.data)
        address = text.address
        assert address == CODE
        while address < text.address + len(text.data):
            instruction = comparison.instruction(address)
            if instruction.code not in done:
                done.add(instruction.code)
                rng = random.Random(address)
                for _ in range(10):
                    assert comparison.run(address, 1, random_state(rng)) == "", f"{guard} at {address:#x}"
            address += len(instruction.code)
    assert len(done) > 20


@pytest.mark.parametrize("caller", [Caller("fentry", 2), Caller("fexit", 2), Caller("fmod_ret", 2)], ids=str)
def test_every_instruction_of_the_trampolines(caller: Caller) -> None:
    text = load_guard("arm64-merged", caller, Build("x86-64")).image.section(".text")
    assert text is not None
    comparison = Comparison(text.data)
    address = text.address
    while address < text.address + len(text.data):
        rng = random.Random(address)
        for _ in range(5):
            assert comparison.run(address, 1, random_state(rng)) == "", f"{caller} at {address:#x}"
        address += len(comparison.instruction(address).code)


@pytest.mark.parametrize(
    "case",
    [
        *("movd %eax, %xmm0", "fld1", "hlt", "lahf", "cpuid", "rdtscp", "inb $4, %al", "movups (%rdi), %xmm1"),
        *("verw (%rdi)", "wrmsr", "invlpg (%rdi)", "wbinvd", "swapgs", "iretq"),
    ],
)
def test_what_is_refused(case: str, assemble: Assemble) -> None:
    comparison = Comparison(assemble([case]))
    with pytest.raises(ExecutionError, match="lacks the instruction"):
        comparison.run(CODE, 1, random_state(random.Random(0)))
