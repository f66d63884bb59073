// SPDX-License-Identifier: Apache-2.0
/*
 * A clock that an NMI reads. A reader of a sequence count waits for an even number, and an NMI over the writer waits for
 * ever. A latch has two copies: while one is written, readers take the other one.
 */
#include <linux/bug.h>
#include <linux/irqflags.h>
#include <linux/seqlock.h>

struct clock {
	u32 cycles;
	u32 nanoseconds;
};

#ifdef WRONG
static seqcount_t seq;
#else
static seqcount_latch_t seq;
#endif
static struct clock copies[2];

static void set(struct clock *clock, u32 now)
{
	WRITE_ONCE(clock->cycles, now);
	WRITE_ONCE(clock->nanoseconds, now);
}

void tick(void)
{
	unsigned long flags;
	u32 now = READ_ONCE(copies[0].cycles) + 1;

	local_irq_save(flags);
#ifdef WRONG
	write_seqcount_begin(&seq);
	set(&copies[0], now);
	write_seqcount_end(&seq);
#else
	write_seqcount_latch_begin(&seq);
	set(&copies[0], now);
	write_seqcount_latch(&seq);
	set(&copies[1], now);
	write_seqcount_latch_end(&seq);
#endif
	local_irq_restore(flags);
}

void sample(void)
{
	u32 cycles, nanoseconds;
	unsigned int start;

#ifdef WRONG
	do {
		start = read_seqcount_begin(&seq);
		cycles = READ_ONCE(copies[0].cycles);
		nanoseconds = READ_ONCE(copies[0].nanoseconds);
	} while (read_seqcount_retry(&seq, start));
#else
	do {
		start = read_seqcount_latch(&seq);
		cycles = READ_ONCE(copies[start & 1].cycles);
		nanoseconds = READ_ONCE(copies[start & 1].nanoseconds);
	} while (read_seqcount_latch_retry(&seq, start));
#endif
	WARN_ON(cycles != nanoseconds);
}

CTXRACE_TASKS(1, tick);
CTXRACE_NMI(sample);
CTXRACE_ATTEMPTS(2);
