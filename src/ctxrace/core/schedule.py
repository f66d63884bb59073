"""A schedule: the short spelling of an interleaving, from which it can be replayed.

``1f3a90bc.5d20e1c7:A:1 B:3 A:2`` reads: for this machine code and this scenario, A takes one step, B three, A two.
``B:5*256`` is B:5 written 256 times: as many attempts of five steps each. ``C..T256:5`` is C:5 D:5 and so on to
T256:5: one task after the other. What stands behind their names (``@1``, ``/0``) is written once, after the last one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ctxrace.core.errors import ScenarioError
from ctxrace.core.names import task_name, task_number

__all__ = ["Schedule", "Stint"]

_STINT = re.compile(r"([^*]+):(\d{1,9})(?:\*(\d{1,6}))?")
_WHOLE = re.compile(r"([0-9a-f]{8})\.([0-9a-f]{8}):(.*)", re.DOTALL)
_TASK = re.compile(r"([A-Z]\d*)(.*)")
_SEVERAL = re.compile(r"([A-Z]\d*)\.\.([A-Z]\d*)(.*)")
_FEWEST = 3  # of two, both names are as short
_QUOTED = 80  # characters
_MOST = 1_000_000  # stints; more are a slip of the pen
_MOST_STEPS = 10_000_000  # of all stints together


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
        return f"{self.code}.{self.scenario}:{' '.join(_words(self.stints))}"

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """Return the schedule that `text` spells; raise `ScenarioError` that quotes what cannot be read."""
        whole = _WHOLE.fullmatch(text.strip())
        if whole is None:
            raise ScenarioError(f"{_short(text)} is not a schedule; one looks like 1f3a90bc.5d20e1c7:A:1 B:3 A:2")
        stints: list[Stint] = []
        steps = 0
        for number, word in enumerate(whole[3].split(), 1):
            stint, where = _STINT.fullmatch(word), f"{_short(word)}, word {number} of the schedule,"
            if stint is None:
                raise ScenarioError(f"{where} is not a name and a number, like A:3")
            times, names = int(stint[3] or 1), _named(stint[1], word, number)
            if len(stints) + times * len(names) > _MOST:
                raise ScenarioError(f"{where} makes it longer than {_MOST:,} stints")
            for name in names:
                stints += [Stint(name, int(stint[2]))] * times
            steps += int(stint[2]) * times * len(names)
            if steps > _MOST_STEPS:
                raise ScenarioError(f"{where} makes it longer than {_MOST_STEPS:,} steps")
        return cls(whole[1], whole[2], tuple(stints))


def _words(stints: Sequence[Stint]) -> Iterator[str]:
    at = 0
    while at < len(stints):
        stint, tasks = stints[at], _tasks_from(stints, at)
        if tasks >= _FEWEST:
            last = stints[at + tasks - 1]
            yield f"{_task(stint.who)[1]}..{last}"
            at += tasks
            continue
        end = at + 1
        while end < len(stints) and stints[end] == stint:
            end += 1
        yield f"{stint}*{end - at}" if end - at > 1 else str(stint)
        at = end


def _tasks_from(stints: Sequence[Stint], at: int) -> int:
    """Return how many stints from `at` on are the same one of a task after the other."""
    first, _, suffix = _task(stints[at].who)
    if first is None:
        return 0
    number = 1
    while at + number < len(stints):
        if stints[at + number] != Stint(task_name(first + number) + suffix, stints[at].steps):
            break
        number += 1
    return number


def _task(who: str) -> tuple[int | None, str, str]:
    """Return the number and the name of the task in `who`, and what stands behind it; None where it is no task."""
    found = _TASK.fullmatch(who)
    if found is None or (number := task_number(found[1])) is None:
        return None, "", ""
    return number, found[1], found[2]


def _named(who: str, word: str, position: int) -> list[str]:
    """Return whom `who` names, one after the other."""
    if ".." not in who or ":" in who:  # an interrupt is followed by its entry, which may be called anything
        return [who]
    if several := _SEVERAL.fullmatch(who):
        first, last = task_number(several[1]), task_number(several[2])
        if first is not None and last is not None and first < last <= first + _MOST:
            return [task_name(number) + several[3] for number in range(first, last + 1)]
    raise ScenarioError(
        f"{_short(word)}, word {position} of the schedule, is not a row of tasks: from one to a later one, "
        "like C..T30:5"
    )


def _short(text: str) -> str:
    """Quote `text`, only the beginning of a long one."""
    return repr(text if len(text) <= _QUOTED else f"{text[:_QUOTED]}...")
