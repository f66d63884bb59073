"""Values as their types are read: signs, and the counts in a preempt count."""

import pytest

from ctxrace.core.interleaving import Access, ValueKind
from ctxrace.report.sentences.access import access_phrase, access_phrases, number

COUNT = ValueKind.PREEMPT_COUNT


@pytest.mark.parametrize(
    ("access", "phrase"),
    [
        (Access("read", "x", 0, 4, 7, name="x"), "x is 7"),
        (Access("write", "x", 0, 4, 1, 0, "x"), "x 0 ➜ 1"),
        (Access("write", "x", 0, 4, 1, name="x"), "x ➜ 1"),
        (Access("read", "x", 0, 4, 0xFFFF_FFFF, name="x"), "x is 0xffffffff"),
        (Access("read", "x", 0, 4, 0xFFFF_FFFF, name="x", value_kind=ValueKind.SIGNED), "x is -1"),
        (Access("write", "x", 0, 1, 0x80, 0x7F, "x", ValueKind.SIGNED), "x 127 ➜ -128"),
        (Access("read", "x", 0, 8, 1 << 63, name="x", value_kind=ValueKind.SIGNED), "x is -0x8000000000000000"),
        (Access("read", "", 16, 4, 1), "[0x10] (4 bytes) is 1"),
        # include/linux/preempt.h: 0xff preempt_disable(), 0xff00 softirq, 0xf0000 hardirq, 0xf00000 NMI.
        (Access("write", "current", 16, 4, 1, 0, "preempt_count", COUNT), "preempt_count 0 ➜ 1"),
        (
            Access("write", "current", 16, 4, 0x10104, 0x102, "preempt_count", COUNT),
            "preempt_count (softirq 1, preempt 2) ➜ (hardirq 1, softirq 1, preempt 4)",
        ),
        (Access("read", "current", 16, 4, 0x110000, name="preempt_count", value_kind=COUNT),
         "preempt_count is (NMI 1, hardirq 1)"),
    ],
)  # fmt: skip
def test_phrases(access: Access, phrase: str) -> None:
    assert access_phrase(access) == phrase


def test_a_read_that_the_write_after_it_repeats_is_left_out() -> None:
    read, write = Access("read", "x", 0, 4, 3, name="x"), Access("write", "x", 0, 4, 4, 3, "x")
    assert list(access_phrases((read, write))) == ["x 3 ➜ 4"]
    assert list(access_phrases((read, Access("write", "x", 0, 4, 4, 5, "x")))) == ["x is 3", "x 5 ➜ 4"]


def test_large_numbers_are_hexadecimal() -> None:
    assert [number(value) for value in (4095, 4096, -4095, -4096)] == ["4095", "0x1000", "-4095", "-0x1000"]
