"""Liveness: small functions worked out by hand, and compiled ones that must not notice when dead registers change."""

import random
import shutil
from pathlib import Path

import pytest

from ctxrace.machine.arch.arm64 import ARM64
from ctxrace.machine.evaluate import Registers, execute
from ctxrace.machine.image import Image, load_image
from ctxrace.machine.lift import Lifter
from ctxrace.machine.liveness import Liveness, branches
from ctxrace.machine.toolchain import compile_c, find_compiler

BASE = 0xFFFF_8000_8000_0000
SCRIPT = f"SECTIONS {{ . = {BASE:#x}; .text : {{ *(.text) }} .data : {{ *(.data .rodata*) }} .bss : {{ *(.bss) }} }}"
ONES = (1 << 64) - 1
EXIT = 0xEEEE_0000
STACK = range(0x7000_0000, 0x7001_0000)
ALWAYS = {"sp", "daif"}
FLAGS = ("NG", "ZR", "CY", "OV")

FUNCTIONS = """
.arch armv8.1-a
.macro function name
.global \\name
.type \\name, %function
\\name:
.endm

function caller
	mov	x19, x0
	mov	x20, x0		// nobody reads it
	bl	callee
	str	x0, [x19]
	mov	x0, #0
	mov	x19, #0
	mov	x30, #0
3:	b	3b

function callee
	add	x1, x0, x0
	mov	x2, #5		// nobody reads it
	add	x0, x1, #1
	ret

function flags
	cmp	x0, #3
	mov	x1, x2
	b.eq	1f
	mov	x1, #1
1:	mov	x2, #0
	cmp	x1, #1
	csel	x3, x4, x5, lt
	b	flags

function halves
	mov	w0, w1
	strb	w0, [x2]
	strh	w3, [x2]
	movk	x4, #1, lsl #16
	str	x4, [x2]
	b	halves

function conditional
	cas	x0, x1, [x2]
	stxr	w3, x4, [x5]
	b	2f
2:	mov	x0, #0
	mov	x3, #0
	mov	x6, #0
	b	conditional

function moved
	swp	x0, xzr, [x1]
	ldadd	w2, w3, [x1]
	mrs	x4, sp_el0
	mrs	x5, tpidr_el1
	msr	daifset, #3
	b	moved

function anywhere
	br	x16
"""

SOURCE = """
typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned char u8;
u64 in[8], out[8];
u8 bytes[8];
static int lock;

static __attribute__((noinline)) u64 mix(u64 a, u32 b, u8 c)
{
	u64 sum = a;
	for (u32 i = 0; i < (b & 7); i++) {
		sum = (sum << 5) - sum + c;
		bytes[i] += sum >> 3;
		if (sum & 8)
			sum ^= a >> i;
	}
	return sum;
}

static __attribute__((noinline)) long choose(long a, long b, u32 how)
{
	switch (how & 7) {
	case 0: return a + b;
	case 1: return a - b;
	case 2: return a < b ? a : b;
	case 3: return (u64)a > (u64)b ? a >> 3 : -b;
	case 4: return b ? a / b : 1;
	case 5: return (int)a * (long)(int)b;
	default: return mix(a, b, how);
	}
}

static __attribute__((noinline)) int claim(u32 value)
{
	int before = __atomic_fetch_add(&lock, value, __ATOMIC_ACQUIRE);
	int expected = before + value;
	return __atomic_compare_exchange_n(&lock, &expected, before, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED) + expected;
}

void run(void)
{
	u64 held = in[7];
	for (int i = 0; i < 6; i++) {
		out[i] = choose(in[i], in[i + 1], in[i] ^ i) + mix(in[i], in[i + 1], i) + claim(i);
		if ((int)out[i] < 0)
			held = held << 1 | held >> 63;
	}
	out[7] = held;
}
"""


class Bus:
    """Memory as bytes in a dictionary, the image's own below."""

    def __init__(self, image: Image) -> None:
        self.memory = {s.address + at: byte for s in image.sections for at, byte in enumerate(s.data)}
        self.monitor: int | None = None

    def load(self, address: int, size: int) -> int:
        return int.from_bytes(bytes(self.memory.get(address + index, 0) for index in range(size)), "little")

    def store(self, address: int, size: int, value: int) -> None:
        self.memory.update(enumerate(value.to_bytes(size, "little"), address))

    def arm_monitor(self, address: int, _size: int) -> None:
        self.monitor = address

    def pass_monitor(self, address: int) -> bool:
        passed, self.monitor = self.monitor == address, None
        return passed

    def clear_monitor(self) -> None:
        self.monitor = None


class Code:
    """An image whose registers are asked for by name."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.lifter = Lifter(image)
        names = [*(f"x{index}" for index in range(31)), *ALWAYS, *FLAGS, "sp_el0", "tpidr_el1"]
        self.places = {name: self.lifter.register(name) for name in names}
        self.words = {place.offset & ~7: ONES for place in self.places.values()}
        self.words.update({0x3100: ONES, 0x3108: ONES, 0x3110: ONES})  # scratch registers of SLEIGH's atomics

    def live(self, liveness: Liveness, function: str, index: int) -> dict[str, int]:
        """Return the live bits of each register before instruction `index` of a function."""
        cut = dict(liveness.cut(self.image.symbols[function].address + 4 * index, self.words))
        found = {}
        for name, place in self.places.items():
            bits = cut.get(place.offset & ~7, 0) >> 8 * (place.offset & 7) & (1 << 8 * place.size) - 1
            if bits:
                found[name] = bits
        return found


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("builds")


@pytest.fixture(scope="module")
def code(cache: Path) -> Code:
    return build(cache, "functions.s", FUNCTIONS, None, "-O2")


def build(cache: Path, name: str, text: str, cc: str | None, optimize: str, *flags: str) -> Code:
    source = cache / name
    source.write_text(text)
    compiler = find_compiler(cc, ARM64, cache=cache)
    built = compile_c(
        source, arch=ARM64, compiler=compiler, optimize=optimize, flags=flags, linker_script=SCRIPT, cache=cache
    )
    return Code(load_image(built.path, ARM64))


def entering(code: Code, *names: str) -> Liveness:
    return Liveness(code.lifter, [code.image.symbols[name].address for name in names])


def test_a_call_keeps_what_is_read_after_it_and_nothing_else(code: Code) -> None:
    liveness = entering(code, "caller")
    caller = [set(code.live(liveness, "caller", index)) - ALWAYS for index in range(8)]
    assert caller == [{"x0"}, {"x0", "x19"}, {"x0", "x19"}, {"x0", "x19"}, set(), set(), set(), set()]
    callee = [set(code.live(liveness, "callee", index)) - ALWAYS for index in range(4)]
    assert callee == [{"x0", "x19", "x30"}, {"x1", "x19", "x30"}, {"x1", "x19", "x30"}, {"x0", "x19", "x30"}]


def test_a_value_that_nobody_reads_is_dead(code: Code) -> None:
    liveness = entering(code, "flags")
    assert "x3" not in {name for index in range(8) for name in code.live(liveness, "flags", index)}


def test_flags_live_from_the_comparison_to_the_branch(code: Code) -> None:
    liveness = entering(code, "flags")
    flags = [set(code.live(liveness, "flags", index)) & set(FLAGS) for index in range(8)]
    assert flags == [set(), {"ZR"}, {"ZR"}, set(), set(), set(), {"NG", "OV"}, set()]
    x1 = ["x1" in code.live(liveness, "flags", index) for index in range(8)]
    assert x1 == [False, False, True, False, True, True, False, False]


def test_bytes_of_a_register(code: Code) -> None:
    liveness = entering(code, "halves")
    # A W register is live as four bytes: SLEIGH reads it whole, even to store one byte of it.
    assert code.live(liveness, "halves", 0)["x1"] == 0xFFFF_FFFF
    assert code.live(liveness, "halves", 1)["x0"] == 0xFFFF_FFFF
    assert code.live(liveness, "halves", 2)["x3"] == 0xFFFF_FFFF
    assert "x0" not in code.live(liveness, "halves", 2)
    assert code.live(liveness, "halves", 3)["x4"] == ONES  # movk changes a part


def test_a_conditional_branch_goes_to_one_of_two_places(code: Code) -> None:
    start = code.image.symbols["flags"].address
    found = {index: branches(code.lifter[start + 4 * index]) for index in range(8)}
    # b.eq to the mov behind the next one; a csel chooses between values, and b goes to one place
    assert found == {index: start + 16 if index == 2 else None for index in range(8)}
    assert branches(code.lifter[code.image.symbols["caller"].address + 8]) is None  # a call comes back


def test_writes_inside_a_condition_do_not_kill(code: Code) -> None:
    liveness = entering(code, "conditional")
    before = [set(code.live(liveness, "conditional", index)) - ALWAYS for index in range(7)]
    assert before[0] == {
        "x0",
        "x1",
        "x2",
        "x4",
        "x5",
        *({"x3"} & before[0]),
    }  # x3: only a branch inside hides its death
    assert before[2] == before[3] == {"x1", "x2", "x4", "x5"}
    assert "x6" not in set().union(*before)


def test_what_belongs_to_the_place_is_never_and_the_mask_always_live(code: Code) -> None:
    liveness = entering(code, "moved")
    for index in range(6):
        live = code.live(liveness, "moved", index)
        assert set(live) >= ALWAYS
        assert not {"sp_el0", "tpidr_el1", "x3", "x4", "x5"} & set(live)
        assert {"x0", "x1", "x2"} <= set(live)
    # Nor do SLEIGH's own registers make two states differ.
    scratch = {0x3100: ONES, 0x3108: ONES, 0x3110: ONES, 0x40F8: ONES}
    assert all(liveness.cut(address, scratch) == () for address in liveness.addresses)


def test_an_indirect_branch_may_read_everything(code: Code) -> None:
    liveness = entering(code, "anywhere")
    assert set(code.live(liveness, "anywhere", 0)) == set(code.places) - {"sp_el0", "tpidr_el1"}
    assert liveness.cut(code.image.symbols["anywhere"].address, {0x4000: 0, 0x4008: 7}) == ((0x4008, 7),)


def test_a_return_is_reckoned_with_behind_calls_alone(code: Code) -> None:
    liveness = entering(code, "caller")
    start = code.image.symbols["caller"].address
    assert [index for index in range(8) if liveness.may_return(start + 4 * index)] == [3]
    assert entering(code, "caller", "anywhere").may_return(start)  # not all calls are known


def test_code_that_nobody_analysed_keeps_everything(code: Code) -> None:
    liveness = entering(code, "anywhere")
    assert set(code.live(liveness, "flags", 0)) == set(code.places) - {"sp_el0", "tpidr_el1"}


@pytest.mark.parametrize("atomics", ["armv8-a", "armv8.1-a"])
@pytest.mark.parametrize("optimize", ["-O0", "-O1", "-O2", "-Os"])
@pytest.mark.parametrize(
    "cc",
    [
        None,
        pytest.param(
            ARM64.gcc[0], marks=pytest.mark.skipif(not shutil.which(ARM64.gcc[0]), reason=f"no {ARM64.gcc[0]} in PATH")
        ),
    ],
)
def test_nothing_notices_scrambled_dead_registers(cc: str | None, optimize: str, atomics: str, cache: Path) -> None:
    flags = (f"-march={atomics}", "-mgeneral-regs-only", "-fno-jump-tables")
    code = build(cache, "source.c", SOURCE, cc, optimize, *flags)
    liveness = entering(code, "run")
    rng = random.Random(f"{cc} {optimize} {atomics}")
    scrambled = 0
    for _ in range(3):
        given = [rng.choice((rng.getrandbits(64), rng.getrandbits(8), ONES - rng.getrandbits(5))) for _ in range(8)]
        undisturbed, steps, _ = outcome(code, given, None, None)
        disturbed, again, count = outcome(code, given, liveness, rng)
        assert (disturbed, again) == (undisturbed, steps)
        scrambled += count
    assert scrambled > 1000


def outcome(
    code: Code, given: list[int], liveness: Liveness | None, rng: random.Random | None
) -> tuple[dict[int, int], int, int]:
    """Run `run`, with dead registers overwritten before each instruction where `liveness` is given.

    Returns memory without the stack, the number of steps, and of words that were overwritten.
    """
    registers, bus = Registers(), Bus(code.image)
    for index, value in enumerate(given):
        bus.store(code.image.symbols["in"].address + 8 * index, 8, value)
    registers.write(code.places["sp"].offset, 8, STACK.stop)
    registers.write(code.places["x30"].offset, 8, EXIT)
    pc, steps, count = code.image.symbols["run"].address, 0, 0
    while pc != EXIT:
        if liveness is not None and rng is not None:
            count += scramble(code, liveness, pc, registers, rng)
        pc = execute(code.lifter[pc], registers, bus, ARM64)
        steps += 1
        assert steps < 20_000
    return {at: byte for at, byte in bus.memory.items() if at not in STACK}, steps, count


def scramble(code: Code, liveness: Liveness, pc: int, registers: Registers, rng: random.Random) -> int:
    live = dict(liveness.cut(pc, code.words))
    count = 0
    for offset in code.words:
        dead = ONES & ~live.get(offset, 0)
        if dead:
            count += 1
            noise = rng.getrandbits(64)
            if offset == code.places["NG"].offset & ~7:
                noise &= 0x0101_0101_0101_0101  # flags are 0 or 1
            registers.words[offset] = registers.words.get(offset, 0) & ~dead | noise & dead
    return count
