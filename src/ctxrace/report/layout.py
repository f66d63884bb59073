"""Text in columns: clean it, measure it as a terminal does, cut it, wrap it, line it up."""

import re
import shlex
from collections.abc import Collection, Iterable, Sequence

from rich.cells import cell_len

__all__ = [
    "SHELL_WORD",
    "ascii_only",
    "clean",
    "column_groups",
    "columns",
    "cut",
    "cut_front",
    "finish",
    "listed",
    "printable",
    "typed",
    "wrap",
]

MORE = "…"
_ASCII = {"➜": "->", "←": "<-", "─": "-", "…": "...", "×": "x"}
SHELL_WORD = re.compile(r"""(?:[^\s'"\\]|'[^']*'|"(?:\\.|[^"\\])*"|\\.|['"\\])+""", re.DOTALL)


def clean(text: str) -> str:
    """Turn any text into one line of printable characters, words separated by single blanks.

    Source lines and symbol names come from files: a tab, an escape sequence or a broken encoding must not
    reach a terminal or shift a column.
    """
    return _printable(" ".join(text.split()))


def printable(text: str) -> str:
    """Return `text` with its lines and tabs, and without what a terminal would obey."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def ascii_only(text: str) -> str:
    """Spell `text` in printable ASCII: our own signs as others do, anything else as ``?``."""
    for mark, plain in _ASCII.items():
        text = text.replace(mark, plain)
    return re.sub(r"[^\x20-\x7e]", "?", text)


def cut(text: str, width: int) -> str:
    """Shorten `text` at its end to at most `width` columns; an ellipsis says so."""
    if cell_len(text) <= width:
        return text
    return _chop(text, width - 1)[0].rstrip() + MORE


def cut_front(text: str, width: int) -> str:
    """Shorten `text` at its front: of a path, the end tells most."""
    while cell_len(text) > width:
        # An estimate first, then single characters: wide ones make the difference.
        excess = max((cell_len(text) - width) // 2, 1)
        text = MORE + text.removeprefix(MORE)[excess:] if width > 1 and text != MORE else ""
    return text


def wrap(text: str, width: int, rest: str = "") -> list[str]:
    """Break `text` between words into lines of at most `width` columns, and inside a word only where it must.

    rest: what every line after the first begins with.
    """
    lines: list[str] = []
    line, empty = "", True
    for word in clean(text).split():
        longer = line + word if empty else f"{line} {word}"
        if cell_len(longer) > width and not empty:
            lines.append(line)
            longer = rest + word
        *full, line = _chop(longer, width)
        lines += full
        empty = False
    return [*lines, line]


def listed(names: Sequence[str], shown: int | None = None) -> str:
    """Join `names` by commas, only the first `shown` of them, and say how many more there are."""
    if shown is None or shown >= len(names):
        return ", ".join(names)
    return f"{', '.join(names[:shown])} and {len(names) - shown} more"


def typed(command: str, width: int) -> list[str]:
    """Break a shell command into lines that can be pasted: never inside quotes, each but the last ending in ``\\``."""
    room = width - 2
    lines = [""]
    for word in SHELL_WORD.findall(command):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(longer) <= room:
            lines[-1] = longer
            continue
        first, *more = _quoted_pieces(word, room - 4)
        if lines[-1]:
            lines[-1] += " \\"
            lines.append("")
        lines[-1] += f"    {first}" if len(lines) > 1 else first
        for piece in more:
            # No blank on either side of this line end, or the shell would see two words.
            lines[-1] += "\\"
            lines.append(piece)
    return lines


def _quoted_pieces(word: str, width: int) -> list[str]:
    """Split a shell word that is too long for any line into words that the shell joins again."""
    if cell_len(word) <= width:
        return [word]
    try:
        plain = "".join(shlex.split(word))
    except ValueError:  # a quote that is never closed: nothing a shell could run
        return _chop(word, width)
    pieces = [""]
    for character in plain:
        if pieces[-1] and cell_len(shlex.quote(pieces[-1] + character)) > width:
            pieces.append("")
        pieces[-1] += character
    return [shlex.quote(piece) for piece in pieces]


def columns(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Line up cells, two blanks apart.

    rows: equally long; right: the indices of the columns that end, not begin, in line.
    """
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
            blanks = " " * (width - cell_len(cell))
            cells.append(blanks + cell if index in right else cell + blanks)
        lines.append("  ".join(cells))
    return lines


def column_groups(rows: Sequence[Sequence[str]], fixed: int, width: int) -> list[range]:
    """Return which columns after the first `fixed` ones stand side by side, where not all fit into `width` columns."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    room = width - sum(widths[:fixed]) - 2 * fixed
    groups: list[range] = []
    first, used = fixed, 0
    for index in range(fixed, len(widths)):
        if index > first and used + widths[index] > room:
            groups.append(range(first, index))
            first, used = index, 0
        used += widths[index] + 2
    return [*groups, range(first, len(widths))]


def finish(lines: Iterable[str], width: int) -> str:
    """Join lines to the final text, with no blank at a line's end and nothing beyond `width` columns."""
    return "".join(cut(_printable(line), width).rstrip() + "\n" for line in lines)


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _chop(text: str, width: int) -> list[str]:
    """Break `text` into pieces of at most `width` columns, each at least one character, whatever it contains."""
    if cell_len(text) <= width:
        return [text]
    pieces = [""]
    for character in text:
        # The piece is measured as a whole: combining characters and joined emoji do not simply add up.
        if pieces[-1] and cell_len(pieces[-1] + character) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces
