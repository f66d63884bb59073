/* A loop that forgets to go on to the next element. Right: it goes on. */
#include "locks.h"

struct item {
	const struct item *next;
	int key;
};

static const struct item last = { .key = 2 }, first = { &last, 1 };

void task(void)
{
	const struct item *at = &first;

	while (at && at->key != 3) {
		asm volatile("" : "+r" (at)); /* or the compiler would see it */
#ifdef RIGHT
		at = at->next;
#endif
	}
}

CTXRACE_TASKS(2, task);
