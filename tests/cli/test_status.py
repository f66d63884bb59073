"""Exit statuses: each means one thing, is in --help and in the README, and has a line on standard error."""

import json
import re
from pathlib import Path

import pytest

from ctxrace.cli import check
from ctxrace.cli.status import MEANINGS, Status
from ctxrace.core.errors import ExecutionError, LimitReached, ToolchainError
from ctxrace.core.facts.stop import TimeLimit

from .conftest import Run

README = Path(__file__).parent.parent.parent / "README.md"
HOLDS = "#include <ctxrace/kernel.h>\nint x;\nvoid e(void) { WRITE_ONCE(x, 1); }\nCTXRACE_TASKS(1, e);\n"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.c"
    path.write_text(HOLDS)
    return path


def fail(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let every search end with `error`."""

    def raise_it(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(check, "decide", raise_it)


ERRORS = {
    ExecutionError("it loops"): (2, "ctxrace: it loops\n"),
    ToolchainError("it does not compile", output="x.c:1: error\n"): (2, "x.c:1: error\nctxrace: it does not compile\n"),
    LimitReached(TimeLimit(2)): (3, "ctxrace: incomplete: the timeout of 2 s is over\n"),
    KeyError("place"): (70, "ctxrace: internal error: KeyError: 'place'; please report it; --verbose shows where it"),
    RecursionError("too deep"): (70, "ctxrace: internal error: RecursionError: too deep; please report it"),
    MemoryError(): (71, "ctxrace: out of memory; pass --max-memory or --max-states, or --jobs 1\n"),
    KeyboardInterrupt(): (130, "ctxrace: interrupted\n"),
}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_whatever_goes_wrong_has_its_status_and_a_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, good: Path, error: BaseException
) -> None:
    fail(monkeypatch, error)
    status, out, err = run("check", good)
    assert (status, out) == (ERRORS[error][0], "")
    assert err.startswith(ERRORS[error][1])
    assert "Traceback" not in err
    status, out, again = run("check", good, "--json")
    facts = json.loads(out)
    assert (status, again, facts["status"], facts["schema"]) == (ERRORS[error][0], err, status, "ctxrace-error/1")
    assert err.endswith(f"ctxrace: {facts['message']}\n")
    assert list(facts) == ["schema", "status", "kind", "message", "output"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check", "nowhere.c"], "no file nowhere.c"),
        (["check", "GOOD", "--nver"], "No such option: --nver"),
        (["check"], "Missing argument 'FILE'"),
        (["chek"], "No such command 'chek'. Did you mean 'check'?"),
        (["check", "GOOD", "--nmi", "none", "--nmi", "e"], "--nmi none contradicts --nmi e"),
        (["check", "GOOD", "--property", "fair"], "no property 'fair'"),
        (["check", "GOOD", "--max-memory", "some"], "the number of bytes is 'some' (--max-memory)"),
        (["check", "GOOD", "--timeout", "nan"], "--timeout nan is no number of seconds"),
        (["check", "GOOD", "--jobs", "2"], "No such option: --jobs"),
        (["bpf", "--jobs", "0"], "the number of processes is '0' (--jobs)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_json_where_json_is_asked_for(run: Run, good: Path, words: list[str], message: str) -> None:
    typed = [good if word == "GOOD" else word for word in words]
    status, out, err = run(*typed)
    assert (status, out) == (2, "")
    assert message in err
    status, out, _ = run(*typed, "--json")
    assert (status, json.loads(out)["status"]) == (2, 2)
    assert message in json.loads(out)["message"]


def test_a_second_file_is_no_flag(run: Run, good: Path) -> None:
    status, out, err = run("check", good, good)
    assert (status, out) == (2, "")
    assert "is a second file, and only objects and modules" in err
    assert run("check", good, "--", "-g")[0] == 0


def test_memory_that_is_used_up_is_incomplete(run: Run, good: Path) -> None:
    run("check", good)  # is compiled: no compiler runs with so little
    status, out, err = run("check", good, "--max-memory", "1M", "--json")
    assert status == 3
    assert "the limit of 1 MiB of memory is reached" in out + err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_case_that_a_limit_keeps_from_its_search_says_which(run: Run, jobs: str) -> None:
    words = ["bpf", "--guard", "arm64-v1", "--jobs", jobs]
    run(*words)
    status, out, _ = run(*words, "--max-memory", "2M")
    assert status == 3
    assert f"incomplete: the limit of {2 // int(jobs)} MiB of memory is reached " in out
    assert "interrupted" not in out


def test_every_status_is_in_help_and_in_the_readme(run: Run) -> None:
    readme = README.read_text(encoding="utf-8")
    for words in ([], ["check"], ["replay"], ["show"], ["bpf"], ["bpf", "models"], ["bpf", "claims"]):
        status, out, _ = run(*words, "--help")
        assert status == 0
        assert dict(re.findall(r"^ +(\d+)  (.+)$", out, re.MULTILINE)) == {
            str(status.value): meaning for status, meaning in MEANINGS.items()
        }
    table = dict(re.findall(r"^\| (\d+) \| (.+) \|$", readme, re.MULTILINE))
    assert table == {str(status.value): meaning for status, meaning in MEANINGS.items()}
    assert list(MEANINGS) == list(Status)
