"""What a run has found of an image: which functions, where indirect branches lead, which memory is written."""

import pytest

from ctxrace.machine.discovery import GRANULE, Discovered, Discovery


def hundreds() -> Discovery:
    """Of an image whose functions begin at each multiple of 100."""
    return Discovery(lambda address: address // 100 * 100)


def test_a_function_is_known_from_when_a_run_enters_it() -> None:
    found = hundreds()
    assert found.follows(110, 150)  # it stays in its function
    assert not found.follows(110, 250)
    with pytest.raises(Discovered):
        found.enter(270)
    assert found.follows(110, 250)
    assert found.follows(310, 200)
    assert not found.follows(210, 150)


def test_an_indirect_branch_leads_where_it_has_led() -> None:
    found = hundreds()
    assert found.targets(110) == ()
    for target in (370, 250):
        with pytest.raises(Discovered):
            found.lead(110, target)
        found.lead(110, target)  # it is no news
    assert found.targets(110) == (250, 370)
    assert found.targets(114) == ()
    assert found.follows(110, 300)
    with pytest.raises(Discovered):
        found.lead(114, 250)  # of another branch it is
    assert found.targets(114) == (250,)


def test_nothing_is_refused_unless_it_is_said() -> None:
    assert not hundreds().refused
    assert Discovery(int, {16: "it sleeps"}).refused == {16: "it sleeps"}


@pytest.mark.parametrize(
    ("writes", "written"),
    [
        ([], []),
        ([(0, 1)], [range(16)]),
        ([(15, 1)], [range(16)]),
        ([(15, 2)], [range(32)]),
        ([(16, 16)], [range(16, 32)]),
        ([(8, 16)], [range(32)]),
        ([(64, 8), (0, 4), (80, 1)], [range(16), range(64, 96)]),
        ([(32, 1), (16, 1), (0, 1), (100, 4)], [range(48), range(96, 112)]),
        ([(96, 4), (160, 1)], [range(96, 112), range(160, 176)]),
        ([(160, 8), (160, 8)], [range(160, 176)]),
    ],
)
def test_what_is_written_is_shared_by_whole_granules(writes: list[tuple[int, int]], written: list[range]) -> None:
    assert GRANULE == 16
    found = hundreds()
    for address, size in writes:
        with pytest.raises(Discovered):
            found.write(address, size)
    assert list(found.written()) == written
