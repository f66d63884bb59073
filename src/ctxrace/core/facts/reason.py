"""Why a verdict is incomplete, and what is to be known of a violation's interleaving: one fact each."""

from dataclasses import dataclass

from ctxrace.core.facts.fact import Fact
from ctxrace.core.facts.forecast import Forecast
from ctxrace.core.facts.growth import Grows
from ctxrace.core.facts.stop import Stop
from ctxrace.core.property import Property

__all__ = [
    "BeginsOtherwise",
    "BodyNeverRuns",
    "ContextsUnread",
    "EndedByViolationOf",
    "EndedByViolations",
    "ExtentUnknown",
    "LargeAlone",
    "NeverReturns",
    "NoCheckRuns",
    "NotAsked",
    "NotJudged",
    "NotKnownShortest",
    "OnlyIfSequential",
    "OutcomeNotSearched",
    "Reason",
    "SearchEnded",
]


@dataclass(frozen=True, slots=True)
class SearchEnded(Fact):
    """The search ended early. forecast: how many states there may be, where that is known.

    grows: the variables because of which it may never end.
    """

    stop: Stop
    forecast: Forecast | None = None
    grows: tuple[Grows, ...] = ()


@dataclass(frozen=True, slots=True)
class EndedByViolations(Fact):
    """All other properties are violated, and the search ended there; this one needs every state."""


@dataclass(frozen=True, slots=True)
class EndedByViolationOf(Fact):
    """This property is violated, and what happens after that is not known."""

    property: Property


@dataclass(frozen=True, slots=True)
class NotKnownShortest(Fact):
    """The search ended before the interleaving was known to be the shortest."""


@dataclass(frozen=True, slots=True)
class BodyNeverRuns(Fact):
    """The body runs in no interleaving, so that nothing could be found."""

    body: str


@dataclass(frozen=True, slots=True)
class NeverReturns(Fact):
    """The entry never returns, so that the CPU is never idle again."""

    entry: str


@dataclass(frozen=True, slots=True)
class NoCheckRuns(Fact):
    """No interleaving executes a check, so that none could be found false."""


@dataclass(frozen=True, slots=True)
class OnlyIfSequential(Fact):
    """It holds if memory is sequentially consistent between CPUs, which hardware need not be."""


@dataclass(frozen=True, slots=True)
class ExtentUnknown(Fact):
    """An access of unknown extent may or may not overwrite the bytes."""


@dataclass(frozen=True, slots=True)
class BeginsOtherwise(Fact):
    """It is violated where memory begins as something else than was compiled: user space or others may write it."""

    memory: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContextsUnread(Fact):
    """Whether both programs run in these contexts is not known, as nobody read where their hooks are called."""


@dataclass(frozen=True, slots=True)
class LargeAlone(Fact):
    """Each of the programs alone already has more states than this."""

    limit: int


@dataclass(frozen=True, slots=True)
class NotAsked(Fact):
    """The user ended everything before this was asked."""


@dataclass(frozen=True, slots=True)
class NotJudged(Fact):
    """A property was expected that the check does not judge."""


@dataclass(frozen=True, slots=True)
class OutcomeNotSearched(Fact):
    """The search for another way to a claim's outcome ended early."""


Reason = (
    SearchEnded
    | EndedByViolations
    | EndedByViolationOf
    | NotKnownShortest
    | BodyNeverRuns
    | NeverReturns
    | NoCheckRuns
    | OnlyIfSequential
    | ExtentUnknown
    | BeginsOtherwise
    | ContextsUnread
    | LargeAlone
    | NotAsked
    | NotJudged
    | OutcomeNotSearched
)
