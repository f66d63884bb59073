"""Damage to bytes and to texts, as a transmission, an editor or an attacker does it."""

import random
import re
from collections.abc import Sequence

__all__ = ["NASTY", "damaged", "damaged_text", "nasty_name"]

NASTY = (
    *("", "0", "-1", "9" * 20, "9" * 5_000, "0x", "²", "NaN", "'", '"', "$(id)", "`id`", "%s%n", "\\", "/", "..", ","),
    *("\0", "\r", "\t", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b2J", "\u202eltr", "\u2028", "\ufeff", "\x7f"),
    *("<script>alert(1)</script>", "é", "🧵", "a" * 300, "-", "--", "--json", "@file", "none", "all", "*", ":", "@1"),
    *("\udcff\udc80", "a b", "name\nctxrace: holds", "\x0c", "[bold]", "[/]", "[link=x]"),
)
"""Words that are something else than what is expected where a word is."""

_TOKEN = re.compile(r"[A-Za-z_]\w*|\d+|\s+|.", re.DOTALL)


def damaged(data: bytes, choice: random.Random, code: range = range(64, 64 + 2048)) -> bytes:
    """Return `data` with some bytes changed, moved or cut off; most often a few bits within `code`, which loads."""
    changed = bytearray(data)
    kind = choice.randrange(10)
    if kind == 0:
        return bytes(changed[: choice.randrange(len(changed))])
    if kind == 1:
        at, to = choice.randrange(len(changed)), choice.randrange(len(changed))
        length = choice.randrange(1, 64)
        changed[to : to + length] = changed[at : at + length]
        return bytes(changed)
    for _ in range(choice.choice((1, 1, 1, 2, 4, 16))):
        at = choice.choice(code) if kind < 8 else choice.randrange(len(changed))
        at %= len(changed)
        changed[at] = choice.choice((0, 1, 0xFF, changed[at] ^ 1 << choice.randrange(8), choice.randrange(256)))
    return bytes(changed)


def damaged_text(text: str, choice: random.Random, words: Sequence[str] = NASTY) -> bytes:
    """Return `text` with some of its tokens left out, doubled, exchanged, or replaced by one of `words`."""
    tokens = _TOKEN.findall(text) or [""]
    for _ in range(choice.choice((0, 1, 1, 1, 2, 3, 8))):
        at, other = choice.randrange(len(tokens)), choice.randrange(len(tokens))
        match choice.randrange(6):
            case 0:
                tokens[at] = ""
            case 1:
                tokens[at] *= choice.choice((2, 2, 3, 1_000))
            case 2:
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case 3:
                tokens[at] = tokens[other]
            case 4:
                tokens[at] = choice.choice(words)
            case _:
                tokens[at] += choice.choice(words)
    data = "".join(tokens).encode("utf-8", "surrogateescape")
    return damaged(data, choice) if data and choice.random() < 0.1 else data


def nasty_name(choice: random.Random, suffix: str) -> str:
    """Return a name that a file may have, often an unusual one."""
    name = choice.choice(("guard", "guard", *NASTY)).replace("\0", "").replace("/", "")[:200]
    return f"{name or 'guard'}{suffix}"
