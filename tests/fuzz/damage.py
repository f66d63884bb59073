"""Damage to bytes and to texts, as a transmission, an editor or an attacker does it."""

import io
import random
import re
import struct
from collections.abc import Sequence
from functools import cache
from typing import Literal, NamedTuple

from elftools.elf.elffile import ELFFile

__all__ = ["NASTY", "damaged", "damaged_elf", "damaged_text", "nasty_name"]

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


class Field(NamedTuple):
    """A number of an ELF file: what it is a part of, where it begins, and its bytes."""

    of: str
    at: int
    size: int


_HEADER = [(16, 2), (18, 2), (40, 8), (48, 4), (58, 2), (60, 2), (62, 2)]  # e_type to e_shstrndx
_SECTION = [(0, 4), (4, 4), (8, 8), (16, 8), (24, 8), (32, 8), (40, 4), (44, 4), (56, 8)]
_SYMBOL = [(0, 4), (4, 1), (6, 2), (8, 8), (16, 8)]
_TEXTS = (".ctxrace", ".strtab", ".shstrtab", ".debug_str", ".debug_line_str")
"""Sections of which words are exchanged."""


@cache
def _fields(data: bytes) -> tuple[Field, ...]:
    """Return the numbers of the header, of section headers, of symbols, and of relocations."""
    elf = ELFFile(io.BytesIO(data))
    found = [Field("header", *place) for place in _HEADER]
    for number, section in enumerate(elf.iter_sections()):
        start = elf["e_shoff"] + 64 * number
        found += [Field("section", start + at, size) for at, size in _SECTION]
        inside = range(section["sh_offset"], section["sh_offset"] + section["sh_size"])
        if section["sh_type"] == "SHT_SYMTAB":
            found += [Field("symbol", row + at, size) for row in inside[24::24] for at, size in _SYMBOL]
        if section["sh_type"] == "SHT_RELA":
            found += [Field("relocation", word, 8) for word in inside[::8]]
    return tuple(found)


@cache
def _contents(data: bytes) -> dict[str, tuple[int, range]]:
    """Return the sections that the file holds: where the header of each is, and its bytes."""
    elf = ELFFile(io.BytesIO(data))
    return {
        section.name: (elf["e_shoff"] + 64 * number, range(at, at + section["sh_size"]))
        for number, section in enumerate(elf.iter_sections())
        if (at := section["sh_offset"]) and section["sh_size"] and section["sh_type"] != "SHT_NOBITS"
    }


def damaged_elf(data: bytes, choice: random.Random, code: range = range(64, 64 + 2048)) -> bytes:
    """Return the ELF file `data` with a number, a word or some bytes that are something else; half of it at random."""
    kind = choice.randrange(10)
    if kind < 4:
        return damaged(data, choice, code)
    if kind < 6:
        return _with_other_numbers(data, choice)
    if kind < 8:
        return _with_other_texts(data, choice)
    return _with_other_bytes(data, choice)


def _with_other_numbers(data: bytes, choice: random.Random) -> bytes:
    """Return `data` with a number that its size, its place or its neighbours make unlikely."""
    changed = bytearray(data)
    order: Literal["little", "big"] = "little" if data[5] == 1 else "big"
    fields = _fields(data)
    of = choice.choice(("header", "section", "symbol", "symbol", "symbol", "relocation"))
    among = [field for field in fields if field.of == of] or fields
    for _ in range(choice.choice((1, 1, 1, 2))):
        _, at, size = choice.choice(among)
        now = int.from_bytes(changed[at : at + size], order)
        changed[at : at + size] = _other_number(now, size, len(data), choice).to_bytes(size, order)
    return bytes(changed)


def _other_number(now: int, size: int, length: int, choice: random.Random) -> int:
    """Return a number of `size` bytes that stands in the place of `now`, in a file of `length` bytes."""
    most = (1 << 8 * size) - 1
    other = choice.choice(
        (0, 1, 2, most, most >> 1, (most >> 1) + 1, now + 1, now - 1, now + 8, 2 * now, 1 << choice.randrange(64),
         now + (1 << choice.randrange(64)), length, choice.randrange(most + 1))
    )  # fmt: skip
    return other & most


def _with_other_bytes(data: bytes, choice: random.Random) -> bytes:
    """Return `data` with bytes or numbers exchanged in one of its sections of data."""
    changed = bytearray(data)
    order: Literal["little", "big"] = "little" if data[5] == 1 else "big"
    known = [place for name, (_, place) in _contents(data).items() if name not in (".text", ".symtab", *_TEXTS)]
    place = choice.choice(known or [range(64, len(data))])
    for _ in range(choice.choice((1, 1, 2, 4))):
        at, size = choice.choice(place), choice.choice((1, 1, 1, 2, 4, 8))
        at = min(at - (at - place.start) % size, len(data) - size)
        now = int.from_bytes(changed[at : at + size], order)
        other = choice.choice((0x7F, 0x80, now ^ 1 << choice.randrange(8))) if size == 1 else 0
        number = other or _other_number(now, size, len(data), choice)
        changed[at : at + size] = (number & (1 << 8 * size) - 1).to_bytes(size, order)
    return bytes(changed)


def _with_other_texts(data: bytes, choice: random.Random) -> bytes:
    """Return `data` with words exchanged in one of its sections of texts, which then lies at the end of the file."""
    known = _contents(data)
    header, place = known[choice.choice([name for name in _TEXTS if name in known])]
    text = data[place.start : place.stop].decode("utf-8", "surrogateescape")
    words = (*NASTY, "\0", " ", "2", "999999999", "4294967296", "attempt", "body", "tasks 2 attempt x.c:1\0")
    other = damaged_text(text, choice, words)
    changed = bytearray(data)
    struct.pack_into("<QQ" if data[5] == 1 else ">QQ", changed, header + 24, len(data), len(other))
    return bytes(changed) + other


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
