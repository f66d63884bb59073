// SPDX-License-Identifier: Apache-2.0
/* Events that a hardirq pushes onto a list without a lock, each at most once, and that a task takes off and handles. */
#include <linux/bitops.h>
#include <linux/llist.h>

struct event {
	struct llist_node node;
	unsigned long pending;
};
static LLIST_HEAD(raised);
static struct event events[2];

static void event_raise(struct event *event)
{
	if (!test_and_set_bit(0, &event->pending))
		llist_add(&event->node, &raised);
}

static noinline void own_event(void)
{
	barrier();
}

void event_irq(void)
{
	event_raise(&events[0]);
}

void event_poll(void)
{
	struct llist_node *list;
	struct event *event, *next;

	event_raise(&events[1]);
	list = llist_del_all(&raised);
	llist_for_each_entry_safe(event, next, list, node) {
		clear_bit(0, &event->pending);
		if (event == &events[1])
			own_event();
	}
}

CTXRACE_TASKS(1, event_poll);
CTXRACE_HARDIRQ(event_irq);
CTXRACE_RECOVERS(event_poll, own_event);
