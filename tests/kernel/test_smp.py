"""More than one CPU: what migrates, what is torn between CPUs, and what is each CPU's own. Worked out by hand."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ctxrace.core.errors import ScenarioError, ToolchainError
from ctxrace.core.facts.reason import OnlyIfSequential
from ctxrace.core.facts.remark import SequentialMemory
from ctxrace.core.schedule import Schedule
from ctxrace.core.verdict import Outcome, Result
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import check
from ctxrace.kernel.program import Program, load
from ctxrace.kernel.replay import replay
from ctxrace.report.json import to_json
from ctxrace.report.text import render_result

from .cases import Build

PER_CPU_COUNTER = """
    DEFINE_PER_CPU(int, count);
    static noinline void body(void) { barrier(); }
    void attempt(void)
    {
        BEGIN
        this_cpu_inc(count);
        body();
        this_cpu_dec(count);
        END
    }
    CTXRACE_EXCLUSIVE(body); CTXRACE_BALANCED(count);
"""
ONCE = "CTXRACE_ATTEMPTS(1);"  # a count that leaks would count up for ever


@pytest.fixture
def build(tmp_path: Path) -> Build:
    def compile_text(text: str, *flags: str, lse: int = 1, cpus: int = 2, **options: Any) -> Program:  # noqa: ANN401
        path = tmp_path / "case.c"
        head = f"#define CTXRACE_LSE {lse}\n#include <ctxrace/kernel.h>\n"
        path.write_text(f"{head}{text}\nCTXRACE_CPUS({cpus});", encoding="utf-8")
        return load(path, cache=tmp_path, flags=[*ScenarioChange.of(cpus=cpus).configuration, *flags], **options)

    return compile_text


def lengths(result: Result) -> dict[str, tuple[int, int] | None]:
    """Return for each kind of property the shortest violation as (switches, events), None where it holds."""
    found: dict[str, tuple[int, int] | None] = {}
    for verdict in result.verdicts:
        assert verdict.outcome is not Outcome.INCOMPLETE
        told = verdict.interleaving
        found[verdict.property.kind] = None if told is None else (told.switches, len(told.events))
    return found


def test_a_task_that_migrates_leaves_its_count_behind(build: Build) -> None:
    # inc on CPU 0 is 4 events (preempt_disable, the CPU's offset, ldadd, preempt_enable), the return of body one more;
    # the task is taken off CPU 0 (1 switch) and goes on on CPU 1 (1 switch), with dec, 4 events. Leaving before body
    # returns is the same.
    result = check(build(PER_CPU_COUNTER + ONCE + "CTXRACE_TASKS(1, attempt);", "-DBEGIN=", "-DEND="))
    assert lengths(result)["balanced"] == (2, 9)
    assert lengths(result)["exclusive"] is None


def test_a_task_that_must_not_migrate_leaves_nothing(build: Build) -> None:
    flags = ("-DBEGIN=migrate_disable();", "-DEND=migrate_enable();")
    assert lengths(check(build(PER_CPU_COUNTER + "CTXRACE_TASKS(1, attempt);", *flags))) == {
        "exclusive": None,
        "balanced": None,
    }
    # Two tasks on one of the CPUs preempt one another in the body; their counts are atomic and come back.
    found = lengths(check(build(PER_CPU_COUNTER + "CTXRACE_TASKS(2, attempt);", *flags)))
    # A: migrate_disable, inc (4): enters. Preempted. B: the same.
    assert found == {"exclusive": (1, 10), "balanced": None}


def test_without_preemption_nobody_migrates(build: Build) -> None:
    program = build(
        PER_CPU_COUNTER + "CTXRACE_TASKS(2, attempt); CTXRACE_PREEMPTION(none);", "-DBEGIN=", "-DEND="
    )
    assert lengths(check(program)) == {"exclusive": None, "balanced": None}


def test_a_task_that_sleeps_may_wake_up_on_the_other_cpu(build: Build) -> None:
    text = PER_CPU_COUNTER.replace("{ barrier(); }", "{ schedule(); }") + "CTXRACE_PREEMPTION(none);"
    # inc 4; asleep (1 switch to idle); on CPU 1 (1 switch) it returns from schedule(), a tail call of body, and dec 4.
    assert lengths(check(build(text + ONCE + "CTXRACE_TASKS(1, attempt);", "-DBEGIN=", "-DEND=")))["balanced"] == (2, 9)


STALE = """
    DEFINE_PER_CPU(int, count);
    #define ONE_MORE(by) do { WRITE_ONCE(*here, READ_ONCE(*here) + (by)); } while (0)
    void attempt(void)
    {
        int *here;
        FIRST
        SECOND
    }
    CTXRACE_BALANCED(count);
"""
PINNED_TOO_LATE = (
    "-DFIRST=here=this_cpu_ptr(&count);preempt_disable();ONE_MORE(1);",
    "-DSECOND=ONE_MORE(-1);preempt_enable();",
)
PINNED_TWICE = (
    "-DFIRST=preempt_disable();here=this_cpu_ptr(&count);ONE_MORE(1);preempt_enable();",
    "-DSECOND=barrier();here=this_cpu_ptr(&count);preempt_disable();ONE_MORE(-1);preempt_enable();",
)


def test_a_task_may_migrate_between_asking_for_its_cpu_and_its_first_access(build: Build) -> None:
    # Both take CPU 0's pointer. One goes to CPU 1 with it, where preempt_disable() does not keep the other one out.
    # 7 events each: the CPU's offset, preempt_disable, 2 loads and 2 stores, preempt_enable.
    result = check(build(STALE + ONCE + "CTXRACE_TASKS(2, attempt);", *PINNED_TOO_LATE))
    assert lengths(result) == {"balanced": (2, 14)}
    assert lengths(check(build(STALE + ONCE + "CTXRACE_TASKS(1, attempt);", *PINNED_TOO_LATE))) == {"balanced": None}


def test_a_task_may_migrate_right_before_it_asks_for_its_cpu(build: Build) -> None:
    # Its last event before that is preempt_enable(), until which it stays. 5 events on each CPU.
    result = check(build(STALE + ONCE + "CTXRACE_TASKS(1, attempt);", *PINNED_TWICE))
    assert lengths(result) == {"balanced": (2, 10)}


def test_a_task_takes_the_body_that_it_runs_along_to_the_other_cpu(build: Build) -> None:
    # Each is let in by its own CPU's count (4 events each); then A goes to where B is in the body, without an event.
    text = """
        DEFINE_PER_CPU(int, count);
        static noinline void body(void) { barrier(); }
        void attempt(void) { if (this_cpu_inc_return(count) == 1) body(); }
        CTXRACE_TASKS(2, attempt); CTXRACE_EXCLUSIVE(body); CTXRACE_ATTEMPTS(1);"""
    program = build(text)
    (verdict,) = check(program).verdicts
    assert verdict.interleaving is not None
    assert (verdict.interleaving.switches, len(verdict.interleaving.events)) == (2, 8)
    told, broken = replay(program, Schedule.parse(verdict.interleaving.schedule))
    assert (told, verdict.property in broken) == (verdict.interleaving, True)


SUM = """
    int x, done;
    void up(void) { INC; if (atomic_inc_return((atomic_t *)&done) == 2) ctxrace_check(READ_ONCE(x) == 2); }
    CTXRACE_TASKS(2, up); CTXRACE_ATTEMPTS(1); CTXRACE_PREEMPTION(none);
"""


def test_two_cpus_lose_an_increment_without_a_switch(build: Build) -> None:
    # ldr, ldr, str, str, then done: ldadd, ldadd, and the last one reads x: no switch at all.
    assert lengths(check(build(SUM, "-DINC=x++"))) == {"check": (0, 7)}


@pytest.mark.parametrize("lse", [0, 1])
def test_an_atomic_increment_is_not_lost_between_cpus(build: Build, lse: int) -> None:
    # With exclusive loads and stores: the other CPU's store in between makes the store fail.
    assert lengths(check(build(SUM, "-DINC=atomic_inc((atomic_t *)&x)", lse=lse))) == {"check": None}


PAIR = """
    struct two { unsigned long low, high; } pair __attribute__((aligned(16)));
    #define EXCLUSIVELY(of, change, to, address) asm volatile( \
        "1: " of ", [%1]; " change "; " to ", [%1]; cbnz w2, 1b" \
        :: "r"((long)by), "r"(address) : "x2", "x3", "x4", "memory")
    static __always_inline void both(int by) { EXCLUSIVELY("ldxp x3, x4", "add x4, x4, %0", "stxp w2, x3, x4", &pair); }
    static __always_inline void half(int by) { EXCLUSIVELY("ldxr x4", "add x4, x4, %0", "stxr w2, x4", &pair.HALF); }
    void a(void) { both(1); both(-1); }
    void b(void) { half(1); half(-1); }
    CTXRACE_TASKS(1, a); CTXRACE_TASKS(1, b); CTXRACE_BALANCED(pair); CTXRACE_ATTEMPTS(1);
"""


@pytest.mark.parametrize("half", ["low", "high"])
def test_a_store_to_either_half_of_a_pair_makes_a_store_exclusive_of_the_pair_fail(build: Build, half: str) -> None:
    assert lengths(check(build(PAIR, f"-DHALF={half}", lse=0))) == {"balanced": None}


def test_one_cpu_without_preemption_loses_nothing(build: Build) -> None:
    assert lengths(check(build(SUM, "-DINC=x++", cpus=1))) == {"check": None}


def test_each_cpu_has_its_number_and_its_own_copies(build: Build) -> None:
    program = build("""
        DEFINE_PER_CPU(int, mine);
        unsigned long __per_cpu_offset[2];
        void e(void)
        {
            int cpu;
            preempt_disable();
            cpu = smp_processor_id();
            ctxrace_check(cpu == 0 || cpu == 1);
            ctxrace_check(this_cpu_ptr(&mine) == per_cpu_ptr(&mine, cpu));
            ctxrace_check(this_cpu_ptr(&mine) != per_cpu_ptr(&mine, 1 - cpu));
            preempt_enable();
        }
        CTXRACE_TASKS(2, e);""")
    assert lengths(check(program)) == {"check": None}
    wrong = build("void e(void) { ctxrace_check(smp_processor_id() == 0); } CTXRACE_TASKS(1, e);")
    assert lengths(check(wrong)) == {"check": (0, 2)}  # the CPU's offset, its number


def test_interrupts_arrive_on_each_cpu(build: Build) -> None:
    # The NMI of CPU 1 runs while CPU 0 is inside: exclusive is about one CPU, the count about both.
    program = build("""
        atomic_t inside;
        static noinline void body(void) { barrier(); }
        void e(void)
        {
            int n = atomic_inc_return(&inside);
            ctxrace_check(n < 3);
            body();
            atomic_dec(&inside);
        }
        CTXRACE_TASKS(1, e); CTXRACE_NMI(e); CTXRACE_EXCLUSIVE(body);""")
    found = lengths(check(program))
    # Task in the body (1 event), NMI over it (1 switch, 1 event).
    assert found["exclusive"] == (1, 2)
    # A third: the NMI of the other CPU.
    assert found["check"] == (2, 3)


def test_the_report_says_what_is_assumed_and_the_schedule_replays(build: Build) -> None:
    program = build(PER_CPU_COUNTER + ONCE + "CTXRACE_TASKS(2, attempt); CTXRACE_NMI(attempt);", "-DBEGIN=", "-DEND=")
    result = check(program)
    assert SequentialMemory() in result.notes
    for verdict in result.verdicts:
        assert verdict.interleaving is not None
        told, broken = replay(program, Schedule.parse(verdict.interleaving.schedule))
        assert told == verdict.interleaving
        assert verdict.property in broken


MESSAGE = """
int data, flag;
void writer(void) { WRITE_ONCE(data, 1); WRITE_ONCE(flag, 1); }
void reader(void) { if (READ_ONCE(flag)) WARN_ON(!READ_ONCE(data)); }
CTXRACE_TASKS(1, writer); CTXRACE_TASKS(1, reader);
"""


def test_a_proof_says_first_what_it_assumes_of_memory(build: Build) -> None:
    """Message passing without barriers: arm64 may show the flag before the data."""
    program = build(MESSAGE)
    result = check(program)
    assert [(verdict.outcome, verdict.sequential) for verdict in result.judged] == [(Outcome.HOLDS, True)] * 2
    assert "case.c: holds if memory is sequentially consistent: check in every" in render_result(result).splitlines()[0]
    (entry,) = json.loads(to_json([result]))["results"]
    assert entry["verdict"] == "holds if memory is sequentially consistent"
    strict = result.strictly()
    assert {verdict.outcome for verdict in strict.judged} == {Outcome.INCOMPLETE}
    assert strict.verdicts[0].reason == OnlyIfSequential()
    one = check(program, replace(program.scenario, cpus=1)).strictly()
    assert {(verdict.outcome, verdict.sequential) for verdict in one.judged} == {(Outcome.HOLDS, False)}


def test_state_counts(build: Build) -> None:
    program = build(
        PER_CPU_COUNTER + "CTXRACE_TASKS(2, attempt);", "-DBEGIN=migrate_disable();", "-DEND=migrate_enable();"
    )
    (balanced,) = [v for v in check(program).verdicts if v.property.kind == "balanced"]
    assert (balanced.states, balanced.transitions) == (328, 608)


def test_bad_numbers_of_cpus(build: Build) -> None:
    with pytest.raises(ToolchainError) as caught:
        build("void e(void) {} CTXRACE_TASKS(1, e); CTXRACE_CPUS(2);", cpus=1)
    assert "define CTXRACE_SMP 1 before the include" in caught.value.output
    with pytest.raises(ScenarioError, match="9 CPUs are declared; ctxrace takes at most 8"):
        check(build("void e(void) {} CTXRACE_TASKS(1, e);", cpus=9))
    with pytest.raises(ScenarioError, match="not modelled on x86-64: an instruction without a lock prefix"):
        check(build("int x; void e(void) { x++; } CTXRACE_TASKS(1, e);", arch="x86-64"))


RT = ScenarioChange.of(preemption="rt").configuration
SOFTIRQ = """
    int other;
    void task(void) { WRITE_ONCE(other, 1); }
    int count;
    DEFINE_PER_CPU(int, mine);
    void softirq(void) { SERVE }
    CTXRACE_TASKS(1, task);
    CTXRACE_SOFTIRQ(softirq);
    CTXRACE_BALANCED(count);
    CTXRACE_BALANCED(mine);
    CTXRACE_PREEMPTION(rt);
"""


def test_each_cpu_serves_a_softirq_on_rt(build: Build) -> None:
    serve = "-DSERVE=WRITE_ONCE(count, READ_ONCE(count) + 1); WRITE_ONCE(count, READ_ONCE(count) - 1);"
    program = build(SOFTIRQ + ONCE, serve, *RT)
    # Each on its CPU: load and store of the one, the load that begins its decrement, the second one's load, which is of
    # 1; the first one's store, and what is left of the second one: a store, a load, a store. No switch is needed.
    (count, mine) = check(program).verdicts
    assert count.interleaving is not None and (count.interleaving.switches, len(count.interleaving.events)) == (0, 8)
    assert mine.outcome is Outcome.HOLDS


def test_a_softirq_on_rt_stays_on_its_cpu(build: Build) -> None:
    program = build(SOFTIRQ + ONCE, "-DSERVE=this_cpu_inc(mine); this_cpu_dec(mine);", *RT)
    assert {verdict.outcome for verdict in check(program).verdicts} == {Outcome.HOLDS}


def test_two_tasks_of_a_cpu_serve_a_softirq_on_rt_and_not_more(build: Build) -> None:
    serve = "-DSERVE=int n = this_cpu_inc_return(mine); ctxrace_check(n <= LIMIT); this_cpu_dec(mine);"
    for limit, expected in ((1, Outcome.VIOLATED), (2, Outcome.HOLDS)):
        program = build(SOFTIRQ + ONCE, serve, f"-DLIMIT={limit}", *RT)
        assert check(program).verdicts[-1].outcome is expected
