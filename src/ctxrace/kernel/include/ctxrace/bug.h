/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/asm-generic/bug.h. BUG() stops at a trapping instruction. WARN_ON() is a
 * ctxrace_check() with a value: it is reported as a check that failed, and the code goes on.
 */
#ifndef CTXRACE_BUG_H
#define CTXRACE_BUG_H

#include <ctxrace/scenario.h>
#include <ctxrace/types.h>

#ifdef __riscv	/* arch/riscv/include/asm/bug.h; the builtin is an illegal instruction for some compilers */
# define BUG()			do { __asm__ __volatile__("ebreak"); unreachable(); } while (0)
#else
# define BUG()			__builtin_trap()
#endif
#define BUG_ON(condition)	do { if (unlikely(condition)) BUG(); } while (0)

#define WARN_ON(condition) ({					\
	bool __warn = !!(condition);				\
	if (unlikely(__warn))					\
		ctxrace_check_failed("!(" #condition ")");	\
	unlikely(__warn);					\
})
#define WARN_ON_ONCE(condition)	WARN_ON(condition)

#endif
