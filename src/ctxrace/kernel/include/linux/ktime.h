/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/ktime.h. Time is not modelled: the clocks are declared, and who reads one
 * defines it.
 */
#ifndef CTXRACE_LINUX_KTIME_H
#define CTXRACE_LINUX_KTIME_H

#include <linux/jiffies.h>
#include <linux/types.h>

#define NSEC_PER_SEC		1000000000L
#define NSEC_PER_MSEC		1000000L
#define NSEC_PER_USEC		1000L
#define USEC_PER_SEC		1000000L
#define MSEC_PER_SEC		1000L

#define ktime_set(seconds, nanoseconds)	((ktime_t)(seconds) * NSEC_PER_SEC + (ktime_t)(nanoseconds))
#define ns_to_ktime(nanoseconds)	((ktime_t)(nanoseconds))
#define ms_to_ktime(milliseconds)	((ktime_t)(milliseconds) * NSEC_PER_MSEC)
#define us_to_ktime(microseconds)	((ktime_t)(microseconds) * NSEC_PER_USEC)
#define ktime_to_ns(time)		((s64)(time))
#define ktime_add(a, b)			((a) + (b))
#define ktime_sub(a, b)			((a) - (b))
#define ktime_compare(a, b)		((a) < (b) ? -1 : (a) > (b))
#define ktime_after(a, b)		((a) > (b))
#define ktime_before(a, b)		((a) < (b))

ktime_t ktime_get(void);
u64 ktime_get_ns(void);
u64 ktime_get_mono_fast_ns(void);

#endif
