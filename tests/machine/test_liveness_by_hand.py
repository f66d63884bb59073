"""Liveness of instructions that are written down as p-code: what each reads, writes, and where it goes."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from ctxrace.core.errors import ExecutionError
from ctxrace.machine import liveness as module
from ctxrace.machine.drift.number import Drifting
from ctxrace.machine.liveness import Analysis, Liveness, branches, calls, successors
from ctxrace.machine.pcode import Instruction, Op, Varnode, constant

NAMES = ("r0", "r1", "r2", "r3", "link", "sp", "mask", "id")
EVERYTHING = (1 << 8 * len(NAMES)) - 1


def reg(name: str, size: int = 8, byte: int = 0) -> Varnode:
    return Varnode("register", 8 * NAMES.index(name) + byte, size)


def bits(*names: str) -> int:
    """Return the bytes of registers, as bits."""
    return sum(0xFF << 8 * NAMES.index(name) for name in names)


def copy(to: Varnode | str, of: Varnode | str | None = None) -> Op:
    source = constant(0, 8) if of is None else reg(of) if isinstance(of, str) else of
    return Op("COPY", reg(to) if isinstance(to, str) else to, (source,))


def jump(opcode: str, to: int, *inputs: Varnode) -> Op:
    return Op(opcode, None, (Varnode("ram", to, 8), *inputs))


def within(opcode: str, by: int, *inputs: Varnode) -> Op:
    """A branch within an instruction, over `by` - 1 operations."""
    return Op(opcode, None, (constant(by, 4), *inputs))


def use(*names: str) -> Op:
    return Op("STORE", None, (constant(0x5000, 8), *map(reg, names)))


RETURN = Op("RETURN", None, (reg("link"),))
ANYWHERE = Op("BRANCHIND", None, (reg("r0"),))


def at(address: int, *ops: Op) -> Instruction:
    return Instruction(address, bytes(4), "test", "", ops)


class Lifter:
    """A part of `Lifter`: instructions by their address, each a list of operations."""

    def __init__(self, code: Mapping[int, Sequence[Op]], discovery: object = None) -> None:
        self.code = code
        self.arch = SimpleNamespace(
            result="r0",
            argument="r2",
            interrupt_mask_register="mask",
            stack_pointer="sp",
            identity_registers=("id",),
        )
        self.image = SimpleNamespace(discovery=discovery)
        self.register_file_size = 8 * len(NAMES)

    def register(self, name: str) -> Varnode:
        return reg(name)

    def __getitem__(self, address: int) -> Instruction:
        if address not in self.code:
            raise ExecutionError("not code")
        return at(address, *self.code[address])


def analysed(code: Mapping[int, Sequence[Op]], *entries: int, discovery: object = None, **options: Any) -> Liveness:  # noqa: ANN401
    return Liveness(Lifter(code, discovery), entries or [0], **options)  # type: ignore[arg-type]


def stop(address: int) -> list[Op]:
    return [jump("BRANCH", address)]


@pytest.mark.parametrize(
    ("ops", "found"),
    [
        ([], ([4], False, False)),
        ([copy("r0")], ([4], False, False)),
        ([jump("CBRANCH", 0x40, reg("r0"))], ([0x40, 4], False, False)),
        ([jump("BRANCH", 0x40)], ([0x40], False, False)),
        ([jump("CALL", 0x40)], ([0x40], False, False)),
        ([RETURN], ([], True, False)),
        ([ANYWHERE], ([], False, True)),
        ([Op("CALLIND", None, (reg("r0"),))], ([], False, True)),
        ([within("BRANCH", 2), copy("r0")], ([4], False, False)),
        ([within("CBRANCH", 2, reg("r0")), jump("BRANCH", 0x40)], ([0x40, 4], False, False)),
        ([within("CBRANCH", 2, reg("r0")), RETURN], ([4], True, False)),
        ([jump("CBRANCH", 0x40, reg("r0")), jump("BRANCH", 0x80)], ([0x40, 0x80], False, False)),
    ],
)
def test_where_an_instruction_may_go(ops: list[Op], found: tuple[list[int], bool, bool]) -> None:
    assert successors(at(0, *ops)) == found


@pytest.mark.parametrize(
    ("ops", "target"),
    [
        ([copy("r0")], None),
        ([jump("CBRANCH", 0x40, reg("r0"))], 0x40),
        ([within("CBRANCH", 2, reg("r0")), jump("BRANCH", 0x40)], 0x40),
        ([jump("BRANCH", 0x40)], None),
        ([jump("CBRANCH", 0, reg("r0"))], None),  # to itself, as `rep` does
        ([jump("CBRANCH", 4, reg("r0"))], None),  # to the next one in any case
        ([within("CBRANCH", 2, reg("r0")), jump("CALL", 0x40)], None),
        ([jump("CBRANCH", 0x40, reg("r0")), within("CBRANCH", 2, reg("r0")), RETURN], None),
        ([jump("CBRANCH", 0x40, reg("r0")), within("CBRANCH", 2, reg("r0")), ANYWHERE], None),
        ([jump("CBRANCH", 0x40, reg("r0")), jump("CBRANCH", 0x80, reg("r1"))], None),
    ],
)
def test_which_instructions_are_conditional_branches(ops: list[Op], target: int | None) -> None:
    assert branches(at(0, *ops)) == target


def test_which_instructions_are_calls() -> None:
    indirect = Op("CALLIND", None, (reg("r0"),))
    assert calls(at(0, copy("r0"), jump("CALL", 0x40)))
    assert calls(at(0, indirect, copy("r0")))
    assert not calls(at(0, copy("r0"), jump("BRANCH", 0x40), RETURN))


def test_a_value_is_live_from_where_it_is_written_to_where_it_is_read() -> None:
    live = analysed({0: [copy("r1", "r0")], 4: [copy("r2", "r1")], 8: [copy("r1")], 12: stop(12)})
    assert [live.at(address) for address in (0, 4, 8, 12)] == [bits("r0"), bits("r1"), 0, 0]
    assert live.at(16) == EVERYTHING
    assert live.addresses == [0, 4, 8, 12]
    assert (live.reaches(8), live.reaches(16), live.indirect) == (True, False, False)


def test_what_is_written_in_part_is_dead_in_part() -> None:
    live = analysed({0: [copy(reg("r0", 4))], 4: [copy("r1", "r0")], 8: stop(8)})
    assert live.at(0) == 0xF0
    live = analysed({0: [copy(reg("r2", 2, 3))], 4: [use("r2")], 8: stop(8)})
    assert live.at(0) == 0b1110_0111 << 16
    assert live.reads_later(0, reg("r2", 1, 7))
    assert not live.reads_later(0, reg("r2", 2, 3))
    assert not live.reads_later(0, reg("r3"))
    assert live.reads_later(0x80, reg("r3"))


@pytest.mark.parametrize(
    ("ops", "live"),
    [
        ([copy("r0", "r1"), copy("r2", "r0")], ("r1",)),  # what is read was written just before
        ([copy("r2", "r0"), copy("r0", "r1")], ("r0", "r1")),
        ([within("CBRANCH", 2, reg("r3")), copy("r0"), copy("r1")], ("r3", "r0")),
        ([within("BRANCH", 2), copy("r0"), copy("r1")], ("r0",)),
        ([within("CBRANCH", 3, reg("r3")), within("CBRANCH", 1, reg("r3")), copy("r0"), copy("r1")], ("r3", "r0")),
        ([within("CBRANCH", 1, reg("r3")), copy("r0"), copy("r1")], ("r3",)),
        ([copy("r0"), jump("CBRANCH", 0x40, reg("r3")), copy("r1")], ("r3", "r1")),
        ([Op("INT_ADD", reg("r0"), (reg("r2"), reg("r3"))), copy("r1")], ("r2", "r3")),
        ([Op("COPY", Varnode("unique", 0, 8), (Varnode("ram", 8, 8),)), copy("r1")], ("r0",)),
    ],
)
def test_what_an_instruction_reads_and_writes_on_every_path(ops: list[Op], live: tuple[str, ...]) -> None:
    """Behind it, r0 and r1 are read."""
    code = {0: ops, 4: [use("r0", "r1")], 8: stop(8), 0x40: [use("r0", "r1")], 0x44: stop(0x44)}
    assert analysed(code).at(0) == bits(*live)


def test_what_is_written_behind_a_branch_to_elsewhere_is_not_written_on_every_path() -> None:
    branch = [jump("CBRANCH", 0, reg("r3")), copy("r1")]
    code = {0: [use("r2")], 4: stop(4), 0x40: branch, 0x44: [use("r1")], 0x48: stop(4)}
    assert analysed(code, 0x40).at(0x40) == bits("r1", "r2", "r3")


def test_both_ways_of_a_branch_count() -> None:
    code = {0: [jump("CBRANCH", 0x40, reg("r0"))], 4: [use("r1")], 8: stop(8), 0x40: [use("r2")], 0x44: stop(0)}
    live = analysed(code)
    assert live.at(0) == bits("r0", "r1", "r2")
    assert live.at(0x44) == bits("r0", "r1", "r2")
    assert live.branches == {0: 0x40}


def test_a_return_goes_behind_any_call() -> None:
    code = {
        0: [copy("link"), jump("CALL", 0x40)], 4: [use("r2")], 8: [copy("r2"), jump("CALL", 0x40)], 12: [use("r3")],
        16: stop(16), 0x40: [copy("r1", "r0")], 0x44: [RETURN],
    }  # fmt: skip
    live = analysed(code)
    assert live.after_calls == {4, 12}
    assert live.at(0x44) == bits("link", "r2", "r3", "r0")  # r0: by the second call
    assert live.at(0x40) == bits("r0", "link", "r2", "r3")
    assert live.at(0) == bits("r0", "r2", "r3")
    assert [address for address in range(0, 0x48, 4) if live.may_return(address)] == [4, 12]
    assert [address for address in range(0, 0x48, 4) if live.is_after_call(address)] == [4, 12]


def test_behind_a_call_there_need_not_be_code() -> None:
    live = analysed({0: [jump("CALL", 0x40)], 0x40: [copy("r1")], 0x44: [RETURN]})
    assert live.at(0x44) == EVERYTHING
    assert live.at(0) == EVERYTHING & ~bits("r1")
    assert analysed({0: [jump("BRANCH", 0x80)]}).at(0) == EVERYTHING


@pytest.mark.parametrize(("results", "live"), [(False, ("link",)), (True, ("link", "r0"))])
def test_results_are_read_at_a_return_where_asked_for(results: bool, live: tuple[str, ...]) -> None:
    code = {0: [copy("r1")], 4: [RETURN]}
    assert analysed(code, results=results).at(0) == bits(*live)
    assert analysed(code).at(0) == bits("link")


def test_where_control_may_go_anywhere_everything_may_be_read() -> None:
    code = {0: [copy("r1")], 4: [ANYWHERE], 0x40: [copy("r1")], 0x44: [RETURN]}
    live = analysed(code, 0, 0x40)
    assert live.indirect
    assert [live.at(address) for address in (0, 4, 0x44)] == [EVERYTHING & ~bits("r1"), EVERYTHING, EVERYTHING]
    assert live.may_return(0x1234)
    assert not live.is_after_call(0x1234)


def test_what_is_cut_off_of_a_flow() -> None:
    live = analysed({0: [copy(reg("r0", 4))], 4: [use("r0", "id")], 8: stop(8)})
    words = {8 * number: 0x1111_1111_2222_2222 + number for number in range(len(NAMES))}
    always = ((40, words[40]), (48, words[48]))  # the stack pointer and the interrupt mask
    assert live.cut(0, dict(reversed(words.items()))) == ((0, 0x1111_1111_0000_0000), *always)
    assert live.cut(0, {0: 0x3333, 8: 5, 48: 0}) == ()
    assert live.cut(4, words) == ((0, words[0]), *always)
    assert live.cut(0, words) == ((0, 0x1111_1111_0000_0000), *always)
    assert live.cut(0x80, words) == tuple((place, word) for place, word in words.items() if place != 56)
    drifts = live.cut(4, {0: Drifting(0, 0xFF, 1), 8: Drifting(0, 0xFF, 1)})
    assert [(place, word.unsure) for place, word in drifts if isinstance(word, Drifting)] == [(0, 0xFF)]


FLAG, OTHER = reg("r3", 1, 2), reg("r3", 1, 3)
WORD, PART, BEHIND = Varnode("unique", 0, 8), Varnode("unique", 4, 4), Varnode("unique", 8, 8)


@pytest.mark.parametrize(
    ("ops", "kept"),
    [
        ([copy(FLAG)], [0]),  # the branch behind it reads it
        ([copy(OTHER)], []),
        ([copy(FLAG), copy(OTHER)], [0]),
        ([copy(OTHER), copy("r1", OTHER)], [0, 1]),  # the instruction itself does
        ([copy(reg("r3", 2, 3))], [0]),  # no flag
        ([copy("r1")], [0]),
        ([copy(WORD, "r1"), copy(OTHER, WORD)], []),
        ([copy(WORD, "r1"), copy(FLAG, WORD)], [0, 1]),
        ([copy(WORD, "r1"), copy(FLAG, PART)], [0, 1]),
        ([copy(PART, "r1"), copy(FLAG, WORD)], [0, 1]),
        ([copy(WORD, "r1"), copy(BEHIND, "r1"), copy(FLAG, BEHIND)], [1, 2]),
        ([copy(BEHIND, "r1"), copy(WORD, "r1"), copy(FLAG, WORD)], [1, 2]),
        ([copy(WORD, "r1"), Op("STORE", None, (reg("r1"), WORD))], [0, 1]),
        ([copy(OTHER, Varnode("ram", 0x5000, 1))], [0]),  # an access may be an event, whatever becomes of it
        ([Op("COPY", Varnode("ram", 0x5000, 1), (reg("r1", 1),))], [0]),
        ([Op("LOAD", OTHER, (reg("r1"),))], [0]),
        ([Op("CALLOTHER", OTHER, (reg("r1"),), "pass")], [0]),
        ([copy(reg("r0", 1))], [0]),  # of what a function returns, and is passed
        ([copy(reg("r2", 1))], [0]),
        ([copy(reg("mask", 1))], [0]),
        ([copy(reg("sp", 1))], [0]),
        ([copy(OTHER), within("CBRANCH", 1, FLAG), copy(OTHER)], [0, 1, 2]),
        ([copy(OTHER), within("BRANCH", 1)], [0, 1]),
        ([copy(OTHER), RETURN], [0, 1]),
        ([copy(OTHER), jump("CBRANCH", 4, FLAG)], [1]),
        ([copy(OTHER), jump("CBRANCH", 0x40, FLAG)], [0, 1]),  # where it goes, it is read
        ([copy(OTHER), jump("CALL", 0x80)], [0, 1]),  # what is there is not known
    ],
)
def test_what_is_computed_for_nobody_is_left_out(ops: list[Op], kept: list[int]) -> None:
    code = {0: ops, 4: [jump("CBRANCH", 8, FLAG)], 8: stop(8), 0x40: [copy("r1", OTHER)], 0x44: stop(0x44)}
    instruction = at(0, *ops)
    assert analysed(code).without_unread(instruction) == instruction._replace(ops=tuple(ops[at] for at in kept))


def test_before_an_indirect_branch_nothing_is_left_out() -> None:
    instruction = at(0, copy(OTHER))
    assert analysed({0: [copy(OTHER)], 4: [ANYWHERE]}).without_unread(instruction) == instruction
    instruction = at(0, copy(OTHER), ANYWHERE)
    assert analysed({0: [copy(OTHER), ANYWHERE]}).without_unread(instruction) == instruction


class Discovery:
    """What runs have found of the image."""

    def targets(self, address: int) -> list[int]:
        return {4: [0x40, 0x80]}[address]

    def follows(self, address: int, target: int) -> bool:
        return (address, target) not in ((4, 0x80), (0x44, 0x90))


def test_where_only_what_runs_have_found_is_known_the_rest_is_not_read() -> None:
    code = {
        0: [copy("r1")], 4: [ANYWHERE], 0x40: [use("r2")],
        0x44: [jump("CBRANCH", 0x90, reg("r3"))], 0x48: [RETURN], 0x80: [use("r1")], 0x90: [use("r1")],
    }  # fmt: skip
    live = analysed(code, discovery=Discovery())
    assert live.at(0) == bits("r0", "r2", "r3", "link")
    assert not live.indirect
    assert live.addresses == [0, 4, 0x40, 0x44, 0x48]


def test_what_was_found_out_before_is_not_found_out_again() -> None:
    known = Analysis({0: 5, 8: 1 << 40}, {0: 0x40}, True, [4, 12])
    live = Liveness(Lifter({}), [0], known=known)  # type: ignore[arg-type]
    assert (live.at(0), live.at(4), live.branches, live.addresses) == (5, EVERYTHING, {0: 0x40}, [0, 8])
    assert (live.indirect, live.after_calls) == (True, frozenset({4, 12}))


def test_it_ends_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """The budget is looked at every 256 instructions, in the pass that finds all and in the one that finds no more."""
    asked: list[str] = []
    monkeypatch.setattr(module, "spend", asked.append)
    code = {4 * number: [copy("r1", "r0")] for number in range(299)}
    analysed({**code, 4 * 299: stop(4 * 299)})
    assert asked == ["finding out which registers are read"] * 4
