"""arm64 with big-endian data: the evaluator held against an independent CPU emulator.

Unicorn knows every instruction here, LSE too. Where unicorn is wrong for arm64, the same instructions are left out.
"""

import random
from pathlib import Path

import pypcode
import pytest
from tests.machine.awkward import ROOM, assembled, disagreements
from tests.machine.cases import GROUPS, HEADER
from tests.machine.emulator_arm64 import CODE, DATA, TRAPS, Comparison, random_state
from tests.machine.test_evaluate_against_unicorn import SIGNED_EXTREME, is_general, is_unpredictable

from ctxrace.bpf.guards.known import GUARDS_OF, guard_path
from ctxrace.core.errors import ExecutionError
from ctxrace.kernel.program import load
from ctxrace.machine.arch.arm64 import ARM64
from ctxrace.machine.arch.arm64_be import ARM64_BE
from ctxrace.machine.lift import Lifter, lift

STATES = 8  # for each case


@pytest.mark.parametrize("group", GROUPS)
def test_awkward_instructions(group: str, tmp_path: Path) -> None:
    cases = [case for case in GROUPS[group] if not SIGNED_EXTREME.fullmatch(case)]
    comparison = Comparison(assembled(cases, ARM64_BE, tmp_path, header=HEADER), arch=ARM64_BE)

    def run(at: int, steps: int, rng: random.Random) -> str:
        start = CODE + at
        return comparison.run(start, steps, random_state(rng, comparison, range(start, start + 4 * steps, 4)))

    wrong = disagreements(cases, STATES, run)
    assert not wrong, "\n".join(wrong)
    assert comparison.states >= STATES * len(cases)


def test_random_encodings() -> None:
    """Whatever the evaluator is ready to execute does what unicorn does, where unicorn knows it."""
    rng = random.Random(7)
    words: list[int] = []
    while len(words) < 4096:
        word = rng.getrandbits(32)
        if is_general(word) and not is_unpredictable(word):
            words.append(word)
    comparison = Comparison(b"".join(word.to_bytes(4, "little") for word in words), arch=ARM64_BE)
    agreed = 0
    for address in range(CODE, CODE + 4 * len(words), 4):
        try:
            instruction = comparison.instruction(address)
        except pypcode.BadDataError:
            continue
        if instruction.mnemonic in ("mrs", "msr") or SIGNED_EXTREME.fullmatch(str(instruction)):
            continue
        try:
            differences = [comparison.run(address, 1, random_state(rng, comparison, [address])) for _ in range(2)]
        except ExecutionError:
            continue
        if not any(TRAPS in difference for difference in differences):  # reserved, or too new for unicorn
            assert differences == ["", ""]
            agreed += 1
    assert agreed > 1000


@pytest.mark.parametrize("optimize", ["-O0", "-O2"])
def test_every_instruction_of_the_guards(optimize: str, tmp_path: Path) -> None:
    done: set[bytes] = set()
    for guard in GUARDS_OF["arm64-be"]:
        path = guard_path(guard, "arm64-be")
        text = load(path, arch="arm64-be", optimize=optimize, cache=tmp_path).image.section(".text")
        assert text is not None
        comparison = Comparison(text.data, arch=ARM64_BE)
        for offset in range(0, len(text.data), 4):
            code = text.data[offset : offset + 4]
            if code not in done:
                done.add(code)
                rng = random.Random(offset)
                for _ in range(10):
                    state = random_state(rng, comparison, [CODE + offset])
                    assert comparison.run(CODE + offset, 1, state) == "", f"{guard} at {offset:#x}"
    assert len(done) > 40


def test_signed_extremes_are_those_of_arm64_turned_round(tmp_path: Path) -> None:
    """Unicorn has them wrong. The p-code is ours, for both byte orders, and arm64's is checked by hand."""
    cases = [case for group in GROUPS.values() for case in group if SIGNED_EXTREME.fullmatch(case)]
    little, big = pypcode.Context(ARM64.language), pypcode.Context(ARM64_BE.language)
    code = assembled(cases, ARM64_BE, tmp_path, header=HEADER)
    assert len(cases) > 30
    for at in range(0, len(cases) * ROOM, ROOM):
        one = code[at : at + 4]
        assert lift(big, ARM64_BE, DATA, one).ops == lift(little, ARM64, DATA, one).ops


def test_registers_are_where_arm64_has_them(tmp_path: Path) -> None:
    source = tmp_path / "one.c"
    source.write_text("int one(void) { return 1; }")
    pairs = []
    for name in ("arm64", "arm64-be"):
        code = Lifter(load(source, arch=name, cache=tmp_path).image)
        pairs.append([code.register(register) for register in ("x0", "w0", "sp", "daif", "sp_el0", "tpidr_el1")])
        assert code.register_name(code.register("w3")) == "w3"
    assert pairs[0] == pairs[1]
