"""What is found out about what somebody said: the statement, and the facts that decide it."""

from dataclasses import dataclass

from ctxrace.core.interleaving import Interleaving

__all__ = ["Fact", "Statement"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was decided.

    about: what was asked, of which code. verdict: in words, as ``holds``; expected: the one that `Statement.so` is
    true with. reason: why nothing more was decided, where that is so.
    size: of the interleaving, or of the proof. command: what shows it. interleaving: if there is one.
    replay: what replays its schedule, but for that. missing: why it could not be asked here; empty: it was.
    """

    about: str
    verdict: str
    expected: str
    size: str
    command: str
    interleaving: Interleaving | None = None
    replay: str = ""
    missing: str = ""
    reason: str = ""

    @property
    def as_expected(self) -> bool:
        """Whether it came out so; what could not be asked contradicts nothing."""
        return bool(self.missing) or self.verdict == self.expected

    @property
    def incomplete(self) -> bool:
        """Whether too little was decided to say that it came out as expected, or otherwise."""
        decided = self.verdict.removesuffix("incomplete")
        return decided != self.verdict and self.expected.startswith(decided)

    @property
    def unlike(self) -> bool:
        """Whether it came out otherwise than expected."""
        return not self.as_expected and not self.incomplete


@dataclass(frozen=True, slots=True)
class Statement:
    """Words from the thread. who: the author's role; so: what the facts say of it, where all come out as expected."""

    quote: str
    who: str
    so: str
    facts: tuple[Fact, ...]
