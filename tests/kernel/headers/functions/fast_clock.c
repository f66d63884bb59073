// SPDX-License-Identifier: Apache-2.0
/* A clock that an NMI may read at any time: two copies, and a latch that says which one is whole. */
#include <linux/percpu.h>
#include <linux/seqlock.h>

struct clock_data {
	u32 cycles;
	u32 nanoseconds;
};
static struct {
	seqcount_latch_t seq;
	struct clock_data data[2];
} fast_clock = { .seq = SEQCNT_LATCH_ZERO(fast_clock.seq) };

static void fill(struct clock_data *data, u32 now)
{
	WRITE_ONCE(data->cycles, now);
	WRITE_ONCE(data->nanoseconds, now);
}

void clock_update(void)
{
	u32 now = fast_clock.data[0].cycles + 1;

	raw_write_seqcount_latch(&fast_clock.seq);
	fill(&fast_clock.data[0], now);
	raw_write_seqcount_latch(&fast_clock.seq);
	fill(&fast_clock.data[1], now);
}

void clock_read(void)
{
	u32 cycles, nanoseconds;
	unsigned int seq;

	do {
		struct clock_data *data;

		seq = raw_read_seqcount_latch(&fast_clock.seq);
		data = &fast_clock.data[seq & 1];
		cycles = READ_ONCE(data->cycles);
		nanoseconds = READ_ONCE(data->nanoseconds);
	} while (raw_read_seqcount_latch_retry(&fast_clock.seq, seq));
	WARN_ON(cycles != nanoseconds);
}

CTXRACE_TASKS(1, clock_update);
CTXRACE_NMI(clock_read);
CTXRACE_ATTEMPTS(2);
