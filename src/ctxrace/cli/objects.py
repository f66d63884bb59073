"""BPF objects: ``check`` and ``replay`` are other verbs for them."""

from collections.abc import Sequence
from pathlib import Path

__all__ = ["dispatched"]

VERBS = {"check": "check-programs", "replay": "replay-programs"}
"""What these verbs become for a BPF object."""

MACHINE = b"\xf7\x00"  # EM_BPF


def dispatched(words: Sequence[str]) -> list[str]:
    """Return the words of a command line, with the verb for BPF objects where the file is one."""
    if words and words[0] in VERBS and any(_is_object(word) for word in words[1:] if not word.startswith("-")):
        return [VERBS[words[0]], *words[1:]]
    return list(words)


def _is_object(word: str) -> bool:
    try:
        path = Path(word)
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(20)
    except (OSError, ValueError):
        return False
    return head[:4] == b"\x7fELF" and head[18:20] == MACHINE
