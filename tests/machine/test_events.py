"""What is an event of a context, what it leaves behind, and what a flow keeps from one event to the next."""

from pathlib import Path

import pytest
from tests.machine.alone import STACK, Taken, alone, image_of, mnemonics, notes, stored

from ctxrace.core.facts.fault import FaultKind, MachineFault
from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.arch.arm64 import ARM64
from ctxrace.machine.arch.x86_64 import X86_64
from ctxrace.machine.flow import EXIT, Flow, Machine
from ctxrace.machine.image import Start
from ctxrace.machine.memory import Fault, ForeignAccess, Region, RegionKind

ENTRY = "\t.globl entry\n\t.type entry, %function\nentry:\n"
SHARED_IN_X9 = "\tadrp\tx9, shared\n\tadd\tx9, x9, :lo12:shared\n"


def machine_of(
    folder: Path, code: str, arch: Architecture = ARM64, *, results: bool = False, migrates: bool = False
) -> Machine:
    head = ENTRY + (SHARED_IN_X9 if arch is ARM64 else "")
    return Machine(image_of(folder, head + code, arch), ["entry"], [], "check", results=results, migrates=migrates)


def test_what_an_entry_finds(tmp_path: Path) -> None:
    """The interrupt mask, the stack pointer, where it returns to, and the system registers, also after an event."""
    code = """
	mrs	x0, daif
	mrs	x1, sp_el0
	mov	x2, sp
	str	x0, [x9]
	str	x1, [x9]
	str	x2, [x9]
	str	x30, [x9]
	mrs	x1, sp_el0
	str	x1, [x9]
	ret
"""
    machine = machine_of(tmp_path, code)
    assert stored(alone(machine, system={"sp_el0": 0x1234})) == [0, 0x1234, STACK.stop, EXIT, 0x1234]
    assert stored(alone(machine, system={"sp_el0": 5}, masked=True, top=STACK.stop - 64)) == [
        0xC0, 5, STACK.stop - 64, EXIT, 5
    ]  # fmt: skip


def test_what_an_entry_finds_on_x86_64(tmp_path: Path) -> None:
    """A call has pushed where it returns to (System V ABI, "The Stack Frame")."""
    code = "\tmovq\t%rsp, shared(%rip)\n\tmovq\t(%rsp), %rax\n\tmovq\t%rax, shared(%rip)\n\tret\n"
    taken = alone(machine_of(tmp_path, code, X86_64))
    assert stored(taken) == [STACK.stop - 8, EXIT]
    assert taken[-1].flow.pc == EXIT


def test_an_entry_may_be_reached_through_code_that_passes_arguments(tmp_path: Path) -> None:
    code = "\tstr\tx0, [x9]\n\tret\nfirst:\tmov\tx0, #1\n\tb\tentry\nsecond:\tmov\tx0, #2\n\tb\tentry\n"
    image = image_of(tmp_path, ENTRY + SHARED_IN_X9 + code)
    image.starts["entry"] = tuple(Start(image.symbols["entry"].address + offset) for offset in (16, 24))
    machine = Machine(image, ["entry"], [], "check")
    assert [stored(alone(machine, way=way)) for way in (0, 1)] == [[1], [2]]


def test_a_flow_keeps_what_is_still_read(tmp_path: Path) -> None:
    """Not x3, which nothing reads; not what lies below the stack pointer."""
    code = """
	stp	x3, x3, [sp, #-32]!
	add	sp, sp, #16
	mov	x3, #7
	mov	x4, #8
	str	x3, [x9]
	str	x4, [x9]
	add	sp, sp, #16
	ret
"""
    machine = machine_of(tmp_path, code)
    first, second, end = (step.flow for step in alone(machine))
    offset, link, address, stack = (machine.code.register(name).offset for name in ("x4", "x30", "x9", "sp"))
    image = machine.image
    kept = [(offset, 8), (link, EXIT), (address, image.symbols["shared"].address), (stack, STACK.stop - 16)]
    start = image.symbols["entry"].address
    assert first.pc == start + 24
    assert second == Flow(start + 28, tuple(sorted(kept)), bytes(16), (), (), (), False, False, ())
    assert end == Flow(EXIT, (), b"", (), (), (), False, False, ())


def test_of_an_entry_that_is_over_the_interrupt_mask_is_left(tmp_path: Path) -> None:
    machine = machine_of(tmp_path, "\tmov\tx0, #7\n\tmsr\tdaifset, #2\n\tret\n")
    assert alone(machine)[-1].flow == Flow(EXIT, ((machine.mask.offset, 0x80),), b"")


def test_whether_interrupts_may_arrive(tmp_path: Path) -> None:
    code = "\tstr\tx9, [x9]\n\tmsr\tdaifset, #2\n\tstr\tx9, [x9]\n\tmsr\tdaifclr, #2\n\tstr\tx9, [x9]\n\tret\n"
    machine = machine_of(tmp_path, code)
    for masked, enabled in ((False, [True, True, False, False, True]), (True, [False, False, False, False, True])):
        taken = alone(machine, masked=masked)
        assert mnemonics(machine, taken) == ["str", "msr", "str", "msr", "str"]
        assert [machine.interrupts_enabled(step.flow) for step in taken[:-1]] == enabled


@pytest.mark.parametrize(
    ("code", "enabled"),
    [
        # SDM vol. 2, STI: interrupts that were off come on after the instruction that follows; POPF has no shadow.
        ("cli\nsti\nmovl $1, shared(%rip)\nmovl $1, shared(%rip)", [True, False, False, True]),
        ("cli\nsti\nnop\nmovl $1, shared(%rip)", [True, False, True]),
        ("sti\nmovl $1, shared(%rip)", [True, True]),
        ("cli\npushq $0x202\npopfq\nmovl $1, shared(%rip)", [True, False, True]),
        ("cli\npushq $0\npopfq\nmovl $1, shared(%rip)", [True, False, False]),
    ],
)
def test_whether_interrupts_may_arrive_on_x86_64(code: str, enabled: list[bool], tmp_path: Path) -> None:
    machine = machine_of(tmp_path, f"{code}\nret\n", X86_64)
    flows = [step.flow for step in alone(machine)]
    assert [machine.interrupts_enabled(flow) for flow in flows[:-1]] == enabled
    assert all(flow.shadow in (False, True) for flow in flows)


def test_that_a_function_sleeps_is_noted_once(tmp_path: Path) -> None:
    """Also where its first instruction is two accesses, each an event of its own."""
    code = """
	mov	x29, x30
	bl	nap
	bl	doze
	mov	x30, x29
	ret
	.globl nap
nap:	ldp	w0, w1, [x9]
	ret
	.globl doze
doze:	nop
	ret
"""
    image = image_of(tmp_path, ENTRY + SHARED_IN_X9 + code)
    machine = Machine(image, ["entry"], [], "check", {"nap": "a nap", "doze": "a doze"})
    taken = alone(machine)
    assert notes(taken) == [[], [("sleeps", "a nap")], [], [("sleeps", "a doze")]]
    assert [len(step.flow.done) for step in taken] == [0, 1, 0, 0]


def test_where_flows_migrate_it_is_an_event_to_ask_on_which_cpu_one_is(tmp_path: Path) -> None:
    code = "\tmrs\tx0, tpidr_el1\n\tadd\tx0, x0, #1\n\tstr\tx0, [x9]\n\tret\n"
    for migrates, events in ((True, ["mrs", "str"]), (False, ["str"])):
        machine = machine_of(tmp_path, code, migrates=migrates)
        taken = alone(machine, system={"tpidr_el1": 41})
        assert (mnemonics(machine, taken), stored(taken)) == (events, [42])


def test_results_are_kept_where_they_are_noted(tmp_path: Path) -> None:
    """Otherwise two flows that differ only in a result that nobody reads are one."""
    for results, kept in ((False, False), (True, True)):
        machine = machine_of(tmp_path, "\tmov\tx0, #7\n\tstr\tx9, [x9]\n\tret\n", results=results)
        words = dict(alone(machine)[0].flow.registers)
        assert (words.get(machine.code.register("x0").offset) == 7) is kept


EXCLUSIVE = "\tldxr\tw0, [x9]\n{between}\tstxr\tw1, w0, [x9]\n\tstr\tw1, [x9, #16]\n\tret\n"


@pytest.mark.parametrize(
    ("between", "failed"),
    [("", 0), ("\tldp\tw2, w3, [x9, #8]\n\tadd\tw0, w2, w3\n", 0), ("\tclrex\n", 1)],
    ids=["at once", "after a pair of loads", "after clrex"],
)
def test_the_exclusive_monitor_stays_armed(between: str, failed: int, tmp_path: Path) -> None:
    taken = alone(machine_of(tmp_path, EXCLUSIVE.format(between=between)))
    told = [note for noted in notes(taken) for note in noted]
    assert stored(taken) == [failed] if failed else stored(taken) == [0, 0]
    assert told == ([("fails", "the store fails: the exclusive monitor was cleared")] if failed else [])


def accesses(taken: list[Taken]) -> list[int]:
    """How many accesses each event makes."""
    return [len(step.memory.touches) for step in taken[1:]]


def test_a_pair_is_two_events_unless_it_is_atomic(tmp_path: Path) -> None:
    code = "\tldp\tx0, x1, [x9]\n\tldxp\tx0, x1, [x9]\n\tadd\tx0, x0, x1\n\tstr\tx0, [x9]\n\tret\n"
    assert accesses(alone(machine_of(tmp_path, code))) == [1, 1, 2, 1]


def test_an_instruction_is_one_event_on_x86_64(tmp_path: Path) -> None:
    code = "\tleaq\tshared(%rip), %rsi\n\tleaq\t16(%rsi), %rdi\n\tmovsq\n\tincl\tshared(%rip)\n\tret\n"
    assert accesses(alone(machine_of(tmp_path, code, X86_64))) == [2, 2]


def test_of_a_pair_each_register_gets_what_its_access_found(tmp_path: Path) -> None:
    code = (
        "\tmov\tx0, #3\n\tstp\tx0, x9, [x9]\n\tldp\tx1, x2, [x9]\n\tstr\tx1, [x9, #16]\n\tstr\tx2, [x9, #16]\n\tret\n"
    )
    machine = machine_of(tmp_path, code)
    address = machine.image.symbols["shared"].address
    assert stored(alone(machine)) == [3, address, 3, address]


def test_what_an_event_has_changed_before_its_access_is_not_changed_twice(tmp_path: Path) -> None:
    """An access with a pre-index writes its base register first."""
    code = "\tldr\tx0, [x9, #8]!\n\tstr\tx0, [x9, #8]!\n\tret\n"
    machine = machine_of(tmp_path, code)
    address = machine.image.symbols["shared"].address
    touches = [touch.address for step in alone(machine) for touch in step.memory.touches]
    assert touches == [address + 8, address + 16]


def test_which_way_a_step_went_is_noted(tmp_path: Path) -> None:
    """Of an instruction after which control does not go on to the next one, the complement."""
    code = "\tcbz\tx9, 1f\n\tldr\tx0, [x9]\n\tcbz\tx0, 1f\n\tnop\n1:\tret\n"
    machine = machine_of(tmp_path, code)
    start = machine.image.symbols["entry"].address
    begun, last = (list(step.memory.path) for step in alone(machine))
    assert begun == [start, start + 4, start + 8]
    assert last == [start + 12, ~(start + 16), ~(start + 24)]


def fault_of(folder: Path, code: str) -> MachineFault:
    machine = machine_of(folder, code)
    with pytest.raises(Fault) as found:
        alone(machine)
    return found.value.fault


def test_a_fault_says_what_is_wrong_and_where(tmp_path: Path) -> None:
    wild = fault_of(tmp_path, "\tmov\tx0, #64\n\tldr\tw1, [x0]\n\tret\n")
    assert wild == MachineFault(FaultKind.WILD, 64, 4, instruction="ldr w1, [x0]", place=wild.place)
    assert wild.place.startswith("entry+0xc (case.s:")
    assert fault_of(tmp_path, "\tbrk\t#1\n") == MachineFault(FaultKind.TRAPS, instruction="brk #0x1")
    below = fault_of(tmp_path, "\tldr\tx0, [sp, #-8]\n\tret\n")
    assert below == MachineFault(FaultKind.BELOW_STACK, STACK.stop - 8)
    assert fault_of(tmp_path, "\tadd\tsp, sp, #16\n\tstr\tx9, [x9]\n").address == STACK.stop + 16
    private = fault_of(tmp_path, "\tsub\tx1, sp, #31\n\tsub\tsp, sp, #32\n\tldar\tw0, [x1]\n\tret\n")
    event = fault_of(tmp_path, "\tadd\tx1, x9, #1\n\tldar\tw0, [x1]\n\tret\n")
    assert (private.kind, event.kind) == (FaultKind.MISALIGNED, FaultKind.MISALIGNED)
    assert (private.address, private.alignment, event.alignment) == (STACK.stop - 31, 4, 4)
    assert event.address % 16 == 1


def test_an_access_to_what_is_another_context_s_says_which_one_it_is(tmp_path: Path) -> None:
    machine = machine_of(tmp_path, "\tldr\tx0, [sp, #8]\n\tstr\tx0, [x9]\n\tret\n")
    foreign = Region(STACK.stop, 16, RegionKind.FOREIGN, 0, "another stack")
    with pytest.raises(ForeignAccess) as found:
        alone(machine, more=[foreign])
    access = found.value
    assert (access.address, access.size) == (STACK.stop + 8, 8)
    assert access.instruction == "ldr x0, [sp, #0x8]"
    assert access.place.startswith("entry+0x8 (case.s:")


PUSH, POP = "\tstr\tx30, [x18], #8\n", "\tldr\tx30, [x18, #-8]!\n"


def test_where_code_has_a_shadow_call_stack_it_lies_above_the_stack(tmp_path: Path) -> None:
    """It takes an eighth, upwards from where the other one begins, down from there."""
    code = f"{PUSH}\tmov\tx0, sp\n\tstr\tx0, [x9]\n\tstr\tx18, [x9]\n{POP}\tret\n"
    limit = STACK.stop - len(STACK) // 8
    taken = alone(machine_of(tmp_path, code))
    assert stored(taken) == [limit, limit + 8]
    assert taken[-1].flow.pc == EXIT
    without = alone(machine_of(tmp_path, "\tmov\tx0, sp\n\tstr\tx0, [x9]\n\tstr\tx18, [x9]\n\tret\n"))
    assert stored(without) == [STACK.stop, 0]
