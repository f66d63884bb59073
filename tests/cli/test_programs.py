"""``ctxrace check`` and ``replay`` for BPF objects: reports as they are printed, statuses, and errors."""

import errno
import json
import os
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from ctxrace.bpf.programs.elf import container
from ctxrace.bpf.programs.request import request_of
from ctxrace.cli.main import main
from ctxrace.core.meeting import Defect, Finding, Partner
from ctxrace.core.verdict import Outcome
from ctxrace.machine import btf

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
    assert err.startswith("ctxrace: the schedule was made for other code than that of scratch.bpf.o: for 12345678, ")


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
        (["--kernel", "7.0"], "--kernel 7.0 may boot with any preemption model; say which with --preemption MODEL"),
        (["--kernel", "7.0", "--preemption", "lazy"], "does not say whether RCU is preemptible"),
        (["--kernel", "seven"], "'seven' is no kernel version; write it as 6.12"),
        (["--preemption", "some"], "unknown preemption model 'some' (--preemption some); ctxrace has: none, "),
        (["--rcu", "never"], "--rcu never is neither preemptible nor non-preemptible"),
        ([*FULL, "--program", "nobody"], "scratch.bpf.o has no program nobody; its programs are on_exec, on_exit"),
        ([*FULL, "--context", "on_exec"], "--context on_exec is not of the form PROGRAM=LEVEL"),
        ([*FULL, "--context", "on_exec=often"], "the level is none of task, softirq, hardirq, nmi"),
        ([*FULL, "--not-together", "on_exec"], "--not-together on_exec does not name two programs, like A,B"),
        ([*FULL, "--not-together", "on_exec,on_exec"], "does not name two programs"),
        ([*FULL, "--ignore", "lost"], "--ignore lost is none of unmixed, lost-update, missed, leaked, stuck"),
        ([*FULL, "--max-states", "0"], "the number of states is '0' (--max-states); it must be"),
        ([*FULL, "--timeout", "soon"], "--timeout soon is no number of seconds"),
        ([*FULL, "--rodata", "nothing.bin"], "no file nothing.bin; is the name spelled right"),
        (["--config", "."], ". is a directory; name a file in it"),
        (["--config", "config", "--rcu", "preemptible"], "--config says whether RCU is preemptible; leave out --rcu"),
        (["--config", "config", "--kernel", "debian-11"], "--kernel debian-11 and --config are two kernels"),
    ],
)
def test_bad_options(run: Callable[..., tuple[int, str, str]], words: list[str], message: str) -> None:
    Path("config").write_text("# Linux/x86 6.12.0 Kernel Configuration\nCONFIG_PREEMPT=y\n", encoding="utf-8")
    status, _, err = run("check", example("scratch"), *words)
    assert status == 2
    assert message in err


def test_alternatives_are_not_together(run: Callable[..., tuple[int, str, str]]) -> None:
    _, out, _ = run("check", example("scratch"), *FULL, "--json", "--not-together", "on_exec,on_exit")
    pairs = {(pair["first"], pair["second"]) for pair in json.loads(out)["pairs"]}
    assert ("on_exec", "on_exit") not in pairs
    assert ("on_exec", "on_packet") in pairs


@pytest.mark.parametrize("option", ["--config", "--rodata"])
def test_a_file_that_never_ends(run: Callable[..., tuple[int, str, str]], option: str) -> None:
    os.mkfifo("pipe")
    status, _, err = run("check", example("scratch"), *FULL[:-2], option, "pipe")
    assert (status, err) == (2, "ctxrace: pipe is no regular file but a FIFO; copy what it holds into one\n")


def test_a_configuration(run: Callable[..., tuple[int, str, str]]) -> None:
    text = "# Linux/x86 6.12.0 Kernel Configuration\nCONFIG_PREEMPT=y\nCONFIG_PREEMPT_RCU=y\n"
    Path("config").write_text(text, encoding="utf-8")
    _, out, _ = run("check", example("scratch"), "--config", "config", "--pairs")
    assert out.startswith("kernel 6.12, preemption full, RCU preemptible (by the configuration)\n")


def test_what_is_ignored_is_counted(run: Callable[..., tuple[int, str, str]]) -> None:
    """With the atomic flag only events that prog->active skips are left."""
    status, out, _ = run("check", example("guards", "-DBUSY_ATOMIC"), *FULL, "--ignore", "missed", "--jobs", "1")
    assert status == 0
    assert out.startswith("guards.bpf.o: holds: nothing is violated but what is ignored\n")
    assert "\nignored: missed: 1 cause\n" in out


def test_what_is_not_ignored_is_found(run: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = run("check", example("scratch"), *FULL, "--ignore", "missed,lost-update", "--json")
    facts = json.loads(out)
    assert (status, facts["outcome"]) == (1, "violated")
    assert [finding["defect"] for finding in facts["findings"]] == ["unmixed", "unmixed"]
    assert facts["ignored"] == [{"defect": "lost update", "causes": 0}, {"defect": "missed", "causes": 1}]


def test_an_open_question_about_a_guard_is_not_ignored_as_leaked() -> None:
    """It may be about one that is stuck."""
    programs = Partner("a", "tp_btf/a", "task"), Partner("b", "tp_btf/b", "task")
    opened = Finding(Defect.LEAKED, Outcome.INCOMPLETE, programs)
    leaked = Finding(Defect.LEAKED, Outcome.VIOLATED, programs)
    request = request_of({"ignore": ["leaked"]})
    assert [request.ignores(each) for each in (opened, leaked)] == [False, True]
    assert request_of({"ignore": ["leaked", "stuck"]}).ignores(opened)


def test_another_build_directory_changes_no_schedule(run: Callable[..., tuple[int, str, str]]) -> None:
    """Debug information is none of what a verdict depends on."""
    marks = []
    for flags in (), ("-fdebug-compilation-dir=elsewhere",):
        _, out, _ = run("check", example("scratch", *flags), *FULL, "--program", "on_exec,on_exit")
        marks.append(re.findall(r"--schedule '?([0-9a-f.]+):", out))
    assert marks[0] == marks[1] != []


def test_the_answer_alone(run: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = run("check", example("scratch"), *FULL, "--quiet", "--output", "report.txt")
    assert (status, out) == (1, "")
    report = Path("report.txt").read_text(encoding="utf-8")
    assert report == "scratch.bpf.o: violated: unmixed, missed (3 causes)\n"


@pytest.fixture
def read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no limit hold before the object is read."""
    for module in (container, btf):
        monkeypatch.setattr(module, "spend", lambda _phase: None)


def test_a_limit_that_ends_the_reading_is_told_of(run: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = run("check", example("scratch"), *FULL, "--timeout", "0")
    assert (status, out) == (3, "")
    assert err == "ctxrace: incomplete: the timeout of 0 s is over while reading sections\n"


@pytest.mark.usefixtures("read_whole")
def test_the_limit_of_memory_is_incomplete(run: Callable[..., tuple[int, str, str]]) -> None:
    limits = "--max-memory", "2M", "--jobs", "2"
    status, out, err = run("check", example("scratch"), *FULL, "--ignore", "missed", *limits)
    assert (status, err) == (3, "")
    assert out.startswith("scratch.bpf.o: incomplete: ")
    assert "the limit of 1 MiB of memory is reached" in out


@pytest.mark.usefixtures("read_whole")
def test_a_timeout_is_incomplete(run: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = run("check", example("guards", "-DBUSY_ATOMIC"), *FULL, "--program", "first,second",
                           "--timeout", "0")  # fmt: skip
    assert (status, err) == (3, "")
    assert out.startswith("guards.bpf.o: incomplete: ")
    assert "the timeout of 0 s is over" in out


FORMATS = {
    "ktap": "KTAP version 1\n", "junit": "<?xml ", "sarif": '{\n  "$schema": ', "github": "::error file=",
    "mermaid": "```mermaid\n", "plantuml": "@startuml\n",
}  # fmt: skip


def test_all_forms_of_a_check_and_of_a_replay(run: Callable[..., tuple[int, str, str]]) -> None:
    """Each verb has each form, with the same answer and the same status; pages and pictures are written besides."""
    words = ("check", example("scratch"), *FULL, "--program", "on_exec,on_packet")
    status, plain, _ = run(*words, "--html", "page <1>.html", "--svg", "lanes.svg")
    assert (status, plain) == run(*words)[:2]
    page = Path("page <1>.html").read_text(encoding="utf-8")
    assert "<title>scratch.bpf.o: violated: unmixed, missed (3 causes)</title>" in page
    assert f"again: <code>{shlex.join(['ctxrace', *words])}</code>" in page
    assert Path("lanes.svg").read_text(encoding="utf-8").startswith("<svg ")
    schedule = re.findall(r"--schedule '([^']+)'", plain.replace("\\\n", " "))[0]
    replay = ("replay", *words[1:], "--schedule", schedule)
    assert run(*replay, "--html", "replay.html", "--svg", "replay.svg")[0] == 1
    assert "<title>scratch.bpf.o: violated: unmixed: " in Path("replay.html").read_text(encoding="utf-8")
    for verb, names in ((words, ("github", "mermaid")), (replay, FORMATS)):
        for name in names:
            status, out, err = run(*verb, "--format", name)
            assert (status, err, out.startswith(FORMATS[name])) == (1, "", True), (verb, name)
        status, out, _ = run(*verb, "--mail")
        assert (status, out.isascii()) == (1, True)
        assert max(map(len, out.partition("\nctxrace check")[0].splitlines())) <= 72
        assert re.search(r"^  task on_exec +(softirq on_packet|task on_exec \(2\))$", out, re.MULTILINE)


@pytest.mark.parametrize("words", [["--mail"], ["--format", "ktap"], ["--html", "a.html"], ["--svg", "a.svg"]])
def test_pairs_are_text_or_json(run: Callable[..., tuple[int, str, str]], words: list[str]) -> None:
    status, out, err = run("check", example("scratch"), *FULL, "--pairs", *words)
    assert (status, out) == (2, "")
    assert err.startswith("ctxrace: --pairs searches nothing, and is text or JSON; leave out ")


@pytest.mark.parametrize("option", ["--output", "--html", "--svg"])
def test_a_report_that_is_there_is_never_destroyed(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    Path("report").write_text("old", encoding="utf-8")

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    name = example("scratch")
    status, _, err = run("check", name, *FULL, "--program", "on_exec", option, "report")
    assert (status, Path("report").read_text(encoding="utf-8")) == (74, "old")
    assert err == "ctxrace: cannot write the report to report: No space left on device; what was there is as it was\n"
    assert sorted(map(str, Path().iterdir())) == sorted([name, "report"])
