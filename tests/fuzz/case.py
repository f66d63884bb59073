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

    def has(self, option: str, value: str) -> bool:
        """Return whether the command line has this option with this value."""
        return (option, value) in zip(self.words, self.words[1:], strict=False)

    def writes(self, name: str) -> bool:
        """Return whether the command line asks for a file of this name."""
        return any(word == name or word.endswith(f"={name}") for word in self.words)

    def __str__(self) -> str:
        return f"ctxrace {shlex.join(self.words)}"
