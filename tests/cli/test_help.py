"""--help: groups of options, one example of each verb that works, and nothing imported that is not needed."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ctxrace.cli.app import VERBS

from .conftest import Run

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
COMMANDS = [[], ["check"], ["replay"], ["show"], ["bpf"], ["bpf", "models"], ["bpf", "claims"]]


def headings(text: str) -> list[str]:
    return re.findall(r"^(\w.*):$", text, re.MULTILINE)


def test_verbs_and_options_are_in_groups(run: Run) -> None:
    assert headings(run("--help")[1]) == ["Decide", "Look closer", "BPF", "Other"]
    assert headings(run("check", "--help")[1]) == [
        "Arguments", "Scenario", "Properties", "Compiler", "Kernel image", "Limits", "Output", "Other",
    ]  # fmt: skip
    assert "Caller of a BPF guard" in headings(run("bpf", "--help")[1])


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_fits_and_explains_every_option(run: Run, words: list[str]) -> None:
    status, out, _ = run(*words, "--help")
    assert status == 0
    assert max(map(len, out.splitlines())) <= 90
    options = out[out.index(headings(out)[0] + ":") :]
    records = re.findall(r"^  (-\S.*?)(?:  +(\S.*))?(?:\n +(\S.*))?$", options, re.MULTILINE)
    assert records
    assert [option for option, same_line, next_line in records if not (same_line or next_line)] == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_shows_an_example_that_is_understood(run: Run, words: list[str], tmp_path: Path) -> None:
    _, out, _ = run(*words, "--help")
    (example,) = re.findall(r"Example: ctxrace ((?:.|\n(?!\n))+)", out)
    typed = shlex.split(example)
    assert typed[: len(words)] == words
    given = {"guard.c": EXAMPLES / "recursion_counter.c", "claim.txt": EXAMPLES / "claims" / "author-9.txt"}
    (tmp_path / "unused").touch()
    limits = ["--max-states", "1"]
    at = typed.index("--") if "--" in typed else len(typed)
    status, _, err = run(*[given.get(word, word) for word in typed[:at]], *limits, *typed[at:])
    assert (status in (0, 1, 3, 4), err) == (True, "")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["chek"]], ids=" ".join)
def test_no_verb_is_imported_that_does_not_run(words: list[str]) -> None:
    code = f"import sys\nfrom ctxrace.cli.main import main\ntry:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
    code += "print('modules:', *sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stdout.partition("modules: ")[2].split()
    assert "ctxrace.cli.app" in modules
    assert [name for name in modules if name.startswith(("ctxrace.kernel", "ctxrace.bpf", "pypcode", "elftools"))] == []


def test_completion_knows_verbs_and_options(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def completed(words: str) -> str:
        monkeypatch.setenv("_CTXRACE_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
        return run()[1]

    assert completed("ctxrace ").split() == [verb.name for verb in VERBS if verb.panel]
    assert completed("ctxrace check --pre").split() == ["--preemption"]
    assert completed("ctxrace bpf mod").split() == ["models"]


