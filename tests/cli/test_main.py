"""The command line as its users meet it: first line, exit status, errors without a traceback."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .conftest import Run

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
RACY = """\
#include <ctxrace/kernel.h>
int counter;
static noinline void body(void) { barrier(); }
void attempt(void) { if (++counter == 1) body(); counter--; }
CTXRACE_TASKS(2, attempt);
CTXRACE_NMI(attempt);
CTXRACE_EXCLUSIVE(body);
CTXRACE_BALANCED(counter);
"""
# Two bytes that anybody counts up for ever: 65,536 values, each visited on many ways.
# Nothing of `a` can be left out: a branch depends on all its bits.
ENDLESS = """\
#include <ctxrace/kernel.h>
unsigned int a, b;
static noinline void body(void) { barrier(); }
void entry(void) { a++; body(); if (a * a == 17) b++; }
CTXRACE_TASKS(3, entry);
CTXRACE_PROGRESS(entry, body);
"""


def source(folder: Path, text: str) -> Path:
    path = folder / "test.c"
    path.write_text(text)
    return path


@pytest.fixture
def racy(tmp_path: Path) -> Path:
    return source(tmp_path, RACY)


def test_a_violation_exits_1_and_says_so_in_the_first_line(run: Run, racy: Path) -> None:
    status, out, err = run("check", racy)
    assert (status, err) == (1, "")
    assert "test.c: violated: exclusive" in out.splitlines()[0]
    assert "\nagain: ctxrace check " in out
    assert max(map(len, out.splitlines())) <= 100


def test_a_proof_exits_0(run: Run, racy: Path) -> None:
    status, out, _ = run("check", racy, "--preemption", "none")
    assert status == 0
    assert " holds: exclusive" in out.splitlines()[0]


def test_a_limit_exits_3_and_never_says_holds(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("check", source(tmp_path, ENDLESS), "--max-states", "1000")
    assert status == 3
    assert "incomplete" in out.splitlines()[0]
    assert "holds" not in out
    assert "the limit of 1,000 states is reached" in out


def test_a_timeout_exits_3(run: Run, tmp_path: Path) -> None:
    status, out, err = run("check", source(tmp_path, ENDLESS), "--timeout", "0")
    assert (status, out) == (3, "")
    assert err.startswith("ctxrace: incomplete: the timeout of 0 s is over")
    status, out, _ = run("check", source(tmp_path, ENDLESS), "--timeout", "10", "--max-states", "2000")
    assert (status, "incomplete" in out.splitlines()[0]) == (3, True)


def test_ctrl_c_ends_as_incomplete_with_what_is_known(tmp_path: Path) -> None:
    default = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background ignores it
    with ctxrace("check", source(tmp_path, ENDLESS), stdout=subprocess.PIPE, preexec_fn=default) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and _cpu_seconds(process.pid) < 3:  # by then it has long been searching
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (3, "")
    assert "interrupted" in out
    assert "incomplete" in out.splitlines()[0]


def ctxrace(*words: object, **streams: Any) -> subprocess.Popen[str]:  # noqa: ANN401 - of the process
    command = [sys.executable, "-m", "ctxrace", *map(str, words)]
    return subprocess.Popen(command, **{"stderr": subprocess.PIPE, "text": True, **streams})


@pytest.mark.parametrize("words", [["check", "FILE"], ["check", "FILE", "--json"], ["--help"], ["--version"]])
def test_a_report_that_cannot_be_written_has_a_status_of_its_own(racy: Path, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full, ctxrace(*[racy if w == "FILE" else w for w in words], stdout=full) as run:
        _, err = run.communicate()
    told = "ctxrace: cannot write the report to standard output: No space left on device\n"
    assert (run.returncode, err) == (74, told)


def test_a_closed_standard_output_is_a_report_that_cannot_be_written(racy: Path) -> None:
    with ctxrace("check", racy, preexec_fn=lambda: os.close(1)) as run:
        _, err = run.communicate()
    assert (run.returncode, err) == (74, "ctxrace: standard output is closed, so that no report can be written\n")


@pytest.mark.parametrize("words", [["--version"], ["check", "FILE", "--json"]], ids=["little", "much"])
def test_a_report_that_nobody_reads_exits_as_sigpipe_would(racy: Path, words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with ctxrace(*[racy if word == "FILE" else word for word in words], stdout=writing) as run:
        os.close(writing)
        _, err = run.communicate()
    assert (run.returncode, err) == (141, "")


@pytest.mark.parametrize("module", ["ctxrace.machine.image", "ctxrace.cli.check"])
def test_ctrl_c_before_anything_has_begun_is_one_line(module: str) -> None:
    begin = f"module = {module!r}" + """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Finder:
    @staticmethod
    def find_spec(name, path, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder)
from ctxrace.cli.main import main
main(["check", "nowhere.c"])
"""
    done = subprocess.run([sys.executable, "-c", begin], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "ctxrace: interrupted\n")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def typed(text: str) -> list[str]:
    """The words that a shell makes of a command over several lines."""
    return shlex.split(text.replace("\\\n", " "))


def test_what_a_report_ends_with_replays_its_interleaving(run: Run, racy: Path) -> None:
    _, out, _ = run("check", racy, "--tasks", "3", "--max-states", "100000")
    shown = out.partition("violated: exclusive(body) (")[2]
    summary, _, story = shown[shown.index("in short: ") :].partition("\n\n")
    told, _, rest = story.partition("replay: ")
    command = typed(rest.partition("\n\n")[0])
    assert command[:2] == ["ctxrace", "replay"]
    assert "--max-states" not in command
    status, again, _ = run(*command[1:])
    assert status == 1
    assert again == f"violated: exclusive(body)\n{summary}\n\n{told}"
    status, _, err = run(*command[1:], "-O0")
    assert status == 2
    assert "made for other machine code" in err
    status, _, err = run("replay", racy, "--schedule", "A3")
    assert status == 2
    assert "'A3' is not a schedule" in err


def test_a_schedule_of_a_guard_replays_by_its_name(run: Run) -> None:
    _, out, _ = run("bpf", "--guard", "arm64-v1", "--preemption", "full", "--property", "exclusive")
    command = typed(out.partition("replay: ")[2].partition("\n\n")[0])
    assert command[:3] == ["ctxrace", "replay", "arm64-v1"]
    status, again, _ = run(*command[1:])
    assert status == 1
    assert again.partition("\n\n")[2] in out


def test_options_take_the_place_of_what_is_declared(run: Run, racy: Path) -> None:
    status, out, _ = run("check", racy, "--tasks", "1", "--nmi", "none", "--json")
    assert status == 0
    result = json.loads(out)["results"][0]
    assert (result["tasks"], result["interrupts"]) == (1, [])
    status, out, _ = run("check", racy, "--tasks", "1:attempt", "--hardirq", "attempt", "--exclusive", "body", "--json")
    results = json.loads(out)["results"]
    assert [(r["property"], r["interrupts"]) for r in results] == [("exclusive(body)", ["hardirq", "nmi"])]
    assert status == 0


def test_json_has_what_machines_need(run: Run, racy: Path) -> None:
    status, out, _ = run("check", racy, "--property", "exclusive", "--json")
    assert status == 1
    data = json.loads(out)
    assert data["schema"] == "ctxrace-result/2"
    result = data["results"][0]
    for key in ("case", "arch", "compiler", "preemption", "tasks", "interrupts", "property", "verdict", "states",
                "transitions", "seconds"):  # fmt: skip
        assert key in result
    assert result["interleaving"]["switches"] == 2
    first = result["interleaving"]["events"][0]
    assert first["source"]["line"] == 4
    assert first["accesses"] == [
        {"kind": "read", "symbol": "counter", "offset": 0, "size": 4, "value": 0, "name": "counter",
         "read_as": "signed"}
    ]  # fmt: skip


def test_more_than_one_cpu_is_checked(run: Run, racy: Path) -> None:
    status, out, err = run("check", racy, "--cpus", "2", "--nmi", "none", "--property", "balanced")
    assert (status, err) == (1, "")
    assert "violated: balanced(counter)" in out.splitlines()[0]
    assert "note: between CPUs, memory is taken to be sequentially consistent" in out


def test_many_tasks_are_searched_up_to_the_limit_with_how_many_states_there_may_be(run: Run) -> None:
    words = ["bpf", "--guard", "generic-byte", "--tasks", "1000", "--preemption", "full", "--interrupts", "nmi"]
    status, out, _ = run(*words, "--max-states", "1000", "--json")
    results = json.loads(out)["results"]
    told = "the limit of 1,000 states is reached; 2 tasks have 74 states, each further one 29 more: "
    told += "about 29,016 for 1,000"
    assert {result["reason"]["text"] for result in results} == {told}
    assert (status, {result["verdict"] for result in results}) == (3, {"incomplete"})


def test_flags_after_two_dashes_go_to_the_compiler(run: Run, tmp_path: Path) -> None:
    text = RACY.replace("CTXRACE_TASKS(2", "CTXRACE_TASKS(NUMBER").replace("int counter", "int FLAG")
    path = source(tmp_path, text)
    status, out, _ = run("check", path, "-O3", "--json", "--", "-DNUMBER=1", "-DFLAG=counter")
    assert status == 0
    assert json.loads(out)["results"][0]["compiler"].endswith(" -O3")


def test_compiler_warnings_reach_the_user_unchanged(run: Run, tmp_path: Path) -> None:
    path = source(tmp_path, '#warning "look here"\n' + RACY)
    for _ in range(2):  # also when the compilation is remembered
        status, _, err = run("check", path)
        assert status == 1
        assert 'warning: "look here"' in err


def test_show_lists_instructions_and_why_they_are_events(run: Run, racy: Path) -> None:
    status, out, _ = run("show", racy)
    assert status == 0
    assert " instructions are events" in out.splitlines()[0]
    assert "reads counter" in out
    assert "writes counter" in out
    assert "leaves body" in out


BAD = {
    "missing": (["check", "nowhere.c"], "nowhere.c"),
    "no such entry": (["check", "FILE", "--tasks", "2:nobody"], "no function 'nobody'"),
    "no such variable": (["check", "FILE", "--balanced", "nothing"], "no variable 'nothing'"),
    "no such property": (["check", "FILE", "--property", "fair"], "no property 'fair'"),
    "zero tasks": (["check", "FILE", "--tasks", "0"], "the number of tasks is '0'"),
    "zero CPUs": (["check", "FILE", "--cpus", "0"], "the number of CPUs is '0'"),
    "two CPUs": (["check", "FILE", "--arch", "x86-64", "--cpus", "2"], "pass --cpus 1"),
    "rt without preemptible RCU": (
        ["check", "FILE", "--preemption", "rt", "--rcu", "non-preemptible"],
        "PREEMPT_RT has preemptible RCU only",
    ),
    "nine CPUs": (["check", "FILE", "--cpus", "9"], "9 CPUs are declared; ctxrace takes at most 8"),
    "less than no tasks": (["check", "FILE", "--tasks=-1"], "the number of tasks is '-1'"),
    "too many tasks": (["check", "FILE", "--tasks", "10000000"], "10,000,000 tasks are declared"),
    "a guard's zero tasks": (["bpf", "--tasks", "0"], "--tasks"),
    "a guard's less than no tasks": (["bpf", "--tasks", "-1"], "--tasks"),
    "a guard's too many tasks": (
        ["bpf", "--guard", "arm64-merged", "--preemption", "full", "--tasks", "10000000"],
        "10,000,000 tasks are declared; ctxrace takes at most 1,000,000",
    ),
    "model": (["check", "FILE", "--preemption", "some"], "unknown preemption model 'some'"),
    "contradiction": (["check", "FILE", "--nmi", "attempt", "--nmi", "none"], "--nmi none contradicts --nmi attempt"),
    "two numbers": (["check", "FILE", "--tasks", "1:attempt", "--tasks", "2:attempt"], "two numbers of tasks"),
    "wrong number": (["check", "FILE", "--recovers", "attempt"], "recovers takes ENTRY,BODY"),
    "no compiler": (["check", "FILE", "--cc", "nocc"], "no compiler 'nocc'"),
    "architecture": (["check", "FILE", "--arch", "vax"], "unknown architecture 'vax'; ctxrace has: arm64"),
    "level": (["check", "FILE", "-O9"], "-O takes 0, 1, 2, 3, s, z or g, got '9'"),
    "option": (["check", "FILE", "--never"], "--never"),
    "guard": (["bpf", "--guard", "v9"], "no guard 'v9'"),
    "guard of models": (["bpf", "models", "--guard", "v9"], "no guard 'v9'; ctxrace has: generic-lse"),
    "before a verb": (["bpf", "--cpus", "2", "models"], "--cpus 2 stands before models; write ctxrace bpf models and"),
    "rt and RCU": (["bpf", "--preemption", "rt", "--rcu", "non-preemptible"], "PREEMPT_RT has preemptible RCU only"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_exits_2_with_one_line_that_names_it(run: Run, racy: Path, name: str) -> None:
    words, told = BAD[name]
    status, out, err = run(*[racy if word == "FILE" else word for word in words])
    assert (status, out) == (2, "")
    assert told in err
    assert "Traceback" not in err


def test_c_that_does_not_compile_shows_the_compilers_own_words(run: Run, tmp_path: Path) -> None:
    status, _, err = run("check", source(tmp_path, "int f(void) { return nothing; }\n"))
    assert status == 2
    assert "error: use of undeclared identifier 'nothing'" in err
    assert err.splitlines()[-1].startswith("ctxrace: ")
    assert "does not compile with clang" in err.splitlines()[-1]


def test_the_bpf_table_narrows(run: Run) -> None:
    status, out, _ = run("bpf", "--guard", "arm64-v1", "--preemption", "full", "--property", "exclusive")
    assert status == 1
    assert out.splitlines()[0] == "arm64-v1: violated: exclusive(body)"
    assert "=> body is active twice on one CPU" in out
    status, out, _ = run("bpf", "--guard", "generic-lse", "--jobs", "1")
    assert status == 0
    assert out.splitlines()[0].startswith("8 of 8 verdicts hold") or "hold" in out.splitlines()[0]


def test_the_table_of_named_guards_does_not_say_to_name_one(run: Run) -> None:
    words = ["bpf", "--preemption", "full", "--property", "exclusive", "--jobs", "1", "--guard", "arm64-v1"]
    _, out, _ = run(*words, "--guard", "plain-int")
    assert "\ninterleavings: below\n" in out
    _, out, _ = run("bpf", "--guard", "arm64-v1", "--property", "exclusive", "--jobs", "1")
    assert "\ninterleavings: below\n" in out
    _, out, _ = run(*words[:-2])
    told = " ".join(out.replace("\\\n", "").split())
    assert f"interleavings: below, and with ctxrace {' '.join(words[:-2])} --guard NAME arm64-v1: violated" in told


def test_the_readme_shows_the_example() -> None:
    code = (EXAMPLES / "recursion_counter.c").read_text(encoding="utf-8")
    assert code in (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")


def test_the_same_input_prints_the_same_bytes(racy: Path) -> None:
    words = [sys.executable, "-m", "ctxrace", "check", str(racy)]
    outputs = {
        subprocess.run(words, capture_output=True, env=os.environ | {"PYTHONHASHSEED": seed}, check=False).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1


def test_the_bpf_system_narrows_and_replays(run: Run) -> None:
    options = ["--trampoline", "fexit", "--programs", "2", "--sleepable", "--preemption", "full", "--arch", "x86-64"]
    status, out, _ = run("bpf", "--guard", "arm64-v1", *options)
    assert status == 1
    assert out.startswith("arm64-v1 fexit x2 sleepable: violated: progress(attempt, body), progress(attempt, body2)")
    replay = next(line for line in out.replace("\\\n", "").splitlines() if line.startswith("replay: ctxrace "))
    status, again, _ = run(*shlex.split(replay.removeprefix("replay: ctxrace ")))
    assert status == 1
    assert again.startswith("violated: ")
    told = again.partition("\n\n")[2]
    assert told.rstrip("\n") in out
    command = next(line for line in out.replace("\\\n", "").splitlines() if line.startswith("again: ctxrace "))
    assert run(*shlex.split(command.removeprefix("again: ctxrace ")))[1] == out


def test_options_of_trampolines_are_for_all_of_them_where_none_is_named(run: Run) -> None:
    status, out, _ = run("bpf", "--guard", "arm64-merged", "--preemption", "full", "--programs", "2", "--jobs", "1")
    assert status == 0
    assert [line.split()[1] for line in out.splitlines() if line.startswith("  arm64-merged")] == [
        "fentry", "fexit", "fmod_ret",
    ]  # fmt: skip


def test_options_of_trampolines_are_not_for_files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "guard.c").write_text("int x;")
    status, _, err = run("replay", str(tmp_path / "guard.c"), "--schedule", "a.b:A:1", "--trampoline", "fentry")
    assert status == 2
    assert "is no guard of ctxrace bpf; leave out --trampoline and its like" in err


def test_a_bpf_cell_of_the_models_narrows_replays_and_is_printed_again(run: Run) -> None:
    options = ["--trampoline", "fentry", "--preemption", "lazy", "--cpus", "2", "--interrupts", "none"]
    status, out, _ = run("bpf", "--guard", "arm64-v1", *options, "--property", "balanced")
    assert status == 1
    lines = [line for line in out.replace("\\\n", "").splitlines() if ": ctxrace " in line]
    commands = dict(line.split(": ctxrace ", 1) for line in lines)
    assert run(*shlex.split(commands["again"]))[1] == out
    status, again, _ = run(*shlex.split(commands["replay"]))
    assert status == 1
    assert again.partition("\n\n")[2].rstrip("\n") in out


def test_bpf_models_prints_a_table_for_each_machine(run: Run) -> None:
    status, out, _ = run("bpf", "models", "--guard", "arm64-v1", "--max-states", "1", "--jobs", "1")
    assert status == 3
    first, *_ = out.replace("\n    ", " ").splitlines()
    assert first.endswith("where a column names them: 59 incomplete")
    assert out.count("sleepable, non-preemptible ") == 7
    status, out, _ = run("bpf", "models", "--guard", "arm64-v1", "--max-states", "1", "--jobs", "1", "--json")
    assert {entry["states"] for entry in json.loads(out)["results"]} == {1}


def test_bpf_names_the_limit_that_came_before_a_case(run: Run) -> None:
    status, out, _ = run("bpf", "--guard", "generic-lse", "--timeout", "0", "--jobs", "1")
    assert status == 3
    assert out.startswith("nothing was checked: no case was begun\n")
    assert "incomplete: the timeout of 0 s is over before 2 of 2 cases: generic-lse none" in out


def test_bpf_prints_the_guards_first_and_then_the_whole_system(run: Run) -> None:
    status, out, _ = run("bpf", "--arch", "x86-64", "--max-states", "1")  # no search gets anywhere
    assert status == 3
    first, second = out.split("\n\nthe whole system, called by the trampoline's machine code: 36 incomplete\n")
    assert first.startswith("60 incomplete of 60 verdicts")
    rows = [line.split() for line in second.splitlines() if line.endswith("incomplete  incomplete  incomplete")]
    assert rows[:2] == [["generic", *["incomplete"] * 3], ["sleepable", *["incomplete"] * 3]]
    assert len(rows) == 12


_CYCLE = """\
import pypcode, sys
from ctxrace.cli import main

def verb(words):
    cycle = [pypcode.Context("AARCH64:LE:64:v8A").translate(bytes.fromhex("200040f9"), 0).ops]
    cycle.append(cycle)
    return 0

main._run = verb
sys.argv = ["ctxrace"]
main.main()
"""


def test_the_end_of_a_command_is_quiet_about_garbage() -> None:
    """Objects of pypcode that are part of a cycle are freed before it warns of them."""
    found = subprocess.run([sys.executable, "-c", _CYCLE], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
