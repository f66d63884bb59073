"""Other functions of Debian's kernel, each with a harness of a few lines."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ctxrace.core.verdict import Outcome
from ctxrace.kernel.check import check
from ctxrace.kernel.program import Build

pytestmark = pytest.mark.kernels

EXAMPLES = Path(__file__).parents[2] / "examples" / "kernel"
FUNCTIONS = ("bprintf_buffers", "irq_work", "perf_recursion", "printk_nesting", "trace_recursion")


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("arch", "package"), [("arm64", "arm64"), ("x86-64", "amd64")], ids=["arm64", "x86-64"])
def test_it_holds_in_the_kernel_that_ships(
    shipped: Callable[[str, str], Path], arch: str, package: str, name: str
) -> None:
    program = Build(arch=arch, kernel=str(shipped("7.2", package))).load(EXAMPLES / f"{name}.c")
    result = check(program)
    assert result.outcome is Outcome.HOLDS and result.verdicts


def test_every_harness_is_short_and_checked() -> None:
    known = {"bpf_recursion", "bpf_recursion_sleepable", *FUNCTIONS}
    lines = {path.stem: len(path.read_text().splitlines()) for path in EXAMPLES.glob("*.c")}
    assert set(lines) == known and max(lines[name] for name in FUNCTIONS) <= 20, lines
