"""The system line of a printed claim: the claim is about the same system, and confirmed."""

import shlex
from pathlib import Path

import pytest

from ctxrace.bpf.caller import Caller
from ctxrace.cli.main import main
from ctxrace.cli.system_line import system_line
from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.change import UNCHANGED, ScenarioChange
from ctxrace.kernel.program import Build
from ctxrace.kernel.rules.preemption import Rcu

SOURCE = """
#include <ctxrace/kernel.h>
int x;
void one(void) { int y = READ_ONCE(x); WRITE_ONCE(x, y + STEP); ctxrace_check(READ_ONCE(x) == y + STEP); }
void other(void) { WRITE_ONCE(x, 0); }
CTXRACE_TASKS(2, one);
CTXRACE_ATTEMPTS(2);
"""


def test_every_option_that_a_claim_knows_is_said() -> None:
    caller = Caller("fexit", 2, False, Rcu.NON_PREEMPTIBLE, ("softirq", "nmi"), ("BPF_STATS",))
    change = ScenarioChange.of(tasks=3, fifo_tasks=1, nmi="none", preemption="lazy", attempts=2)
    build = Build("x86-64", "gcc", "-O3", ("-DA", "-DB=1 2", "-I", "a folder", "-g"))
    assert system_line("generic-byte", caller, change, build) == (
        "bpf generic-byte, trampoline fexit, programs 2, rcu non-preemptible, interrupts softirq nmi, "
        "define BPF_STATS, tasks 3, fifo-tasks 1, nmi none, preemption lazy, attempts 2, "
        "arch x86-64, cc gcc, -O3, -DA, -D'B=1 2', -I 'a folder', -g"
    )
    assert system_line("arm64-v1", Caller("fentry", sleepable=True), UNCHANGED, Build()) == (
        "bpf arm64-v1, trampoline fentry, sleepable"
    )
    assert system_line("guard.c", None, UNCHANGED, Build()) == "guard.c"


def test_a_comma_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"'-DLIST=1,2' cannot stand on the system line of a claim"):
        system_line("guard.c", None, UNCHANGED, Build(flags=("-DLIST=1,2",)))


@pytest.mark.parametrize(
    "options",
    [
        "-- -DSTEP=2",
        "-O 3 --softirq other --attempts=1 -- -DSTEP=1",
        "--arch x86-64 --fifo-tasks 1 --preemption lazy -- '-DSTEP=1 + 1'",
        "--tasks 1:one --tasks 2:other --rcu non-preemptible -- -DSTEP=1",
    ],
)
def test_what_is_printed_is_confirmed_of_the_same_system(
    options: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as end:
            main(list(words))
        return end.value.code, capsys.readouterr().out

    source, claim = tmp_path / "one.c", tmp_path / "claim.txt"
    source.write_text(SOURCE)
    status, told = run("check", str(source), *shlex.split(options))
    assert status == 1
    command = shlex.split(told.partition("replay: ")[2].partition("\n\n")[0].replace("\\\n", " "))
    status, text = run(command[1], "--claim", *command[2:])
    assert status == 0
    claim.write_text(text)
    status, told_claim = run("replay", str(claim))
    assert status == 0, text + told_claim
    system = " ".join(told.partition("\n\n")[0].split()).partition(") ")[2]
    assert system in " ".join(told_claim.split())
