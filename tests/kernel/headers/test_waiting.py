"""Waiting for another context: wait queues, states of tasks, completions, SRCU, and functions that run later.

Lengths are (switches, events); the comments name the events.
"""

from typing import Any

import pytest
from tests.kernel.cases import RT, Build, Cases, handlers, length

from ctxrace.core.errors import ToolchainError
from ctxrace.core.verdict import Outcome
from ctxrace.kernel.check import check
from ctxrace.kernel.model.layout import Layout
from ctxrace.kernel.rules.preemption import Preemption

ON_RT: dict[str, Any] = {"head": RT, "preemption": Preemption.RT}

QUEUE = """
#include <linux/wait.h>
static DECLARE_WAIT_QUEUE_HEAD(queue);
static int ready;
void waiter(void) { %s }
void waker(void) { %s }
CTXRACE_TASKS(1, waiter); CTXRACE_HARDIRQ(waker);
"""
WAIT = "wait_event(queue, READ_ONCE(ready)); ctxrace_check(ready);"
WAKE = "WRITE_ONCE(ready, 1); wake_up(&queue);"
BY_HAND = """
    DEFINE_WAIT(wait);
    prepare_to_wait(&queue, &wait, TASK_INTERRUPTIBLE);
    if (!READ_ONCE(ready))
        schedule();
    finish_wait(&queue, &wait);
    ctxrace_check(ready);
"""


def test_a_waiter_goes_on_once_its_condition_is_true(cases: Cases) -> None:
    assert cases.found(QUEUE % (WAIT, WAKE)) is None
    interruptible = "if (wait_event_interruptible(queue, READ_ONCE(ready))) return; ctxrace_check(ready);"
    assert cases.found(QUEUE % (interruptible, WAKE)) is None
    assert cases.found(QUEUE % (BY_HAND, WAKE)) is None
    # A kernel's code has to expect that a task wakes without a reason.
    assert cases.found(QUEUE % (WAIT, WAKE), head="#define CTXRACE_SPURIOUS_WAKEUPS 1\n") is None
    assert cases.found(QUEUE % (BY_HAND, WAKE), head="#define CTXRACE_SPURIOUS_WAKEUPS 1\n") is not None


@pytest.mark.parametrize("waker", ["CTXRACE_HARDIRQ(", "CTXRACE_TASKS(1, "])
def test_no_wakeup_is_lost(cases: Cases, waker: str) -> None:
    result = cases.check((QUEUE % (WAIT, WAKE)).replace("CTXRACE_HARDIRQ(", waker), attempts=1)
    assert result.hang is not None
    assert result.hang.outcome is Outcome.HOLDS


def test_a_time_limit_ends_a_wait(cases: Cases) -> None:
    text = "if (%swait_event_timeout(queue, READ_ONCE(ready), 10)) ctxrace_check(ready);"
    assert cases.found(QUEUE % (text % "", WAKE)) is None
    assert cases.found(QUEUE % (text % "!", WAKE)) is not None


@pytest.mark.parametrize(
    ("wait", "wake"),
    [
        (WAIT, "WRITE_ONCE(ready, 1);"),
        (WAIT, "wake_up(&queue); WRITE_ONCE(ready, 1);"),
        ("if (!READ_ONCE(ready)) { set_current_state(TASK_INTERRUPTIBLE); schedule(); }", WAKE),
    ],
    ids=["nobody wakes", "woken too early", "asked before the state was set"],
)
def test_a_lost_wakeup_is_found(cases: Cases, wait: str, wake: str) -> None:
    # A hardirq would run to its end before the waiter looks again, and woken too early would be early enough.
    text = (QUEUE % (wait + "ctxrace_check(1);", wake)).replace("CTXRACE_HARDIRQ(", "CTXRACE_TASKS(1, ")
    result = cases.check(text, attempts=1)
    assert result.hang is not None
    assert result.hang.outcome is Outcome.VIOLATED


TASK = """
#include <linux/sched.h>
static struct task_struct *sleeper;
static int ready, woken;
void sleeps(void)
{
    WRITE_ONCE(sleeper, current);
    for (;;) {
        set_current_state(TASK_UNINTERRUPTIBLE);
        if (READ_ONCE(ready))
            break;
        schedule();
        WRITE_ONCE(woken, 1);
    }
    __set_current_state(TASK_RUNNING);
    ctxrace_check(%s);
}
void wakes(void)
{
    struct task_struct *task = READ_ONCE(sleeper);

    WRITE_ONCE(ready, 1);
    if (task)
        wake_up_process(task);
}
CTXRACE_TASKS(1, sleeps); CTXRACE_TASKS(1, wakes);
"""


@pytest.mark.parametrize("arch", ["arm64", "riscv64", "x86-64"])
def test_a_task_wakes_another(build: Build, arch: str) -> None:
    for condition, expected in (("READ_ONCE(ready)", True), ("!READ_ONCE(woken)", False), ("READ_ONCE(woken)", False)):
        program = build(TASK % condition, arch=arch)
        assert (length(check(program, program.scenario)) is None) is expected, condition


def test_states_are_found_by_the_address_of_a_task(cases: Cases) -> None:
    text = """
        #include <linux/sched.h>
        static void *first = (void *)CTXRACE_FIRST_TASK;
        static unsigned long stride = CTXRACE_TASK_STRIDE;
        void e(void) { WRITE_ONCE(first, first); WRITE_ONCE(stride, stride); }
        CTXRACE_TASKS(1, e); CTXRACE_BALANCED(first);"""
    image = cases.program(text).image
    first, stride = (image.read(image.symbols[name].address, 8) for name in ("first", "stride"))
    assert first is not None
    assert stride is not None
    layout = Layout(image, 3)
    assert layout.task_address(0) == int.from_bytes(first, "little")
    assert layout.task_address(2) - layout.task_address(1) == int.from_bytes(stride, "little")


def test_a_wake_up_wakes_one_exclusive_waiter(cases: Cases) -> None:
    text = """
        #include <linux/wait.h>
        static DECLARE_WAIT_QUEUE_HEAD(queue);
        static int ready, awake;
        void waiter(void)
        {
            DEFINE_WAIT(wait);

            prepare_to_wait%s(&queue, &wait, TASK_UNINTERRUPTIBLE);
            if (!READ_ONCE(ready))
                schedule();
            finish_wait(&queue, &wait);
            ctxrace_check(!awake++);
        }
        void waker(void) { wake_up%s(&queue); }
        CTXRACE_TASKS(2, waiter); CTXRACE_TASKS(1, waker); CTXRACE_ATTEMPTS(1);"""
    assert cases.found(text % ("_exclusive", "")) is None
    assert cases.found(text % ("", "")) is not None
    assert cases.found(text % ("_exclusive", "_all")) is not None


def test_more_waiters_than_a_queue_holds_are_a_bug(cases: Cases) -> None:
    text = (QUEUE % (WAIT, WAKE)).replace("CTXRACE_TASKS(1", "CTXRACE_TASKS(2")
    assert cases.found(text, "fault", head="#define CTXRACE_MOST_WAITERS 1\n", attempts=1) is not None
    assert cases.found(text, "fault", head="#define CTXRACE_MOST_WAITERS 2\n", attempts=1) is None


def test_on_rt_a_hardirq_wakes_no_queue(cases: Cases) -> None:
    text = (QUEUE % (WAIT, WAKE)).replace("CTXRACE_TASKS(1", "CTXRACE_TASKS(2")
    found = cases.found(text, "sleep", head=RT, preemption=Preemption.RT)
    assert found == (1, 2)  # it arrives: str ready, rtlock_might_resched()


def test_srcu_waits_for_readers(cases: Cases) -> None:
    text = """
        #include <linux/srcu.h>
        DEFINE_STATIC_SRCU(srcu);
        static struct thing { int freed; } first;
        static struct thing __rcu *thing = &first;
        void reader(void)
        {
            int index = srcu_read_lock(&srcu);
            struct thing *mine = srcu_dereference(thing, &srcu);

            if (mine)
                ctxrace_check(!READ_ONCE(mine->freed));
            srcu_read_unlock(&srcu, index);
        }
        void remover(void)
        {
            struct thing *old = rcu_replace_pointer(thing, NULL, true);

            %s;
            if (old)
                WRITE_ONCE(old->freed, 1);
        }
        CTXRACE_TASKS(2, reader); CTXRACE_TASKS(1, remover); CTXRACE_ATTEMPTS(2);"""
    assert cases.found(text % "synchronize_srcu(&srcu)") is None
    # reader: ldr index, ldxr stlxr readers, ldr thing; remover: ldr, stlr thing, str freed; reader: ldr freed
    broken = cases.check(text % "barrier()")
    assert length(broken) == (2, 8)


RCU = """
#include <linux/rculist.h>
struct thing { int freed; };
static struct thing first;
static struct thing __rcu *thing = &first;
void reader(void)
{
    struct thing *mine;

    rcu_read_lock();
    rcu_read_lock();
    mine = rcu_dereference(thing);
    rcu_read_unlock();
    if (mine)
        ctxrace_check(!READ_ONCE(mine->freed));
    rcu_read_unlock();
}
void remover(void)
{
    struct thing *old = rcu_replace_pointer(thing, NULL, true);

    %s;
    if (old)
        WRITE_ONCE(old->freed, 1);
}
CTXRACE_TASKS(1, reader); CTXRACE_TASKS(1, remover); CTXRACE_ATTEMPTS(1);
"""
COUNTED = "#define CTXRACE_RCU_GRACE_PERIODS 1\n"
CLASSIC = "#define CTXRACE_PREEMPT_RCU 0\n"


@pytest.mark.parametrize(
    ("head", "changes", "level"),
    [
        *((COUNTED, {}, level) for level in (None, "softirq", "nmi")),
        *((COUNTED + RT, {"preemption": Preemption.RT}, level) for level in (None, "nmi")),
        *((CLASSIC, {}, level) for level in (None, "softirq", "nmi")),
    ],
)
def test_rcu_waits_for_readers(cases: Cases, head: str, changes: dict[str, Any], level: str | None) -> None:
    changes = changes | ({"handlers": handlers(**{level: "reader"})} if level else {})
    assert cases.found(RCU % "synchronize_rcu()", head=head, **changes) is None
    # With preemption off nobody comes between a reader's steps but interrupts, which then are readers.
    preempted = head != CLASSIC
    assert (cases.found(RCU % "might_sleep()", head=head, **changes) is not None) is preempted


def test_who_is_no_reader_is_not_waited_for(cases: Cases) -> None:
    unlocked = RCU.replace("rcu_read_lock();", "barrier();").replace("rcu_read_unlock();", "barrier();")
    for head in (COUNTED, CLASSIC):
        assert cases.found(unlocked % "synchronize_rcu()", head=head) is not None


def test_grace_periods_are_of_one_cpu(cases: Cases) -> None:
    with pytest.raises(ToolchainError) as refused:
        cases.program(RCU % "synchronize_rcu()", COUNTED + "#define CTXRACE_SMP 1\n")
    assert "CTXRACE_RCU_GRACE_PERIODS is for one CPU" in refused.value.output


LATER = """
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/timer.h>
#include <linux/workqueue.h>
static int level = -1, armed;
static void runs(void) { ctxrace_check(armed); ctxrace_check(interrupt_context_level() == %d); }
static void on_irq_work(struct irq_work *w) { (void)w; runs(); }
static void on_timer(struct timer_list *t) { (void)t; runs(); }
static void on_tasklet(struct tasklet_struct *t) { (void)t; runs(); }
static void on_work(struct work_struct *w) { (void)w; runs(); }
static DEFINE_IRQ_WORK(irq_work, on_irq_work);
static DEFINE_TIMER(timer, on_timer);
static DECLARE_TASKLET(tasklet, on_tasklet);
static DECLARE_WORK(work, on_work);
void e(void) { (void)level; WRITE_ONCE(armed, 1); %s; }
CTXRACE_TASKS(1, e); %s;
"""
KINDS = [
    (2, "irq_work_queue(&irq_work)", "CTXRACE_IRQ_WORK(irq_work)"),
    (1, "mod_timer(&timer, jiffies + HZ)", "CTXRACE_TIMER(timer)"),
    (1, "tasklet_schedule(&tasklet)", "CTXRACE_TASKLET(tasklet)"),
    (0, "schedule_work(&work)", "CTXRACE_WORK(work)"),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[2])
def test_what_runs_later_runs_in_its_context_and_not_before(cases: Cases, kind: tuple[int, str, str]) -> None:
    assert cases.found(LATER % kind) is None
    assert cases.found(LATER % (kind[0] + 1, *kind[1:])) is not None  # so it does run


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[2])
def test_what_nothing_runs_is_refused(cases: Cases, kind: tuple[int, str, str]) -> None:
    name = kind[2].partition("(")[0]
    with pytest.raises(ToolchainError, match=f"nothing defines: no_context_runs_it_see_{name} "):
        cases.program(LATER % (*kind[:2], ""))


def test_a_timer_does_not_run_after_it_was_deleted(cases: Cases) -> None:
    text = """
        #include <linux/timer.h>
        static int gone;
        static void on_timer(struct timer_list *t) { (void)t; ctxrace_check(!READ_ONCE(gone)); }
        static DEFINE_TIMER(timer, on_timer);
        void e(void)
        {
            WRITE_ONCE(gone, 0);
            mod_timer(&timer, 3);
            %s;
            WRITE_ONCE(gone, 1);
        }
        CTXRACE_TASKS(1, e); CTXRACE_TIMER(timer);"""
    assert cases.found(text % "timer_delete_sync(&timer)") is None
    assert cases.found(text % "timer_delete_sync(&timer)", **ON_RT) is None
    assert cases.found(text % "timer_delete(&timer)") is None  # on one CPU it has run to its end
    assert cases.found(text % "timer_delete(&timer)", **ON_RT) is not None
    assert cases.found(text % "barrier()") is not None


def test_irq_work_of_an_nmi_runs_in_a_hardirq(cases: Cases) -> None:
    text = LATER % (2, "", "CTXRACE_IRQ_WORK(irq_work)") + """
        void nmi(void) { WRITE_ONCE(armed, 1); irq_work_queue(&irq_work); }
        CTXRACE_NMI(nmi);"""
    assert cases.found(text) is None
    assert cases.found(text.replace("== 2", "!= 2")) is not None


def test_on_rt_irq_work_runs_in_a_task_unless_it_is_hard(cases: Cases) -> None:
    task = LATER % (0, "irq_work_queue(&irq_work)", "CTXRACE_IRQ_WORK(irq_work)")
    assert cases.found(task, **ON_RT) is None
    init = "struct irq_work irq_work = IRQ_WORK_INIT_HARD(on_irq_work)"
    hard = task.replace("DEFINE_IRQ_WORK(irq_work, on_irq_work)", init)
    assert cases.found(hard.replace("== 0", "== 2"), **ON_RT) is None
    assert cases.found(hard, **ON_RT) is not None


@pytest.mark.parametrize(
    ("header", "use", "missing"),
    [
        ("linux/slab.h", "kmalloc(8, GFP_KERNEL)", "__kmalloc"),
        ("linux/rcupdate.h", "synchronize_rcu()", "synchronize_rcu"),
        ("linux/jiffies.h", "jiffies", "jiffies"),
        ("linux/percpu.h", "alloc_percpu(int)", "__alloc_percpu"),
        ("linux/sched.h", "need_resched()", "need_resched"),
    ],
)
def test_what_is_not_modelled_is_missing_by_name(cases: Cases, header: str, use: str, missing: str) -> None:
    with pytest.raises(ToolchainError, match=f"nothing defines: {missing} .*; define it in"):
        cases.program(f"#include <{header}>\nint x; void e(void) {{ (void){use}; }} CTXRACE_TASKS(1, e);")


def test_an_initcall_does_not_compile(cases: Cases) -> None:
    with pytest.raises(ToolchainError) as refused:
        cases.program("#include <linux/module.h>\nstatic int begin(void) { return 0; }\nmodule_init(begin);")
    assert "call begin() from ctxrace_setup()" in refused.value.output




def test_an_hrtimer_runs_in_a_hardirq_and_again_where_it_says_so(cases: Cases) -> None:
    text = """
        #include <linux/hrtimer.h>
        static int runs;
        static enum hrtimer_restart on_timer(struct hrtimer *t)
        {
            (void)t;
            ctxrace_check(interrupt_context_level() == %d);
            ctxrace_check(runs < %d);
            return ++runs < 2 ? HRTIMER_RESTART : HRTIMER_NORESTART;
        }
        static struct hrtimer timer;
        void ctxrace_setup(void) { hrtimer_setup(&timer, on_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL); }
        void e(void) { runs = 0; hrtimer_start(&timer, 3, HRTIMER_MODE_REL); hrtimer_cancel(&timer); runs = 9; }
        CTXRACE_TASKS(1, e); CTXRACE_HRTIMER%s(timer);"""
    assert cases.found(text % (2, 2, "")) is None  # and not after it was cancelled
    assert cases.found(text % (1, 2, "_SOFT")) is None
    assert cases.found(text % (1, 2, "")) is not None
    assert cases.found(text % (2, 1, "")) is not None
