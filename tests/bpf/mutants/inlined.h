/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program inlined between increment and decrement, so that only BARRIER() tells the compiler that others look at
 * the counter. It is used by one task and an NMI: nesting alone, which a plain counter survives. By default that is a
 * variable of a machine with one CPU; other shapes, chosen by the compiler's flags:
 *
 *	-DKEPT_POINTER	an int for each CPU, whose address is taken once
 *	-DKEPT_BYTES	a byte for each level, whose address and level are taken once
 *	-DTAKEN_TWICE	bytes, whose address and level enter and exit take each for itself, as arm64-v1 does
 */
#include <ctxrace/kernel.h>

#ifndef BARRIER
# define BARRIER()	barrier()
#endif

#if defined(KEPT_BYTES) || defined(TAKEN_TWICE)
static DEFINE_PER_CPU(u8[4], active) __aligned(4);
#define BYTE	interrupt_context_level()
#define MINE	((u8 *)this_cpu_ptr(&active))
#define ALONE	(get_unaligned_le32(mine) == BIT(byte * 8))
#else
# ifdef KEPT_POINTER
static DEFINE_PER_CPU(int, active);
#  define MINE	this_cpu_ptr(&active)
# else
static int active;
#  define MINE	(&active)
# endif
#define BYTE	0
#define ALONE	(mine[byte] == 1)
#endif

static int inside;

void attempt(void)
{
	__auto_type mine = MINE;
	int byte = BYTE;
	bool twice = false;

	mine[byte]++;
	BARRIER();
	if (ALONE) {
		twice = READ_ONCE(inside);
		WRITE_ONCE(inside, 1);
		WRITE_ONCE(inside, 0);
	}
#ifdef TAKEN_TWICE
	mine = MINE;
	byte = BYTE;
#endif
	BARRIER();
	mine[byte]--;
	ctxrace_check(!twice);
}

CTXRACE_TASKS(1, attempt);
CTXRACE_NMI(attempt);
CTXRACE_BALANCED(active);
