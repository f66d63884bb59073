// SPDX-License-Identifier: Apache-2.0
/*
 * A ring that a hardirq fills and a task empties. If both change how many elements there are, one of the changes can be
 * lost. With a position for each side, each position has one writer.
 */
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/types.h>
#include <asm/barrier.h>

#define SIZE 2
#define NEXT(position) (((position) + 1) % (2 * SIZE)) /* so that a full ring differs from an empty one */

static u8 ring[SIZE];
static u8 head, tail; /* where the next element goes, and where the oldest one is */
#ifdef WRONG
static u8 count;
#endif

void produce(void)
{
	u8 at = READ_ONCE(head);

#ifdef WRONG
	if (READ_ONCE(count) == SIZE)
		return;
	WRITE_ONCE(ring[at % SIZE], at);
	WRITE_ONCE(head, NEXT(at));
	WRITE_ONCE(count, READ_ONCE(count) + 1);
#else
	if ((at + 2 * SIZE - smp_load_acquire(&tail)) % (2 * SIZE) == SIZE)
		return;
	WRITE_ONCE(ring[at % SIZE], at);
	smp_store_release(&head, NEXT(at));
#endif
}

void consume(void)
{
	u8 at = READ_ONCE(tail);

#ifdef WRONG
	if (READ_ONCE(count) == 0)
		return;
	/* No element is lost, and none comes twice. */
	WARN_ON(READ_ONCE(ring[at % SIZE]) != at);
	WRITE_ONCE(tail, NEXT(at));
	WRITE_ONCE(count, READ_ONCE(count) - 1);
#else
	if (smp_load_acquire(&head) == at)
		return;
	WARN_ON(READ_ONCE(ring[at % SIZE]) != at);
	smp_store_release(&tail, NEXT(at));
#endif
}

CTXRACE_TASKS(1, consume);
CTXRACE_HARDIRQ(produce);
