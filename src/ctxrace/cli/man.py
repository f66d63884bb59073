"""The manual page, from the same definitions as --help: ``python -m ctxrace.cli.man > ctxrace.1``."""

import inspect
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import typer

from ctxrace.cli.app import app
from ctxrace.cli.status import MEANINGS
from ctxrace.cli.verbs import in_panels

__all__ = ["manual"]

_SUMMARY = "decide whether a race in kernel code can happen"


def manual() -> str:
    """Return the manual page of every verb, in the macros of man(7)."""
    root = typer.main.get_command(app)
    lines = ['.TH CTXRACE 1 "" "ctxrace" "User Commands"', ".SH NAME", f"ctxrace \\- {_SUMMARY}", ".SH SYNOPSIS"]
    verbs = list(_verbs(root, ["ctxrace"]))
    for words, command, context in verbs:
        usage = " ".join(command.collect_usage_pieces(context))
        lines += [f".B {_text(' '.join(words))}", _text(usage), ".br"]
    lines += [".SH DESCRIPTION", *_paragraphs(root.help or "")]
    for words, command, context in verbs[1:]:
        lines += [f".SH {_text(' '.join(words)).upper()}", *_paragraphs(command.help or "")]
        lines += _options(command, context)
    lines += [".SH OPTIONS OF CTXRACE ITSELF", *_options(root, verbs[0][2])]
    lines += [".SH EXIT STATUS"]
    for status, meaning in MEANINGS.items():
        lines += [".TP", f".B {status.value}", _text(meaning)]
    return "\n".join(lines) + "\n"


def _verbs(command: Any, words: list[str], parent: Any = None) -> Iterator[tuple[list[str], Any, Any]]:  # noqa: ANN401
    """Yield each verb that --help shows, with its words and a context, from the top."""
    context = command.context_class(command, info_name=words[-1], parent=parent)
    yield words, command, context
    for row in getattr(command, "rows", ()):
        if row.panel:
            yield from _verbs(row.load(), [*words, row.name], context)


def _options(command: Any, context: Any) -> Iterator[str]:  # noqa: ANN401
    for panel, records in in_panels(command, context):
        yield f".SS {_text(panel)}"
        for option, text in records:
            yield from (".TP", f".B {_text(option)}", _text(text))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        yield from (".PP", _text(" ".join(paragraph.split())))


def _text(text: str) -> str:
    """Return `text` as roff reads it: no character of it is a request or an escape."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def main(arguments: Sequence[str]) -> None:
    """Print the manual page."""
    if arguments:
        sys.exit("usage: python -m ctxrace.cli.man > ctxrace.1")
    sys.stdout.write(manual())


if __name__ == "__main__":
    main(sys.argv[1:])
