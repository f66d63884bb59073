"""A schedule: the short spelling of an interleaving, from which it can be replayed.

``1f3a90bc.5d20e1c7:A:1 B:3 A:2`` reads: for this machine code and this scenario, A takes one step, B three, A two.
``B:5*256`` is B:5 written 256 times: as many attempts of five steps each.
"""

import re
from dataclasses import dataclass
from itertools import groupby

from ctxrace.core.errors import ScenarioError

__all__ = ["Schedule", "Stint"]

_STINT = re.compile(r"([^*]+):(\d{1,9})(?:\*(\d{1,6}))?")
_WHOLE = re.compile(r"([0-9a-f]{8})\.([0-9a-f]{8}):(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Stint:
    """`who` takes `steps` steps, after a switch to it where it does not run already."""

    who: str
    steps: int

    def __str__(self) -> str:
        return f"{self.who}:{self.steps}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Say who takes how many steps. code, scenario: fingerprints of what the schedule was made for."""

    code: str
    scenario: str
    stints: tuple[Stint, ...]

    def __str__(self) -> str:
        words = []
        for stint, same in groupby(self.stints):
            times = len(list(same))
            words.append(f"{stint}*{times}" if times > 1 else str(stint))
        return f"{self.code}.{self.scenario}:{' '.join(words)}"

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """Return the schedule that `text` spells; raise `ScenarioError` that quotes what cannot be read."""
        whole = _WHOLE.fullmatch(text.strip())
        if whole is None:
            raise ScenarioError(f"{text!r} is not a schedule; one looks like 1f3a90bc.5d20e1c7:A:1 B:3 A:2")
        stints = []
        for number, word in enumerate(whole[3].split(), 1):
            stint = _STINT.fullmatch(word)
            if stint is None:
                raise ScenarioError(f"{word!r}, word {number} of the schedule, is not a name and a number, like A:3")
            stints += [Stint(stint[1], int(stint[2]))] * int(stint[3] or 1)
        return cls(whole[1], whole[2], tuple(stints))
