/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/x86/include/asm/barrier.h and cpu_relax() of asm/vdso/processor.h. Loads stay in order, and
 * stores too, so that most barriers are for the compiler alone. smp_mb() locks the top of the stack, where the
 * kernel takes 4 bytes below it: to ctxrace an access below the stack pointer is a bug.
 */
#ifndef CTXRACE_X86_BARRIER_H
#define CTXRACE_X86_BARRIER_H

#include <ctxrace/compiler.h>
#include <ctxrace/types.h>

#define mb()		__asm__ __volatile__("mfence" : : : "memory")
#define rmb()		__asm__ __volatile__("lfence" : : : "memory")
#define wmb()		__asm__ __volatile__("sfence" : : : "memory")

#define smp_mb()	__asm__ __volatile__("lock addl	$0, (%%rsp)" : : : "memory", "cc")
#define smp_rmb()	barrier()
#define smp_wmb()	barrier()

/* Locked instructions are barriers themselves. */
#define smp_mb__before_atomic()	barrier()
#define smp_mb__after_atomic()	barrier()

#define cpu_relax()	__asm__ __volatile__("pause" : : : "memory")

#define smp_load_acquire(pointer) ({		\
	__auto_type __from = (pointer);		\
	__auto_type __loaded = READ_ONCE(*__from); \
	barrier();				\
	__loaded;				\
})
#define smp_store_release(pointer, value) do {	\
	__auto_type __to = (pointer);		\
	barrier();				\
	WRITE_ONCE(*__to, (__typeof__(*__to))(value)); \
} while (0)

#endif
