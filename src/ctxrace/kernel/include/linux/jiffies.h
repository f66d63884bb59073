/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/jiffies.h. Time is not modelled: jiffies is declared, and who reads it defines
 * it (unsigned long volatile jiffies = 0;), and knows then that it stands still.
 */
#ifndef CTXRACE_LINUX_JIFFIES_H
#define CTXRACE_LINUX_JIFFIES_H

#include <linux/types.h>

#define HZ	1000

extern unsigned long volatile jiffies;

#define time_after(a, b)	((long)((b) - (a)) < 0)
#define time_before(a, b)	time_after(b, a)
#define time_after_eq(a, b)	((long)((a) - (b)) >= 0)
#define time_before_eq(a, b)	time_after_eq(b, a)
#define time_is_before_jiffies(a)	time_after(jiffies, a)
#define time_is_after_jiffies(a)	time_before(jiffies, a)
#define msecs_to_jiffies(ms)	((unsigned long)(ms))
#define jiffies_to_msecs(j)	((unsigned int)(j))
#define usecs_to_jiffies(us)	(((unsigned long)(us) + 999) / 1000)

#endif
