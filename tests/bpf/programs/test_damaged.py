"""Damaged objects end in a verdict or in one line."""

import random
from pathlib import Path

import pytest
from tests.fuzz.damage import damaged

from .compiled import EXAMPLES, compiled
from .fuzz import outcome_of


@pytest.mark.parametrize("example", EXAMPLES, ids=" ".join)
def test_a_damaged_object_is_no_traceback(example: tuple[str, ...], tmp_path: Path) -> None:
    choice = random.Random(example[0])
    data = compiled(*example).read_bytes()
    found = [outcome_of(damaged(data, choice), tmp_path) for _ in range(15)]
    assert "refused" in found
    assert set(found) - {"refused"}
