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
    assert (status, "violated" in out) == (2, False)
    assert err.startswith(f"ctxrace: {option[0]} is for claims")


@pytest.mark.parametrize(("option", "what"), [(["--entry-window"], "the entry window"), (["--cpus", "2"], "2 CPUs")])
def test_no_claim_is_printed_that_claims_do_not_follow(option: list[str], what: str, run: Run) -> None:
    guard = str(Path(__file__).parents[2] / "examples/atomic_counter.c")
    status, out, err = run("replay", guard, *option, "--schedule", "1a2b3c4d.1a2b3c4d:A:1", "--claim")
    assert (status, out) == (2, "")
    assert f"claims do not follow {what} yet" in err
