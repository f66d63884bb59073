"""What boot writes into x86-64 code, each decoded again."""

import pytest

from ctxrace.core.errors import ImageError
from ctxrace.kernel.image.x86_64 import x86_jump, x86_no_operation
from ctxrace.machine.arch import architecture
from ctxrace.machine.arch.x86_64 import repair
from ctxrace.machine.pcode import Instruction, Op


@pytest.mark.parametrize(("target", "size", "code"), [
    (0x1010, 2, "eb0e"), (0x0FF0, 2, "ebee"), (0x1010, 5, "e90b000000"), (0x0FF0, 5, "e9ebffffff"),
])  # fmt: skip
def test_a_jump_counts_from_its_end(target: int, size: int, code: str) -> None:
    assert x86_jump(0x1000, target, size).hex() == code


@pytest.mark.parametrize("size", range(20))
def test_a_no_operation_is_as_long_as_it_is_to_be(size: int) -> None:
    assert len(x86_no_operation(size)) == size


def test_a_memory_barrier_touches_nothing() -> None:
    store = Op("STORE", None, ())
    barrier = Instruction(0x1000, bytes.fromhex("f0834424fc00"), "ADD.LOCK", "dword ptr [RSP + -0x4],0x0", (store,))
    assert repair(barrier).ops == ()
    other = barrier._replace(code=bytes.fromhex("f0834424fc01"))
    assert repair(other).ops == (store,)
    assert architecture("x86-64").repair is repair


@pytest.mark.parametrize(("target", "size"), [(0x1082, 2), (0x0F81, 2), (0x1005 + (1 << 31), 5), (1 << 63, 5)])
def test_a_jump_that_is_too_far_is_refused(target: int, size: int) -> None:
    with pytest.raises(ImageError, match=f"a branch from 0x1000 to {target:#x}, which is too far"):
        x86_jump(0x1000, target, size)
