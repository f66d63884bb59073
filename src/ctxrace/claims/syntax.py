"""A claim as plain data: what its lines say, before they are related to a program."""

from dataclasses import dataclass

__all__ = ["Act", "Alias", "Claim", "Condition", "Line", "Tasks", "Term", "Value"]

_DIGITS = 4_000  # of numbers that Python reads; no value is longer


@dataclass(frozen=True, slots=True)
class Value:
    """A number, or ``true``, ``false``, ``nonzero``, ``?`` for any; operator: how it is compared."""

    text: str
    operator: str = "=="

    def fits(self, size: int) -> bool:
        """Return whether `size` bytes can hold it, with a sign or without."""
        if self.text in ("?", "true", "false", "nonzero"):
            return True
        return len(self.text) <= _DIGITS and -(1 << 8 * size - 1) <= self._number < 1 << 8 * size

    @property
    def _number(self) -> int:
        return int(self.text, 16 if "x" in self.text.lower() else 10)

    def accepts(self, number: int, size: int) -> bool:
        """Return whether `number`, which has `size` bytes, is as the claim says."""
        mask = (1 << 8 * size) - 1
        number &= mask
        match self.text:
            case "?":
                return True
            case "true" | "nonzero":
                return (number != 0) is (self.operator == "==")
            case "false":
                return (number == 0) is (self.operator == "==")
        wanted = self._number & mask
        match self.operator:
            case "==":
                return number == wanted
            case "!=":
                return number != wanted
            case "<":
                return number < wanted
            case "<=":
                return number <= wanted
            case ">":
                return number > wanted
            case _:
                return number >= wanted


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a condition; subject: of what.

    kind: ``idle``, ``value``, ``stuck``, ``hangs``, ``never``, ``violates``.
    """

    kind: str
    subject: str = ""
    value: Value | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """What is true of a state: all of its terms."""

    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Act:
    """What a context does.

    kind: ``write``, ``read``, ``call``, ``return`` (of a function), ``start``, ``finish``, ``switch``, ``arrive``,
    ``leave`` (an interrupt returns), ``avoid`` (does not call). who: the context, empty for any.
    subject: the place or the function; value: read, returned or written; old: what a write replaces.
    over: the context that an interrupt interrupts.
    """

    kind: str
    who: str = ""
    subject: str = ""
    value: Value | None = None
    old: Value | None = None
    over: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A claimed step. label: its number in the claim; number: of the line; strict: nothing comes before it."""

    number: int
    label: str
    text: str
    strict: bool
    says: Act | Condition


@dataclass(frozen=True, slots=True)
class Tasks:
    """Names of tasks, in order, and the entry that they run, empty where the scenario has only one."""

    number: int
    names: tuple[str, ...]
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Alias:
    """What a claim calls a function, and its name in the program."""

    number: int
    name: str
    function: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim file.

    system: ``bpf`` or a file's name; subject: the guard of ``bpf``; options: the rest of the system line.
    trusted: whether the system line may choose any compiler, flags and files.
    """

    file: str
    system: str
    subject: str
    options: tuple[str, ...]
    tasks: tuple[Tasks, ...]
    aliases: tuple[Alias, ...]
    lines: tuple[Line, ...]
    outcome: Line | None = None
    trusted: bool = False

    @property
    def steps(self) -> tuple[Line, ...]:
        """All that must happen in order: the steps, and the outcome last."""
        return self.lines if self.outcome is None else (*self.lines, self.outcome)
