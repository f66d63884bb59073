"""Where a rule was read."""

from dataclasses import dataclass

__all__ = ["NEWEST_READ", "READ_IN", "Commit", "Source"]

READ_IN = (
    *("5.10.223", "5.15 (Ubuntu 5.15.0-204.214)", "6.1.176", "6.8 (Ubuntu 6.8.0-151.151)", "6.12.117"),
    *("6.17 (Ubuntu 6.17.0-41.41)", "7.0 (Ubuntu 7.0.0-14.14)", "7.2.13", "7.3.4"),
)
"""The kernels whose sources the rules were read in. Between two of them a rule is what both have, or has a commit."""

NEWEST_READ = (7, 3)


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
