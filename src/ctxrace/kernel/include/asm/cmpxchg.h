/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/.../include/asm/cmpxchg.h: cmpxchg() of 8 bytes by its own name, and of 16 bytes where the
 * architecture has an instruction: arm64 (casp, or a loop of ldxp and stxp) and x86-64 (cmpxchg16b). riscv64 has none
 * without Zacas, which is not modelled: there cmpxchg128() is declared, and nothing defines it.
 */
#ifndef CTXRACE_ASM_CMPXCHG_H
#define CTXRACE_ASM_CMPXCHG_H

#include <ctxrace/arch.h>
#include <ctxrace/cmpxchg.h>

#define cmpxchg64(pointer, old, new)		cmpxchg(pointer, old, new)
#define cmpxchg64_local(pointer, old, new)	cmpxchg_local(pointer, old, new)
#define try_cmpxchg64(pointer, expected, new)	try_cmpxchg(pointer, expected, new)

typedef unsigned __int128 u128 __attribute__((__aligned__(16)));
typedef __int128 s128 __attribute__((__aligned__(16)));

#include CTXRACE_ARCH_HEADER(cmpxchg128.h)

#define cmpxchg128(pointer, old, new)		arch_cmpxchg128(pointer, old, new)
#define cmpxchg128_local(pointer, old, new)	arch_cmpxchg128(pointer, old, new)
#define try_cmpxchg128(pointer, expected, new) ({			\
	u128 *__expected = (expected), __wanted = *__expected;		\
	u128 __found = arch_cmpxchg128(pointer, __wanted, new);		\
	bool __same = __found == __wanted;				\
	if (unlikely(!__same))						\
		*__expected = __found;					\
	likely(__same);							\
})

#endif
