// SPDX-License-Identifier: Apache-2.0
/* A console that tasks write to under a lock; a hardirq writes only where nobody holds it. */
#include <linux/spinlock.h>

static DEFINE_RAW_SPINLOCK(console_lock);
static unsigned int column;

static noinline void emit(void)
{
	column++;
	barrier();
	column--;
}

void console_write(void)
{
	raw_spin_lock(&console_lock);
	emit();
	raw_spin_unlock(&console_lock);
}

void console_write_atomic(void)
{
	if (!raw_spin_trylock(&console_lock))
		return;
	emit();
	raw_spin_unlock(&console_lock);
}

CTXRACE_TASKS(2, console_write); CTXRACE_HARDIRQ(console_write_atomic);
CTXRACE_EXCLUSIVE(emit);
CTXRACE_BALANCED(console_lock);
