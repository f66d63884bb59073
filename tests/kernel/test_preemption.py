"""Who loses the CPU where: preemption models, PREEMPT_RT's softirqs, FIFO tasks, local_lock, the idle task.

Each length, (switches, events), was worked out by hand. A call of a `Sleep` function is one event, the return of its
empty body; a task that sleeps there gives up the CPU before it.
"""

import pytest

from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.kernel.scenario import Tasks

from .cases import RT, Cases, handlers

NONE, VOLUNTARY, FULL, LAZY, REAL_TIME = Preemption
NOT_RT = [NONE, VOLUNTARY, FULL, LAZY]

VICTIM = """
int x;
void victim(void) { %s WRITE_ONCE(x, 1); %s WRITE_ONCE(x, 0); %s }
void look(void) { ctxrace_check(!READ_ONCE(x)); }
"""
TWO = "CTXRACE_TASKS(1, victim); CTXRACE_TASKS(1, look);"


def head(model: Preemption) -> str:
    return RT if model is REAL_TIME else ""


@pytest.mark.parametrize("model", Preemption)
@pytest.mark.parametrize("call", ["", "schedule();", "cond_resched();", "might_sleep();"])
def test_a_task_loses_the_cpu_only_where_its_model_says(cases: Cases, model: Preemption, call: str) -> None:
    # str x | ldr x, in all that are preemptible; elsewhere only in a call that asks.
    asked = {NONE: ("schedule();", "cond_resched();"), VOLUNTARY: ("schedule();", "cond_resched();", "might_sleep();")}
    expected = (1, 2) if model not in asked or call in asked[model] else None
    assert cases.found(VICTIM % ("", call, "") + TWO, head=head(model), preemption=model) == expected


@pytest.mark.parametrize("model", [NONE, VOLUNTARY])
@pytest.mark.parametrize("call", ["schedule();", "cond_resched();"])
def test_a_call_before_or_after_does_not_help(cases: Cases, model: Preemption, call: str) -> None:
    assert cases.found(VICTIM % (call, "", call) + TWO, preemption=model) is None


def test_without_preemption_a_task_that_is_not_asleep_keeps_the_idle_task_away(cases: Cases) -> None:
    # Over the idle task the count is 0x10001: str x | the idle task | hardirq, ldr x.
    text = """
        int x;
        void e(void) { WRITE_ONCE(x, 1); %s WRITE_ONCE(x, 0); }
        void h(void) { if (preempt_count() & 0xff) ctxrace_check(!READ_ONCE(x)); }
        CTXRACE_TASKS(2, e); CTXRACE_HARDIRQ(h);"""
    for model in (NONE, FULL, REAL_TIME):
        assert cases.found(text % "schedule();", head=head(model), preemption=model) == (2, 2)
        assert cases.found(text % "cond_resched();", head=head(model), preemption=model) is None


ASLEEP = """
atomic_t n;
void sleeper(void) { atomic_inc(&n); schedule(); atomic_dec(&n); }
void runner(void) { atomic_inc(&n); cond_resched(); atomic_dec(&n); }
void h(void) { if (preempt_count() & 0xff) ctxrace_check(atomic_read(&n) < 2); }
CTXRACE_HARDIRQ(h);
"""
LSE = "#define CTXRACE_LSE 1\n"


def test_interrupts_over_the_idle_task_see_two_tasks_asleep(cases: Cases) -> None:
    # A inc | B inc | the idle task | hardirq ldr: three switches. A runner is never asleep.
    for model in (NONE, FULL, REAL_TIME):
        found = [
            cases.found(ASLEEP + line, head=LSE + head(model), preemption=model)
            for line in ("CTXRACE_TASKS(2, sleeper);", "CTXRACE_TASKS(2, runner);",
                         "CTXRACE_TASKS(1, sleeper); CTXRACE_TASKS(1, runner);")
        ]  # fmt: skip
        assert found == [(3, 3), None, None]


def test_a_cpu_whose_tasks_sleep_is_not_idle(cases: Cases) -> None:
    text = """
        int x;
        void e(void) { WRITE_ONCE(x, READ_ONCE(x) + 1); schedule(); WRITE_ONCE(x, READ_ONCE(x) - 1); }
        CTXRACE_TASKS(%d, e); CTXRACE_BALANCED(x); CTXRACE_HARDIRQ(e);"""
    for tasks in (1, 2):  # without a handler: a hardirq may not sleep
        assert cases.found(text % tasks, "balanced(x)", preemption=NONE, handlers=()) is None
    # A ldr 0 | B ldr 0, str 1 | A str 1, ret, ldr 1, str 0 and ends | B ret, ldr 0, str -1
    assert cases.found(text % 2, "balanced(x)", handlers=()) == (3, 10)


# Real-time priority

UP_DOWN = """
int x;
void e(void) { WRITE_ONCE(x, READ_ONCE(x) + 1); WRITE_ONCE(x, READ_ONCE(x) - 1); }
CTXRACE_BALANCED(x);
"""


@pytest.mark.parametrize("model", [LAZY, REAL_TIME])
def test_a_fifo_task_tears_nobody_for_good(cases: Cases, model: Preemption) -> None:
    # It runs as a whole, as an interrupt does. Two others: A reads 0 | B reads 0, writes 1 | A writes 1, 0 | B -1.
    for line, expected in (
        ("CTXRACE_TASKS(1, e); CTXRACE_FIFO_TASKS(1, e);", None),
        ("CTXRACE_TASKS(1, e); CTXRACE_FIFO_TASKS(3, e);", None),
        ("CTXRACE_FIFO_TASKS(2, e);", None),
        ("CTXRACE_TASKS(2, e);", (3, 8)),
        ("CTXRACE_TASKS(2, e); CTXRACE_FIFO_TASKS(1, e);", (3, 8)),
    ):
        assert cases.found(UP_DOWN + line, "balanced(x)", head(model), preemption=model) == expected


def test_a_fifo_task_that_sleeps_tears_like_others(cases: Cases) -> None:
    # F reads 0, sleeps | A reads 0, writes 1 | F ret, writes 1, reads 1, writes 0, ends | A reads 0, writes -1.
    text = """
        int x;
        void f(void) { int was = READ_ONCE(x); schedule(); WRITE_ONCE(x, was + 1); WRITE_ONCE(x, READ_ONCE(x) - 1); }
        void e(void) { WRITE_ONCE(x, READ_ONCE(x) + 1); WRITE_ONCE(x, READ_ONCE(x) - 1); }
        CTXRACE_FIFO_TASKS(1, f); CTXRACE_TASKS(1, e); CTXRACE_BALANCED(x);"""
    assert cases.found(text, "balanced(x)") == (3, 9)
    # Without preemption A runs as a whole while F sleeps, and puts back what F has read.
    assert cases.found(text, "balanced(x)", preemption=NONE) is None


@pytest.mark.parametrize("model", [NONE, VOLUNTARY, FULL])
def test_no_task_preempts_a_fifo_task_but_it_may_sleep(cases: Cases, model: Preemption) -> None:
    text = VICTIM + "CTXRACE_FIFO_TASKS(1, victim); CTXRACE_TASKS(1, look);"
    for call, expected in (("", None), ("cond_resched();", None), ("might_sleep();", None), ("schedule();", (1, 2))):
        assert cases.found(text % ("", call, ""), head=head(model), preemption=model) == expected
    # Not even another one.
    assert cases.found(VICTIM % ("", "", "") + "CTXRACE_FIFO_TASKS(1, victim); CTXRACE_FIFO_TASKS(1, look);",
                       head=head(model), preemption=model) is None  # fmt: skip


def test_a_fifo_task_takes_the_cpu_where_the_model_lets_it(cases: Cases) -> None:
    # str x | F: ret, ldr x. Whether it has slept before makes no difference.
    text = """
        int x;
        void victim(void) { WRITE_ONCE(x, 1); %s WRITE_ONCE(x, 0); }
        void look(void) { schedule(); ctxrace_check(!READ_ONCE(x)); }
        CTXRACE_TASKS(1, victim); CTXRACE_FIFO_TASKS(1, look);"""
    for model in Preemption:
        expected = None if model in (NONE, VOLUNTARY) else (1, 3)
        assert cases.found(text % "", head=head(model), preemption=model) == expected
        assert cases.found(text % "cond_resched();", head=head(model), preemption=model) == (1, 3)


EXCLUSIVE_STORE = """
int x, z;
void e(void)
{
	u32 seen, failed;
	int was = READ_ONCE(z);

	asm volatile("ldxr %w0, %2\\n stxr %w1, %w0, %2" : "=&r" (seen), "=&r" (failed), "+Q" (x));
	if (failed)
		ctxrace_check(READ_ONCE(z) != was);
}
void count(void) { WRITE_ONCE(z, READ_ONCE(z) + 1); }
CTXRACE_TASKS(1, e);
"""


def test_only_who_may_be_preempted_passes_by_and_clears_the_monitor(cases: Cases) -> None:
    # ldr z, ldxr | another task begins, and has counted nothing | stxr fails, ldr z.
    assert cases.found(EXCLUSIVE_STORE + "CTXRACE_TASKS(1, count); CTXRACE_ATTEMPTS(1);") == (2, 4)
    # A FIFO task runs on and counts.
    assert cases.found(EXCLUSIVE_STORE + "CTXRACE_FIFO_TASKS(1, count); CTXRACE_ATTEMPTS(1);") is None


def test_a_task_that_has_run_before_may_pass_by_too(cases: Cases) -> None:
    # count: ldr, str. e: ldr z = 1, ldxr | count begins again | stxr fails, ldr z = 1.
    text = EXCLUSIVE_STORE.replace("ctxrace_check(", "ctxrace_check(!was || ")
    assert cases.found(text + "CTXRACE_TASKS(1, count); CTXRACE_ATTEMPTS(2);") == (2, 6)
    # Once only: e: ldr z = 0, so that nothing is checked; or count is over before.
    assert cases.found(text + "CTXRACE_TASKS(1, count); CTXRACE_ATTEMPTS(1);") == "incomplete"


# PREEMPT_RT


@pytest.mark.parametrize(
    ("before", "after", "full", "real_time"),
    [
        ("", "", (1, 2), (1, 2)),
        ("preempt_disable();", "preempt_enable();", (1, 3), None),  # a task like any other
        ("local_bh_disable();", "local_bh_enable();", None, (1, 3)),  # does not keep tasks away
        ("local_irq_disable();", "local_irq_enable();", None, None),
    ],
)
def test_what_keeps_a_softirq_away_from_a_task(
    cases: Cases, before: str, after: str, full: tuple[int, int] | None, real_time: tuple[int, int] | None
) -> None:
    text = VICTIM % (before, "", after) + "CTXRACE_TASKS(1, victim); CTXRACE_SOFTIRQ(look);"
    assert cases.found(text) == full
    assert cases.found(text, head=RT, preemption=REAL_TIME) == real_time


def test_a_task_preempts_a_softirq_on_rt_alone(cases: Cases) -> None:
    text = VICTIM % ("", "", "") + "CTXRACE_TASKS(2, look); CTXRACE_SOFTIRQ(victim);"
    for model in NOT_RT:
        assert cases.found(text, preemption=model) is None
    assert cases.found(text, head=RT, preemption=REAL_TIME) == (1, 2)  # it starts on the idle CPU; str x | ldr x


def test_a_hardirq_cuts_in_on_a_softirq_thread(cases: Cases) -> None:
    text = VICTIM % ("", "", "") + "CTXRACE_TASKS(1, look); CTXRACE_SOFTIRQ(victim); CTXRACE_HARDIRQ(look);"

    assert cases.found(text, tasks=()) == (2, 2)  # both arrive
    assert cases.found(text, head=RT, preemption=REAL_TIME, tasks=(Tasks(1, "victim"),)) == (1, 2)
    text = VICTIM % ("", "", "") + "CTXRACE_SOFTIRQ(victim); CTXRACE_SOFTIRQ(noop); CTXRACE_HARDIRQ(look);"
    text = "void noop(void);\n" + text + "void noop(void) { barrier(); }"
    assert cases.found(text, head=RT, preemption=REAL_TIME) == (1, 2)  # a softirq starts as a task does


def test_softirqs_preempt_one_another_and_themselves_on_rt(cases: Cases) -> None:
    text = VICTIM % ("", "", "") + "CTXRACE_SOFTIRQ(victim); CTXRACE_SOFTIRQ(look);"
    assert cases.found(text, preemption=FULL) is None
    assert cases.found(text, head=RT, preemption=REAL_TIME) == (1, 2)
    alone = """
        int x;
        static noinline void body(void) { WRITE_ONCE(x, 1); WRITE_ONCE(x, 0); }
        void s(void) { body(); barrier(); }
        void e(void) { WRITE_ONCE(x, 0); }
        CTXRACE_TASKS(2, e); CTXRACE_SOFTIRQ(s); CTXRACE_EXCLUSIVE(body);"""
    assert cases.found(alone, "exclusive(body)", preemption=FULL) is None
    assert cases.found(alone, "exclusive(body)", RT, preemption=REAL_TIME) == (1, 0)


SEES = """
int x;
void task(void)
{
	ctxrace_check(preempt_count() == 0 && in_task() && !in_softirq() && !in_interrupt());
	local_bh_disable();
	ctxrace_check(in_softirq() && !in_serving_softirq() && in_task() && interrupt_context_level() == 0);
	ctxrace_check(preempt_count() == BH_OFF);
	local_bh_enable();
}
void softirq(void)
{
	WRITE_ONCE(x, 0);
	ctxrace_check(interrupt_context_level() == SOFTIRQ_LEVEL && in_serving_softirq() && in_softirq());
	ctxrace_check(!in_task() && in_interrupt() && !in_hardirq());
}
void hardirq(void) { ctxrace_check(interrupt_context_level() == 2 && in_hardirq() && !in_task() && !in_nmi()); }
CTXRACE_TASKS(2, task); CTXRACE_SOFTIRQ(softirq); CTXRACE_HARDIRQ(hardirq);
"""


def test_a_softirq_on_rt_is_counted_in_its_task(cases: Cases) -> None:
    rt = RT + "#define BH_OFF 0\n#define SOFTIRQ_LEVEL 0\n"
    other = "#define BH_OFF 0x200\n#define SOFTIRQ_LEVEL 1\n"
    assert cases.found(SEES, head=rt, preemption=REAL_TIME) is None
    assert cases.found(SEES, head=other) is None
    # The other way round each is false: softirq: str x; task: str softirq_disable_cnt or the preempt count.
    assert cases.found(SEES, head=RT + other, preemption=REAL_TIME) == (0, 1)
    assert cases.found(SEES, head="#define BH_OFF 0\n#define SOFTIRQ_LEVEL 1\n") == (0, 1)


def test_an_interrupt_over_a_task_that_has_just_begun_tells_it_from_the_preempted_one(cases: Cases) -> None:
    # B: str softirq_disable_cnt, str x 0 | A begins | hardirq over it: str x 1 | B: ldr x = 1, ldr y = 0.
    text = """
        int x, y;
        void b(void)
        {
            local_bh_disable();
            WRITE_ONCE(x, 0);
            ctxrace_check(!READ_ONCE(x) || READ_ONCE(y));
            local_bh_enable();
        }
        void a(void) { WRITE_ONCE(y, 1); }
        void h(void) { if (!in_softirq()) WRITE_ONCE(x, 1); }
        CTXRACE_TASKS(1, b); CTXRACE_TASKS(1, a); CTXRACE_HARDIRQ(h);"""
    assert cases.found(text, head=RT, preemption=REAL_TIME) == (3, 5)
    # A FIFO task that has begun stays; but it may have only to return: its four events come in between.
    tasks = (Tasks(1, "b"), Tasks(1, "b", fifo=True))
    assert cases.found(text, head=RT, preemption=REAL_TIME, tasks=tasks) == (3, 9)
    assert cases.found(text) is None  # bottom halves off keep A away


# local_lock

LOCKED = """
DEFINE_PER_CPU(local_lock_t, lock);
int x;
void e(void)
{
	unsigned long flags;

	LOCK;
	ctxrace_check(!READ_ONCE(x));
	WRITE_ONCE(x, 1);
	WRITE_ONCE(x, 0);
	UNLOCK;
	(void)flags;
}
void look(void) { ctxrace_check(!READ_ONCE(x)); }
CTXRACE_TASKS(2, e);
"""
PLAIN = "#define LOCK local_lock(&lock)\n#define UNLOCK local_unlock(&lock)\n" + LSE
SAVED = "#define LOCK local_lock_irqsave(&lock, flags)\n#define UNLOCK local_unlock_irqrestore(&lock, flags)\n" + LSE


@pytest.mark.parametrize("model", Preemption)
@pytest.mark.parametrize("lock", [PLAIN, SAVED])
def test_local_lock_keeps_tasks_apart(cases: Cases, model: Preemption, lock: str) -> None:
    for tasks in ((Tasks(2, "e"),), (Tasks(1, "e"), Tasks(1, "e", fifo=True))):
        assert cases.found(LOCKED, head=head(model) + lock, preemption=model, tasks=tasks) is None


def test_local_lock_keeps_away_what_it_masks(cases: Cases) -> None:
    # str count (or msr), ldr x, str x | the same two of the intruder.
    for level in ("softirq", "hardirq", "nmi"):
        assert cases.found(LOCKED, head=PLAIN, handlers=handlers(**{level: "e"})) == (1, 5)
    for level, expected in (("softirq", None), ("hardirq", None), ("nmi", (1, 5))):
        assert cases.found(LOCKED, head=SAVED, handlers=handlers(**{level: "e"})) == expected


def test_local_lock_on_rt_is_a_lock_and_leaves_preemption_on(cases: Cases) -> None:
    for lock in (PLAIN, SAVED):
        # A softirq is a task that takes it in turn.
        assert cases.found(LOCKED, head=RT + lock, preemption=REAL_TIME, handlers=handlers(softirq="e")) is None
        # Who does not take it: rtlock_might_resched, cas, ldr x, str x | ldr x.
        two = (Tasks(1, "e"), Tasks(1, "look"))
        assert cases.found(LOCKED, head=RT + lock, preemption=REAL_TIME, tasks=two) == (1, 5)
        # Elsewhere preemption, or interrupts, are off.
        assert cases.found(LOCKED, head=lock, tasks=two) is None
