"""Flows: a return that is a jump in disguise is refused by name; no register that is read counts as dead."""

from pathlib import Path

import pytest

from ctxrace.core.errors import ExecutionError
from ctxrace.core.verdict import Outcome, Result
from ctxrace.kernel.check import check
from ctxrace.kernel.program import load

SOURCE = """
#include <ctxrace/kernel.h>
int shared;
void attempt(void);
CTXRACE_TASKS(2, attempt);
CTXRACE_BALANCED(shared);
"""
HEAD = """
	.text
	.globl	attempt
	.type	attempt, %function
attempt:
"""
# Each loads the variable, goes on behind a return, and stores there what it has loaded: the register is live.
ARM64 = """
	adrp	x9, shared
	add	x9, x9, :lo12:shared
	ldr	w8, [x9]
	eor	w8, w8, #1
	mov	x11, x30
	adr	{link}, 1f
	ret	{link}
1:	str	w8, [x9]
	eor	w8, w8, #1
	str	w8, [x9]
	mov	x30, x11
	ret
"""
X86_64 = """
	movl	shared(%rip), %eax
	incl	%eax
	leaq	1f(%rip), %rcx
	pushq	%rcx
	ret
1:	movl	%eax, shared(%rip)
	decl	%eax
	movl	%eax, shared(%rip)
	ret
"""
# What a retpoline is made of: a call whose return address is overwritten.
RETPOLINE = """
	leaq	2f(%rip), %rcx
	call	1f
0:	pause
	jmp	0b
1:	movq	%rcx, (%rsp)
	ret
2:	ret
"""
JUMP, CALL = "adr\tx10, 1f\n\tret\tx10", "bl\t2f\n\tb\t1f\n2:\tmov\tx10, x30\n\tret\tx10"
BEHIND_A_CALL = ARM64.format(link="x10").replace(JUMP, CALL)
END = "\n	.size	attempt, . - attempt\n"


def decided(folder: Path, code: str, arch: str = "arm64") -> Result:
    source, assembler = folder / "case.c", folder / "attempt.S"
    source.write_text(SOURCE, encoding="utf-8")
    assembler.write_text(HEAD + code + END, encoding="utf-8")
    return check(load(source, arch=arch, more=[assembler], cache=folder))


def test_a_return_through_another_register_goes_behind_a_call_as_any_other(tmp_path: Path) -> None:
    (verdict,) = decided(tmp_path, BEHIND_A_CALL).verdicts
    assert verdict.outcome is Outcome.VIOLATED


@pytest.mark.parametrize(
    ("code", "arch"),
    [
        (ARM64.format(link="x30"), "arm64"),
        (ARM64.format(link="x10"), "arm64"),
        (X86_64, "x86-64"),
        (RETPOLINE, "x86-64"),
    ],
    ids=["link register", "another register", "push", "retpoline"],
)
def test_a_return_that_follows_no_call_is_refused_by_name(tmp_path: Path, code: str, arch: str) -> None:
    told = r"'ret( x10)?' at attempt\+0x\w+ .* returns to attempt\+0x\w+ .*, which follows no call"
    with pytest.raises(ExecutionError, match=told):
        decided(tmp_path, code, arch)


TIME = {
    "x86-64": "\trdtsc\n{use}\n\tret\n",
    "riscv64": "\trdtime\ta0\n{use}\n\tret\n",
}
FENCE = "\tfence.tso\n\tfence\trw, w\n\tret\n"
UNUSED = {"x86-64": "\tmovl\t$0, %eax\n\tmovl\t$0, %edx", "riscv64": "\tli\ta0, 0"}
USED = {"x86-64": "\tmovl\t%eax, shared(%rip)", "riscv64": "\tla\ta1, shared\n\tsw\ta0, 0(a1)"}


@pytest.mark.parametrize("arch", TIME)
def test_the_time_may_be_read_but_not_used(arch: str, tmp_path: Path) -> None:
    (verdict,) = decided(tmp_path, TIME[arch].format(use=UNUSED[arch]), arch).verdicts
    assert verdict.outcome is Outcome.HOLDS
    with pytest.raises(ExecutionError, match=r"^'.*' at attempt\+0x0 .* reads the time, and what"):
        decided(tmp_path, TIME[arch].format(use=USED[arch]), arch)


def test_riscv64_fences(tmp_path: Path) -> None:
    (verdict,) = decided(tmp_path, FENCE, "riscv64").verdicts
    assert (verdict.outcome, verdict.states) == (Outcome.HOLDS, 1)


SHADOW_CALLS = """
#include <ctxrace/kernel.h>
int active;
static noinline void body(void) { barrier(); }
static noinline void nested(int depth)
{
	if (depth) { nested(depth - 1); barrier(); } else { active++; body(); active--; }
}
void attempt(void) { nested(3); barrier(); }
CTXRACE_TASKS(2, attempt);
CTXRACE_HARDIRQ(attempt);
CTXRACE_BALANCED(active);
CTXRACE_ATTEMPTS(1);
"""


def test_a_shadow_call_stack_changes_no_verdict(tmp_path: Path) -> None:
    source = tmp_path / "case.c"
    source.write_text(SHADOW_CALLS, encoding="utf-8")
    flags = ["-ffixed-x18", "-fsanitize=shadow-call-stack"]
    plain, shadowed = (check(load(source, flags=given, cache=tmp_path)).verdicts[0] for given in ([], flags))
    assert plain.outcome is shadowed.outcome is Outcome.VIOLATED
    assert (plain.states, plain.transitions) == (shadowed.states, shadowed.transitions)
    text = load(source, flags=flags, cache=tmp_path).image.contents(".text")
    assert text.count((0xF800865E).to_bytes(4, "little")) == 2  # str x30, [x18], #8: in attempt and in nested
