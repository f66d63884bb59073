"""Which bytes of a variable are a number with a sign."""

import pytest

from ctxrace.machine.layout import Layout, Member, is_signed

INT, U8 = Layout(4, signed=True), Layout(1)
PAIR = Layout(8, (Member("a", 0, INT), Member("b", 4, Layout(4))))
ROW = Layout(16, element=PAIR, count=2)
BITS = Layout(4, (Member("low", 0, INT, (0, 3)),))


@pytest.mark.parametrize(
    ("layout", "offset", "size", "signed"),
    [
        (INT, 0, 4, True),
        (INT, 0, 2, False),  # a part has no sign
        (INT, 2, 2, False),
        (U8, 0, 1, False),
        (PAIR, 0, 4, True),
        (PAIR, 4, 4, False),
        (PAIR, 0, 8, False),
        (ROW, 8, 4, True),
        (ROW, 12, 4, False),
        (BITS, 0, 4, False),  # a bit-field
        (Layout(0, element=Layout(0), count=None), 0, 4, False),
    ],
)
def test_is_signed(layout: Layout, offset: int, size: int, signed: bool) -> None:
    assert is_signed(layout, offset, size) is signed
