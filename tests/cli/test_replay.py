"""Replay from the command line: what is typed counts, or is refused."""

from pathlib import Path

import pytest

from .conftest import Run

CLAIM = str(Path(__file__).parents[2] / "examples/claims/bot.txt")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--arch", "x86-64"], "--arch"),
        (["-O", "3"], "-O"),
        (["--cc", "gcc"], "--cc"),
        (["--tasks", "1"], "--tasks"),
        (["--preemption=none"], "--preemption"),
        (["--entry-window"], "--entry-window"),
        (["--sleepable"], "--sleepable"),
        (["-D", "BPF_STATS"], "-D"),
        (["--property", "balanced"], "--property"),
        (["--claim"], "--claim"),
        (["--", "-DX", "-DY"], "-DX -DY"),
        (["other.txt"], "other.txt"),
    ],
)
def test_a_claim_takes_no_option_of_its_system(options: list[str], named: str, run: Run) -> None:
    status, out, err = run("replay", CLAIM, *options)
    assert (status, out) == (2, "")
    assert err.startswith(f"ctxrace: {named} says nothing to a claim")


@pytest.mark.parametrize("option", [["--guard", "arm64-merged"], ["--mail"], ["--json"]])
def test_a_schedule_takes_no_option_of_a_claim(option: list[str], run: Run) -> None:
    status, out, err = run("replay", "arm64-v1", "--schedule", "1a2b3c4d.1a2b3c4d:A:1", *option)
    assert (status, out) == (2, "")
    assert err.startswith(f"ctxrace: {option[0]} is for claims")
