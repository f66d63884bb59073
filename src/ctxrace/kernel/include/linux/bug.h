/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/bug.h and include/asm-generic/bug.h: a warning is a ctxrace_check() that failed
 * (see ctxrace/bug.h), and its words are not printed. Those that the kernel prints once are reported each time.
 */
#ifndef CTXRACE_LINUX_BUG_H
#define CTXRACE_LINUX_BUG_H

#include <ctxrace/bug.h>
#include <linux/build_bug.h>
#include <linux/printk.h>

#define WARN(condition, ...) ({					\
	bool __told = WARN_ON(condition);			\
	if (unlikely(__told))					\
		_printk(__VA_ARGS__);				\
	unlikely(__told);					\
})
#define WARN_ONCE(condition, ...)		WARN(condition, __VA_ARGS__)
#define WARN_RATELIMIT(condition, ...)		WARN(condition, __VA_ARGS__)
#define WARN_TAINT(condition, taint, ...)	WARN(condition, __VA_ARGS__)
#define VM_BUG_ON(condition)			BUG_ON(condition)
#define VM_WARN_ON_ONCE(condition)		WARN_ON(condition)

#endif
