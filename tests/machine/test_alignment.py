"""Atomic accesses to where they may not be made: an alignment fault."""

from pathlib import Path

import pytest

from ctxrace.core.verdict import Outcome, Result
from ctxrace.kernel.check import check
from ctxrace.kernel.program import load

SOURCE = """
#include <ctxrace/kernel.h>
static struct {{ u8 a; u64 b, c, d; }} __packed m __attribute__((aligned(16)));
void task(void)
{{
	void *at = (char *)&m + {offset};
	unsigned long x, y = 0, z = 0;

	asm volatile("{code}" : "=&r"(x), "+&r"(y), "+&r"(z) : "r"(at) : "memory");
}}
CTXRACE_TASKS(1, task);
CTXRACE_BALANCED(m);
"""
ARM64 = [
    *(("ldxr %w0, [%3]", 4), ("ldaxrh %w0, [%3]", 2), ("ldxp %0, %1, [%3]", 16), ("ldaxp %w0, %w1, [%3]", 8)),
    *(("ldar %0, [%3]", 8), ("ldarh %w0, [%3]", 2), ("stlr %w1, [%3]", 4), ("ldapr %w0, [%3]", 4)),
    *(("swp %w1, %w2, [%3]", 4), ("cas %1, %2, [%3]", 8), ("casalh %w1, %w2, [%3]", 2), ("ldadd %1, %0, [%3]", 8)),
    *(("stset %w1, [%3]", 4), ("ldumaxl %w1, %w0, [%3]", 4), ("ldeorh %w1, %w0, [%3]", 2)),
]
RISCV64 = [("lr.w %0, (%3)", 4), ("lr.d.aq %0, (%3)", 8), ("amoadd.w %0, %1, (%3)", 4), ("amoswap.d %0, %1, (%3)", 8)]
ANYWHERE = [("arm64", "ldr %0, [%3]"), ("arm64", "ldp %0, %1, [%3]"), ("arm64", "ldaxrb %w0, [%3]"),
            ("arm64", "ldur %0, [%3, 1]"), ("riscv64", "ld %0, 0(%3)"), ("x86-64", "lock xaddl %k1, (%3)"),
            ("x86-64", "xchgq %1, (%3)")]  # fmt: skip


def decided(folder: Path, arch: str, code: str, offset: int) -> Result:
    source = folder / "case.c"
    source.write_text(SOURCE.format(code=code, offset=offset), encoding="utf-8")
    flags = ["-march=armv8.4-a"] if arch == "arm64" else []
    return check(load(source, arch=arch, flags=flags, cache=folder))


@pytest.mark.parametrize(
    ("arch", "code", "alignment"),
    [*(("arm64", *case) for case in ARM64), *(("riscv64", *case) for case in RISCV64)],
)
def test_atomics_must_be_aligned(arch: str, code: str, alignment: int, tmp_path: Path) -> None:
    for offset in (0, alignment):
        (verdict,) = decided(tmp_path, arch, code, offset % 16).verdicts
        assert verdict.outcome is Outcome.HOLDS
    for offset in {1, alignment // 2, alignment - 1}:
        fault = decided(tmp_path, arch, code, offset).verdicts[-1]
        assert (fault.property.kind, fault.outcome) == ("fault", Outcome.VIOLATED)
        assert "fault: misaligned, " in str(fault.interleaving)
        assert f", {alignment}, " in str(fault.interleaving)


@pytest.mark.parametrize(("arch", "code"), ANYWHERE)
def test_other_accesses_may_be_anywhere(arch: str, code: str, tmp_path: Path) -> None:
    for offset in (1, 3, 7):
        (verdict,) = decided(tmp_path, arch, code, offset).verdicts
        assert verdict.outcome is Outcome.HOLDS
