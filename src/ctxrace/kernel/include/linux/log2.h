/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/log2.h.
 */
#ifndef CTXRACE_LINUX_LOG2_H
#define CTXRACE_LINUX_LOG2_H

#include <linux/bitops.h>

#define ilog2(n)		(fls64((u64)(n)) - 1)
#define is_power_of_2(n)	({ unsigned long __n = (n); __n && !(__n & (__n - 1)); })
#define order_base_2(n)		({ u64 __of = (n); __of > 1 ? fls64(__of - 1) : 0; })
#define roundup_pow_of_two(n)	(1UL << order_base_2(n))
#define rounddown_pow_of_two(n)	(1UL << ilog2(n))

#endif
