"""One context alone in an image that is looked at only where it runs: what stops it, and what the error says."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.machine.alone import alone, image_of, stored

from ctxrace.core.errors import ExecutionError
from ctxrace.machine.discovery import Discovered, Discovery
from ctxrace.machine.flow import Machine
from ctxrace.machine.image import Image

CODE = """
	.globl entry
	.type entry, %function
entry:	str	x30, [sp, #-16]!
	adrp	x9, shared
	{call}
	str	w0, [x9, :lo12:shared]
	ldr	x30, [sp], #16
	ret
	.size	entry, . - entry
	.globl body
	.type body, %function
body:	{body}
	mov	w0, #42
	ret
	.size	body, . - body
"""
CALL = {"direct": "bl\tbody", "through a register": "adr\tx11, body\n\tblr\tx11"}


def discovering(folder: Path, code: str, refused: Mapping[str, object] | None = None) -> Image:
    """An image of which the functions that hold the entry, and nothing else, are known."""
    image = image_of(folder, code)

    def start_of(address: int) -> int:
        found = image.function_at(address)
        return found.address if found is not None else address

    reasons = {image.symbols[name].address: reason for name, reason in (refused or {}).items()}
    image.discovery = Discovery(start_of, reasons)
    return image


def begun_again(image: Image) -> tuple[int, list[int]]:
    """How often a run finds something new, and what it stores when it no longer does."""
    for times in range(9):
        try:
            return times, stored(alone(Machine(image, ["entry"], [], "check")))
        except Discovered:
            continue
    raise AssertionError


@pytest.mark.parametrize("call", CALL.values(), ids=CALL)
def test_a_run_begins_again_with_each_function_that_it_enters(call: str, tmp_path: Path) -> None:
    image = discovering(tmp_path, CODE.format(call=call, body="nop"))
    assert image.discovery is not None
    site, body = image.symbols["entry"].address + 12, image.symbols["body"].address
    assert begun_again(image) == (1, [42])
    assert image.discovery.targets(site) == ((body,) if "blr" in call else ())


def test_a_jump_through_a_register_leads_where_it_has_led(tmp_path: Path) -> None:
    image = discovering(tmp_path, CODE.format(call="adr\tx11, 1f\n\tbr\tx11\n1:\tmov\tw0, #7", body="nop"))
    assert image.discovery is not None
    start = image.symbols["entry"].address
    assert begun_again(image) == (1, [7])
    assert image.discovery.targets(start + 12) == (start + 16,)


def test_a_return_leads_nowhere_new(tmp_path: Path) -> None:
    """It goes back behind a call, which is known to come back."""
    image = discovering(tmp_path, CODE.format(call="bl\tbody", body="nop"))
    assert image.discovery is not None
    assert begun_again(image) == (1, [42])
    assert not image.discovery.targets(image.symbols["body"].address + 8)


USED_UP = "sub\tsp, sp, #3, lsl #12\n\tsub\tsp, sp, #0xff0\n\tstr\tx30, [sp]\n\tbl\tthird"
FRAME = {"a frame": "str\tx30, [sp, #-16]!\n\tbl\tthird", "the stack is used up": USED_UP}
THIRD = "\t.globl third\n\t.type third, %function\nthird:\t{code}\n\tret\n"


@pytest.mark.parametrize("body", FRAME.values(), ids=FRAME)
@pytest.mark.parametrize("refused", [True, False], ids=["refused", "without a meaning"])
def test_what_cannot_run_is_named_with_the_way_to_it(body: str, refused: bool, tmp_path: Path) -> None:
    """The return addresses on the stack say it, be it the very last word of the stack."""
    reasons, third = ({"third": "it is refused"}, "nop") if refused else ({}, "mrs\tx0, ttbr0_el1")
    code = CODE.format(call="bl\tbody", body=body) + THIRD.format(code=third)
    image = discovering(tmp_path, code, reasons)
    with pytest.raises(ExecutionError) as raised:
        begun_again(image)
    told = f"{image.where(image.symbols['third'].address)}: it is refused" if refused else "keep it out of the code"
    assert f"{told}; reached through entry ➜ third: define one of them in the harness, or pass" in str(raised.value)


def test_a_stack_pointer_below_the_stack_hides_no_error(tmp_path: Path) -> None:
    image = discovering(tmp_path, CODE.format(call="sub\tsp, sp, #5, lsl #12\n\tmrs\tx0, ttbr0_el1", body="nop"))
    with pytest.raises(ExecutionError, match=r"ttbr0_el1 means .*; reached through entry: define one of them"):
        begun_again(image)


def test_of_another_image_an_error_does_not_say_the_way(tmp_path: Path) -> None:
    image = image_of(tmp_path, CODE.format(call="bl\tbody", body="mrs\tx0, ttbr0_el1"))
    with pytest.raises(ExecutionError) as raised:
        alone(Machine(image, ["entry"], [], "check"))
    assert "reached through" not in str(raised.value)


def test_an_error_of_the_evaluation_says_where(tmp_path: Path) -> None:
    image = image_of(tmp_path, CODE.format(call=".inst\t0x1ac04020", body="nop"))  # crc32b w0, w1, w0
    with pytest.raises(ExecutionError) as raised:
        alone(Machine(image, ["entry"], [], "check"))
    assert str(raised.value).startswith("entry+0x8 (case.s:")
