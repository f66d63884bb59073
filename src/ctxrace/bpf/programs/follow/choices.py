"""Trying every way to go on: a piece of code that asks `Choices.choose` is run once for each sequence of answers."""

from collections.abc import Callable, Iterator
from typing import TypeVar

__all__ = ["Choices", "every"]

Result = TypeVar("Result")


class Choices:
    """Answer from a script, and with 0 behind its end; note how many answers each question had."""

    def __init__(self, script: tuple[int, ...] = ()) -> None:
        self.script, self.asked = script, list[int]()

    def choose(self, options: int) -> int:
        """Return the next answer, from 0 to `options` - 1."""
        number = len(self.asked)
        self.asked.append(options)
        return self.script[number] if number < len(self.script) else 0

    @property
    def answers(self) -> tuple[int, ...]:
        """What was answered."""
        return tuple(self.script[n] if n < len(self.script) else 0 for n in range(len(self.asked)))


def every(run: Callable[[Choices], Result]) -> Iterator[tuple[tuple[int, ...], Result]]:
    """Yield the answers and the result of every run, in the order of the answers."""
    script: tuple[int, ...] | None = ()
    while script is not None:
        choices = Choices(script)
        result = run(choices)
        if not choices.asked:
            yield (), result
            return
        answers = choices.answers
        yield answers, result
        script = None
        for number in range(len(answers) - 1, -1, -1):
            if answers[number] + 1 < choices.asked[number]:
                script = (*answers[:number], answers[number] + 1)
                break
