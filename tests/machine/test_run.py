"""One context alone, from event to event: which functions are running, and where its stack pointer may be."""

from pathlib import Path

import pytest
from tests.machine.alone import alone, image_of, mnemonics, notes

from ctxrace.core.facts.fault import FaultKind
from ctxrace.machine.flow import Machine
from ctxrace.machine.image import Image
from ctxrace.machine.memory import Fault

# Calls itself twice from the same place, and stores between the returns.
RECURSIVE = """
	.globl entry
	.type entry, %function
entry:	mov	x29, x30
	adrp	x9, shared
	mov	w0, #2
	bl	body
	mov	x30, x29
	ret
	.globl body
	.type body, %function
body:	str	x30, [sp, #-16]!
	cbz	w0, 1f
	sub	w0, w0, #1
	bl	body
	str	w0, [x9, :lo12:shared]
1:	ldr	x30, [sp], #16
	ret
	.size	body, . - body
"""
MOVED = """
	.globl entry
	.type entry, %function
entry:	adrp	x9, shared
	{move}
	str	w0, [x9, :lo12:shared]
	{back}
	ret
"""


def events(image: Image, watched: list[str]) -> list[tuple[str, int, list[tuple[str, str]]]]:
    """Each event with the number of watched functions that run before it, and the notes of what follows."""
    machine = Machine(image, ["entry"], watched, "check")
    taken = alone(machine)
    assert not taken[-1].flow.active
    names = ["begin", *mnemonics(machine, taken)]
    running = [0, *(len(step.flow.active) for step in taken)]
    return [(name, number, noted) for name, number, noted in zip(names, running, notes(taken), strict=False)]


def test_a_recursive_function_ends_once_for_each_call(tmp_path: Path) -> None:
    """Two of the three calls return to the same place: only the stack pointer tells them apart."""
    enters, leaves = ("enters", "body"), ("leaves", "body")
    assert events(image_of(tmp_path, RECURSIVE), ["body"]) == [
        ("begin", 0, [enters] * 3),
        ("ret", 3, [leaves]),
        ("str", 2, []),
        ("ret", 2, [leaves]),
        ("str", 1, []),
        ("ret", 1, [leaves]),
    ]


@pytest.mark.parametrize(
    ("move", "back"),
    [("add\tsp, sp, #16", "sub\tsp, sp, #16"), ("sub\tsp, sp, #4, lsl #12\n\tsub\tsp, sp, #16", "")],
    ids=["above", "below"],
)
def test_a_stack_pointer_outside_of_the_stack_is_a_fault(move: str, back: str, tmp_path: Path) -> None:
    with pytest.raises(Fault) as found:
        events(image_of(tmp_path, MOVED.format(move=move, back=back)), [])
    assert found.value.fault.kind is FaultKind.STACK_LEFT


def test_a_stack_may_be_used_up(tmp_path: Path) -> None:
    code = MOVED.format(move="sub\tsp, sp, #4, lsl #12", back="add\tsp, sp, #4, lsl #12")
    assert [event for event, _, _ in events(image_of(tmp_path, code), [])] == ["begin", "str"]
