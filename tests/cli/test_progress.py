"""What a terminal shows while a command searches."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from rich.status import Status

from ctxrace.cli import progress
from ctxrace.cli.progress import Display
from ctxrace.explore.processes import Amount

from .conftest import Run


def shown(status: Status) -> str:
    return str(status.status)


def test_one_search_tells_states_rate_and_memory() -> None:
    status = Status("", console=Console(file=io.StringIO()))
    Display("exploring a.c", status)(12_000, 4.0)
    text = shown(status)
    assert text.startswith("exploring a.c: 12,000 states, 3,000 a second, ")
    assert text.endswith(" MB; Ctrl-C to stop")


def display(what: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Display, Status]:
    """A display that began 20 seconds ago."""
    status = Status("", console=Console(file=io.StringIO()))
    clock = iter([100.0])
    monkeypatch.setattr(progress, "monotonic", lambda: next(clock, 120.0))
    return Display(what, status), status


def test_many_tell_what_is_done_and_running_and_what_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    shows, status = display("exploring cases", monkeypatch)
    shows.done(Amount(5, 24, 2, 120_000))
    form = r"exploring cases: 5 of 24 done, 2 running, over 120,000 states, [\d,]+ MB, 20 s; Ctrl-C to stop"
    assert re.fullmatch(form, shown(status))


def test_there_is_an_estimate_when_a_quarter_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    shows, status = display("testing files", monkeypatch)
    for done, estimate in ((0, ""), (5, ""), (6, ", about 60 s more"), (23, ", about 1 s more"), (24, "")):
        shows.done(Amount(done, 24, min(2, 24 - done)))
        more = f"{estimate} if the others are alike" if estimate else ""
        assert shown(status).endswith(f" MB, 20 s{more}; Ctrl-C to stop"), done
        assert "states" not in shown(status)  # of which nobody has told


def test_what_processes_share_counts_once() -> None:
    assert 0 < progress._megabytes_of_all() < 100_000
    assert progress._share(None) is None


@pytest.mark.parametrize("terminal", [False, True])
def test_a_suite_shows_how_far_it_is_on_a_terminal_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, terminal: bool
) -> None:
    told: list[Amount] = []
    monkeypatch.setattr(Display, "done", lambda _, amount: told.append(amount))
    monkeypatch.setattr(progress, "on_a_terminal", lambda: terminal)
    for name in "ab":
        (tmp_path / f"{name}_race.c").write_text("int x;\n")  # declares nothing
    status, _, err = run("test", tmp_path, "--jobs", "1")
    assert status == 2
    assert [(one.done, one.of) for one in told] == ([(1, 2), (2, 2)] if terminal else [])
    assert terminal or err == ""
