"""One context alone, from event to event: which functions are running, and where its stack pointer may be."""

import re
from pathlib import Path

import pytest
from tests.machine.alone import STACK, alone, image_of, memory, mnemonics, notes, stored

from ctxrace.core.errors import ExecutionError, LimitReached
from ctxrace.core.facts.fault import FaultKind
from ctxrace.core.facts.stop import TimeLimit
from ctxrace.core.limits import Budget, within
from ctxrace.machine import flow
from ctxrace.machine.arch.x86_64 import X86_64
from ctxrace.machine.drift.number import DriftObserved
from ctxrace.machine.flow import EXIT, Activation, Flow, Machine
from ctxrace.machine.image import Image, Start
from ctxrace.machine.memory import Fault, Memory, Region, RegionKind

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


LOOPS = """
	.globl entry
	.type entry, %function
entry:	adrp	x9, shared
	add	x9, x9, :lo12:shared
	mov	x29, x30
	mov	x10, #2
{code}
	mov	x30, x29
	ret
	.globl body
	.type body, %function
body:	{body}
	.size	body, . - body
	.globl after
after:	{after}
"""


@pytest.mark.parametrize(
    ("code", "body", "after", "times"),
    [
        # A jump to its own beginning from within goes on, a call begins it again, and so does a jump from elsewhere.
        ("bl\tbody", "sub\tx10, x10, #1\n\tnop\n\tcbnz\tx10, body\n\tret", "ret", 1),
        ("bl\tbody", "str\tx30, [sp, #-16]!\n\tcbz\tx10, 1f\n\tsub\tx10, x10, #1\n\tadr\tx11, body\n\tblr\tx11\n"
         "1:\tldr\tx30, [sp], #16\n\tret", "ret", 3),
        ("bl\tafter", "ret", "b\tbody", 1),
        ("nop", "ret", "ret", 0),
    ],
    ids=["loop", "recursion", "from behind it", "never"],
)  # fmt: skip
def test_a_function_begins_where_control_comes_to_it(
    code: str, body: str, after: str, times: int, tmp_path: Path
) -> None:
    image = image_of(tmp_path, LOOPS.format(code=code, body=body, after=after))
    noted = [note for _, _, notes in events(image, ["body"]) for note in notes]
    assert noted.count(("enters", "body")) == noted.count(("leaves", "body")) == times


def test_a_function_of_one_instruction_that_repeats_itself_begins_once(tmp_path: Path) -> None:
    code = "\t.globl entry\nentry:\tmovl\t$3, %ecx\n\tcall\tbody\n\tret\n\t.globl body\n\t.type body, @function\n"
    image = image_of(tmp_path, f"{code}body:\tloop\tbody\n\tret\n\t.size body, . - body\n", X86_64)
    assert events(image, ["body"]) == [("begin", 0, [("enters", "body")]), ("ret", 1, [("leaves", "body")])]


def test_which_call_of_a_recursive_function_returns_on_x86_64(tmp_path: Path) -> None:
    """As `test_a_recursive_function_ends_once_for_each_call`; the return address lies on the stack."""
    code = """
	.globl entry
entry:	movl	$2, %ecx
	call	body
	ret
	.globl body
	.type body, @function
body:	decl	%ecx
	js	1f
	call	body
	movl	%ecx, shared(%rip)
1:	ret
	.size	body, . - body
"""
    leaves = ("leaves", "body")
    assert events(image_of(tmp_path, code, X86_64), ["body"]) == [
        ("begin", 0, [("enters", "body")] * 3),
        ("ret", 3, [leaves]),
        ("mov", 2, []),
        ("ret", 2, [leaves]),
        ("mov", 1, []),
        ("ret", 1, [leaves]),
    ]


def test_functions_that_are_announced_are_noted_with_their_results(tmp_path: Path) -> None:
    """Where they are not watched, too, and their end is no event, and only if the flow announces them."""
    image = image_of(tmp_path, LOOPS.format(code="bl\tbody\n\tstr\tx0, [x9]", body="mov\tx0, #42\n\tret", after="ret"))
    machine = Machine(image, ["entry"], [], "check", announced=["body"])
    assert notes(alone(machine)) == [[("enters", "body")], []]
    told = [("enters", "body"), ("leaves", "body"), ("returns", "42")]
    assert notes(alone(machine, announcing=True)) == [told, []]
    both = Machine(image, ["entry"], ["body"], "check", announced=["body"])
    assert notes(alone(both)) == [told[:1], told[1:], []]


def test_the_size_of_a_result_is_the_function_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies above it in the register is not its result, and a function without one returns nothing."""
    image = image_of(tmp_path, LOOPS.format(code="bl\tbody", body="mov\tx0, #-1\n\tret", after="ret"))
    for size, told in ((1, [("returns", "255")]), (0, [])):
        monkeypatch.setattr(image, "result_size", {"body": size}.__getitem__)
        taken = alone(Machine(image, ["entry"], [], "check", announced=["body"]), announcing=True)
        assert notes(taken)[0] == [("enters", "body"), ("leaves", "body"), *told]


def test_a_check_that_fails_is_noted_with_its_condition_and_its_place(tmp_path: Path) -> None:
    code = """
	.globl entry
entry:	mov	x29, x30
	adr	x0, text
	bl	check
	adrp	x9, shared
	str	w0, [x9, :lo12:shared]
	adr	x0, other
	bl	check
	mov	x30, x29
	ret
	.globl check
check:	ret
text:	.asciz	"a == b"
other:	.asciz	"b == a"
"""
    image = image_of(tmp_path, code)
    start = image.symbols["entry"].address
    assert notes(alone(Machine(image, ["entry"], [], "check"))) == [
        [("check", "a == b"), ("check at", f"{start + 8:#x}")],
        [("check", "b == a"), ("check at", f"{start + 24:#x}")],
    ]


# Loops without an event: w0 holds what is stored at the end, x1 and the stack what changes meanwhile.
ENDING = {
    "a long one": "mov\tx1, #300\n1:\tsub\tx1, x1, #1\n\tcbnz\tx1, 1b",
    "registers come back, the stack does not": """str	x1, [sp, #-16]!
	mov	x1, #70
	str	x1, [sp]
1:	ldr	x1, [sp]
	sub	x1, x1, #1
	str	x1, [sp]
	cbz	x1, 2f
	mov	x1, #0
	b	1b
2:	add	sp, sp, #16""",
    "nothing changes, but control goes on": "nop\n" * 70,
}
ENDLESS = {
    "a jump to itself": "b\t.",
    "three states": "nop\n\tnop\n1:\tnop\n\tnop\n\tb\t1b",
    "after a while": "mov\tx1, #9\n1:\tsub\tx1, x1, #1\n\tcbnz\tx1, 1b\n2:\teor\tx1, x1, #3\n\tb\t2b",
}


@pytest.mark.parametrize("code", ENDING.values(), ids=ENDING)
def test_a_loop_that_ends_is_not_endless(code: str, tmp_path: Path) -> None:
    image = image_of(tmp_path, LOOPS.format(code=f"{code}\n\tmov\tw0, #42\n\tstr\tw0, [x9]", body="ret", after="ret"))
    taken = alone(Machine(image, ["entry"], [], "check"))
    assert [step.flow.endless for step in taken] == [False, False]
    assert stored(taken) == [42]


@pytest.mark.parametrize("code", ENDLESS.values(), ids=ENDLESS)
def test_a_loop_that_comes_back_to_the_same_state_is_endless(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "PRIVATE_STEPS", 100)  # each is found sooner
    image = image_of(tmp_path, LOOPS.format(code=f"str\tx9, [x9]\n\t{code}", body="ret", after="ret"))
    taken = alone(Machine(image, ["entry"], [], "check"))
    assert [step.flow.endless for step in taken] == [False, True]
    start = image.symbols["entry"].address
    assert start + 20 <= taken[-1].flow.pc < image.symbols["body"].address


def test_a_loop_has_a_greatest_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of N rounds: five steps before it, three in each round, the last one of which is an event at its end."""
    monkeypatch.setattr(flow, "PRIVATE_STEPS", 3004)
    code = "mov\tx1, #{rounds}\n1:\tnop\n\tsub\tx1, x1, #1\n\tcbnz\tx1, 1b\n\tstr\tx9, [x9]"
    for rounds, fits in ((1000, False), (999, True)):
        image = image_of(tmp_path, LOOPS.format(code=code.format(rounds=rounds), body="ret", after="ret"))
        if fits:
            assert len(alone(Machine(image, ["entry"], [], "check"))) == 2
            continue
        with pytest.raises(ExecutionError) as raised:
            alone(Machine(image, ["entry"], [], "check"))
        assert re.fullmatch(
            r"3,004 steps without an event after entry\+0x0 \(case\.s:\d+\), the last at entry\+0x20 \(case\.s:\d+\); "
            r"a loop that never ends\? shorten it",
            str(raised.value),
        )


def test_a_limit_holds_in_a_loop_without_an_event(tmp_path: Path) -> None:
    code = LOOPS.format(code="mov\tx1, #100\n1:\tsub\tx1, x1, #1\n\tcbnz\tx1, 1b", body="ret", after="ret")
    image = image_of(tmp_path, code)
    machine, place = Machine(image, ["entry"], [], "check"), image.where(image.symbols["entry"].address)
    with within(Budget(timeout=0.0)), pytest.raises(LimitReached) as raised:
        alone(machine)
    assert isinstance(raised.value.limit, TimeLimit)
    assert raised.value.limit.doing == f"running {place}"


@pytest.mark.parametrize("link", ["x30", "x10"])
def test_a_return_to_where_no_call_is_before_is_refused(link: str, tmp_path: Path) -> None:
    """What is read there may count as dead before the return."""
    code = f"adr\t{link}, 1f\n\tret\t{link}\n1:\tnop"
    with pytest.raises(ExecutionError) as raised:
        events(image_of(tmp_path, LOOPS.format(code=code, body="ret", after="ret")), [])
    assert re.fullmatch(
        rf"'ret( {link})?' at entry\+0x14 \(case\.s:\d+\) returns to entry\+0x18 \(case\.s:\d+\), which follows no "
        r"call; a jump that is spelled as a return, as in a retpoline\? write it as a jump, or compile without "
        r"\(-mindirect-branch=keep, -mno-retpoline\)",
        str(raised.value),
    )


def test_the_time_may_be_read_but_not_used(tmp_path: Path) -> None:
    code = "\t.globl entry\nentry:\trdtsc\n\tmovl\t{used}, shared(%rip)\n\tret\n"
    assert len(events(image_of(tmp_path, code.format(used="%ecx"), X86_64), [])) == 2
    with pytest.raises(ExecutionError, match=r"^'rdtsc ?' at entry\+0x0 \(case\.s:\d+\) reads the time, and what the"):
        events(image_of(tmp_path, code.format(used="%eax"), X86_64), [])


CALLS_THROUGH_MEMORY = """
	.globl entry
entry:	movl	$2, %ecx
	leaq	{name}(%rip), %rax
	movq	%rax, shared(%rip)
	call	*shared(%rip)
	ret
	.globl check
check:	ret
	.globl body
	.type body, @function
body:	decl	%ecx
	js	1f
	jmp	*shared(%rip)
1:	ret
	.size	body, . - body
"""


def test_a_function_may_begin_with_an_event(tmp_path: Path) -> None:
    """A call through shared memory is one, and so is the jump from within, which goes on in the function."""
    image = image_of(tmp_path, CALLS_THROUGH_MEMORY.format(name="body"), X86_64)
    assert events(image, ["body"]) == [
        ("begin", 0, []),
        ("mov", 0, []),
        ("call", 0, [("enters", "body")]),
        ("jmp", 1, []),
        ("jmp", 1, []),
        ("ret", 1, [("leaves", "body")]),
    ]
    image = image_of(tmp_path, CALLS_THROUGH_MEMORY.format(name="check"), X86_64)
    call = image.symbols["entry"].address + 19
    assert events(image, [])[-1] == ("call", 0, [("check", ""), ("check at", f"{call:#x}")])


def test_an_entry_may_be_watched_itself(tmp_path: Path) -> None:
    code = "\t.globl entry\n\t.type entry, %function\nentry:\tnop\n\tret\n"
    assert events(image_of(tmp_path, code), ["entry"]) == [
        ("begin", 0, [("enters", "entry")]),
        ("ret", 1, [("leaves", "entry")]),
    ]


def test_an_entry_may_be_the_failing_check_itself(tmp_path: Path) -> None:
    """Nobody has called it, and no condition was passed to it."""
    image = image_of(tmp_path, "\t.globl entry\nentry:\tret\n")
    assert notes(alone(Machine(image, ["entry"], [], "entry"))) == [[("check", ""), ("check at", "")]]


def test_a_function_that_never_returns_is_active_to_the_end(tmp_path: Path) -> None:
    """It leaves the entry at once, as longjmp() would."""
    image = image_of(tmp_path, LOOPS.format(code="bl\tbody", body="mov\tx30, x29\n\tret", after="ret"))
    (step,) = alone(Machine(image, ["entry"], ["body"], "check"))
    assert step.memory.notes == [("enters", "body")]
    behind = image.symbols["entry"].address + 20
    assert step.flow == Flow(EXIT, (), b"", (), (Activation("body", behind, STACK.stop),))


def test_what_nobody_asks_for_is_not_announced(tmp_path: Path) -> None:
    """Nor does a flow begin with another start than the first, or migrate."""
    code = "str\tx9, [x9]\n\tbl\tbody\n\tmrs\tx0, tpidr_el1\n\tstr\tx0, [x9]"
    image = image_of(tmp_path, LOOPS.format(code=code, body="mov\tx0, #42\n\tret", after="ret"))
    first = Start(image.symbols["entry"].address)
    image.starts["entry"] = (first, Start(image.symbols["after"].address))
    machine = Machine(image, ["entry"], [], "check", announced=["entry", "body"])
    bus = memory(image, None)
    begun = machine.begin("entry", bus, {}, STACK, False)
    assert (begun.pc, begun.active, bus.notes) == (first.address + 16, (), [("enters", "entry")])
    bus = memory(image, begun)
    went_on = machine.proceed(begun, bus, {}, STACK)
    assert (machine.code[went_on.pc].mnemonic, went_on.active, bus.notes) == ("str", (), [("enters", "body")])
    told = [("enters", "body"), ("leaves", "body"), ("returns", "42")]
    assert notes(alone(machine, announcing=True))[1] == told


class Observed(Memory):
    """Memory in which what is loaded depends on a counter's drift."""

    def load(self, address: int, size: int) -> int:  # noqa: ARG002
        raise DriftObserved(1)


def test_where_a_drift_is_observed_is_said(tmp_path: Path) -> None:
    image = image_of(tmp_path, LOOPS.format(code="nop\n\tldr\tx0, [sp, #-16]!", body="ret", after="ret"))
    stack = Region(STACK.start, len(STACK), RegionKind.STACK, 0, "the stack")
    bus = Observed([stack], b"", b"", b"", bytes(len(STACK)), frozenset())
    with pytest.raises(DriftObserved) as seen:
        Machine(image, ["entry"], [], "check").begin("entry", bus, {}, STACK, False)
    assert seen.value.address == image.symbols["entry"].address + 20
