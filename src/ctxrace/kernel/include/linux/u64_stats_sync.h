/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/u64_stats_sync.h on 64-bit machines: a counter is a local64_t, and there is
 * nothing to begin or to end. What a reader gets is each number whole, not several that belong together.
 */
#ifndef CTXRACE_LINUX_U64_STATS_SYNC_H
#define CTXRACE_LINUX_U64_STATS_SYNC_H

#include <asm/local64.h>
#include <linux/compiler.h>
#include <linux/percpu.h>

struct u64_stats_sync {
	char nothing[0];
};
typedef struct {
	local64_t v;
} u64_stats_t;

static __always_inline u64 u64_stats_read(const u64_stats_t *p)
{
	return (u64)local64_read(&p->v);
}

static __always_inline void u64_stats_set(u64_stats_t *p, u64 value)
{
	local64_set(&p->v, (s64)value);
}

static __always_inline void u64_stats_add(u64_stats_t *p, unsigned long value)
{
	local64_add((s64)value, &p->v);
}

static __always_inline void u64_stats_sub(u64_stats_t *p, s64 value)
{
	local64_sub(value, &p->v);
}

static __always_inline void u64_stats_inc(u64_stats_t *p)
{
	local64_inc(&p->v);
}

#define u64_stats_init(syncp)				do { (void)(syncp); } while (0)
#define u64_stats_update_begin(syncp)			do { (void)(syncp); } while (0)
#define u64_stats_update_end(syncp)			do { (void)(syncp); } while (0)
#define u64_stats_update_begin_irqsave(syncp)		((void)(syncp), 0UL)
#define u64_stats_update_end_irqrestore(syncp, flags)	do { (void)(syncp); (void)(flags); } while (0)
#define u64_stats_fetch_begin(syncp)			((void)(syncp), 0U)
#define u64_stats_fetch_retry(syncp, start)		((void)(syncp), (void)(start), false)

#endif
