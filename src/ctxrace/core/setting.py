"""A setting as a message names it. Each surface spells it its own way: ``--cpus 2``, ``cpus=2``, ``cpus 2``."""

from dataclasses import dataclass

__all__ = ["Setting"]


@dataclass(frozen=True, slots=True)
class Setting:
    """Name something that users set. value: what it is set to, None where only its name is meant."""

    name: str
    value: object = None

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}={self.value!r}"
