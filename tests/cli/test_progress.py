"""What a terminal shows while a command searches."""

import io

from rich.console import Console
from rich.status import Status

from ctxrace.cli.progress import Display


def shown(status: Status) -> str:
    return str(status.status)


def test_one_search_tells_states_rate_and_memory() -> None:
    status = Status("", console=Console(file=io.StringIO()))
    Display("exploring a.c", status)(12_000, 4.0)
    text = shown(status)
    assert text.startswith("exploring a.c: 12,000 states, 3,000 a second, ")
    assert text.endswith(" MB; Ctrl-C to stop")


def test_many_tell_how_many_are_done() -> None:
    status = Status("", console=Console(file=io.StringIO()))
    Display("exploring 24 cases", status).done(7)
    assert shown(status).startswith("exploring 24 cases: 7 done in ")
