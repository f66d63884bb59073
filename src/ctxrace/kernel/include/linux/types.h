/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/types.h, beyond what ctxrace/types.h has.
 */
#ifndef CTXRACE_LINUX_TYPES_H
#define CTXRACE_LINUX_TYPES_H

#include <ctxrace/atomic.h>
#include <ctxrace/types.h>

typedef unsigned long	ulong;
typedef unsigned int	uint;
typedef unsigned int	gfp_t;
typedef u64		phys_addr_t, dma_addr_t, resource_size_t, sector_t;
typedef s64		loff_t, time64_t, ktime_t;
typedef unsigned short	umode_t;
typedef u16		__sum16;
typedef int		pid_t;

struct list_head { struct list_head *next, *prev; };
struct hlist_head { struct hlist_node *first; };
struct hlist_node { struct hlist_node *next, **pprev; };
struct callback_head {
	struct callback_head *next;
	void (*func)(struct callback_head *head);
};
#define rcu_head	callback_head

#endif
