/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/riscv/include/asm/{barrier,fence}.h and cpu_relax() of asm/vdso/processor.h (Zihintpause:
 * a fence with an empty successor set). Acquire and release are plain accesses and a fence.
 */
#ifndef CTXRACE_RISCV_BARRIER_H
#define CTXRACE_RISCV_BARRIER_H

#include <ctxrace/compiler.h>
#include <ctxrace/types.h>

#define RISCV_FENCE(before, after) \
	__asm__ __volatile__("fence	" #before "," #after : : : "memory")

#define mb()		RISCV_FENCE(iorw, iorw)
#define rmb()		RISCV_FENCE(ir, ir)
#define wmb()		RISCV_FENCE(ow, ow)

#define smp_mb()	RISCV_FENCE(rw, rw)
#define smp_rmb()	RISCV_FENCE(r, r)
#define smp_wmb()	RISCV_FENCE(w, w)

#define cpu_relax()	__asm__ __volatile__(".4byte	0x100000f" : : : "memory")

#define smp_load_acquire(pointer) ({		\
	__auto_type __from = (pointer);		\
	__auto_type __loaded = READ_ONCE(*__from); \
	RISCV_FENCE(r, rw);			\
	__loaded;				\
})
#define smp_store_release(pointer, value) do {	\
	__auto_type __to = (pointer);		\
	RISCV_FENCE(rw, w);			\
	WRITE_ONCE(*__to, (__typeof__(*__to))(value)); \
} while (0)

#endif
