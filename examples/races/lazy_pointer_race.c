// SPDX-License-Identifier: Apache-2.0
/*
 * A per-CPU pointer that the first user sets. Two users can both find it empty. The one that sets it last takes the
 * object away from under the other, unless each sets it only if it is still empty.
 */
#include <linux/bug.h>
#include <linux/percpu.h>

struct object {
	int value;
};

static struct object pool[3]; /* one for each context */
static DEFINE_PER_CPU(int, taken);
static DEFINE_PER_CPU(struct object *, cached);

static struct object *get(void)
{
	struct object *object = this_cpu_read(cached);

	if (object)
		return object;
	object = &pool[this_cpu_inc_return(taken) - 1];
#ifdef WRONG
	this_cpu_write(cached, object);
	return object;
#else
	this_cpu_cmpxchg(cached, NULL, object);
	return this_cpu_read(cached);
#endif
}

void use(void)
{
	struct object *object = get();

	WARN_ON(object != this_cpu_read(cached));
}

CTXRACE_TASKS(2, use);
CTXRACE_NMI(use);
