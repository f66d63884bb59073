"""What goes wrong on the user's side, one class per cause.

Every message says, in lower case: what happened, the value, where, the likely cause, what to type next.
The command line prints it after ``ctxrace:`` and exits with 2; nothing here is ever a traceback.
"""

from collections.abc import Callable

from ctxrace.core.facts.reason import BodyNeverRuns, NeverReturns
from ctxrace.core.facts.stop import MemoryLimit, StateLimit, TimeLimit
from ctxrace.core.setting import Setting

__all__ = [
    "CtxraceError",
    "ExecutionError",
    "ImageError",
    "LimitReached",
    "OutputError",
    "ScenarioError",
    "ToolchainError",
    "VacuousError",
]


class CtxraceError(Exception):
    """Something in the input cannot be checked. The message names it and says what to do.

    A message is made of text and of settings. As text, it spells the settings as Python does.
    """

    def __init__(self, *parts: str | Setting) -> None:
        super().__init__(*parts)

    def __str__(self) -> str:
        return self.spelled(str)

    def spelled(self, spell: Callable[[Setting], str]) -> str:
        """Return the message, each of its settings in the words of `spell`."""
        return "".join(spell(part) if isinstance(part, Setting) else str(part) for part in self.args)


class ToolchainError(CtxraceError):
    """A source file does not compile or link, or the compiler cannot be started.

    `output` is what the compiler printed, unchanged.
    """

    def __init__(self, *parts: str | Setting, output: str = "") -> None:
        super().__init__(*parts)
        self.output = output


class ImageError(CtxraceError):
    """A file is not machine code that can be checked: not ELF, truncated, or of another architecture."""


class ScenarioError(CtxraceError):
    """The scenario is missing, contradictory, or names something that the image does not have."""


class VacuousError(ScenarioError):
    """A property would hold only because nothing ever happens.

    reason: what does not; about: the property, empty where it is all of them.
    """

    def __init__(self, reason: BodyNeverRuns | NeverReturns, about: str = "") -> None:
        if isinstance(reason, BodyNeverRuns):
            message = (
                f"{reason.body}() never runs in any interleaving, and that is why nothing was found; "
                "was its call inlined or optimised away? declare it noinline, with a barrier() in it"
            )
        else:
            message = (
                f"the entry {reason.entry} never returns, so that the CPU is never idle again and nothing is decided; "
                "let it return, its context runs it again and again"
            )
        super().__init__(f"{about}: {message}" if about else message)
        self.reason, self.about = reason, about

    def __reduce__(self) -> tuple[type["VacuousError"], tuple[BodyNeverRuns | NeverReturns, str]]:
        return type(self), (self.reason, self.about)  # also from another process


class ExecutionError(CtxraceError):
    """The code does something the model does not know: an instruction, a register, an endless private loop."""


class LimitReached(CtxraceError):
    """The time, memory or states that a command may use are used up, so that nothing is decided: exit status 3, not 2.

    limit: which, and in what phase.
    """

    def __init__(self, limit: TimeLimit | MemoryLimit | StateLimit) -> None:
        if isinstance(limit, StateLimit):
            super().__init__(f"the limit of {limit.limit:,} states is reached")
            self.limit: TimeLimit | MemoryLimit | StateLimit = limit
            return
        if isinstance(limit, TimeLimit):
            message = f"the timeout of {limit.seconds:g} s is over"
        else:
            message = f"the limit of {limit.size >> 20:,} MiB of memory is reached"
        super().__init__(f"{message} while {limit.doing}" if limit.doing else message)
        self.limit = limit

    def __reduce__(self) -> tuple[type["LimitReached"], tuple[TimeLimit | MemoryLimit | StateLimit]]:
        return type(self), (self.limit,)  # also from another process


class OutputError(CtxraceError):
    """A report cannot be written: the disk is full, or the place is none for a file: exit status 74, not 2."""
