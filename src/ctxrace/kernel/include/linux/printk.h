/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/printk.h. Arguments are evaluated, and that is all: nothing is printed, no lock
 * is taken and nobody is woken, so what the printing itself may race with is not found. The rate is never limited.
 */
#ifndef CTXRACE_LINUX_PRINTK_H
#define CTXRACE_LINUX_PRINTK_H

#include <linux/compiler.h>

#define KERN_EMERG	"0"
#define KERN_ALERT	"1"
#define KERN_CRIT	"2"
#define KERN_ERR	"3"
#define KERN_WARNING	"4"
#define KERN_NOTICE	"5"
#define KERN_INFO	"6"
#define KERN_DEBUG	"7"
#define KERN_CONT	"c"

/* The arguments are the caller's to compute, so this stays a call. */
static noinline __maybe_unused __printf(1, 2) int _printk(const char *format, ...)
{
	barrier_data(format);
	return 0;
}

#ifndef pr_fmt
# define pr_fmt(format)		format
#endif
#define printk(...)			_printk(__VA_ARGS__)
#define printk_deferred(...)		_printk(__VA_ARGS__)
#define printk_once(...)		_printk(__VA_ARGS__)
#define printk_ratelimited(...)		_printk(__VA_ARGS__)
#define pr_emerg(format, ...)		_printk(KERN_EMERG pr_fmt(format), ##__VA_ARGS__)
#define pr_alert(format, ...)		_printk(KERN_ALERT pr_fmt(format), ##__VA_ARGS__)
#define pr_crit(format, ...)		_printk(KERN_CRIT pr_fmt(format), ##__VA_ARGS__)
#define pr_err(format, ...)		_printk(KERN_ERR pr_fmt(format), ##__VA_ARGS__)
#define pr_warn(format, ...)		_printk(KERN_WARNING pr_fmt(format), ##__VA_ARGS__)
#define pr_notice(format, ...)		_printk(KERN_NOTICE pr_fmt(format), ##__VA_ARGS__)
#define pr_info(format, ...)		_printk(KERN_INFO pr_fmt(format), ##__VA_ARGS__)
#define pr_cont(format, ...)		_printk(KERN_CONT format, ##__VA_ARGS__)
#define pr_debug(format, ...)		do { if (0) _printk(KERN_DEBUG pr_fmt(format), ##__VA_ARGS__); } while (0)
#define pr_err_once(format, ...)	pr_err(format, ##__VA_ARGS__)
#define pr_warn_once(format, ...)	pr_warn(format, ##__VA_ARGS__)
#define pr_info_once(format, ...)	pr_info(format, ##__VA_ARGS__)
#define pr_err_ratelimited(format, ...)	 pr_err(format, ##__VA_ARGS__)
#define pr_warn_ratelimited(format, ...) pr_warn(format, ##__VA_ARGS__)
#define dump_stack()			do { } while (0)

#endif
