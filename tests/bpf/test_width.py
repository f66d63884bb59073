"""How wide the counters must be, in machine code: what tests/bpf/test_specification_width.py says of the specification.

An int is the atomic counter with 32 bits: by the same law `exclusive` holds while at most 2**32 attempts are in flight
on a CPU. That is not searched; counters narrowed to one and two bits are, and agree with the law.
"""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

import ctxrace.bpf
from ctxrace.bpf.caller import Caller
from ctxrace.bpf.guards.known import BEYOND, guard_path
from ctxrace.cli.main import main
from ctxrace.core.errors import ScenarioError
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.note import Note, NoteKind
from ctxrace.core.schedule import Schedule
from ctxrace.core.verdict import Outcome, Verdict
from ctxrace.explore.watch import Engine
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import check
from ctxrace.kernel.program import Program, load
from ctxrace.kernel.replay import replay
from ctxrace.report.text import render_result

from .guard_cases import guard_case
from .test_specification_width import BOUND, BYTE

LEVELS = ("softirq", "hardirq", "nmi")
NARROW = """
#define BPF_ACTIVE_TYPE %(type)s
#define BPF_ACTIVE_ALIGN 8
#include "%(system)s/program.h"
%(guard)s
#include "%(system)s/caller.h"
"""
MERGED = """
static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active;
	bool alone;

	preempt_disable();
	active = this_cpu_ptr(prog->active);
	active[rctx] = (active[rctx] + 1) & MASK;
	barrier();
	alone = get_unaligned_le32(active) == BIT(rctx * 8);
	preempt_enable();
	return alone;
}
static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active;

	preempt_disable();
	active = this_cpu_ptr(prog->active);
	barrier();
	active[rctx] = (active[rctx] - 1) & MASK;
	preempt_enable();
}
"""
ATOMIC = """
static __always_inline unsigned int add(unsigned int __percpu *counter, unsigned int addend)
{
	unsigned int before;

	do
		before = this_cpu_read(*counter);
	while (this_cpu_cmpxchg(*counter, before, (before + addend) & MASK) != before);
	return (before + addend) & MASK;
}
static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	return add((unsigned int __percpu *)prog->active, 1) == 1;
}
static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	add((unsigned int __percpu *)prog->active, -1);
}
"""
GUARD = {"merged": ("u8[BPF_NR_CONTEXTS]", MERGED), "atomic": ("unsigned int", ATOMIC)}


def narrow(folder: Path, guard: str, bits: int, arch: str = "arm64") -> Program:
    kind, code = GUARD[guard]
    path = folder / f"{guard}.c"
    system = Path(ctxrace.bpf.__file__).parent / "system"
    path.write_text(NARROW % {"type": kind, "guard": code, "system": system}, encoding="utf-8")
    return load(path, arch=arch, flags=[f"-DMASK={2**bits - 1}"], cache=folder)


def exclusive(program: Program, tasks: int, interrupts: tuple[str, ...]) -> Verdict:
    given = {level: "attempt" if level in interrupts else "none" for level in LEVELS}
    scenario = ScenarioChange.read({"tasks": tasks, "only": "exclusive", **given}).apply(program.scenario)
    (verdict,) = check(program, scenario).verdicts
    if verdict.interleaving is not None:  # what is printed replays
        schedule = Schedule.parse(verdict.interleaving.schedule)
        assert replay(program, schedule, scenario)[0] == verdict.interleaving
    return verdict


def of_case(
    guard: str,
    tasks: int,
    interrupts: tuple[str, ...] = (),
    arch: str = "arm64",
    engine: Engine = Engine.SUMMARIES,
) -> Verdict:
    caller = Caller(interrupts=interrupts)
    case = guard_case(guard, "full", tasks, ("exclusive",), arch=arch, caller=caller, engine=engine)
    return case.check().verdicts[0]


def length(run: Interleaving | None, guard: str) -> int:
    """Return the number of events that the specification has, too.

    Its atomic counter is one event; of machine code that makes it with preemption off, or in a loop, that is the write.
    """
    assert run is not None
    if guard == "merged":
        return len(run.events)
    return sum(any(a.kind == "write" and a.name != "preempt_count" for a in event.accesses) for event in run.events)


@pytest.mark.parametrize("case", BOUND)
def test_narrowed_counters_follow_the_law(case: tuple[str, int, str], tmp_path: Path) -> None:
    guard, bits, over = case
    most, _, events = BOUND[case]
    interrupts = () if over == "nobody" else tuple(over.split(", "))
    program = narrow(tmp_path, guard, bits)
    holds = exclusive(program, most, interrupts)
    violated = exclusive(program, most + 1, interrupts)
    assert (holds.outcome, violated.outcome) == (Outcome.HOLDS, Outcome.VIOLATED)
    assert length(violated.interleaving, guard) == events


def test_with_2_to_the_bits_tasks_any_level_is_let_in(tmp_path: Path) -> None:
    for bits in (1, 2):
        program = narrow(tmp_path, "merged", bits)
        for level in LEVELS:
            run = exclusive(program, 2**bits, (level,)).interleaving
            assert run is not None
            assert (run.rows[-1].context, Note(NoteKind.ENTERS, "body") in run.events[-1].notes) == (level, True)


# At the real width. States of the proof with as many tasks as hold, events of the violation with one more.
WIDTH = {
    ("arm64-merged", "arm64"): ("merged", 256, 5_366, 1_285),
    ("generic-byte", "arm64"): ("atomic", 256, 3_833, 771),
    ("generic-byte", "x86-64"): ("atomic", 256, 1_789, 257),
    ("generic-byte", "riscv64"): ("atomic", 256, 4_855, 1_028),
}


QUICK = (("arm64-merged", "arm64"), ("generic-byte", "x86-64"), ("arm64-merged", "nmi"))


def quick_or_slow(*of: tuple[str, str]) -> list[object]:
    return [pytest.param(*case, marks=[] if case in QUICK else [pytest.mark.slow]) for case in of]


@pytest.mark.parametrize(("guard", "arch"), quick_or_slow(*WIDTH))
def test_256_tasks_hold_and_257_do_not(guard: str, arch: str) -> None:
    specified, most, states, events = WIDTH[guard, arch]
    assert most == BYTE[specified, "nobody"][0]
    holds = of_case(guard, most, arch=arch)
    assert (holds.outcome, holds.states) == (Outcome.HOLDS, states)
    violated = of_case(guard, most + 1, arch=arch)
    run = violated.interleaving
    assert run is not None
    assert (violated.outcome, run.switches, len(run.events)) == (Outcome.VIOLATED, 256, events)
    assert len(run.contexts) == 257
    if arch != "riscv64":  # there, interrupts are off around a plain load, an addition and a store
        assert length(run, specified) == BYTE[specified, "nobody"][2]


# The byte of tasks is 0 again after 256 of them, with any interrupt on top. States of the proof with 255 tasks.
OVER = {
    **{("generic-byte", level): ("atomic", "softirq", 27_246) for level in LEVELS},
    **{("arm64-merged", level): ("merged", "nmi", 53_974) for level in LEVELS},
}


@pytest.mark.parametrize(("guard", "level"), quick_or_slow(*OVER))
def test_255_tasks_and_one_interrupt_hold(guard: str, level: str) -> None:
    specified, over, states = OVER[guard, level]
    assert BYTE[specified, over][0] == 255
    holds = of_case(guard, 255, (level,), engine=Engine.REFERENCE)
    assert (holds.outcome, holds.states) == (Outcome.HOLDS, states)


@pytest.mark.slow
@pytest.mark.parametrize(("guard", "level"), OVER)
def test_256_tasks_and_one_interrupt_of_any_level_do_not(guard: str, level: str) -> None:
    violated = of_case(guard, 256, (level,))
    run = violated.interleaving
    assert run is not None
    assert (violated.outcome, run.switches, run.rows[-1].context) == (Outcome.VIOLATED, 256, level)
    specified, over, _ = OVER[guard, level]
    assert length(run, specified) == BYTE[specified, over][2]


def test_an_interleaving_of_257_tasks_can_be_read(golden: Callable[[str, str], None]) -> None:
    text = render_result(guard_case("arm64-merged", "full", 257, ("exclusive",), caller=Caller(interrupts=())).check())
    assert "254 more tasks do the same, C to T255" in text
    golden("width-257.txt", text)


def test_and_its_schedule_is_short_and_replays(capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str, status: int = 1) -> str:
        with pytest.raises(SystemExit) as end:
            main(list(words))
        assert end.value.code == status
        return capsys.readouterr().out

    words = ["bpf", "--guard", "generic-byte", "--tasks", "257", "--interrupts", "none", "--property", "exclusive"]
    words += ["--preemption", "full", "--arch", "x86-64"]
    told = run(*words)
    command = shlex.split(told.partition("replay: ")[2].partition("\n\n")[0].replace("\\\n", " "))
    assert command[-1].endswith(":A..T256:1")
    assert run(*command[1:]).partition("\n\n")[2] in told
    assert run(*command[1:], "--claim", status=0).startswith("system bpf generic-byte, trampoline bare,")
    (entry,) = json.loads(run(*words, "--json"))["results"]
    whole = entry["interleaving"]  # nothing is symmetric for programs
    assert (len(whole["events"]), len(whole["contexts"]), whole["contexts"][-1]) == (257, 257, "T256")
    assert sum("event" in row for row in whole["rows"]) == 257
    assert whole["schedule"].endswith(":A..T256:1")


@pytest.mark.parametrize("arch", ["arm64", "arm64-be", "riscv64", "x86-64"])
def test_the_byte_is_on_every_architecture(arch: str) -> None:
    for guard in BEYOND:
        assert of_case(guard, 2, arch=arch).outcome is Outcome.HOLDS
    with pytest.raises(ScenarioError, match=r"no guard 'byte'.*generic-byte"):
        guard_path("byte", arch)
