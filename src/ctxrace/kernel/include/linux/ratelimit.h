/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/ratelimit.h: the rate is never exceeded, so that all that it limits runs.
 */
#ifndef CTXRACE_LINUX_RATELIMIT_H
#define CTXRACE_LINUX_RATELIMIT_H

#include <linux/printk.h>

struct ratelimit_state {
	int nothing;
};
#define DEFINE_RATELIMIT_STATE(name, interval, burst)	struct ratelimit_state name
#define __ratelimit(state)				((void)(state), 1)

#endif
