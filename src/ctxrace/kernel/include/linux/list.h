/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/list.h: a ring of nodes that point both ways, and the list of a hash table's
 * bucket. A node that was deleted points to the kernel's two poison addresses, which are no memory here: who follows
 * one faults.
 */
#ifndef CTXRACE_LINUX_LIST_H
#define CTXRACE_LINUX_LIST_H

#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/types.h>

#define LIST_POISON1	((void *)(0xdead000000000000UL + 0x100))
#define LIST_POISON2	((void *)(0xdead000000000000UL + 0x122))

#define LIST_HEAD_INIT(name)	{ &(name), &(name) }
#define LIST_HEAD(name)		struct list_head name = LIST_HEAD_INIT(name)

static __always_inline void INIT_LIST_HEAD(struct list_head *list)
{
	WRITE_ONCE(list->next, list);
	WRITE_ONCE(list->prev, list);
}

static __always_inline void __list_add(struct list_head *node, struct list_head *before, struct list_head *after)
{
	after->prev = node;
	node->next = after;
	node->prev = before;
	WRITE_ONCE(before->next, node);
}

static __always_inline void list_add(struct list_head *node, struct list_head *head)
{
	__list_add(node, head, head->next);
}

static __always_inline void list_add_tail(struct list_head *node, struct list_head *head)
{
	__list_add(node, head->prev, head);
}

static __always_inline void __list_del(struct list_head *before, struct list_head *after)
{
	after->prev = before;
	WRITE_ONCE(before->next, after);
}

static __always_inline void __list_del_entry(struct list_head *node)
{
	__list_del(node->prev, node->next);
}

static __always_inline void list_del(struct list_head *node)
{
	__list_del_entry(node);
	node->next = LIST_POISON1;
	node->prev = LIST_POISON2;
}

static __always_inline void list_del_init(struct list_head *node)
{
	__list_del_entry(node);
	INIT_LIST_HEAD(node);
}

static __always_inline void list_replace(struct list_head *old, struct list_head *node)
{
	node->next = old->next;
	node->next->prev = node;
	node->prev = old->prev;
	node->prev->next = node;
}

static __always_inline void list_move(struct list_head *node, struct list_head *head)
{
	__list_del_entry(node);
	list_add(node, head);
}

static __always_inline void list_move_tail(struct list_head *node, struct list_head *head)
{
	__list_del_entry(node);
	list_add_tail(node, head);
}

static __always_inline int list_empty(const struct list_head *head)
{
	return READ_ONCE(head->next) == head;
}

static __always_inline int list_empty_careful(const struct list_head *head)
{
	struct list_head *next = smp_load_acquire(&head->next);

	return next == head && next == READ_ONCE(head->prev);
}

static __always_inline void list_del_init_careful(struct list_head *node)
{
	__list_del_entry(node);
	WRITE_ONCE(node->prev, node);
	smp_store_release(&node->next, node);
}

static __always_inline int list_is_head(const struct list_head *node, const struct list_head *head)
{
	return node == head;
}

static __always_inline int list_is_first(const struct list_head *node, const struct list_head *head)
{
	return node->prev == head;
}

static __always_inline int list_is_last(const struct list_head *node, const struct list_head *head)
{
	return node->next == head;
}

static __always_inline int list_is_singular(const struct list_head *head)
{
	return !list_empty(head) && head->next == head->prev;
}

static __always_inline void ctxrace_splice(const struct list_head *list, struct list_head *before,
					   struct list_head *after)
{
	struct list_head *first = list->next, *last = list->prev;

	first->prev = before;
	before->next = first;
	last->next = after;
	after->prev = last;
}

static __always_inline void list_splice(const struct list_head *list, struct list_head *head)
{
	if (!list_empty(list))
		ctxrace_splice(list, head, head->next);
}

static __always_inline void list_splice_tail(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list))
		ctxrace_splice(list, head->prev, head);
}

static __always_inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	if (list_empty(list))
		return;
	ctxrace_splice(list, head, head->next);
	INIT_LIST_HEAD(list);
}

static __always_inline void list_splice_tail_init(struct list_head *list, struct list_head *head)
{
	if (list_empty(list))
		return;
	ctxrace_splice(list, head->prev, head);
	INIT_LIST_HEAD(list);
}

#define list_entry(node, type, member)		container_of(node, type, member)
#define list_first_entry(head, type, member)	list_entry((head)->next, type, member)
#define list_last_entry(head, type, member)	list_entry((head)->prev, type, member)
#define list_first_entry_or_null(head, type, member) ({				\
	struct list_head *__head = (head), *__first = READ_ONCE(__head->next);	\
	__first != __head ? list_entry(__first, type, member) : NULL;		\
})
#define list_next_entry(entry, member)	list_entry((entry)->member.next, __typeof__(*(entry)), member)
#define list_prev_entry(entry, member)	list_entry((entry)->member.prev, __typeof__(*(entry)), member)
#define list_entry_is_head(entry, head, member) (&(entry)->member == (head))

#define list_for_each(node, head) \
	for (node = (head)->next; node != (head); node = node->next)
#define list_for_each_safe(node, following, head) \
	for (node = (head)->next, following = node->next; node != (head); node = following, following = node->next)
#define list_for_each_entry(entry, head, member)					\
	for (entry = list_first_entry(head, __typeof__(*entry), member);		\
	     !list_entry_is_head(entry, head, member); entry = list_next_entry(entry, member))
#define list_for_each_entry_reverse(entry, head, member)				\
	for (entry = list_last_entry(head, __typeof__(*entry), member);			\
	     !list_entry_is_head(entry, head, member); entry = list_prev_entry(entry, member))
#define list_for_each_entry_safe(entry, following, head, member)			\
	for (entry = list_first_entry(head, __typeof__(*entry), member),		\
	     following = list_next_entry(entry, member);				\
	     !list_entry_is_head(entry, head, member);					\
	     entry = following, following = list_next_entry(following, member))

/* The head is one pointer; a node points to what points to it. */
#define HLIST_HEAD_INIT		{ .first = NULL }
#define HLIST_HEAD(name)	struct hlist_head name = HLIST_HEAD_INIT
#define INIT_HLIST_HEAD(head)	((head)->first = NULL)

static __always_inline void INIT_HLIST_NODE(struct hlist_node *node)
{
	node->next = NULL;
	node->pprev = NULL;
}

static __always_inline int hlist_unhashed(const struct hlist_node *node)
{
	return !node->pprev;
}

static __always_inline int hlist_unhashed_lockless(const struct hlist_node *node)
{
	return !READ_ONCE(node->pprev);
}

static __always_inline int hlist_empty(const struct hlist_head *head)
{
	return !READ_ONCE(head->first);
}

static __always_inline void __hlist_del(struct hlist_node *node)
{
	struct hlist_node *next = node->next, **pprev = node->pprev;

	WRITE_ONCE(*pprev, next);
	if (next)
		WRITE_ONCE(next->pprev, pprev);
}

static __always_inline void hlist_del(struct hlist_node *node)
{
	__hlist_del(node);
	node->next = LIST_POISON1;
	node->pprev = LIST_POISON2;
}

static __always_inline void hlist_del_init(struct hlist_node *node)
{
	if (hlist_unhashed(node))
		return;
	__hlist_del(node);
	INIT_HLIST_NODE(node);
}

static __always_inline void hlist_add_head(struct hlist_node *node, struct hlist_head *head)
{
	struct hlist_node *first = head->first;

	WRITE_ONCE(node->next, first);
	if (first)
		WRITE_ONCE(first->pprev, &node->next);
	WRITE_ONCE(head->first, node);
	WRITE_ONCE(node->pprev, &head->first);
}

static __always_inline void hlist_add_before(struct hlist_node *node, struct hlist_node *next)
{
	WRITE_ONCE(node->pprev, next->pprev);
	WRITE_ONCE(node->next, next);
	WRITE_ONCE(next->pprev, &node->next);
	WRITE_ONCE(*(node->pprev), node);
}

static __always_inline void hlist_add_behind(struct hlist_node *node, struct hlist_node *before)
{
	WRITE_ONCE(node->next, before->next);
	WRITE_ONCE(before->next, node);
	WRITE_ONCE(node->pprev, &before->next);
	if (node->next)
		WRITE_ONCE(node->next->pprev, &node->next);
}

#define hlist_entry(node, type, member)	container_of(node, type, member)
#define hlist_entry_safe(node, type, member) ({				\
	__typeof__(node) __node = (node);				\
	__node ? hlist_entry(__node, type, member) : NULL;		\
})
#define hlist_for_each(node, head)	for (node = (head)->first; node; node = node->next)
#define hlist_for_each_safe(node, following, head) \
	for (node = (head)->first; node && ({ following = node->next; 1; }); node = following)
#define hlist_for_each_entry(entry, head, member)					\
	for (entry = hlist_entry_safe((head)->first, __typeof__(*(entry)), member); entry; \
	     entry = hlist_entry_safe((entry)->member.next, __typeof__(*(entry)), member))
#define hlist_for_each_entry_safe(entry, following, head, member)			\
	for (entry = hlist_entry_safe((head)->first, __typeof__(*entry), member);	\
	     entry && ({ following = entry->member.next; 1; });				\
	     entry = hlist_entry_safe(following, __typeof__(*entry), member))

#endif
