"""Numbers for values, so that states are tuples of small integers."""

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Interner"]

Item = TypeVar("Item", bound=Hashable)


class Interner(Generic[Item]):
    """Number equal values once, so that states are tuples of small integers."""

    def __init__(self) -> None:
        self._numbers: dict[Item, int] = {}
        self.values: list[Item] = []

    def __call__(self, value: Item) -> int:
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = len(self.values)
            self.values.append(value)
        return number
