/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/cleanup.h: what is undone when a variable's scope ends. guard(NAME)(lock) and
 * scoped_guard(NAME, lock) take what DEFINE_GUARD() or DEFINE_LOCK_GUARD_0/1() have described; the headers of the
 * locks do that for each. Of a guard whose lock may fail (_try), the guarded code does not run where it has failed.
 */
#ifndef CTXRACE_LINUX_CLEANUP_H
#define CTXRACE_LINUX_CLEANUP_H

#include <linux/compiler.h>
#include <linux/err.h>

#define DEFINE_FREE(name, type, statement)						\
static __always_inline void __free_##name(void *variable)				\
{											\
	type _T = *(type *)variable;							\
											\
	statement;									\
}
#define __free(name)		__cleanup(__free_##name)

#define ctxrace_taken_from(pointer, left) ({	\
	__auto_type __of = &(pointer);		\
	__typeof__(pointer) __taken = *__of;	\
	*__of = (left);				\
	__taken;				\
})
#define no_free_ptr(pointer)		ctxrace_taken_from(pointer, NULL)
#define return_ptr(pointer)		return no_free_ptr(pointer)
#define retain_and_null_ptr(pointer)	((void)ctxrace_taken_from(pointer, NULL))

/* A class: a type, what makes one of it, and what its variables do at the end of their scope. */
#define DEFINE_CLASS(name, type, ending, beginning, ...)				\
typedef type class_##name##_t;								\
static __always_inline void class_##name##_destructor(type *variable)			\
{											\
	type _T __maybe_unused = *variable;						\
											\
	ending;										\
}											\
static __always_inline type class_##name##_constructor(__VA_ARGS__)			\
{											\
	type made = beginning;								\
											\
	return made;									\
}
#define EXTEND_CLASS(name, extension, beginning, ...)					\
typedef class_##name##_t class_##name##extension##_t;					\
static __always_inline void class_##name##extension##_destructor(class_##name##_t *variable) \
{											\
	class_##name##_destructor(variable);						\
}											\
static __always_inline class_##name##_t class_##name##extension##_constructor(__VA_ARGS__) \
{											\
	class_##name##_t made = beginning;						\
											\
	return made;									\
}
#define CLASS(name, variable)								\
	class_##name##_t variable __cleanup(class_##name##_destructor) __maybe_unused =	\
		class_##name##_constructor

/* A guard of a lock that the guard's variable points to. */
#define DEFINE_GUARD(name, type, lock, unlock)						\
DEFINE_CLASS(name, type, if (_T) { unlock; }, ({ lock; _T; }), type _T)			\
static __always_inline bool class_##name##_has(class_##name##_t *guard)			\
{											\
	return *guard != NULL;								\
}
#define DEFINE_GUARD_COND(name, extension, trylock)					\
EXTEND_CLASS(name, extension, ({ (trylock) ? _T : NULL; }), class_##name##_t _T)	\
static __always_inline bool class_##name##extension##_has(class_##name##_t *guard)	\
{											\
	return *guard != NULL;								\
}

/* Guards that keep more than the lock, as its flags, or have no lock. */
#define CTXRACE_LOCK_GUARD(name, type, unlock, ...)					\
typedef struct {									\
	type *lock;									\
	__VA_ARGS__;									\
} class_##name##_t;									\
static __always_inline void class_##name##_destructor(class_##name##_t *_T)		\
{											\
	if (_T->lock) {									\
		unlock;									\
	}										\
}											\
static __always_inline bool class_##name##_has(class_##name##_t *guard)			\
{											\
	return guard->lock != NULL;							\
}
#define DEFINE_LOCK_GUARD_1(name, type, locking, unlock, ...)				\
CTXRACE_LOCK_GUARD(name, type, unlock, __VA_ARGS__)					\
static __always_inline class_##name##_t class_##name##_constructor(type *guarded)	\
{											\
	class_##name##_t made = { .lock = guarded }, *_T = &made;			\
											\
	locking;									\
	return made;									\
}
#define DEFINE_LOCK_GUARD_0(name, locking, unlock, ...)					\
CTXRACE_LOCK_GUARD(name, void, unlock, __VA_ARGS__)					\
static __always_inline class_##name##_t class_##name##_constructor(void)		\
{											\
	class_##name##_t made = { .lock = (void *)1 }, *_T __maybe_unused = &made;	\
											\
	locking;									\
	return made;									\
}
#define DEFINE_LOCK_GUARD_1_COND(name, extension, trylock)				\
typedef class_##name##_t class_##name##extension##_t;					\
static __always_inline void class_##name##extension##_destructor(class_##name##_t *guard) \
{											\
	class_##name##_destructor(guard);						\
}											\
static __always_inline bool class_##name##extension##_has(class_##name##_t *guard)	\
{											\
	return class_##name##_has(guard);						\
}											\
static __always_inline class_##name##_t							\
class_##name##extension##_constructor(__typeof__(((class_##name##_t *)0)->lock) guarded)	\
{											\
	class_##name##_t made = { .lock = guarded }, *_T = &made;			\
											\
	if (!(trylock))									\
		made.lock = NULL;							\
	return made;									\
}

#define guard(name)		CLASS(name, __UNIQUE_ID(guard))

/* The outer loop runs once, and so does the inner one, where the lock was taken; break leaves both. */
#define scoped_guard(name, ...)								\
	for (int __once = 1; __once; __once = 0)					\
		for (CLASS(name, scope)(__VA_ARGS__); __once && class_##name##_has(&scope); __once = 0)
#define scoped_cond_guard(name, failed, ...)						\
	for (int __once = 1; __once; __once = 0)					\
		for (CLASS(name, scope)(__VA_ARGS__); __once; __once = 0)		\
			if (!class_##name##_has(&scope)) {				\
				failed;							\
			} else

#endif
