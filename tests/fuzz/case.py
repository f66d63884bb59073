"""One fuzzed input: the files that lie in an empty directory, and the command line that is run in it."""

import shlex
from dataclasses import dataclass, field

__all__ = ["MEMORY", "TIMEOUT", "Case"]

TIMEOUT = 2  # seconds
MEMORY = 400  # MiB


@dataclass(frozen=True)
class Case:
    """words: what stands behind ``ctxrace``; files: by name; encoding: of the terminal."""

    words: tuple[str, ...]
    files: dict[str, bytes] = field(default_factory=dict)
    encoding: str = "utf-8"

    def __str__(self) -> str:
        return f"ctxrace {shlex.join(self.words)}"
