"""How tasks are called: A to Z, then T26, T27, ... The same names stand in interleavings and in schedules."""

import re

__all__ = ["task_name", "task_number"]

_NUMBERED = re.compile(r"T([1-9]\d{1,8})")
_LETTERS = 26


def task_name(number: int) -> str:
    """Return how task `number` is called."""
    return chr(ord("A") + number) if number < _LETTERS else f"T{number}"


def task_number(name: str) -> int | None:
    """Return the number of the task that is called `name`; None where no task is called so."""
    if len(name) == 1 and "A" <= name <= "Z":
        return ord(name) - ord("A")
    found = _NUMBERED.fullmatch(name)
    return int(found[1]) if found and int(found[1]) >= _LETTERS else None
