"""Replay from the command line: what is typed counts, or is refused."""

from pathlib import Path

import pytest

import ctxrace
from ctxrace.cli.main import main
from ctxrace.cli.output import report_width

from ..report.formats.ktap_reader import read_ktap
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


@pytest.mark.parametrize("option", [["--guard", "arm64-merged"], ["--trust"]])
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


def test_a_schedule_and_a_check_are_printed_for_a_mail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lost.c"
    path.write_text(
        "#include <ctxrace/kernel.h>\nint x;\nvoid task(void) { WRITE_ONCE(x, READ_ONCE(x) + 1); "
        "WRITE_ONCE(x, READ_ONCE(x) - 1); }\nCTXRACE_TASKS(2, task); CTXRACE_BALANCED(x); CTXRACE_PREEMPTION(full);\n"
    )
    with pytest.raises(SystemExit) as ended:
        main(["check", str(path), "--mail"])
    mail = capsys.readouterr().out
    assert ended.value.code == 1
    assert mail.isascii()
    assert "task A                             task B" in mail
    assert "is from before" in mail
    result = ctxrace.check(ctxrace.compile(path))
    (run,) = (v.interleaving for v in result.verdicts if v.interleaving)
    with pytest.raises(SystemExit) as ended:
        main(["replay", str(path), "--schedule", run.schedule, "--mail"])
    replayed = capsys.readouterr().out
    assert ended.value.code == 1
    assert replayed.startswith("violated: balanced(x)\n\n")
    assert replayed.partition("\n\n")[2].rstrip() in mail


@pytest.mark.parametrize(
    ("given", "width"), [("", 100), ("60", 60), ("20", 60), ("150", 150), ("5000", 200), ("9" * 5000, 100), ("x", 100)]
)
def test_columns_are_honoured(given: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", given)
    assert report_width() == width


FORMATS = {
    "ktap": "KTAP version 1\n", "junit": "<?xml ", "sarif": '{\n  "$schema": ', "github": "::error file=",
    "mermaid": "```mermaid\n", "plantuml": "@startuml\n",
}  # fmt: skip
COUNTER = str(Path(__file__).parents[2] / "examples/recursion_counter.c")


def schedule_of(run: Run) -> list[str]:
    out = run("check", COUNTER, "--property", "exclusive")[1]
    schedule = out.partition("--schedule '")[2].partition("'")[0]
    return ["replay", COUNTER, "--property", "exclusive", "--schedule", schedule]


def test_a_schedule_in_every_format(run: Run, tmp_path: Path) -> None:
    words = schedule_of(run)
    for name, first in FORMATS.items():
        assert run(*words, "--format", name, "--output", tmp_path / name) == (1, "", "")
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(first)
    (test,) = read_ktap(run(*words, "--format", "ktap")[1])
    assert [(sub.name, sub.ok) for sub in test.subtests] == [("exclusive(body)", False)]
    assert f"again: ctxrace replay {COUNTER} --property exclusive --schedule" in "\n".join(test.subtests[0].diagnostics)


def test_a_run_that_breaks_nothing_passes_and_is_drawn(run: Run) -> None:
    *words, schedule = schedule_of(run)
    short = schedule.rpartition(" ")[0]
    status, out, _ = run(*words, short, "--format", "ktap")
    assert (status, [(sub.name, sub.ok) for sub in read_ktap(out)[0].subtests]) == (0, [("replay", True)])
    assert run(*words, short, "--format", "mermaid")[1].startswith("```mermaid\nsequenceDiagram\n")


def test_a_claim_in_formats_for_machines(run: Run) -> None:
    (test,) = read_ktap(run("replay", CLAIM, "--format", "ktap")[1])
    steps = [(sub.name, sub.ok) for sub in test.subtests]
    assert steps[0] == ("step 1: A: active[0] 0 -> 1", True)
    assert steps[-2:] == [("step 7: A: does not call exit", False), ("outcome", True)]
    outcome = "the outcome is reachable all the same: stuck active[0] (3 switches, 10 events)"
    assert test.subtests[-1].diagnostics == [outcome]
    status, out, err = run("replay", CLAIM, "--format", "github")
    assert (status, err, out.startswith(f"::error file={CLAIM},line=")) == (1, "", True)


def test_a_claim_is_drawn_for_a_mail_as_a_check_is(run: Run) -> None:
    status, out, _ = run("replay", CLAIM, "--mail")
    assert (status, out.isascii()) == (1, True)
    drawn = out.partition("Like this:\n\n")[2].partition("\n\n(")[0].splitlines()
    assert "  task A                             task B" in drawn
    assert len(drawn) <= 40 and max(map(len, out.splitlines()[:-1])) <= 72
    assert run("replay", CLAIM, "--mail", "--json")[2] == (
        "ctxrace: --mail is a form of its own; leave out --json and --format\n"
    )


@pytest.mark.parametrize("form", [["--mail"], ["--json"], ["--format", "ktap"]])
def test_a_schedule_as_a_claim_has_no_other_form(run: Run, form: list[str]) -> None:
    status, out, err = run(*schedule_of(run), "--claim", *form)
    assert status == 2
    assert "--claim is a form of its own; leave out --json, --mail and --format" in out + err
