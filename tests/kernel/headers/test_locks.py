"""What locks keep apart, who may take them, and what is found of those who hold them wrongly.

Lengths are (switches, events); the comments name the events.
"""

from typing import Any

import pytest
from tests.kernel.cases import RT, Cases, ending, handlers, length

from ctxrace.kernel.rules.preemption import Preemption

SMP = "#define CTXRACE_SMP 1\n"
ON_RT: dict[str, Any] = {"head": RT, "preemption": Preemption.RT}

KEEPS_APART = """
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
static %s(lock);
static int inside;
void e(void)
{
    unsigned long flags __maybe_unused;

    %s;
    ctxrace_check(inside++ == 0);
    WRITE_ONCE(inside, 0);
    %s;
}
CTXRACE_TASKS(2, e);
"""
SPINLOCKS = [
    ("DEFINE_SPINLOCK", "spin_lock(&lock)", "spin_unlock(&lock)"),
    ("DEFINE_SPINLOCK", "spin_lock_bh(&lock)", "spin_unlock_bh(&lock)"),
    ("DEFINE_SPINLOCK", "spin_lock_irq(&lock)", "spin_unlock_irq(&lock)"),
    ("DEFINE_SPINLOCK", "spin_lock_irqsave(&lock, flags)", "spin_unlock_irqrestore(&lock, flags)"),
    ("DEFINE_SPINLOCK", "if (!spin_trylock(&lock)) return", "spin_unlock(&lock)"),
    ("DEFINE_SPINLOCK", "if (!spin_trylock_bh(&lock)) return", "spin_unlock_bh(&lock)"),
    ("DEFINE_RWLOCK", "write_lock(&lock)", "write_unlock(&lock)"),
    ("DEFINE_RWLOCK", "write_lock_irqsave(&lock, flags)", "write_unlock_irqrestore(&lock, flags)"),
    ("DEFINE_SEQLOCK", "write_seqlock(&lock)", "write_sequnlock(&lock)"),
    ("DEFINE_SEQLOCK", "read_seqlock_excl(&lock)", "read_sequnlock_excl(&lock)"),
]
RAW = [
    ("DEFINE_RAW_SPINLOCK", "raw_spin_lock(&lock)", "raw_spin_unlock(&lock)"),
    ("DEFINE_RAW_SPINLOCK", "raw_spin_lock_irqsave(&lock, flags)", "raw_spin_unlock_irqrestore(&lock, flags)"),
    ("DEFINE_RAW_SPINLOCK", "if (!raw_spin_trylock(&lock)) return", "raw_spin_unlock(&lock)"),
]
SLEEPING = [
    ("DEFINE_MUTEX", "mutex_lock(&lock)", "mutex_unlock(&lock)"),
    ("DEFINE_MUTEX", "if (!mutex_trylock(&lock)) return", "mutex_unlock(&lock)"),
    ("DECLARE_RWSEM", "down_write(&lock)", "up_write(&lock)"),
]
ATTEMPT: dict[str, Any] = {"attempts": 1}  # a seqlock counts for ever


@pytest.mark.parametrize("lock", [*SPINLOCKS, *RAW, *SLEEPING], ids=lambda lock: lock[1])
def test_two_tasks_are_kept_apart(cases: Cases, lock: tuple[str, str, str]) -> None:
    text = KEEPS_APART % lock
    assert cases.found(text, **ATTEMPT) is None
    assert cases.found(text, **ON_RT, **ATTEMPT) is None
    assert cases.found(text, head=SMP, cpus=2, **ATTEMPT) is None


@pytest.mark.parametrize("lock", [("DEFINE_RWLOCK", "read_lock(&lock)", "read_unlock(&lock)"),
                                  ("DECLARE_RWSEM", "down_read(&lock)", "up_read(&lock)")])  # fmt: skip
def test_readers_are_not(cases: Cases, lock: tuple[str, str, str]) -> None:
    assert cases.found(KEEPS_APART % lock, head=SMP, cpus=2, **ATTEMPT) is not None
    assert cases.found(KEEPS_APART % lock, **ON_RT, **ATTEMPT) is not None


@pytest.mark.parametrize("lock", [*RAW[1:], *SPINLOCKS[3:5]], ids=lambda lock: lock[1])
def test_a_handler_may_take_it_where_interrupts_are_off_or_it_only_tries(
    cases: Cases, lock: tuple[str, str, str]
) -> None:
    assert cases.found(KEEPS_APART % lock, handlers=handlers(hardirq="e")) is None


def test_a_handler_that_turns_interrupts_on_is_found(cases: Cases) -> None:
    text = KEEPS_APART % ("DEFINE_SPINLOCK", "spin_lock_irq(&lock)", "spin_unlock_irq(&lock)")
    # It arrives: msr, str count, ldaxr stxr, ldr str inside, str inside, stlr, msr, str count
    assert cases.found(text, "restored", handlers=handlers(hardirq="e")) == (1, 10)


@pytest.mark.parametrize("lock", SLEEPING[:1] + SLEEPING[2:], ids=lambda lock: lock[1])
@pytest.mark.parametrize("level", ["softirq", "hardirq", "nmi"])
def test_a_handler_sleeps_for_no_lock(cases: Cases, lock: tuple[str, str, str], level: str) -> None:
    # It arrives, and says in might_sleep() that it may sleep.
    assert cases.found(KEEPS_APART % lock, "sleep", handlers=handlers(**{level: "e"})) == (1, 1)


@pytest.mark.parametrize("lock", SPINLOCKS[:1] + SPINLOCKS[2:4], ids=lambda lock: lock[1])
def test_a_hardirq_takes_no_spinlock_on_rt(cases: Cases, lock: tuple[str, str, str]) -> None:
    assert cases.found(KEEPS_APART % lock, "sleep", handlers=handlers(hardirq="e"), **ON_RT) == (1, 1)


def test_a_task_takes_no_spinlock_with_preemption_off_on_rt(cases: Cases) -> None:
    lock, unlock = "preempt_disable(); spin_lock(&lock)", "spin_unlock(&lock); preempt_enable()"
    text = KEEPS_APART % ("DEFINE_SPINLOCK", lock, unlock)
    assert cases.found(text, "sleep", **ON_RT) == (0, 2)  # str count, rtlock_might_resched()
    assert cases.found(text, "sleep") is None


def test_a_task_sleeps_under_no_spinlock_but_on_rt_only_in_locks(cases: Cases) -> None:
    text = KEEPS_APART % ("DEFINE_SPINLOCK", "spin_lock(&lock); might_sleep()", "spin_unlock(&lock)")
    assert cases.found(text, "sleep") == (0, 4)  # str count, ldaxr, stxr, might_sleep()
    # Readers of preemptible RCU, which the holder is one of, are not counted.
    assert cases.found(text, "sleep", **ON_RT) is None


def test_two_of_three_have_a_semaphore(cases: Cases) -> None:
    text = """
        #include <linux/semaphore.h>
        static DEFINE_SEMAPHORE(sem, %d);
        static atomic_t inside;
        void e(void)
        {
            down(&sem);
            ctxrace_check(atomic_inc_return(&inside) <= 2);
            atomic_dec(&inside);
            up(&sem);
        }
        CTXRACE_TASKS(3, e);"""
    assert cases.found(text % 2) is None
    assert cases.found(text % 3) is not None


TRYLOCK = """
#include <linux/local_lock.h>
struct cache { local_trylock_t lock; int inside; };
static DEFINE_PER_CPU(struct cache, cache) = { .lock = INIT_LOCAL_TRYLOCK(lock) };
static void use(void)
{
    ctxrace_check(__this_cpu_inc_return(cache.inside) == 1);
    __this_cpu_dec(cache.inside);
}
void task(void) { local_lock(&cache.lock); use(); local_unlock(&cache.lock); }
void irq(void) { %s; use(); local_unlock(&cache.lock); }
CTXRACE_TASKS(2, task); CTXRACE_HARDIRQ(irq);
"""


def test_a_handler_tries_a_local_lock(cases: Cases) -> None:
    assert cases.found(TRYLOCK % "if (!local_trylock(&cache.lock)) return") is None
    assert cases.found(TRYLOCK % "if (!local_trylock(&cache.lock)) return", handlers=handlers(nmi="irq")) is None
    # task: str count, ldr, str taken; hardirq: str count, ldr taken: it is, and the kernel would warn.
    broken = cases.check(TRYLOCK % "local_lock(&cache.lock)")
    assert length(broken) == (1, 5)


def test_on_rt_a_handler_never_has_a_local_lock(cases: Cases) -> None:
    assert cases.found(TRYLOCK % "if (!local_trylock(&cache.lock)) return", **ON_RT) is None
    reached = TRYLOCK % "if (!local_trylock(&cache.lock)) return; ctxrace_check(0)"
    assert cases.found(reached) is not None
    assert cases.found(reached, **ON_RT) is None


PREEMPTION = ("preempt_disable()", "preempt_enable()")


@pytest.mark.parametrize(
    ("scope", "asserts", "holds", "fails"),
    [
        ("DEFINE_SPINLOCK(l)", "held(&l)", ("spin_lock(&l)", "spin_unlock(&l)"), PREEMPTION),
        ("DEFINE_MUTEX(l)", "held(&l)", ("mutex_lock(&l)", "mutex_unlock(&l)"), ("", "")),
        ("DEFINE_PER_CPU(local_lock_t, l)", "held(this_cpu_ptr(&l))", ("local_lock(&l)", "local_unlock(&l)"), ("", "")),
        ("int l", "irqs_disabled()", ("local_irq_disable()", "local_irq_enable()"), PREEMPTION),
        ("int l", "preemption_disabled()", PREEMPTION, ("migrate_disable()", "migrate_enable()")),
        ("int l", "in_softirq()", ("local_bh_disable()", "local_bh_enable()"), PREEMPTION),
        ("DEFINE_SPINLOCK(l)", "not_held(&l)", PREEMPTION, ("spin_lock(&l)", "spin_unlock(&l)")),
    ],
)
def test_lockdeps_assertions(
    cases: Cases, scope: str, asserts: str, holds: tuple[str, str], fails: tuple[str, str]
) -> None:
    text = """
        #include <linux/local_lock.h>
        #include <linux/mutex.h>
        #include <linux/spinlock.h>
        static %s;
        int x;
        void e(void) { (void)&l; %s; lockdep_assert_%s; WRITE_ONCE(x, 0); %s; }
        CTXRACE_TASKS(1, e);"""
    assert cases.found(text % (scope, holds[0], asserts, holds[1])) is None
    broken = cases.check(text % (scope, fails[0], asserts, fails[1]))
    assert ending(broken, "check").endswith(" is false")


def test_a_reference_too_few_is_found(cases: Cases) -> None:
    text = """
        #include <linux/refcount.h>
        static refcount_t ref = REFCOUNT_INIT(%d);
        void put(void) { if (refcount_dec_and_test(&ref)) barrier(); }
        CTXRACE_TASKS(2, put);"""
    assert cases.found(text % 2, attempts=1) is None
    # A: ldxr, stlxr to 0; and B after it: ldxr, stlxr, and it was 0
    assert cases.found(text % 1, attempts=1) == (0, 4)
