/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/compiler.h, compiler_types.h, compiler_attributes.h and
 * include/asm-generic/rwonce.h. READ_ONCE() and WRITE_ONCE() do not check the size of what they access.
 */
#ifndef CTXRACE_COMPILER_H
#define CTXRACE_COMPILER_H

#define likely(condition)	__builtin_expect(!!(condition), 1)
#define unlikely(condition)	__builtin_expect(!!(condition), 0)
#define unreachable()		__builtin_unreachable()

#define noinline		__attribute__((__noinline__))
#define notrace			__attribute__((__no_instrument_function__))
#define __always_inline		inline __attribute__((__always_inline__))
#define __cold			__attribute__((__cold__))
#define __maybe_unused		__attribute__((__unused__))
#define __must_check		__attribute__((__warn_unused_result__))
#define __noreturn		__attribute__((__noreturn__))
#define __used			__attribute__((__used__))
#define __weak			__attribute__((__weak__))
#define __aligned(bytes)	__attribute__((__aligned__(bytes)))
#define __packed		__attribute__((__packed__))
#define __section(name)		__attribute__((__section__(name)))

/* Only sparse, the kernel's own checker, reads these. */
#define __percpu
#define __rcu
#define __user
#define __iomem
#define __force

/*
 * Not in the kernel: calls to such a function stay calls, with their arguments, whatever the compiler could
 * learn by looking into it. Clang has no such attribute; it keeps its hands off what may be called from elsewhere.
 */
#ifdef __clang__
# define __noipa		__attribute__((__noinline__, __used__))
#else
# define __noipa		__attribute__((__noipa__))
#endif

/* Not in the kernel: a helper that is inlined, but stays a function where claims are to name it. */
#ifdef CTXRACE_OUTLINE
# define __outlinable		__noipa
#else
# define __outlinable		__always_inline
#endif

#define READ_ONCE(x)		({ *(const volatile __typeof__(x) *)&(x); })
#define WRITE_ONCE(x, value)	do { *(volatile __typeof__(x) *)&(x) = (value); } while (0)

#define barrier()		__asm__ __volatile__("" : : : "memory")
#define barrier_data(pointer)	__asm__ __volatile__("" : : "r" (pointer) : "memory")

/*
 * Memory as a number of so many bits, whatever its type: the kernel tells the compiler so once and for all,
 * with -fno-strict-aliasing, which a scenario need not be compiled with.
 */
#define __may_alias		__attribute__((__may_alias__))
#define CTXRACE_MEMORY(bits, pointer) (*(u##bits __may_alias volatile *)(pointer))

/* A pointer moved by some bytes, without the compiler concluding which object it still points into. */
#ifdef __clang__
# define RELOC_HIDE(pointer, bytes) \
	((__typeof__(*(pointer)) *)((unsigned long)(pointer) + (bytes)))
#else
# define RELOC_HIDE(pointer, bytes) ({						\
	unsigned long __hidden;							\
	__asm__("" : "=r" (__hidden) : "0" (pointer));				\
	(__typeof__(*(pointer)) *)(__hidden + (bytes));				\
})
#endif

#endif
