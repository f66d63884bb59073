// SPDX-License-Identifier: Apache-2.0
/* The same with a seqcount: a reader waits for the writer, so interrupts must not cut in on the writer. */
#include <linux/irqflags.h>
#include <linux/seqlock.h>

static struct {
	seqcount_t seq;
	u32 cycles;
	u32 nanoseconds;
} clock;

void clock_update(void)
{
	unsigned long flags;

	local_irq_save(flags);
	write_seqcount_begin(&clock.seq);
	WRITE_ONCE(clock.cycles, clock.cycles + 1);
	WRITE_ONCE(clock.nanoseconds, clock.cycles);
	write_seqcount_end(&clock.seq);
	local_irq_restore(flags);
}

void clock_read(void)
{
	u32 cycles, nanoseconds;
	unsigned int seq;

	do {
		seq = read_seqcount_begin(&clock.seq);
		cycles = READ_ONCE(clock.cycles);
		nanoseconds = READ_ONCE(clock.nanoseconds);
	} while (read_seqcount_retry(&clock.seq, seq));
	WARN_ON(cycles != nanoseconds);
}

CTXRACE_TASKS(1, clock_update); CTXRACE_TASKS(1, clock_read);
CTXRACE_HARDIRQ(clock_read);
CTXRACE_ATTEMPTS(2);
