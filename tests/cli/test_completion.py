"""Shell completion: verbs and options, from the tables that --help is made of."""

import os
import subprocess
import sys

import pytest


def completed(words: str, number: int) -> list[str]:
    """What bash is told to offer for the word of this number."""
    environment = {**os.environ, "COMP_WORDS": words, "COMP_CWORD": str(number), "_CTXRACE_COMPLETE": "complete_bash"}
    command = [sys.executable, "-c", "from ctxrace.cli.main import main; main()"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "number", "offered"),
    [
        ("ctxrace ", 1, ["check", "replay", "test", "show", "bpf"]),
        ("ctxrace s", 1, ["show"]),
        ("ctxrace bpf m", 2, ["models"]),
        ("ctxrace check --pre", 2, ["--preemption"]),
        ("ctxrace test --up", 2, ["--update"]),
    ],
)
def test_what_is_offered(words: str, number: int, offered: list[str]) -> None:
    assert completed(words, number) == offered
