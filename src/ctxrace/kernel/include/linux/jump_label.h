/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/jump_label.h: a branch that the kernel patches is here a variable that is read,
 * so that who turns it on while others run is seen between any two of their instructions.
 */
#ifndef CTXRACE_LINUX_JUMP_LABEL_H
#define CTXRACE_LINUX_JUMP_LABEL_H

#include <linux/atomic.h>
#include <ctxrace/bug.h>
#include <ctxrace/sched.h>
#include <linux/compiler.h>

struct static_key {
	atomic_t enabled;
};
struct static_key_true {
	struct static_key key;
};
struct static_key_false {
	struct static_key key;
};

#define STATIC_KEY_TRUE_INIT		{ { ATOMIC_INIT(1) } }
#define STATIC_KEY_FALSE_INIT		{ { ATOMIC_INIT(0) } }
#define DEFINE_STATIC_KEY_TRUE(name)	struct static_key_true name = STATIC_KEY_TRUE_INIT
#define DEFINE_STATIC_KEY_FALSE(name)	struct static_key_false name = STATIC_KEY_FALSE_INIT
#define DEFINE_STATIC_KEY_TRUE_RO(name)	DEFINE_STATIC_KEY_TRUE(name)
#define DEFINE_STATIC_KEY_FALSE_RO(name) DEFINE_STATIC_KEY_FALSE(name)
#define DECLARE_STATIC_KEY_TRUE(name)	extern struct static_key_true name
#define DECLARE_STATIC_KEY_FALSE(name)	extern struct static_key_false name

static __always_inline bool static_key_enabled_(const struct static_key *key)
{
	return atomic_read(&key->enabled) > 0;
}
#define static_key_enabled(x)		static_key_enabled_((const struct static_key *)(x))
#define static_branch_likely(x)		likely(static_key_enabled(x))
#define static_branch_unlikely(x)	unlikely(static_key_enabled(x))
#define static_branch_maybe(config, x)	static_key_enabled(x)

#define static_branch_inc(x)		do { might_sleep(); atomic_inc(&(x)->key.enabled); } while (0)
#define static_branch_dec(x)		do { might_sleep(); atomic_dec(&(x)->key.enabled); } while (0)
#define static_branch_enable(x)		do { might_sleep(); atomic_set(&(x)->key.enabled, 1); } while (0)
#define static_branch_disable(x)	do { might_sleep(); atomic_set(&(x)->key.enabled, 0); } while (0)

#endif
