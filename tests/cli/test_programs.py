"""``ctxrace check`` and ``replay`` for BPF objects: reports as they are printed, statuses, and errors."""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ctxrace.cli.main import main

from ..bpf.programs.compiled import compiled

Golden = Callable[[str, str], None]
FULL = ["--kernel", "7.0", "--preemption", "full"]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a command line in a folder with the examples' objects; return its status, output and messages."""
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(list(words))
        printed = capsys.readouterr()
        return int(end.value.code or 0), printed.out, printed.err

    return command


def example(name: str, *flags: str) -> str:
    """Put an example's object into the current folder; return its name."""
    shutil.copy(compiled(name, *flags), f"{name}.bpf.o")
    return f"{name}.bpf.o"


def stable(text: str) -> str:
    """The text without what depends on the compiler's bytes."""
    return re.sub(r"\b[0-9a-f]{8}\.[0-9a-f]{8}:", "CODE.QUESTION:", text)


def test_a_shared_buffer(run: Callable[..., tuple[int, str, str]], golden: Golden) -> None:
    status, out, _ = run("check", example("scratch"), *FULL)
    assert status == 1
    golden("scratch.txt", stable(out))


def test_a_guard_that_works(run: Callable[..., tuple[int, str, str]], golden: Golden) -> None:
    """Only what prog->active skips is left."""
    status, out, _ = run("check", example("guards", "-DBUSY_ATOMIC"), *FULL)
    assert status == 1
    golden("busy_atomic.txt", stable(out))


def test_everything_holds(run: Callable[..., tuple[int, str, str]], golden: Golden) -> None:
    """On 6.12 raw tracepoints are not preemptible, so that nothing is mixed or missed between these two."""
    object_name = example("guards", "-DBUSY_ATOMIC")
    status, out, _ = run("check", object_name, "--kernel", "debian-13-amd64", "--program", "first,second")
    assert status == 0
    golden("holds.txt", stable(out))


def test_pairs(run: Callable[..., tuple[int, str, str]], golden: Golden) -> None:
    status, out, _ = run("check", example("scratch"), *FULL, "--pairs")
    assert status == 0
    golden("pairs.txt", out)


def test_every_finding_is_replayed(run: Callable[..., tuple[int, str, str]]) -> None:
    """What the report says to type runs the same rows again, and is violated."""
    _, out, _ = run("check", example("guards", "-DNEST_PLAIN"), *FULL)
    commands = re.findall(r"^replay: ((?:.*\\\n)*.*)$", out, re.MULTILINE)
    assert len(commands) == 4  # of the lost update, of both buffers, of the level that stays
    for command in commands:
        status, again, err = run(*shlex.split(command.replace("\\\n", " "))[1:])
        assert (status, err) == (1, "")
        told = again[again.index("\n") : again.index("   why:")]
        assert told.count("\n") > 6
        assert told in out


def test_a_schedule_of_another_file(run: Callable[..., tuple[int, str, str]]) -> None:
    status, _, err = run("replay", example("scratch"), *FULL, "--schedule", "12345678.12345678:A+:1")
    assert status == 2
    assert err.startswith("ctxrace: the schedule was made for another file than scratch.bpf.o: for 12345678, not ")


def test_json(run: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = run("check", example("scratch"), *FULL, "--json")
    facts = json.loads(out)
    assert status == 1
    assert (facts["schema"], facts["outcome"], facts["programs"]) == ("ctxrace-programs/1", "violated", 3)
    assert [finding["defect"] for finding in facts["findings"]] == ["unmixed", "unmixed", "missed"]
    assert facts["findings"][0]["rows"][1]["touches"] == [
        {"use": "writes", "memory": "scratch[0]", "offset": 0, "size": 4, "place": "scratch[0].type", "value": None}
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kernel", "7.0"], "kernel 7.0 may boot with any preemption model; say which with --preemption MODEL"),
        (["--kernel", "7.0", "--preemption", "lazy"], "does not say whether RCU is preemptible"),
        (["--kernel", "seven"], "may boot with any preemption model"),
        (["--preemption", "some"], "'some' is none of"),
        ([*FULL, "--program", "nobody"], "scratch.bpf.o has no program nobody; its programs are on_exec, on_exit"),
        ([*FULL, "--context", "on_exec"], "'on_exec' is not of the form PROG=LEVEL"),
        ([*FULL, "--context", "on_exec=often"], "'often' is none of task, softirq, hardirq, nmi"),
        ([*FULL, "--not-together", "on_exec"], "does not name two programs"),
    ],
)
def test_bad_options(run: Callable[..., tuple[int, str, str]], words: list[str], message: str) -> None:
    status, _, err = run("check", example("scratch"), *words)
    assert status == 2
    assert message in err


def test_alternatives_are_not_together(run: Callable[..., tuple[int, str, str]]) -> None:
    _, out, _ = run("check", example("scratch"), *FULL, "--json", "--not-together", "on_exec,on_exit")
    pairs = {(pair["first"], pair["second"]) for pair in json.loads(out)["pairs"]}
    assert ("on_exec", "on_exit") not in pairs
    assert ("on_exec", "on_packet") in pairs


def test_a_timeout_is_incomplete(run: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = run("check", example("guards", "-DBUSY_ATOMIC"), *FULL, "--program", "first,second",
                           "--timeout", "0")  # fmt: skip
    assert (status, err) == (3, "")
    assert out.startswith("guards.bpf.o: incomplete: ")
    assert "the timeout of 0 s is over" in out
