// SPDX-License-Identifier: Apache-2.0
/* A cache of pages that each CPU has for itself, filled and emptied by tasks and by a handler. */
#include <linux/local_lock.h>
#include <linux/percpu.h>

struct page_cache {
	local_lock_t lock;
	unsigned int count;
	unsigned char pages[4];
};
static DEFINE_PER_CPU(struct page_cache, page_caches) = { .lock = INIT_LOCAL_LOCK(lock) };

static noinline void exchange(struct page_cache *cache)
{
	cache->pages[cache->count] = 1;
	cache->count++;
	barrier();
	cache->count--;
	cache->pages[cache->count] = 0;
}

void cache_page(void)
{
	unsigned long flags;

	local_lock_irqsave(&page_caches.lock, flags);
	exchange(this_cpu_ptr(&page_caches));
	local_unlock_irqrestore(&page_caches.lock, flags);
}

CTXRACE_TASKS(2, cache_page); CTXRACE_SOFTIRQ(cache_page);
CTXRACE_EXCLUSIVE(exchange);
CTXRACE_BALANCED(page_caches);
