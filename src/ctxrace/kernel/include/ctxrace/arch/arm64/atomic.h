/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/arm64/include/asm/{lse,atomic,cmpxchg}.h. There the choice between the two kinds of
 * instructions is patched in at boot; here CTXRACE_LSE makes it when compiling:
 *
 *	1	large system extensions: one instruction, e.g. ldaddal (atomic_lse.h)
 *	0	an exclusive load and store, again until nobody came in between (atomic_ll_sc.h)
 *
 * Both give arch_<op><order>_<bits>(pointer, value) for fetch_add, fetch_andnot, fetch_or, fetch_xor, xchg and
 * cmpxchg, which return what they found, and arch_<op>_<bits>() for add, andnot, or, xor, which return nothing.
 */
#ifndef CTXRACE_ARM64_ATOMIC_H
#define CTXRACE_ARM64_ATOMIC_H

#ifndef CTXRACE_LSE
# ifdef __ARM_FEATURE_ATOMICS
#  define CTXRACE_LSE 1
# else
#  define CTXRACE_LSE 0
# endif
#endif

#include <ctxrace/compiler.h>
#include <ctxrace/types.h>

/* How a size is spelled: the letter after the instruction, and the registers' letter. */
#define ARM64_SIZE_8	"b"
#define ARM64_SIZE_16	"h"
#define ARM64_SIZE_32	""
#define ARM64_SIZE_64	""
#define ARM64_REG_8	"w"
#define ARM64_REG_16	"w"
#define ARM64_REG_32	"w"
#define ARM64_REG_64	"x"

/* How an order is: what it asks of the compiler; the instructions are in the file of their kind. */
#define ARM64_CLOBBER		"memory"
#define ARM64_CLOBBER_acquire	"memory"
#define ARM64_CLOBBER_release	"memory"
#define ARM64_CLOBBER_relaxed

#if CTXRACE_LSE
# include <ctxrace/arch/arm64/atomic_lse.h>
#else
# include <ctxrace/arch/arm64/atomic_ll_sc.h>
#endif

#define ARM64_ORDERS(make, ...)				\
	make(__VA_ARGS__, )				\
	make(__VA_ARGS__, _acquire)			\
	make(__VA_ARGS__, _release)			\
	make(__VA_ARGS__, _relaxed)
#define ARM64_OPERATIONS(bits)				\
	ARM64_ORDERS(ARM64_FETCH_ADD, bits)		\
	ARM64_ORDERS(ARM64_FETCH_ANDNOT, bits)		\
	ARM64_ORDERS(ARM64_FETCH_OR, bits)		\
	ARM64_ORDERS(ARM64_FETCH_XOR, bits)		\
	ARM64_ORDERS(ARM64_XCHG, bits)			\
	ARM64_ORDERS(ARM64_CMPXCHG, bits)		\
	ARM64_VOID_OPERATIONS(bits)

ARM64_OPERATIONS(8)
ARM64_OPERATIONS(16)
ARM64_OPERATIONS(32)
ARM64_OPERATIONS(64)

#undef ARM64_OPERATIONS
#undef ARM64_ORDERS

#endif
