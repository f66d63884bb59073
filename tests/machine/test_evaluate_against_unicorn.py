"""The evaluator held against an independent CPU emulator, instruction by instruction, from random states.

Where the two differ and unicorn is wrong, the Arm ARM's definition stands here instead.
"""

import random
import re
from pathlib import Path

import pypcode
import pytest
from tests.machine.awkward import ROOM, Assemble, assembled, compilers, disagreements
from tests.machine.cases import GROUPS, HEADER
from tests.machine.emulator_arm64 import CODE, DATA, TRAPS, Comparison, random_state

import ctxrace.bpf
from ctxrace.bpf.caller import Caller
from ctxrace.bpf.guards.load import load_guard
from ctxrace.core.errors import ExecutionError
from ctxrace.kernel.program import load
from ctxrace.machine.arch.arm64 import ARM64

STATES = 60  # for each case
GUARDS = sorted((Path(ctxrace.bpf.__file__).parent / "guards").glob("*.c"))
LEVELS = ("-O0", "-O1", "-O2", "-O3", "-Os")
# Unicorn 2.1.4 compares unsigned in the signed minimum and maximum of less than 8 bytes.
SIGNED_EXTREME = re.compile(r"(ld|st)s(max|min)(a|l|al)?([bh] w| w).*")

@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("builds")


@pytest.fixture(scope="session")
def assemble(cache: Path) -> Assemble:
    return lambda cases: assembled(cases, ARM64, cache, header=HEADER)


@pytest.mark.parametrize("group", GROUPS)
def test_awkward_instructions(group: str, assemble: Assemble) -> None:
    cases = [case for case in GROUPS[group] if not SIGNED_EXTREME.fullmatch(case)]
    comparison = Comparison(assemble(cases))

    def run(at: int, steps: int, rng: random.Random) -> str:
        start = CODE + at
        return comparison.run(start, steps, random_state(rng, comparison, range(start, start + 4 * steps, 4)))

    wrong = disagreements(cases, STATES, run)
    assert not wrong, "\n".join(wrong)
    assert comparison.states >= STATES * len(cases)


def test_signed_minimum_and_maximum_by_hand(assemble: Assemble) -> None:
    """LDSMAX: `if SInt(value) > SInt(data) then value else data`, data from memory."""
    cases = [case for group in GROUPS.values() for case in group if SIGNED_EXTREME.fullmatch(case)]
    comparison = Comparison(assemble(cases))
    assert len(cases) > 30
    for index, case in enumerate(cases):
        rng = random.Random(index)
        start = CODE + index * ROOM
        encoding = comparison.encoding(start)
        size, source, target, base = 1 << (encoding >> 30), encoding >> 16 & 31, encoding & 31, encoding >> 5 & 31
        extreme = max if "max" in case else min
        for _ in range(STATES):
            state = random_state(rng, comparison, [start])
            found = comparison.data(state.general[base], size)
            kept = extreme(_signed(state.general[source], size), _signed(found, size))
            general = list(state.general)
            if target != 31:
                general[target] = found
            after, memory = comparison.evaluate(start, state)
            assert after == state._replace(general=tuple(general)), case
            offset = state.general[base] - DATA
            assert memory[offset : offset + size] == kept.to_bytes(size, "little", signed=True), case


@pytest.mark.parametrize("cc", compilers(ARM64))
@pytest.mark.parametrize("optimize", LEVELS)
def test_every_instruction_of_the_guards(optimize: str, cc: str | None, cache: Path) -> None:
    assert GUARDS
    done: set[bytes] = set()
    total = 0
    for guard in GUARDS:
        text = load(guard, cc=cc, optimize=optimize, cache=cache).image.section(".text")
        assert text is not None
        assert text.data
        comparison = Comparison(text.data)
        for offset in range(0, len(text.data), 4):
            code = text.data[offset : offset + 4]
            if code in done:
                continue
            done.add(code)
            rng = random.Random(offset)
            for _ in range(20):
                state = random_state(rng, comparison, [CODE + offset])
                assert comparison.run(CODE + offset, 1, state) == "", f"{guard.name} at {offset:#x}"
        total += comparison.states
    assert total >= 20 * len(done)
    assert len(done) > 40


@pytest.mark.parametrize("caller", [Caller("fentry", 2), Caller("fexit", 2), Caller("fmod_ret", 2)], ids=str)
def test_every_instruction_of_the_trampolines(caller: Caller) -> None:
    text = load_guard("arm64-merged", caller).image.section(".text")
    assert text is not None
    comparison = Comparison(text.data)
    for offset in range(0, len(text.data), 4):
        rng = random.Random(offset)
        for _ in range(5):
            state = random_state(rng, comparison, [CODE + offset])
            assert comparison.run(CODE + offset, 1, state) == "", f"{caller} at {offset:#x}"


@pytest.mark.parametrize("seed", range(4))
def test_random_encodings(seed: int) -> None:
    """Whatever the evaluator is ready to execute does what unicorn does, where unicorn knows it."""
    rng = random.Random(seed)
    words: list[int] = []
    while len(words) < 4096:
        word = rng.getrandbits(32)
        if is_general(word) and not is_unpredictable(word):
            words.append(word)
    comparison = Comparison(b"".join(word.to_bytes(4, "little") for word in words))
    agreed = 0
    for address in range(CODE, CODE + 4 * len(words), 4):
        try:
            instruction = comparison.instruction(address)
        except pypcode.BadDataError:
            continue
        # The flow refuses unknown system registers, not the evaluator.
        if instruction.mnemonic in ("mrs", "msr") or SIGNED_EXTREME.fullmatch(str(instruction)):
            continue
        try:
            differences = [comparison.run(address, 1, random_state(rng, comparison, [address])) for _ in range(3)]
        except ExecutionError:
            continue
        if not any(TRAPS in difference for difference in differences):  # reserved, or too new for unicorn
            assert differences == ["", "", ""]
            agreed += 1
    assert agreed > 1000


@pytest.mark.parametrize(
    "case",
    ["rmif x0, #1, #2", "crc32x w0, w1, x2", "ldr q0, [x1]", "fmov x0, d1", "svc #0", "hvc #1", "stg x0, [x1]"],
)
def test_what_is_refused(case: str, assemble: Assemble) -> None:
    comparison = Comparison(assemble([case]))
    with pytest.raises(ExecutionError, match=f"lacks the instruction '{case.split()[0]} "):
        comparison.run(CODE, 1, random_state(random.Random(0), comparison, [CODE]))


def _signed(value: int, size: int) -> int:
    return int.from_bytes((value & (1 << 8 * size) - 1).to_bytes(size, "little"), "little", signed=True)


def is_general(word: int) -> bool:
    """Return whether it is data processing, a branch, or a load or store of general registers."""
    group = word >> 25 & 15
    return group in (8, 9, 10, 11) or group & 7 == 5 or (group & 5 == 4 and not word >> 26 & 1)


def is_unpredictable(word: int) -> bool:
    """Return whether the Arm ARM lets a CPU do one of several things (two writes to one register, and the like)."""
    kind, target, base, second, status = word >> 24 & 0x3F, word & 31, word >> 5 & 31, word >> 10 & 31, word >> 16 & 31
    if kind & 0x3A == 0x28:  # pairs
        writes_back = word >> 23 & 1 and base != 31
        return target == second or bool(writes_back and base in (target, second))
    if kind & 0x3B == 0x38:  # with write-back
        return bool(word >> 10 & 1 and target == base != 31)
    if kind == 8 and not word >> 23 & 1:  # exclusive
        return target == second or status in (target, second, base)
    return False
