"""Numbers that depend on a drift, against the same operations after every drift."""

import operator
import random
from typing import Any

import pytest

from ctxrace.machine.arch import ARCHITECTURES
from ctxrace.machine.drift.number import Drifting, DriftObserved, drifting, low
from ctxrace.machine.evaluate import Registers, execute
from ctxrace.machine.pcode import Instruction, Op, Varnode, constant

from ..bus import Bus

ARM64 = ARCHITECTURES["arm64"]
BINARY = ["INT_ADD", "INT_SUB", "INT_MULT", "INT_AND", "INT_OR", "INT_XOR", "INT_DIV", "INT_REM", "INT_SDIV",
          "INT_SREM"]  # fmt: skip
SHIFTS = ["INT_LEFT", "INT_RIGHT", "INT_SRIGHT"]
TRUTHS = ["INT_EQUAL", "INT_NOTEQUAL", "INT_LESS", "INT_LESSEQUAL", "INT_SLESS", "INT_SLESSEQUAL", "INT_CARRY",
          "INT_SCARRY", "INT_SBORROW"]  # fmt: skip
UNARY = ["COPY", "INT_2COMP", "INT_NEGATE", "POPCOUNT", "LZCOUNT"]
PLACES = [Varnode("register", 0x4000 + 8 * number, 8) for number in range(6)]
TRUTH = Varnode("register", 0x4100, 1)


def cut(place: Varnode, size: int) -> Varnode:
    return place._replace(size=size)


def random_op(rng: random.Random, place: int) -> list[Op]:
    """Operations that write `PLACES[place]` or `TRUTH`, of the kinds that instructions are made of."""
    size = rng.choice((1, 2, 4, 8))
    one = cut(rng.choice(PLACES if rng.random() < 0.6 else PLACES[:2]), size)
    number = rng.choice((0, 1, 2, 3, 7, 8, 12, 0x80, 0xFF, 0xFFFF, low(31), 1 << 31, low(64)))
    other = rng.choice([cut(rng.choice(PLACES), size), cut(rng.choice(PLACES[:2]), size), constant(number, size)])
    into = cut(PLACES[place], size)
    match rng.choice(("binary", "binary", "shift", "truth", "unary", "extend", "piece", "subpiece", "bool")):
        case "binary":
            return [Op(rng.choice(BINARY), into, (one, other))]
        case "shift":
            return [Op(rng.choice(SHIFTS), into, (one, constant(rng.choice((0, 1, 3, 8, 24, 56)), 4)))]
        case "truth":
            return [Op(rng.choice(TRUTHS), TRUTH, (one, other)), Op("INT_ZEXT", PLACES[place], (TRUTH,))]
        case "unary":
            return [Op(rng.choice(UNARY), into, (one,))]
        case "extend":
            return [Op(rng.choice(("INT_ZEXT", "INT_SEXT")), PLACES[place], (one,))]
        case "piece":
            small = min(size, 4)
            return [Op("PIECE", cut(PLACES[place], 2 * small), (cut(one, small), cut(rng.choice(PLACES), small)))]
        case "subpiece":
            return [Op("SUBPIECE", cut(PLACES[place], 1), (one, constant(rng.randrange(size), 4)))]
    both = rng.choice(("BOOL_AND", "BOOL_OR", "BOOL_XOR"))
    return [Op("BOOL_NEGATE", TRUTH, (TRUTH,)), Op(both, TRUTH, (TRUTH, TRUTH))]


def run(ops: list[Op], words: dict[int, int]) -> dict[int, int]:
    registers = Registers(dict(words))
    execute(Instruction(0, b"\0" * 4, "test", "", tuple(ops)), registers, Bus(0, b"", 0, b"", "little"), ARM64)
    return registers.words


@pytest.mark.parametrize("together", [True, False])
def test_what_is_sure_is_so_after_every_drift(together: bool) -> None:
    """Also that a number has the value it would have without a drift, and on which counters it depends.

    together: whether the two counters are of one group.
    """
    rng = random.Random(4)
    moved = sure = observed = 0
    for _ in range(2000):
        size, fixed = rng.choice((1, 2, 4)), rng.choice((0, 1, 2, 5))
        ops = [op for number in range(rng.randint(1, 6)) for op in random_op(rng, number)]
        values = [rng.choice((0, 1, 3, 0x7F, 0x80, 0xFFFF, rng.getrandbits(32), rng.getrandbits(64))) for _ in PLACES]
        every = low(8 * size)
        first = {place.offset: value for place, value in zip(PLACES, values, strict=True)}
        for place in PLACES[:2]:  # two counters
            first[place.offset] &= every
        marked = dict(first)
        for number, place in enumerate(PLACES[:2]):
            group = 0 if together else number
            marked[place.offset] = drifting(first[place.offset], every & ~low(fixed), 1 << number, group, size)
        try:
            found = run(ops, marked)
        except DriftObserved as seen:
            assert seen.counters in (1, 2, 3)
            observed += 1
            continue
        undisturbed = run(ops, first)
        drifts = {1 << fixed, every & ~low(fixed), *(rng.getrandbits(32) << fixed for _ in range(4))}
        for drift in drifts:
            other = drift if together else rng.choice((0, rng.getrandbits(32) << fixed))
            by = rng.sample((drift, other), 2)
            second = dict(first)
            for place, distance in zip(PLACES[:2], by, strict=True):
                second[place.offset] = second[place.offset] + distance & every
            for at, word in run(ops, second).items():
                before = found[at]
                if type(before) is not Drifting:
                    assert word == before, (ops, first, by)
                    sure += 1
                    continue
                assert before.plain & low(64) == undisturbed[at], (ops, first)
                assert (word ^ before.plain) & ~before.unsure & low(64) == 0, (ops, first, by)
                if (word ^ before.plain) & low(64):
                    assert any(before.counters >> number & 1 for number in range(2) if by[number]), (ops, first, by)
                width = low(8 * before.width)
                assert word & width == before.plain + by[before.group] & width, (ops, first, by)
                for tested in map(low, range(8, 8 * before.tested + 1, 8)):
                    assert (word & tested == 0) == (before.plain & tested == 0), (ops, first, by)
                moved += bool(width)
    assert (moved > 5_000, sure > 20_000, observed > 100) == (True, True, True), (moved, sure, observed)


@pytest.mark.parametrize(
    "use",
    [bool, int, hash, str, repr, abs, "{:x}".format, lambda n: n.to_bytes(8, "little"), lambda n: 1 << n,
     lambda n: n % 3, lambda n: {n: 1}, lambda n: divmod(n, 2)],
)  # fmt: skip
def test_no_other_use_goes_unnoticed(use: object) -> None:
    assert callable(use)
    with pytest.raises(DriftObserved) as seen:
        use(Drifting(5, 0xFF, 4))
    assert seen.value.counters == 4


def test_counters_that_drift_together_are_compared_by_their_difference() -> None:
    head, tail = Drifting(7, 0xFF, 1, 0, 1), Drifting(5, 0xFF, 2, 0, 1)
    difference = (head - tail) & 0xFF
    assert (type(difference), difference) == (int, 2)
    assert (head == tail) is False
    assert (head == tail + 2 & 0xFF) is True
    with pytest.raises(DriftObserved):
        bool(head < tail)
    wide: Any = (head - tail) & 0xFFFF  # which of the two wraps first, makes a difference there
    assert (type(wide), wide.unsure) == (Drifting, 0xFF00)
    alone = Drifting(7, 0xFF, 4, 1, 1)  # of another group
    with pytest.raises(DriftObserved):
        bool(head == alone)


def test_the_lowest_bits_of_a_counter_stay() -> None:
    head = Drifting(0x17, 0xFC, 1, 0, 1)
    assert (head & 3, type(head & 3)) == (3, int)
    assert type(head & 7) is Drifting
    assert (head == 2) is False  # whatever the drift, it is 3 modulo 4


def test_a_difference_by_exclusive_or_is_0_or_not() -> None:
    head, tail = Drifting(7, 0xFF, 1, 0, 1), Drifting(5, 0xFF, 2, 0, 1)
    assert bool(head ^ tail) is True
    assert bool(head ^ (tail + 2) & 0xFF) is False
    assert bool((head ^ tail) & low(32)) is True
    with pytest.raises(DriftObserved):
        bool((head ^ tail) & 1)  # 7 and 5, but also 8 and 6
    with pytest.raises(DriftObserved):
        bool((head ^ tail) + 1)


def test_what_is_added_above_a_difference_leaves_it_0_or_not() -> None:
    """As compilers do that compare two numbers at once; what is added within it does not."""
    head, tail = Drifting(7, 0xFF, 1, 0, 1), Drifting(5, 0xFF, 2, 0, 1)
    for difference in (head ^ tail, head ^ (tail + 2) & 0xFF):
        differ: Any = difference
        either = differ | 0x100
        assert (either.plain, either.unsure, either.counters, either.tested) == (differ.plain | 0x100, 0xFF, 3, 1)
        assert bool(either & 0xFF) is bool(differ.plain)
        assert (differ | 1).tested == 0
        assert (differ | head).tested == 0
        assert bool(differ | 1) is True


def test_counters_are_compared_as_words_that_they_are_extended_to() -> None:
    head, tail = Drifting(7, 0xFF, 1, 0, 1), Drifting(5, 0xFF, 2, 0, 1)
    for size in (1, 2, 4, 8):
        assert bool((head - tail) & low(8 * size)) is True
        assert bool((head - (tail + 2 & 0xFF)) & low(8 * size)) is False
    with pytest.raises(DriftObserved):
        bool((head - (tail + 2 & 0xFF | 0x100)) & low(16))  # the lowest byte is 0, and what is above it is not known
    with pytest.raises(DriftObserved):
        bool((head - (tail + 2 & 0xFF)) & 0x1FE)


def facts(number: Any) -> tuple[int, int, int, int, int]:  # noqa: ANN401 - what operations make of numbers
    assert type(number) is Drifting
    return number.plain, number.unsure, number.counters, number.group, number.width


def test_on_which_counters_a_number_depends() -> None:
    head, tail = Drifting(7, 0xFF, 4, 2, 1), Drifting(5, 0xFF, 2, 2, 1)
    for one in (head + 1, head - 1, 1 - head, -head, head * 3, head & 0x1F, head | 0x20, head ^ 1, ~head, head << 1,
                head >> 1, head == 7, head != 7, head < 7, head <= 7, head > 7, head >= 7, head.bit_count(),
                head.bit_length()):  # fmt: skip
        assert facts(one)[2] == 4
    for both in (head + tail, head - tail & 0x1FF, head * tail, head & tail, head | tail, head ^ tail, head < tail,
                 head <= tail, head > tail, head >= tail, head == Drifting(7, 0xFF, 2, 9, 1),
                 head != Drifting(7, 0xFF, 2, 9, 1)):  # fmt: skip
        assert facts(both)[2] == 6


def test_which_bits_may_differ() -> None:
    head, tail = Drifting(7, 0xFC, 1, 0, 1), Drifting(5, 0xFF, 2, 0, 1)
    assert facts(head * tail)[:2] == (35, -1)
    assert facts((head & 0x0F) & tail)[:2] == (5, 0x0F)  # what is 0 in one of them is 0
    assert facts(tail & (head & 0x0F))[:2] == (5, 0x0F)
    assert facts((head | 0xF0) | tail)[:2] == (0xF7, 0x0C)
    assert [facts(number)[:2] for number in (head.bit_count(), head.bit_length())] == [(3, -1), (3, -1)]
    truths = [facts(truth)[:2] for truth in (head == 11, head != 11, head < 11, head > 11)]
    assert truths == [(0, 1), (1, 1), (1, 1), (0, 1)]


def test_numbers_are_unequal_for_sure_only_where_neither_may_change_that() -> None:
    head, above = Drifting(7, 0xFF, 1, 0, 1), Drifting(0x1000, 0xF000, 2)
    for number in (0, 0xFF, above, Drifting(0, 0xF000, 2)):
        assert facts(head == number)[:2] == (0, 1)
        assert facts(number == head)[:2] == (0, 1)
    assert facts(head == 7)[:2] == (1, 1)
    for number in (0x100, Drifting(0x1200, 0xF000, 2)):
        assert (head == number) is (number == head) is False


def test_what_leaves_the_lowest_bytes_of_a_counter_alone_is_still_one() -> None:
    head, above = Drifting(7, 0xFF, 1, 3, 1), Drifting(0x1200, 0xF000, 2)
    assert facts(above | head) == facts(head | above) == (0x1207, 0xF0FF, 3, 3, 1)
    assert facts(above ^ head)[3:] == facts(head ^ above)[3:] == (3, 1)
    assert (type(above & head), above & head) == (int, 0)
    assert facts((above | 0xFF) & head)[3:] == (3, 1)
    both = Drifting(5, 0xFF, 2, 4, 1)
    assert facts(head | both)[4] == facts(both ^ head)[4] == 0
    assert facts(head << 0) == facts(head >> 0) == facts(head)


def test_to_flip_the_highest_bit_is_to_add_half_the_range() -> None:
    wide = Drifting(7, 0xFFFF, 1, 3, 2)
    assert [facts(wide ^ bit)[4] for bit in (0x8000, 0x4000, 0x80, 0x40, 0x10000)] == [2, 1, 1, 0, 2]
    assert facts(wide | 0x8000)[4] == 1  # that bit may have been set


def test_a_count_of_bits_to_shift_by_does_not_drift() -> None:
    for by in (Drifting(0, 0xFF, 2), Drifting(1, 0xFE, 2)):
        for use in (operator.lshift, operator.rshift):
            with pytest.raises(DriftObserved) as seen:
                use(Drifting(7, 0xFF, 1), by)
            assert seen.value.counters == 2


def test_counters_of_which_one_is_wider_differ_above() -> None:
    """The lowest byte of their difference is 0, and what is above that is not known."""
    narrow, wide = Drifting(7, 0xFF, 1, 0, 1), Drifting(7, 0xFFFF, 2, 0, 2)
    for difference in (narrow - wide, wide - narrow, narrow ^ wide, wide ^ narrow):
        assert bool(difference & 0xFF) is False
        with pytest.raises(DriftObserved):
            bool(difference & 0xFFFF)


@pytest.mark.parametrize(
    ("mask", "tested"),
    [(0, 0), (0x7F, 0), (0xFE, 0), (0xFF, 1), (0x1FF, 1), (0x7FFF, 1), (0xFFFF, 2), (low(48), 2), (-1, 2), (0xFF00, 0)],
)
def test_which_lowest_bytes_a_mask_leaves_whole(mask: int, tested: int) -> None:
    """Of two bytes that are known to be 0 or not."""
    difference: Any = Drifting(7, 0xFFFF, 1, 0, 2) ^ Drifting(5, 0xFFFF, 2, 0, 2)
    assert difference.tested == 2
    assert getattr(difference & mask, "tested", 0) == tested
    assert ((difference | 0x10000) & Drifting(7, 0xFFFF, 1, 0, 2)).tested == 0


def test_what_is_seen_of_a_drift() -> None:
    seen = DriftObserved(6)
    assert (seen.counters, seen.spread, seen.reset, seen.address) == (6, None, False, None)
