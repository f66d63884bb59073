/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/delay.h: a delay is as long as any two instructions may be apart, and a sleep
 * ends at any time.
 */
#ifndef CTXRACE_LINUX_DELAY_H
#define CTXRACE_LINUX_DELAY_H

#include <ctxrace/barrier.h>
#include <ctxrace/sched.h>

#define udelay(microseconds)		do { (void)(microseconds); cpu_relax(); } while (0)
#define ndelay(nanoseconds)		do { (void)(nanoseconds); cpu_relax(); } while (0)
#define mdelay(milliseconds)		do { (void)(milliseconds); cpu_relax(); } while (0)
#define msleep(milliseconds)		do { (void)(milliseconds); (schedule)(); } while (0)
#define ssleep(seconds)			msleep(seconds)
#define usleep_range(least, most)	do { (void)(most); msleep(least); } while (0)
#define fsleep(microseconds)		msleep(microseconds)

#endif
