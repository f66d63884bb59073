"""What one context gets from the headers' operations, executed by unicorn on every architecture, is what it must be."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.kernel import test_header
from tests.kernel.test_header import PREEMPT_COUNT, link
from tests.kernel.test_header_architectures import CPUS, Machine

from .compile import COMPILERS, complaints, object_file

SOURCE = Path(__file__).with_name("operations.c")



def digits(*values: int) -> int:
    """The number with these hexadecimal digits, the first one highest."""
    return int("".join(f"{value:x}" for value in values), 16)


def others(a: int) -> list[int]:
    """The values in the list after `a` was taken off."""
    return [value for value in (4, 3, 1, 2) if value != a]


# Hexadecimal digits are what the operations told one after the other; see the comments and the order in operations.c.
EXPECTED: dict[str, Callable[[int], int]] = {
    "local": lambda a: (a + 9) ^ (a + 9) << 8 ^ 5 << 16 ^ 5 << 24 ^ 6 << 32,
    "local64": lambda a: a + 3,
    "this_cpu_try_cmpxchg": lambda a: 0x1109 if a == 1 else digits(0, a, 1, 7),
    "cmpxchg64": lambda a: {1: 0x1114, 2: 0x2033}.get(a, digits(a, 0, a, a)),
    "cmpxchg128": lambda _: 0x111011 << 4 | 2 << 2 | 1,
    "list": lambda a: digits(1, 1, 3, 1, 2, 4, 1, *others(a)[::-1], others(a)[0], others(a)[-1]),
    "hlist": lambda a: digits(1, 2, 3, 1, 1, *(n for n in (2, 3, 1) if n != a % 3 + 1)),
    "llist": lambda a: 0x100 << 16 | (a + 2) << 12 | a << 8 | (a + 1) << 4 | 1,
    "refcount": lambda a: 0x1_0_0_1_0_0 | (a + 1) << 16 | a << 4,
    "kref": lambda a: 0x0110 + a,
    "spinlock": lambda a: 0x1101_5_9_0_0_9_1_9_0 + a,
    "rwlock": lambda a: 0x1_2_0_0_1 + a,
    "sleeping_locks": lambda a: 0x01_01_1_01_2 + a,
    "local_locks": lambda a: 0x11_8_1_0_1_1_0_0 + a,
    "guards": lambda a: 0x9_0_11_0_0_3_9_0 + a,
    "cleanup": lambda a: a + 2,
    "seqcount": lambda a: 0x0_1_1_2_1_5_0_1_4 + a,
    "u64_stats": lambda a: a + 4,
    "completion": lambda a: 0x0_1_1_0_1_0 + a,
    "srcu": lambda a: 0x1_1_0 + a,
    "irq_work": lambda a: 0x0_1_0_1_1_0 + a,
    "timer": lambda a: 0x0_1_1_1_1 + a,
    "tasklet": lambda a: 0x0_1_0 + a,
    "work": lambda a: 0x1_0_1_1_1_0 + a,
    "static_key": lambda a: 0x0110 + a,
    "memory": lambda _: 0x1111131,
    "errors": lambda _: 0x11100,
    "rounding": lambda a: (a + 7 & ~7) + (-(-a // 10) << 8) + (-(-a // 10) * 10 << 16) + ((a & ~15) << 24)
    + (int(a % 4 == 0) << 40),
    "cpus": lambda a: 0x1_1_2_1_6 + a,
}  # fmt: skip


@pytest.mark.parametrize(("arch", "compiler"), COMPILERS)
def test_operations(tmp_path: Path, arch: str, compiler: str) -> None:
    source = tmp_path / "operations.c"
    source.write_text(SOURCE.read_text(encoding="utf-8"), encoding="utf-8")
    flags = COMPILERS[arch, compiler]
    assert complaints(arch, compiler, flags, source) == ""
    image = link(object_file(source), *(["--no-relax"] if arch == "arm64" else []))
    machine = test_header.Machine(image, lse="LSE=1" in flags) if arch == "arm64" else Machine(image, CPUS[arch])
    operations = {name.removeprefix("op_") for name in image.symbols if name.startswith("op_") and "." not in name}
    assert operations == EXPECTED.keys() - ({"cmpxchg128"} if arch == "riscv64" else set())
    machine.call("enable_interrupts")
    for name in sorted(operations):
        for a in (1, 2, 3, 8):
            got, expected = machine.call(f"op_{name}", a), EXPECTED[name](a)
            assert got == expected, f"{name}({a}): got {got:#x}, expected {expected:#x}"
            assert machine.read(PREEMPT_COUNT, 4) == 0, name
    assert machine.failed == []
