"""An option: one row of a table from which the command line, printed commands and claims' system lines are made.

The tables are `SCENARIO` in kernel/change.py, `BUILD` in kernel/program.py and `CALLER` in bpf/caller.py.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ctxrace.core.setting import Setting

__all__ = ["Option", "as_flag", "as_system_word", "command_words", "system_words"]


@dataclass(frozen=True)
class Option:
    """Say how one field of a value is typed, read and printed.

    name: the option. metavar: what its value is called, empty for a switch. help: one line.
    read: makes the value of a text, of several texts where the option is `repeated`, or of what Python has for it; it
    raises `ScenarioError`. spell: the inverse, as one text for each time the option is given; a tuple is a list, which
    commas divide on the command line, and blanks in a claim.
    field: where the value is kept, empty for the name. flag: what is typed, empty for ``--name``; off: the flag that
    turns a switch off. in_claims: whether a claim's system line may have it. panel: its heading in ``--help``.
    """

    name: str
    metavar: str
    help: str
    read: Callable[[Any], Any]
    spell: Callable[[Any], Iterable[object]] = lambda value: [value]
    field: str = ""
    flag: str = ""
    off: str = ""
    repeated: bool = False
    in_claims: bool = True
    panel: str = ""

    @property
    def word(self) -> str:
        """The option's name as a user types it."""
        return self.name.replace("_", "-")

    @property
    def typed(self) -> str:
        """What stands on the command line, but for the value."""
        return self.flag or f"--{self.word}"

    @property
    def joined(self) -> bool:
        """Whether flag and value are one word, as compilers have it: -O3."""
        return len(self.flag) == 2 and not self.repeated

    def value_of(self, holder: object) -> Any:  # noqa: ANN401 - of each option its own type
        """Return what `holder` keeps for it; None: nothing."""
        return getattr(holder, self.field or self.name)


def command_words(options: Sequence[Option], holder: object) -> Iterator[str]:
    """Return what to type for the fields of `holder` that are set."""
    for option in options:
        if (value := option.value_of(holder)) is None:
            continue
        for text in option.spell(value):
            if not option.metavar:
                yield option.typed if text else option.off
            else:
                yield from [f"{option.flag}{text}"] if option.joined else [option.typed, _joined(text, ",")]


def system_words(options: Sequence[Option], holder: object) -> Iterator[str]:
    """Return the same as a claim's system line has it: ``tasks 3``."""
    for option in options:
        if not option.in_claims or (value := option.value_of(holder)) is None:
            continue
        for text in option.spell(value):
            if option.metavar:
                yield f"{option.flag}{text}" if option.joined else f"{option.word} {_joined(text, ' ')}"
            elif text:
                yield option.word


def _joined(text: object, divider: str) -> str:
    return divider.join(map(str, text)) if isinstance(text, tuple) else str(text)


def as_flag(setting: Setting, known: Sequence[Option] = ()) -> str:
    """Return `setting` as the command line spells it; known: the options, for those with a flag of their own."""
    flag = next((one.typed for one in known if one.name == setting.name), f"--{setting.name.replace('_', '-')}")
    if setting.value is None or isinstance(setting.value, bool):
        return flag
    return f"{flag} {shlex.quote(str(setting.value))}"


def as_system_word(setting: Setting) -> str:
    """Return `setting` as a claim's system line spells it."""
    word = setting.name.replace("_", "-")
    return word if setting.value is None or isinstance(setting.value, bool) else f"{word} {setting.value}"
