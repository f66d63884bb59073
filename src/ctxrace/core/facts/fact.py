"""What all facts have in common: they print as their name and what they hold."""

import re
from dataclasses import fields

__all__ = ["Fact"]


class Fact:
    """A fact, as a dataclass derives it. A report has a sentence for it; `str` is short, and for debugging."""

    __slots__ = ()

    def __str__(self) -> str:
        name = re.sub(r"(?<!^)(?=[A-Z])", " ", type(self).__name__).lower()
        held = [(field.default, getattr(self, field.name)) for field in fields(self)]  # type: ignore[arg-type]
        shown = ", ".join(_shown(value) for default, value in held if value != default)
        return f"{name}: {shown}" if shown else name


def _shown(value: object) -> str:
    return f"({', '.join(map(_shown, value))})" if isinstance(value, tuple) else str(value)
