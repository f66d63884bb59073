/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/slab.h and gfp_types.h. Memory is not allocated: the functions are declared,
 * and who calls one defines it, for example to take from a static array, or is told that it is missing.
 */
#ifndef CTXRACE_LINUX_SLAB_H
#define CTXRACE_LINUX_SLAB_H

#include <linux/compiler.h>
#include <linux/types.h>

#define GFP_KERNEL	((gfp_t)0xcc0)
#define GFP_ATOMIC	((gfp_t)0x820)
#define GFP_NOWAIT	((gfp_t)0x2000)
#define __GFP_ZERO	((gfp_t)0x100)
#define __GFP_NOWARN	((gfp_t)0x2000)

void *__kmalloc(size_t size, gfp_t flags);
void kfree(const void *pointer);
#define kmalloc(size, flags)			__kmalloc(size, flags)
#define kzalloc(size, flags)			__kmalloc(size, (flags) | __GFP_ZERO)
#define kcalloc(count, size, flags)		__kmalloc((count) * (size), (flags) | __GFP_ZERO)
#define kmalloc_array(count, size, flags)	__kmalloc((count) * (size), flags)
#define kvmalloc(size, flags)			__kmalloc(size, flags)
#define kvfree(pointer)				kfree(pointer)
#define kfree_sensitive(pointer)		kfree(pointer)

struct kmem_cache;
void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t flags);
void kmem_cache_free(struct kmem_cache *cache, void *pointer);

#endif
