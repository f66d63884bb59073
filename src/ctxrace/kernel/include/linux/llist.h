/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/llist.h and lib/llist.c: a stack that is pushed to by cmpxchg and emptied by
 * xchg. Who takes one node (llist_del_first()) must keep others who take away; who empties it, and who pushes, need
 * nothing.
 */
#ifndef CTXRACE_LINUX_LLIST_H
#define CTXRACE_LINUX_LLIST_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/stddef.h>

struct llist_node { struct llist_node *next; };
struct llist_head { struct llist_node *first; };

#define LLIST_HEAD_INIT(name)	{ NULL }
#define LLIST_HEAD(name)	struct llist_head name = LLIST_HEAD_INIT(name)

static __always_inline void init_llist_head(struct llist_head *list)
{
	list->first = NULL;
}

static __always_inline void init_llist_node(struct llist_node *node)
{
	WRITE_ONCE(node->next, node);
}

static __always_inline bool llist_on_list(const struct llist_node *node)
{
	return READ_ONCE(node->next) != node;
}

static __always_inline bool llist_empty(const struct llist_head *head)
{
	return READ_ONCE(head->first) == NULL;
}

static __always_inline struct llist_node *llist_next(struct llist_node *node)
{
	return READ_ONCE(node->next);
}

/* Whether the list was empty. */
static __always_inline bool llist_add_batch(struct llist_node *first, struct llist_node *last, struct llist_head *head)
{
	struct llist_node *was = READ_ONCE(head->first);

	do {
		last->next = was;
	} while (!try_cmpxchg(&head->first, &was, first));
	return was == NULL;
}

static __always_inline bool llist_add(struct llist_node *node, struct llist_head *head)
{
	return llist_add_batch(node, node, head);
}

static __always_inline bool __llist_add(struct llist_node *node, struct llist_head *head)
{
	node->next = head->first;
	head->first = node;
	return node->next == NULL;
}

static __always_inline struct llist_node *llist_del_all(struct llist_head *head)
{
	return xchg(&head->first, NULL);
}

static __always_inline struct llist_node *__llist_del_all(struct llist_head *head)
{
	struct llist_node *first = head->first;

	head->first = NULL;
	return first;
}

static __always_inline struct llist_node *llist_del_first(struct llist_head *head)
{
	struct llist_node *first = smp_load_acquire(&head->first);

	while (first)
		if (try_cmpxchg(&head->first, &first, READ_ONCE(first->next)))
			break;
	return first;
}

static __always_inline struct llist_node *llist_reverse_order(struct llist_node *head)
{
	struct llist_node *reversed = NULL;

	while (head) {
		struct llist_node *next = head->next;

		head->next = reversed;
		reversed = head;
		head = next;
	}
	return reversed;
}

#define llist_entry(node, type, member)	container_of(node, type, member)
#define CTXRACE_LLIST_ENTRY(node, type, member) ({		\
	struct llist_node *__node = (node);			\
	__node ? llist_entry(__node, type, member) : NULL;	\
})
#define llist_for_each(at, node)	for ((at) = (node); at; (at) = (at)->next)
#define llist_for_each_safe(at, following, node) \
	for ((at) = (node); (at) && ((following) = (at)->next, true); (at) = (following))
#define llist_for_each_entry(entry, node, member)						\
	for ((entry) = CTXRACE_LLIST_ENTRY(node, __typeof__(*(entry)), member); entry;		\
	     (entry) = CTXRACE_LLIST_ENTRY((entry)->member.next, __typeof__(*(entry)), member))
#define llist_for_each_entry_safe(entry, following, node, member)				\
	for ((entry) = CTXRACE_LLIST_ENTRY(node, __typeof__(*(entry)), member);			\
	     (entry) && ((following) = CTXRACE_LLIST_ENTRY((entry)->member.next, __typeof__(*(entry)), member), true); \
	     (entry) = (following))

#endif
