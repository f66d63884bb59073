"""Functions of the shapes that kernel code has, pasted with their includes: right, and with one thing wrong.

Each file in `functions/` is a function with the includes that a kernel file has, and at most three lines for ctxrace.
A wrong version is the same with some text replaced. Lengths are (switches, events), worked out by hand: the comments
say how, and name the context before its events.
"""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.kernel.cases import length

from ctxrace.core.verdict import Outcome, Result
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import check
from ctxrace.kernel.program import load
from ctxrace.kernel.rules.preemption import Preemption

FUNCTIONS = Path(__file__).with_name("functions")
RIGHT = sorted(path.name for path in FUNCTIONS.glob("*.c"))
PAGE = Path(__file__).parents[3] / "docs" / "kernel-headers.md"
MOST_LINES = 3


def kernel_code(function: str) -> str:
    """Return a file without its last lines, which are for ctxrace: a function with its includes."""
    return (FUNCTIONS / function).read_text(encoding="utf-8").partition("\nCTXRACE_")[0] + "\n"


class Wrong(NamedTuple):
    """A wrong version of a function: `changes` are what is replaced by what, `breaks` is the property it breaks."""

    what: str
    function: str
    changes: dict[str, str]
    breaks: str
    how: tuple[int, int] = (0, 0)


WRONG = [
    # A whole run in between puts back what it found, so both are torn: A: ldr str ldr; B: ldr str ldr; A: str; B: str
    Wrong("a plain addition", "percpu_stats.c",
          {"u64_stats_add(&stats->queued, bytes)": "stats->queued.v.a.a.counter += bytes"},
          "balanced(tx_stats)", (3, 8)),
    # A: ldr cycles, ldr and str seq, str data[0].cycles; nmi: ldr seq, cycles, nanoseconds, seq
    Wrong("always the first copy", "fast_clock.c", {"data[seq & 1]": "data[0]"}, "check", (1, 8)),
    # A: ldr cycles, ldr and str seq, str twice into data[0], str data[1].cycles; nmi: four loads
    Wrong("no second step of the latch", "fast_clock.c",
          {"\traw_write_seqcount_latch(&fast_clock.seq);\n\tfill(&fast_clock.data[1]": "\tfill(&fast_clock.data[1]"},
          "check", (1, 10)),
    # The first thing that A does is to ask whether it may be preempted.
    Wrong("a seqcount's writer that can be preempted", "seqcount_clock.c",
          {"local_irq_save(flags)": "flags = 0", "local_irq_restore(flags)": "(void)flags"}, "check", (0, 0)),
    # A: ldar seq, ldr cycles; B: msr, ldr str seq, ldr str cycles, str nanoseconds, ldr str seq, msr; A: ldr the other
    Wrong("a reader that does not retry", "seqcount_clock.c",
          {"while (read_seqcount_retry(&clock.seq, seq));": "while (0); (void)seq;"}, "check", (2, 12)),
    # A: str count, ldaxr, stxr (enters); hardirq: str count, ldaxr, str count, str column (enters)
    Wrong("writing where the lock was not had", "console_trylock.c", {"\t\treturn;\n": "\t\tcolumn = 0;\n"},
          "exclusive(emit)", (1, 7)),
    # Own event and the irq's: A: ldxr stlxr, ldr, str, ldxr stlxr; hardirq: the same six; A: ldxr stlxr takes both,
    # ldxr stxr makes the irq's free; hardirq: pushes that again, six, and it has no next; A: ldr next. Its own is gone.
    Wrong("a node that is read after it was given back", "event_list.c",
          {"llist_for_each_entry_safe(event, next, list, node)": "(void)next; llist_for_each_entry(event, list, node)"},
          "recovers(event_poll, own_event)", (2, 23)),
    # A: str answer, done, command, might_sleep; B: ldr str command, ldr ldxr stlxr done; A: ldar ldxr stlxr, ldr answer
    Wrong("the answer after the completion", "command_completion.c",
          {"answer = 1;\n\tcomplete(&command_done);": "complete(&command_done);\n\tanswer = 1;"}, "check", (2, 13)),
    # A: ldr current_session; B: ldr, stlr current_session, ldxr stlxr users; A: ldxr stxr users, which was 0
    Wrong("a reference from nothing", "session_ref.c",
          {"if (session && !refcount_inc_not_zero(&session->users))\n\t\tsession = NULL;":
           "if (session)\n\t\trefcount_inc(&session->users);"}, "check", (2, 7)),
    # A: str count (enters); softirq: str count (enters)
    Wrong("a lock that leaves softirqs on", "page_cache.c",
          {"local_lock_irqsave(&page_caches.lock, flags)": "flags = 0; local_lock(&page_caches.lock)",
           "local_unlock_irqrestore(&page_caches.lock, flags)": "(void)flags; local_unlock(&page_caches.lock)"},
          "exclusive(exchange)", (1, 2)),
]  # fmt: skip

HANGS = [
    # A: str count, ldr seq, str seq, which is odd now; and the hardirq arrives
    Wrong("a seqcount's writer that interrupts cut in on", "seqcount_clock.c",
          {"local_irq_save(flags)": "flags = 0; preempt_disable()",
           "local_irq_restore(flags)": "(void)flags; preempt_enable()"}, "hang", (1, 3)),
    # A: msr, ldr seq, str seq; and the NMI arrives
    Wrong("an NMI that reads a seqcount", "seqcount_clock.c", {"CTXRACE_HARDIRQ": "CTXRACE_NMI"}, "hang", (1, 3)),
    # A: str count, ldaxr, stxr; and the hardirq arrives
    Wrong("a handler that spins for the lock of whom it cut in on", "console_trylock.c",
          {"if (!raw_spin_trylock(&console_lock))\n\t\treturn": "raw_spin_lock(&console_lock)"}, "hang", (1, 3)),
    # A: str answer, str command; B: ldr str command, str answer, ldr ldxr stlxr done; and A can only clear that
    Wrong("a completion that is cleared after it may have come", "command_completion.c",
          {"\treinit_completion(&command_done);\n\tWRITE_ONCE(command, 1);":
           "\tWRITE_ONCE(command, 1);\n\treinit_completion(&command_done);"}, "hang", (1, 8)),
    # A: str count, ldaxr, stxr; and the softirq arrives
    Wrong("a lock that leaves softirqs on", "flow_table.c",
          {"spin_lock_bh": "spin_lock", "spin_unlock_bh": "spin_unlock"}, "hang", (1, 3)),
]  # fmt: skip


RT = Preemption.RT


def found(tmp_path: Path, cache: Path, text: str, arch: str = "arm64", preemption: Preemption | None = None) -> Result:
    """What is found of a C text."""
    path = tmp_path / "function.c"
    path.write_text(text, encoding="utf-8")
    change = ScenarioChange(preemption=preemption)
    program = load(path, cache=cache, arch=arch, flags=change.configuration)
    assert program.messages == ""
    return check(program, change.apply(program.scenario))


def changed(wrong: Wrong) -> str:
    """The text of a wrong version."""
    text = (FUNCTIONS / wrong.function).read_text(encoding="utf-8")
    for right, instead in wrong.changes.items():
        assert text.count(right) >= 1, right
        text = text.replace(right, instead)
    return text


def test_there_are_eight_and_more() -> None:
    assert len(RIGHT) >= 8


@pytest.mark.parametrize("function", RIGHT)
def test_nothing_but_a_few_lines_is_added(function: str) -> None:
    """What is not added is kernel code as it is: it compiles in the kernel's tree (tests/kernels/test_build_tree)."""
    lines = (FUNCTIONS / function).read_text(encoding="utf-8").splitlines()
    code = kernel_code(function).splitlines()
    added = lines[len(code) :]
    assert 1 <= len(added) <= MOST_LINES
    assert all(line.startswith("CTXRACE_") for line in added)
    assert lines[: len(code)] == code and "ctxrace" not in "".join(code).lower()
    included = [line for line in code if "include" in line]
    assert included and all(re.fullmatch(r"#include <(linux|asm)/\w+\.h>", line) for line in included)


@pytest.mark.parametrize("function", RIGHT)
@pytest.mark.parametrize("arch", ["arm64", "riscv64", "x86-64", pytest.param("arm64-be", marks=pytest.mark.slow)])
def test_right_ones_hold(tmp_path: Path, cache: Path, function: str, arch: str) -> None:
    result = found(tmp_path, cache, (FUNCTIONS / function).read_text(encoding="utf-8"), arch)
    assert {verdict.outcome for verdict in result.verdicts} == {Outcome.HOLDS}
    assert result.hang is not None
    assert result.hang.outcome is Outcome.HOLDS


def test_the_one_in_the_documentation_is_among_them(tmp_path: Path, cache: Path) -> None:
    code, report = re.findall(r"^```(?:c|)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[:2]
    function = (FUNCTIONS / "console_trylock.c").read_text(encoding="utf-8")
    assert function.endswith(code)
    states = {verdict.states for verdict in found(tmp_path, cache, function).verdicts}
    assert report.endswith(f"in every interleaving ({states.pop()} states)\n")


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.what)
def test_wrong_ones_do_not(tmp_path: Path, cache: Path, wrong: Wrong) -> None:
    assert length(found(tmp_path, cache, changed(wrong)), wrong.breaks) == wrong.how


@pytest.mark.parametrize("wrong", HANGS, ids=lambda wrong: f"{wrong.function}-{wrong.what}")
def test_hangs_are_found(tmp_path: Path, cache: Path, wrong: Wrong) -> None:
    hang = found(tmp_path, cache, changed(wrong)).hang
    assert hang is not None
    assert hang.interleaving is not None
    assert (hang.interleaving.switches, len(hang.interleaving.events)) == wrong.how


def test_an_nmi_on_the_writers_cpu_need_not_retry_a_latch(tmp_path: Path, cache: Path) -> None:
    # The writer stands still while the NMI reads; the retry is for readers on other CPUs and for preempted ones.
    retry = {"while (raw_read_seqcount_latch_retry(&fast_clock.seq, seq));": "while (0);"}
    wrong = Wrong("no retry", "fast_clock.c", retry, "check")
    assert length(found(tmp_path, cache, changed(wrong)), "check") is None
    task = {**retry, "CTXRACE_NMI(clock_read)": "CTXRACE_TASKS(1, clock_read)"}
    # A: ldr seq; B: ldr cycles, ldr and str seq, str data[0].cycles; A: ldr data[0].cycles, ldr data[0].nanoseconds
    assert length(found(tmp_path, cache, changed(wrong._replace(changes=task))), "check") == (2, 7)


def test_a_bucket_that_softirqs_change_without_a_lock_has_dead_flows(tmp_path: Path, cache: Path) -> None:
    unlocked = {"\tspin_lock(&bucket_lock);\n": "", "\tspin_unlock(&bucket_lock);\n": ""}
    wrong = Wrong("no lock", "flow_table.c", unlocked, "check")
    # Bottom halves are off in the task, so that on one CPU the softirq's lock changes nothing.
    assert length(found(tmp_path, cache, changed(wrong)), "check") is None
    both = {**unlocked, "spin_lock_bh": "spin_lock", "spin_unlock_bh": "spin_unlock"}
    # A: str count, ldaxr stxr, ldr pprev; softirq puts its flow in: ldr ldr strb str str str; A puts its own before
    # that: ldr, strb, str str str str, and begins to look: ldrb dead, ldr next; softirq takes its flow out and marks
    # it dead: ldr ldr str, stp (two), strb; A: ldrb dead.
    assert length(found(tmp_path, cache, changed(wrong._replace(changes=both))), "check") == (2, 25)


# PREEMPT_RT, which is about several tasks

ONE_TASK = ("event_list.c", "fast_clock.c")


@pytest.mark.parametrize("function", [name for name in RIGHT if name not in ONE_TASK])
def test_right_ones_hold_on_rt(tmp_path: Path, cache: Path, function: str) -> None:
    result = found(tmp_path, cache, (FUNCTIONS / function).read_text(encoding="utf-8"), preemption=RT)
    assert {verdict.outcome for verdict in result.verdicts} == {Outcome.HOLDS}


@pytest.mark.parametrize("wrong", [wrong for wrong in WRONG if wrong.function == "page_cache.c"])
def test_a_local_lock_keeps_softirqs_away_on_rt(tmp_path: Path, cache: Path, wrong: Wrong) -> None:
    assert length(found(tmp_path, cache, changed(wrong), preemption=RT), wrong.breaks) is None


def test_a_hardirq_may_take_no_spinlock_on_rt(tmp_path: Path, cache: Path) -> None:
    changes = {"if (!raw_spin_trylock(&console_lock))\n\t\treturn": "spin_lock(&console_lock)",
               "DEFINE_RAW_SPINLOCK": "DEFINE_SPINLOCK", "raw_spin_": "spin_"}  # fmt: skip
    wrong = Wrong("a sleeping lock", "console_trylock.c", changes, "sleep")
    # It arrives, and the first thing that it does is to say that it may sleep.
    assert length(found(tmp_path, cache, changed(wrong), preemption=RT), "sleep") == (1, 1)
