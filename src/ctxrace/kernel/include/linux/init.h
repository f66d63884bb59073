/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/init.h: the attributes are nothing. An initcall is an error: nothing runs it.
 * Call what it does from ctxrace_setup().
 */
#ifndef CTXRACE_LINUX_INIT_H
#define CTXRACE_LINUX_INIT_H

#include <linux/compiler.h>

#define __init		__maybe_unused
#define __exit		__maybe_unused
#define __initdata
#define __initconst
#define __exitdata
#define __net_init	__init
#define __net_exit	__exit

#define CTXRACE_INITCALL(function) \
	_Static_assert(0, "ctxrace runs no initcall: call " #function "() from ctxrace_setup()")
#define early_initcall(function)	CTXRACE_INITCALL(function)
#define core_initcall(function)		CTXRACE_INITCALL(function)
#define arch_initcall(function)		CTXRACE_INITCALL(function)
#define subsys_initcall(function)	CTXRACE_INITCALL(function)
#define device_initcall(function)	CTXRACE_INITCALL(function)
#define late_initcall(function)		CTXRACE_INITCALL(function)
#define module_init(function)		CTXRACE_INITCALL(function)
#define module_exit(function)		struct ctxrace_nothing

#endif
