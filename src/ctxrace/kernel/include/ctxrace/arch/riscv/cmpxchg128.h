/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for nothing: see asm/cmpxchg.h.
 */
#ifndef CTXRACE_CTXRACE_ARCH_RISCV_CMPXCHG128_H
#define CTXRACE_CTXRACE_ARCH_RISCV_CMPXCHG128_H

u128 arch_cmpxchg128(volatile u128 *at, u128 old, u128 new);

#endif
