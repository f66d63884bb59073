"""Whether a function can return without calling another: both ways of every branch, through calls and tail calls."""

from pathlib import Path

import pytest

from ctxrace.kernel.program import load
from ctxrace.machine.avoidance import can_avoid
from ctxrace.machine.lift import Lifter

SOURCE = """
#include <ctxrace/kernel.h>
int x;
__noipa void target(void) { barrier(); }
__noipa void other(void) { barrier(); }
__noipa void wrapper(void) { target(); x++; }
__noipa void maybe(void) { if (READ_ONCE(x)) target(); }
__noipa void recursive(void) { if (READ_ONCE(x)) { recursive(); return; } target(); }
__noipa void second(void) { maybe(); x++; }
__noipa void first(void) { second(); x++; }
void always(void) { other(); target(); x++; }
void tail(void) { x++; target(); }
void inside(void) { wrapper(); x++; }
void sometimes(void) { maybe(); x++; }
void both(void) { if (READ_ONCE(x)) wrapper(); else target(); }
void never(void) { other(); }
void deep(void) { recursive(); x++; }
void chain(void) { first(); x++; }
void unknown(void) { asm volatile(".long 0xffffffff"); target(); }
CTXRACE_TASKS(1, always);
"""


@pytest.mark.parametrize("arch", ["arm64", "x86-64"])
def test_avoidance(tmp_path: Path, arch: str) -> None:
    path = tmp_path / "calls.c"
    path.write_text(SOURCE)
    image = load(path, arch=arch).image
    code, target = Lifter(image), image.symbols["target"].address
    names = ("always", "tail", "inside", "sometimes", "both", "never", "deep", "target", "chain",
             "unknown")  # fmt: skip
    found = {name: can_avoid(code, image.symbols[name].address, target) for name in names}
    assert found == {"always": False, "tail": False, "inside": False, "sometimes": True, "both": False, "never": True,
                     "deep": False, "target": False, "chain": True, "unknown": True}  # fmt: skip
