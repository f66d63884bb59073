// SPDX-License-Identifier: Apache-2.0
/*
 * What one context gets from the headers' operations, as numbers for test_operations.py to compare. Each function has
 * an argument, and says with it what it found.
 */
#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/jump_label.h>
#include <linux/kernel.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/local_lock.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rculist.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/semaphore.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/u64_stats_sync.h>
#include <linux/workqueue.h>

#define OPERATION(name)					\
	unsigned long op_##name(unsigned long a);	\
	unsigned long op_##name(unsigned long a)

void enable_interrupts(void);
void enable_interrupts(void)
{
	local_irq_enable();
}

/* Digits of a number in base 16, the first one highest. */
#define DIGIT(number, digit)	((number) = (number) << 4 | ((unsigned long)(digit) & 15))

/* Numbers that one CPU's contexts change. */
OPERATION(local)
{
	local_t n = LOCAL_INIT((long)a);
	unsigned long found;

	local_inc(&n);
	local_add(10, &n);
	local_dec(&n);
	local_sub(3, &n);				/* a + 7 */
	found = (unsigned long)local_add_return(2, &n);	/* a + 9 */
	found ^= (unsigned long)local_xchg(&n, 5) << 8;
	found ^= (unsigned long)local_cmpxchg(&n, 4, 6) << 16;	/* not done: 5 */
	found ^= (unsigned long)local_cmpxchg(&n, 5, 6) << 24;
	found ^= (unsigned long)local_read(&n) << 32;		/* 6 */
	return found ^ (unsigned long)local_add_unless(&n, 1, 6) << 40 ^ (unsigned long)local_dec_and_test(&n) << 41;
}

OPERATION(local64)
{
	local64_t n = LOCAL64_INIT((s64)a);
	s64 expected = 1;

	local64_add(2, &n);
	local64_inc(&n);
	return (unsigned long)(local64_try_cmpxchg(&n, &expected, 9) ? 0 : expected);
}

static DEFINE_PER_CPU(unsigned long, count);

OPERATION(this_cpu_try_cmpxchg)
{
	unsigned long expected = 1, result = 0;

	this_cpu_write(count, a);
	DIGIT(result, this_cpu_try_cmpxchg(count, &expected, 9));
	DIGIT(result, expected);
	DIGIT(result, __this_cpu_try_cmpxchg(count, &expected, 7));
	DIGIT(result, this_cpu_read(count));
	return result;
}

OPERATION(cmpxchg64)
{
	static u64 big;
	u64 expected = 1;
	unsigned long result = 0;

	big = a;
	DIGIT(result, cmpxchg64(&big, 2, 3));
	DIGIT(result, try_cmpxchg64(&big, &expected, 4));
	DIGIT(result, expected);
	DIGIT(result, big);
	return result;
}

#ifdef system_has_cmpxchg128
static u128 wide;

OPERATION(cmpxchg128)
{
	u128 old = (u128)a << 64 | 5, expected = 1, found;
	unsigned long result = 0;

	wide = old;
	found = cmpxchg128(&wide, (u128)a << 64 | 6, 1);		/* only its lower half is another */
	DIGIT(result, found == old && wide == old);
	found = cmpxchg128(&wide, (u128)(a + 1) << 64 | 5, 1);		/* only its upper half */
	DIGIT(result, found == old && wide == old);
	found = cmpxchg128(&wide, old, (u128)7 << 64 | (a + 3));
	DIGIT(result, found == old && wide == ((u128)7 << 64 | (a + 3)));
	DIGIT(result, try_cmpxchg128(&wide, &expected, 2));
	DIGIT(result, expected == wide);
	DIGIT(result, try_cmpxchg128(&wide, &expected, (u128)1 << 64 | 2));
	return result << 4 | ((unsigned long)wide & 3) << 2 | ((unsigned long)(wide >> 64) & 3);
}
#endif

/* Lists: the values in order. */
struct node {
	struct list_head list;
	struct hlist_node hash;
	struct llist_node lockless;
	unsigned long value;
};

OPERATION(list)
{
	struct node nodes[4];
	struct node *node, *next;
	unsigned long result = 0;
	LIST_HEAD(head);
	LIST_HEAD(other);

	for (unsigned long i = 0; i < 4; i++)
		nodes[i].value = i + 1;
	DIGIT(result, list_empty(&head));
	list_add(&nodes[0].list, &head);
	DIGIT(result, list_is_singular(&head));
	list_add_tail(&nodes[1].list, &head);
	list_add(&nodes[2].list, &head);
	list_add_tail(&nodes[3].list, &head);		/* 3 1 2 4 */
	list_for_each_entry(node, &head, list)
		DIGIT(result, node->value);
	list_move(&nodes[3].list, &head);		/* 4 3 1 2 */
	list_for_each_entry_safe(node, next, &head, list)
		if (node->value == a)
			list_del(&node->list);
	list_splice_init(&head, &other);
	DIGIT(result, list_empty(&head));
	list_for_each_entry_reverse(node, &other, list)
		DIGIT(result, node->value);
	DIGIT(result, list_first_entry(&other, struct node, list)->value);
	DIGIT(result, list_last_entry(&other, struct node, list)->value);
	return result ^ (unsigned long)(list_first_entry_or_null(&head, struct node, list) != NULL) << 60;
}

OPERATION(hlist)
{
	struct node nodes[3] = { };
	unsigned long result = 0;
	struct node *node;
	HLIST_HEAD(head);

	for (unsigned long i = 0; i < 3; i++)
		nodes[i].value = i + 1;
	DIGIT(result, hlist_empty(&head));
	hlist_add_head(&nodes[0].hash, &head);
	hlist_add_head_rcu(&nodes[1].hash, &head);
	hlist_add_behind(&nodes[2].hash, &nodes[1].hash);	/* 2 3 1 */
	hlist_for_each_entry(node, &head, hash)
		DIGIT(result, node->value);
	hlist_del_init(&nodes[a % 3].hash);
	DIGIT(result, hlist_unhashed(&nodes[a % 3].hash));
	hlist_for_each_entry_rcu(node, &head, hash)
		DIGIT(result, node->value);
	return result;
}

OPERATION(llist)
{
	struct node nodes[3];
	unsigned long result = 0;
	struct node *node;
	LLIST_HEAD(head);

	for (unsigned long i = 0; i < 3; i++) {
		nodes[i].value = a + i;
		DIGIT(result, llist_add(&nodes[i].lockless, &head));
	}
	DIGIT(result, llist_entry(llist_del_first(&head), struct node, lockless)->value);
	llist_for_each_entry(node, llist_reverse_order(llist_del_all(&head)), lockless)
		DIGIT(result, node->value);
	DIGIT(result, llist_empty(&head));
	return result;
}

/* Counts, and what is said of them. */
static unsigned long released;

static void release(struct kref *kref)
{
	released += kref_read(kref) + 1;
}

OPERATION(refcount)
{
	refcount_t r = REFCOUNT_INIT((int)a);
	unsigned long result = 0;

	DIGIT(result, refcount_inc_not_zero(&r));
	DIGIT(result, refcount_read(&r));
	refcount_inc(&r);
	DIGIT(result, refcount_dec_and_test(&r));
	DIGIT(result, refcount_dec_not_one(&r));
	DIGIT(result, refcount_read(&r));
	DIGIT(result, (int)refcount_read(&r) < 0);
	return result;
}

OPERATION(kref)
{
	struct kref kref = KREF_INIT(1);
	unsigned long result = 0;

	released = 0;
	kref_get(&kref);
	DIGIT(result, kref_put(&kref, release));
	DIGIT(result, kref_put(&kref, release));
	DIGIT(result, released);
	DIGIT(result, kref_get_unless_zero(&kref));
	return result + a;
}

/* Locks: who has them, and what is off meanwhile. */
#define HELD(lock)	lockdep_is_held(lock)
#define OFF()		((preempt_count() & 0xff) | (in_softirq() ? 4 : 0) | (irqs_disabled() ? 8 : 0))

OPERATION(spinlock)
{
	static DEFINE_SPINLOCK(lock);
	unsigned long flags, result = 0;

	spin_lock(&lock);
	DIGIT(result, OFF());
	DIGIT(result, HELD(&lock));
	DIGIT(result, spin_trylock(&lock));
	DIGIT(result, OFF());
	spin_unlock(&lock);
	spin_lock_bh(&lock);
	DIGIT(result, OFF());
	spin_unlock_bh(&lock);
	spin_lock_irqsave(&lock, flags);
	DIGIT(result, OFF());
	DIGIT(result, spin_trylock_bh(&lock));
	spin_unlock_irqrestore(&lock, flags);
	DIGIT(result, OFF());
	spin_lock_irq(&lock);
	DIGIT(result, OFF());
	spin_unlock_irq(&lock);
	DIGIT(result, spin_trylock_irqsave(&lock, flags));
	DIGIT(result, OFF());
	spin_unlock_irqrestore(&lock, flags);
	DIGIT(result, OFF());
	return result + a + (unsigned long)HELD(&lock);
}

OPERATION(rwlock)
{
	static DEFINE_RWLOCK(lock);
	unsigned long result = 0;

	read_lock(&lock);
	DIGIT(result, read_trylock(&lock));
	DIGIT(result, lock.dep_map.taken);
	DIGIT(result, write_trylock(&lock));
	read_unlock(&lock);
	read_unlock(&lock);
	write_lock(&lock);
	DIGIT(result, read_trylock(&lock));
	DIGIT(result, OFF());
	write_unlock(&lock);
	return result + a + (unsigned long)HELD(&lock);
}

OPERATION(sleeping_locks)
{
	static DEFINE_SEMAPHORE(sem, 2);
	static DECLARE_RWSEM(rwsem);
	static DEFINE_MUTEX(mutex);
	unsigned long result = 0;

	mutex_lock(&mutex);
	DIGIT(result, mutex_trylock(&mutex));
	DIGIT(result, HELD(&mutex));
	mutex_unlock(&mutex);
	down_read(&rwsem);
	DIGIT(result, down_write_trylock(&rwsem));
	DIGIT(result, down_read_trylock(&rwsem));
	up_read(&rwsem);
	up_read(&rwsem);
	down_write(&rwsem);
	downgrade_write(&rwsem);
	DIGIT(result, down_read_trylock(&rwsem));
	up_read(&rwsem);
	up_read(&rwsem);
	down(&sem);
	DIGIT(result, down_trylock(&sem));
	DIGIT(result, down_trylock(&sem));
	up(&sem);
	up(&sem);
	DIGIT(result, sem.count);
	return result + a + (unsigned long)HELD(&mutex) + (unsigned long)rwsem_is_locked(&rwsem);
}

struct cache {
	local_lock_t lock;
	local_trylock_t trylock;
};
static DEFINE_PER_CPU(struct cache, cache);

OPERATION(local_locks)
{
	unsigned long flags, result = 0;

	local_lock(&cache.lock);
	DIGIT(result, OFF());
	DIGIT(result, HELD(this_cpu_ptr(&cache.lock)));
	local_unlock(&cache.lock);
	local_lock_irqsave(&cache.lock, flags);
	DIGIT(result, OFF());
	local_unlock_irqrestore(&cache.lock, flags);
	DIGIT(result, local_trylock(&cache.trylock));
	DIGIT(result, local_trylock(&cache.trylock));
	DIGIT(result, OFF());
	DIGIT(result, local_lock_is_locked(&cache.trylock));
	local_unlock(&cache.trylock);
	local_lock(&cache.trylock);
	DIGIT(result, local_trylock_irqsave(&cache.trylock, flags));
	local_unlock(&cache.trylock);
	DIGIT(result, OFF());
	return result + a;
}

OPERATION(guards)
{
	static DEFINE_SPINLOCK(lock);
	static DEFINE_MUTEX(mutex);
	unsigned long result = 0;

	scoped_guard(spinlock_irqsave, &lock) {
		DIGIT(result, OFF());
		scoped_guard(spinlock_try, &lock)
			DIGIT(result, 9);	/* not had: not run */
	}
	DIGIT(result, OFF());
	for (int i = 0; i < 3; i++) {
		guard(mutex)(&mutex);
		if (i == 1)
			continue;
		DIGIT(result, HELD(&mutex));
	}
	DIGIT(result, HELD(&mutex));
	scoped_guard(mutex, &mutex) {
		if (HELD(&mutex))
			break;
		DIGIT(result, 9);
	}
	DIGIT(result, HELD(&mutex));
	scoped_cond_guard(mutex_try, DIGIT(result, 8), &mutex)
		DIGIT(result, 3);
	{
		guard(preempt)();
		guard(irqsave)();
		DIGIT(result, OFF());
	}
	DIGIT(result, OFF());
	return result + a;
}

static void note(unsigned long **where)
{
	**where += 2;
}
DEFINE_FREE(note, unsigned long *, if (_T) note(&_T))

OPERATION(cleanup)
{
	unsigned long noted = a;

	{
		unsigned long *first __free(note) = &noted;
		unsigned long *second __free(note) = &noted;

		(void)first;
		retain_and_null_ptr(second);
	}
	return noted;
}

/* Sequences. */
OPERATION(seqcount)
{
	static DEFINE_SEQLOCK(sl);
	seqcount_t s = SEQCNT_ZERO(s);
	seqcount_latch_t latch = SEQCNT_LATCH_ZERO(latch);
	unsigned long result = 0;
	unsigned int start = read_seqcount_begin(&s);

	DIGIT(result, read_seqcount_retry(&s, start));
	preempt_disable();
	write_seqcount_begin(&s);
	DIGIT(result, raw_read_seqcount(&s));
	write_seqcount_end(&s);
	preempt_enable();
	DIGIT(result, read_seqcount_retry(&s, start));
	DIGIT(result, read_seqcount_begin(&s));
	write_seqlock_bh(&sl);
	DIGIT(result, sl.seqcount.seqcount.sequence & 1);
	DIGIT(result, OFF());
	write_sequnlock_bh(&sl);
	DIGIT(result, read_seqretry(&sl, read_seqbegin(&sl)));
	raw_write_seqcount_latch(&latch);
	DIGIT(result, raw_read_seqcount_latch(&latch));
	write_seqcount_invalidate(&s);
	DIGIT(result, raw_read_seqcount(&s));
	return result + a;
}

OPERATION(u64_stats)
{
	u64_stats_t n;

	u64_stats_set(&n, a);
	u64_stats_add(&n, 5);
	u64_stats_inc(&n);
	u64_stats_sub(&n, 2);
	return (unsigned long)u64_stats_read(&n);
}

OPERATION(completion)
{
	DECLARE_COMPLETION_ONSTACK(done);
	unsigned long result = 0;

	DIGIT(result, try_wait_for_completion(&done));
	complete(&done);
	complete(&done);
	wait_for_completion(&done);
	DIGIT(result, completion_done(&done));
	DIGIT(result, wait_for_completion_timeout(&done, 10));
	DIGIT(result, wait_for_completion_timeout(&done, 10));
	complete_all(&done);
	wait_for_completion(&done);
	wait_for_completion(&done);
	DIGIT(result, completion_done(&done));
	reinit_completion(&done);
	DIGIT(result, completion_done(&done));
	return result + a;
}

OPERATION(srcu)
{
	DEFINE_STATIC_SRCU(srcu);
	unsigned long result = 0;
	int before = srcu_read_lock(&srcu), after;

	srcu_read_unlock(&srcu, before);
	synchronize_srcu(&srcu);
	after = srcu_read_lock(&srcu);
	DIGIT(result, before != after);
	DIGIT(result, atomic_read(&srcu.readers[after]));
	srcu_read_unlock(&srcu, after);
	DIGIT(result, atomic_read(&srcu.readers[0]) + atomic_read(&srcu.readers[1]));
	return result + a;
}

/* What runs later. */
static unsigned long ran;

static void on_irq_work(struct irq_work *work)
{
	ran += irq_work_is_pending(work) ? 16 : 1;
}
static void on_timer(struct timer_list *timer)
{
	ran += timer_pending(timer) ? 16 : 1;
}
static void on_tasklet(struct tasklet_struct *tasklet)
{
	ran += test_bit(TASKLET_STATE_SCHED, &tasklet->state) ? 16 : 1;
}
static void on_work(struct work_struct *work)
{
	ran += work_pending(work) ? 16 : 1;
}
static DEFINE_IRQ_WORK(irq_work, on_irq_work);
static DEFINE_TIMER(timer, on_timer);
static DECLARE_TASKLET(tasklet, on_tasklet);
static DECLARE_WORK(work, on_work);
CTXRACE_IRQ_WORK(irq_work);
CTXRACE_TIMER(timer);
CTXRACE_TASKLET(tasklet);
CTXRACE_WORK(work);

OPERATION(irq_work)
{
	unsigned long result = 0;

	ran = 0;
	ctxrace_run_irq_work_in_hardirq(&irq_work);
	DIGIT(result, ran);
	DIGIT(result, irq_work_queue(&irq_work));
	DIGIT(result, irq_work_queue(&irq_work));
	DIGIT(result, irq_work_is_busy(&irq_work));
	ctxrace_run_irq_work_in_hardirq(&irq_work);
	ctxrace_run_irq_work_in_hardirq(&irq_work);
	DIGIT(result, ran);
	DIGIT(result, irq_work_is_busy(&irq_work));
	return result + a;
}

OPERATION(timer)
{
	unsigned long result = 0;

	ran = 0;
	DIGIT(result, mod_timer(&timer, 1));
	DIGIT(result, mod_timer(&timer, 2));
	ctxrace_run_timer(&timer);
	ctxrace_run_timer(&timer);
	DIGIT(result, ran);
	add_timer(&timer);
	DIGIT(result, timer_delete_sync(&timer));
	ctxrace_run_timer(&timer);
	DIGIT(result, ran);
	return result + a;
}

OPERATION(tasklet)
{
	unsigned long result = 0;

	ran = 0;
	tasklet_disable(&tasklet);
	tasklet_schedule(&tasklet);
	ctxrace_run_tasklet(&tasklet);
	DIGIT(result, ran);
	tasklet_enable(&tasklet);
	ctxrace_run_tasklet(&tasklet);
	ctxrace_run_tasklet(&tasklet);
	DIGIT(result, ran);
	tasklet_kill(&tasklet);
	DIGIT(result, tasklet.state);
	return result + a;
}

OPERATION(work)
{
	unsigned long result = 0;

	ran = 0;
	DIGIT(result, schedule_work(&work));
	DIGIT(result, schedule_work(&work));
	ctxrace_run_work(&work);
	ctxrace_run_work(&work);
	DIGIT(result, ran);
	DIGIT(result, queue_work(system_wq, &work));
	DIGIT(result, cancel_work_sync(&work));
	DIGIT(result, flush_work(&work));
	return result + a;
}

OPERATION(static_key)
{
	static DEFINE_STATIC_KEY_FALSE(off);
	static DEFINE_STATIC_KEY_TRUE(on);
	unsigned long result = 0;

	DIGIT(result, static_branch_unlikely(&off));
	DIGIT(result, static_branch_likely(&on));
	static_branch_inc(&off);
	static_branch_disable(&on);
	DIGIT(result, static_branch_unlikely(&off));
	DIGIT(result, static_branch_likely(&on));
	static_branch_dec(&off);
	static_branch_enable(&on);
	return result + a;
}

/* Memory and numbers. */
OPERATION(memory)
{
	char from[24], to[24];
	unsigned long sum = 0;
	size_t some = a + 1;

	for (unsigned int i = 0; i < sizeof(from); i++)
		from[i] = (char)(i + 1);
	memset(to, 0x7f, sizeof(to));
	memcpy(to, from, some);
	DIGIT(sum, memcmp(to, from, some) == 0);
	DIGIT(sum, memcmp(to, from, some + 1) > 0);
	memmove(to + 2, to, some);
	DIGIT(sum, to[2] == 1 && to[1] == 2 && to[some + 1] == (char)some);
	memmove(to, to + 2, some);
	DIGIT(sum, memcmp(to, from, some) == 0);
	memset(to, 0, some);
	DIGIT(sum, to[0] == 0 && to[some - 1] == 0);
	DIGIT(sum, strlen("abc"));
	DIGIT(sum, strcmp("abc", "abd") < 0);
	return sum;
}

OPERATION(errors)
{
	void *error = ERR_PTR(-(long)a);
	unsigned long result = 0;

	DIGIT(result, IS_ERR(error));
	DIGIT(result, -PTR_ERR(error) == (long)a);
	DIGIT(result, IS_ERR_OR_NULL(NULL));
	DIGIT(result, IS_ERR(&result));
	DIGIT(result, PTR_ERR_OR_ZERO(&result));
	return result;
}

OPERATION(rounding)
{
	return ALIGN(a, 8) + (DIV_ROUND_UP(a, 10) << 8) + (roundup(a, 10) << 16) + (round_down(a, 16) << 24) +
	       ((unsigned long)IS_ALIGNED(a, 4) << 40);
}

OPERATION(cpus)
{
	struct cpumask mask = { };
	unsigned long result = 0;
	int cpu, seen = 0;

	for_each_possible_cpu(cpu)
		seen++;
	DIGIT(result, seen);
	cpumask_set_cpu(0, &mask);
	DIGIT(result, cpumask_test_cpu(0, &mask));
	for_each_cpu(cpu, &mask)
		seen++;
	DIGIT(result, seen);
	DIGIT(result, cpu_online(0) + cpu_online(1));
	this_cpu_write(count, 6);
	DIGIT(result, per_cpu_sum(&count));
	return result + a;
}
