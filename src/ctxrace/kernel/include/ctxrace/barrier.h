/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/asm-generic/barrier.h; the instructions are the architecture's.
 */
#ifndef CTXRACE_BARRIER_H
#define CTXRACE_BARRIER_H

#include <ctxrace/arch.h>
#include <ctxrace/compiler.h>
#include CTXRACE_ARCH_HEADER(barrier.h)

#ifndef smp_mb__before_atomic
# define smp_mb__before_atomic()	smp_mb()
# define smp_mb__after_atomic()		smp_mb()
#endif
#define smp_mb__after_spinlock()	smp_mb()
#define smp_store_mb(variable, value)	do { WRITE_ONCE(variable, value); smp_mb(); } while (0)

#endif
