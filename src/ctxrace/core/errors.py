"""What goes wrong on the user's side, one class per cause.

Every message says, in lower case: what happened, the value, where, the likely cause, what to type next.
The command line prints it after ``ctxrace:`` and exits with 2; nothing here is ever a traceback.
"""

from collections.abc import Callable

from ctxrace.core.setting import Setting

__all__ = [
    "CtxraceError",
    "ExecutionError",
    "ImageError",
    "LimitReached",
    "OutputError",
    "ScenarioError",
    "ToolchainError",
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

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output

    def __reduce__(self) -> tuple[type["ToolchainError"], tuple[str, str]]:
        return type(self), (str(self), self.output)  # whole, also from another process


class ImageError(CtxraceError):
    """A file is not machine code that can be checked: not ELF, truncated, or of another architecture."""


class ScenarioError(CtxraceError):
    """The scenario is missing, contradictory, or names something that the image does not have."""


class ExecutionError(CtxraceError):
    """The code does something the model does not know: an instruction, a register, an endless private loop."""


class LimitReached(CtxraceError):
    """The time or the memory that a command may use is used up, so that nothing is decided: exit status 3, not 2."""


class OutputError(CtxraceError):
    """A report cannot be written: the disk is full, or the place is none for a file: exit status 74, not 2."""
