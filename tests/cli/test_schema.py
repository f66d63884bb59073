"""Every verb's ``--json`` is a document of the published schema, whatever the answer is."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ..bpf.programs.compiled import compiled
from .conftest import Run

ROOT = Path(__file__).parent.parent.parent
COUNTER = ROOT / "examples" / "recursion_counter.c"
HANGS = ROOT / "examples" / "hangs"
CLAIMS = ROOT / "examples" / "claims"
FULL = ["--guard", "arm64-v1", "--preemption", "full"]


def document(run: Run, *words: object) -> tuple[int, dict[str, Any]]:
    """Run a command line with ``--json``; return its status and the document, which the schema has checked."""
    status, out, _ = run(*words, "--json")
    read: dict[str, Any] = json.loads(out)
    published = json.loads(files("ctxrace.report").joinpath("schema.json").read_text(encoding="utf-8"))
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(published).iter_errors(read))
    assert error is None, f"{error.json_path}: {error.message}"
    return status, read


@pytest.mark.parametrize(
    ("status", "name", "words"),
    [
        (1, "result/2", ["check", COUNTER]),
        (0, "result/2", ["check", ROOT / "examples" / "atomic_counter.c"]),
        (3, "result/2", ["check", COUNTER, "--max-states", "3"]),
        (1, "result/2", ["check", HANGS / "self_deadlock_hardirq.c"]),
        (1, "result/2", ["check", HANGS / "abba.c"]),
        (1, "result/2", ["check", HANGS / "lost_wakeup.c"]),
        (1, "result/2", ["check", HANGS / "seqcount_reader_in_handler.c"]),
        (1, "result/2", ["bpf", *FULL, "--interrupts", "none"]),
        (0, "result/2", ["bpf", "--guard", "arm64-merged", "--preemption", "full", "--interrupts", "none"]),
        (1, "replay/1", ["replay", COUNTER, "--tasks", "2", "--property", "exclusive", "--schedule", None]),
        (1, "claim/2", ["replay", CLAIMS / "bot.txt"]),
        (0, "claim/2", ["replay", CLAIMS / "author-9.txt"]),
        (3, "claim/2", ["replay", CLAIMS / "author-19.txt", "--max-states", "5"]),
        (1, "suite/1", ["test", COUNTER, HANGS / "abba.c", "--jobs", "1"]),
        (3, "listing/1", ["show", COUNTER, "--max-states", "50"]),
        (2, "error/1", ["check", "nowhere.c"]),
        (2, "error/1", ["check", COUNTER, "--tsks", "3"]),
        (2, "error/1", ["replay", COUNTER, "--schedule", "A:1"]),
    ],
)
def test_documents(run: Run, status: int, name: str, words: list[object]) -> None:
    if None in words:
        found = document(run, "check", COUNTER, "--tasks", "2", "--property", "exclusive")[1]
        words = [found["results"][0]["interleaving"]["schedule"] if word is None else word for word in words]
    ended, read = document(run, *words)
    assert (ended, read["schema"]) == (0 if name == "listing/1" else status, f"ctxrace-{name}")


def test_programs(run: Run) -> None:
    status, read = document(run, "check", compiled("scratch"), "--kernel", "7.0", "--preemption", "full")
    assert (status, read["schema"]) == (1, "ctxrace-programs/1")
    assert document(run, "check", compiled("scratch"), "--pairs")[1]["pairs"]


@pytest.mark.slow
def test_a_forecast(run: Run) -> None:
    found = document(run, "check", COUNTER, "--tasks", "40", "--max-states", "200", "--property", "balanced")[1]
    assert found["results"][0]["reason"]["forecast"]


@pytest.mark.slow
def test_models(run: Run) -> None:
    assert document(run, "bpf", "models", "--guard", "arm64-v1", "--max-states", "1", "--jobs", "1")[0] == 3


@pytest.mark.slow
def test_a_thread(run: Run) -> None:
    status, read = document(run, "bpf", "claims", "--max-states", "20", "--jobs", "1")
    assert (status, read["schema"]) == (3, "ctxrace-thread/2")


@pytest.mark.slow
def test_the_whole_thread(run: Run) -> None:
    assert document(run, "bpf", "claims")[0] == 0


@pytest.mark.slow
def test_all_guards(run: Run) -> None:
    assert document(run, "bpf")[0] == 1


@pytest.mark.slow
@pytest.mark.parametrize("example", sorted(HANGS.glob("*.c")), ids=lambda path: path.stem)
def test_all_hangs(run: Run, example: Path) -> None:
    assert document(run, "check", example)[0] == 1


def test_it_is_printed_as_it_is_shipped(run: Run) -> None:
    assert run("--schema") == (0, files("ctxrace.report").joinpath("schema.json").read_text(encoding="utf-8"), "")
