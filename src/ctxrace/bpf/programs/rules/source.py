"""Where a rule was read."""

from dataclasses import dataclass

__all__ = ["Commit", "Source"]


@dataclass(frozen=True)
class Commit:
    """A change of the kernel that made a rule what it is.

    hash: 12 digits. version: the first release that has it.
    """

    hash: str
    subject: str
    version: str


@dataclass(frozen=True)
class Source:
    """A place in the kernel's source that was read, and the commit that made it so.

    file: its path. function: the function or macro. commit: None where the place is older than the rules.
    """

    file: str
    function: str
    commit: Commit | None = None
