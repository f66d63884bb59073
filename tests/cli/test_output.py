"""How reports are printed: the answer alone, in colour or not, and what it took."""

import shlex
from pathlib import Path

import pytest

from .conftest import Run

GUARD = Path(__file__).parent.parent.parent / "examples" / "recursion_counter.c"
MESSAGE = """\
#include <ctxrace/kernel.h>
int data, ready;
void send(void) { WRITE_ONCE(data, 1); WRITE_ONCE(ready, 1); }
void receive(void) { if (READ_ONCE(ready)) ctxrace_check(READ_ONCE(data)); }
CTXRACE_TASKS(1, send);
CTXRACE_TASKS(1, receive);
"""
STATIC = "#include <ctxrace/kernel.h>\nint x;\nstatic void f(void) { WRITE_ONCE(x, !READ_ONCE(x)); }\n"


def test_the_answer_alone(run: Run) -> None:
    whole, quiet = run("check", GUARD), run("check", GUARD, "--quiet")
    answer = f"{GUARD}: violated: exclusive(body), balanced(active)"
    assert (quiet[0], " ".join(quiet[1].split()), quiet[2]) == (whole[0], answer, "")
    assert whole[1].startswith(quiet[1])
    assert run("bpf", "--guard", "arm64-v1", "--preemption", "none", "--quiet")[1].count("\n") <= 2


def test_what_it_took_is_said_beside_the_report(run: Run) -> None:
    status, out, err = run("check", GUARD, "--verbose")
    assert (status, out) == run("check", GUARD)[:2]
    *searches, memory = err.splitlines()
    assert [f"{name}: 113 states in " in line for name, line in zip(["(body)", "(active)"], searches, strict=True)] == [
        True, True,
    ]  # fmt: skip
    assert memory.startswith("ctxrace: the largest process took ")


def test_colour_when_it_is_wanted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run("check", GUARD)[1]
    assert "\x1b" not in plain
    assert run("check", GUARD, "--color", "never")[1] == plain
    coloured = run("check", GUARD, "--color", "always")[1]
    assert "\x1b[1;31mviolated\x1b[0m" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert run("check", GUARD, "--color", "always")[1] == coloured
    status, _, err = run("check", GUARD, "--color", "sometimes")
    assert (status, err) == (2, "ctxrace: --color sometimes is none of auto, always, never\n")


def test_commands_are_printed_without_how_they_were_printed(run: Run) -> None:
    out = run("check", GUARD, "--verbose", "--color=never", "--property", "exclusive", "--timeout", "600")[1]
    commands = [line for line in out.replace(" \\\n    ", " ").splitlines() if ": ctxrace " in line]
    (replay, again) = (shlex.split(line)[1:] for line in commands)
    assert again == ["ctxrace", "check", str(GUARD), "--property", "exclusive", "--timeout", "600"]
    assert replay[:-1] == ["ctxrace", "replay", str(GUARD), "--property", "exclusive", "--schedule"]
    status, told, _ = run(*replay[1:], "--quiet")
    assert (status, told) == (1, "violated: exclusive(body)\n")


def test_static_functions_can_be_entries(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "static.c"
    source.write_text(STATIC)
    status, out, err = run("check", source, "--tasks", "2:f")
    assert (status, err) == (0, "")
    assert "2 tasks, no interrupts" in out
    assert "1 task, interrupts: nmi" in run("check", source, "--tasks", "f", "--nmi", "f")[1]
    status, _, err = run("check", source, "--tasks", "2:g")
    assert status == 2
    assert err.startswith(f"ctxrace: {source} has no function 'g'; was it inlined or dropped by the compiler?")


def test_strictly_no_proof_assumes_memory_in_order(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "mp.c"
    source.write_text(MESSAGE)
    words = ["check", source, "--cpus", "2"]
    status, out, _ = run(*words)
    assert (status, "holds if memory is sequentially consistent: check" in " ".join(out.split())) == (0, True)
    status, out, _ = run(*words, "--strict")
    assert (status, ": incomplete: check not violated" in " ".join(out.split())) == (3, True)
    assert "it holds if memory is sequentially consistent between CPUs" in " ".join(out.split())
    assert "--strict" in out.partition("again: ")[2]
    assert run("check", source, "--strict")[0] == 0  # one CPU sees its own memory in order
    assert run("check", GUARD, "--cpus", "2", "--strict")[0] == 1
