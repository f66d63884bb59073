/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/hashtable.h: an array of hash lists.
 */
#ifndef CTXRACE_LINUX_HASHTABLE_H
#define CTXRACE_LINUX_HASHTABLE_H

#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/rculist.h>

#define DEFINE_HASHTABLE(name, bits)	struct hlist_head name[1 << (bits)]	/* all zeros are empty */
#define DECLARE_HASHTABLE(name, bits)	struct hlist_head name[1 << (bits)]
#define HASH_SIZE(table)		ARRAY_SIZE(table)
#define HASH_BITS(table)		ilog2(HASH_SIZE(table))
#define hash_min(value, bits) \
	(sizeof(value) <= 4 ? hash_32((u32)(value), bits) : hash_64((u64)(value), bits))
#define CTXRACE_BUCKET(table, key)	(&(table)[hash_min(key, HASH_BITS(table))])

#define hash_init(table) do {				\
	for (size_t __at = 0; __at < HASH_SIZE(table); __at++) \
		INIT_HLIST_HEAD(&(table)[__at]);	\
} while (0)
#define hash_add(table, node, key)	hlist_add_head(node, CTXRACE_BUCKET(table, key))
#define hash_add_rcu(table, node, key)	hlist_add_head_rcu(node, CTXRACE_BUCKET(table, key))
#define hash_hashed(node)		(!hlist_unhashed(node))
#define hash_del(node)			hlist_del_init(node)
#define hash_del_rcu(node)		hlist_del_init_rcu(node)
#define hash_for_each_possible(table, entry, member, key) \
	hlist_for_each_entry(entry, CTXRACE_BUCKET(table, key), member)
#define hash_for_each_possible_safe(table, entry, following, member, key) \
	hlist_for_each_entry_safe(entry, following, CTXRACE_BUCKET(table, key), member)
#define hash_for_each_possible_rcu(table, entry, member, key) \
	hlist_for_each_entry_rcu(entry, CTXRACE_BUCKET(table, key), member)
#define hash_for_each(table, bucket, entry, member)						\
	for ((bucket) = 0, entry = NULL; !entry && (size_t)(bucket) < HASH_SIZE(table); (bucket)++) \
		hlist_for_each_entry(entry, &(table)[bucket], member)

#endif
