/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/rculist.h: a node is linked by a store with release, and readers follow
 * pointers that they load once.
 */
#ifndef CTXRACE_LINUX_RCULIST_H
#define CTXRACE_LINUX_RCULIST_H

#include <linux/list.h>
#include <linux/rcupdate.h>

#define list_next_rcu(list)		(*((struct list_head __rcu **)(&(list)->next)))
#define hlist_first_rcu(head)		(*((struct hlist_node __rcu **)(&(head)->first)))
#define hlist_next_rcu(node)		(*((struct hlist_node __rcu **)(&(node)->next)))

static __always_inline void INIT_LIST_HEAD_RCU(struct list_head *list)
{
	INIT_LIST_HEAD(list);
}

static __always_inline void ctxrace_add_rcu(struct list_head *node, struct list_head *before, struct list_head *after)
{
	node->next = after;
	node->prev = before;
	rcu_assign_pointer(before->next, node);
	after->prev = node;
}

static __always_inline void list_add_rcu(struct list_head *node, struct list_head *head)
{
	ctxrace_add_rcu(node, head, head->next);
}

static __always_inline void list_add_tail_rcu(struct list_head *node, struct list_head *head)
{
	ctxrace_add_rcu(node, head->prev, head);
}

static __always_inline void list_del_rcu(struct list_head *node)
{
	__list_del_entry(node);
	node->prev = LIST_POISON2;
}

static __always_inline void list_replace_rcu(struct list_head *old, struct list_head *node)
{
	node->next = old->next;
	node->prev = old->prev;
	rcu_assign_pointer(node->prev->next, node);
	node->next->prev = node;
	old->prev = LIST_POISON2;
}

#define list_entry_rcu(node, type, member)	container_of(READ_ONCE(node), type, member)
#define list_first_or_null_rcu(head, type, member) ({				\
	struct list_head *__head = (head), *__first = READ_ONCE(__head->next);	\
	__first != __head ? container_of(__first, type, member) : NULL;		\
})
#define list_for_each_entry_rcu(entry, head, member, ...)				\
	for (entry = list_entry_rcu((head)->next, __typeof__(*entry), member);		\
	     &entry->member != (head);							\
	     entry = list_entry_rcu(entry->member.next, __typeof__(*entry), member))
#define list_for_each_entry_lockless(entry, head, member) list_for_each_entry_rcu(entry, head, member)

static __always_inline void hlist_add_head_rcu(struct hlist_node *node, struct hlist_head *head)
{
	struct hlist_node *first = head->first;

	node->next = first;
	WRITE_ONCE(node->pprev, &head->first);
	rcu_assign_pointer(head->first, node);
	if (first)
		WRITE_ONCE(first->pprev, &node->next);
}

static __always_inline void hlist_del_rcu(struct hlist_node *node)
{
	__hlist_del(node);
	WRITE_ONCE(node->pprev, LIST_POISON2);
}

static __always_inline void hlist_del_init_rcu(struct hlist_node *node)
{
	if (hlist_unhashed(node))
		return;
	__hlist_del(node);
	WRITE_ONCE(node->pprev, NULL);
}

#define hlist_for_each_entry_rcu(entry, head, member, ...)				\
	for (entry = hlist_entry_safe(READ_ONCE((head)->first), __typeof__(*(entry)), member); entry; \
	     entry = hlist_entry_safe(READ_ONCE((entry)->member.next), __typeof__(*(entry)), member))

#endif
