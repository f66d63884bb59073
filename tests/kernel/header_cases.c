/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function for each operation of the headers, for test_header.py to run. A function's name is the
 * operation, two underscores and the variable it works on; it gets two operands and returns a value or 0.
 */
#include <ctxrace/kernel.h>

#define CASE(operation, variable, expression)						\
unsigned long operation##__##variable(unsigned long a, unsigned long b);		\
unsigned long operation##__##variable(unsigned long a, unsigned long b)			\
{											\
	(void)a, (void)b;								\
	return (unsigned long)(expression);						\
}
#define VOID(operation, variable, statement) CASE(operation, variable, ({ statement; 0; }))

/* Per-CPU variables: under each of the three prefixes. */
#define PER_CPU(prefix, type, pcp)						\
	CASE(prefix##_read, pcp, prefix##_read(pcp))				\
	VOID(prefix##_write, pcp, prefix##_write(pcp, (type)a))			\
	VOID(prefix##_add, pcp, prefix##_add(pcp, (type)a))			\
	VOID(prefix##_sub, pcp, prefix##_sub(pcp, (type)a))			\
	VOID(prefix##_inc, pcp, prefix##_inc(pcp))				\
	VOID(prefix##_dec, pcp, prefix##_dec(pcp))				\
	VOID(prefix##_and, pcp, prefix##_and(pcp, (type)a))			\
	VOID(prefix##_or, pcp, prefix##_or(pcp, (type)a))			\
	CASE(prefix##_add_return, pcp, prefix##_add_return(pcp, (type)a))	\
	CASE(prefix##_sub_return, pcp, prefix##_sub_return(pcp, (type)a))	\
	CASE(prefix##_inc_return, pcp, prefix##_inc_return(pcp))		\
	CASE(prefix##_dec_return, pcp, prefix##_dec_return(pcp))		\
	CASE(prefix##_xchg, pcp, prefix##_xchg(pcp, (type)a))			\
	CASE(prefix##_cmpxchg, pcp, prefix##_cmpxchg(pcp, (type)b, (type)a))
#define PER_CPU_ALL(type)							\
	DEFINE_PER_CPU(type, pcp_##type);					\
	PER_CPU(this_cpu, type, pcp_##type)					\
	PER_CPU(__this_cpu, type, pcp_##type)					\
	PER_CPU(raw_cpu, type, pcp_##type)					\
	CASE(get_cpu_var, pcp_##type, ({ type v = get_cpu_var(pcp_##type)++; put_cpu_var(pcp_##type); v; })) \
	CASE(this_cpu_ptr, pcp_##type, (*this_cpu_ptr(&pcp_##type))++)		\
	CASE(per_cpu_ptr, pcp_##type, (*per_cpu_ptr(&pcp_##type, 0))++)

PER_CPU_ALL(u8)
PER_CPU_ALL(u16)
PER_CPU_ALL(u32)
PER_CPU_ALL(u64)
PER_CPU_ALL(s8)
PER_CPU_ALL(s64)

/* Any memory, in each order. */
#define EXCHANGE(order, type, at)						\
	CASE(xchg##order, at, xchg##order(&at, (type)a))			\
	CASE(cmpxchg##order, at, cmpxchg##order(&at, (type)b, (type)a))		\
	CASE(try_cmpxchg##order, at, ({ type old = (type)b; bool done = try_cmpxchg##order(&at, &old, (type)a); \
					done ? 0x100 : (unsigned long)(u8)old; }))
#define PLAIN(type)								\
	volatile type plain_##type;						\
	EXCHANGE(, type, plain_##type)						\
	EXCHANGE(_acquire, type, plain_##type)					\
	EXCHANGE(_release, type, plain_##type)					\
	EXCHANGE(_relaxed, type, plain_##type)					\
	CASE(cmpxchg_local, plain_##type, cmpxchg_local(&plain_##type, (type)b, (type)a)) \
	CASE(smp_load_acquire, plain_##type, smp_load_acquire(&plain_##type))	\
	VOID(smp_store_release, plain_##type, smp_store_release(&plain_##type, (type)a)) \
	CASE(read_once, plain_##type, READ_ONCE(plain_##type))			\
	VOID(write_once, plain_##type, WRITE_ONCE(plain_##type, (type)a))

PLAIN(u8)
PLAIN(u16)
PLAIN(u32)
PLAIN(u64)
PLAIN(s16)

/* Atomic types. In the names an operation has no prefix: fetch_add__atomic64. */
#define ATOMIC_ORDERED(prefix, type, order)					\
	CASE(add_return##order, prefix, prefix##_add_return##order((type)a, &prefix))	\
	CASE(sub_return##order, prefix, prefix##_sub_return##order((type)a, &prefix))	\
	CASE(inc_return##order, prefix, prefix##_inc_return##order(&prefix))		\
	CASE(dec_return##order, prefix, prefix##_dec_return##order(&prefix))		\
	CASE(fetch_add##order, prefix, prefix##_fetch_add##order((type)a, &prefix))	\
	CASE(fetch_sub##order, prefix, prefix##_fetch_sub##order((type)a, &prefix))	\
	CASE(fetch_inc##order, prefix, prefix##_fetch_inc##order(&prefix))		\
	CASE(fetch_dec##order, prefix, prefix##_fetch_dec##order(&prefix))		\
	CASE(fetch_and##order, prefix, prefix##_fetch_and##order((type)a, &prefix))	\
	CASE(fetch_andnot##order, prefix, prefix##_fetch_andnot##order((type)a, &prefix)) \
	CASE(fetch_or##order, prefix, prefix##_fetch_or##order((type)a, &prefix))	\
	CASE(fetch_xor##order, prefix, prefix##_fetch_xor##order((type)a, &prefix))	\
	CASE(xchg##order, prefix, prefix##_xchg##order(&prefix, (type)a))		\
	CASE(cmpxchg##order, prefix, prefix##_cmpxchg##order(&prefix, (type)b, (type)a)) \
	CASE(try_cmpxchg##order, prefix, ({ type old = (type)b; bool done = prefix##_try_cmpxchg##order(&prefix, &old, (type)a); \
					    done ? 0x100 : (unsigned long)(u8)old; }))	\
	CASE(add_negative##order, prefix, prefix##_add_negative##order((type)a, &prefix))
#define ATOMIC(prefix, type)							\
	prefix##_t prefix = { 0 };						\
	ATOMIC_ORDERED(prefix, type, )						\
	ATOMIC_ORDERED(prefix, type, _acquire)					\
	ATOMIC_ORDERED(prefix, type, _release)					\
	ATOMIC_ORDERED(prefix, type, _relaxed)					\
	CASE(read, prefix, prefix##_read(&prefix))				\
	VOID(write, prefix, prefix##_set(&prefix, (type)a))			\
	CASE(read_acquire, prefix, prefix##_read_acquire(&prefix))		\
	VOID(write_release, prefix, prefix##_set_release(&prefix, (type)a))	\
	VOID(add, prefix, prefix##_add((type)a, &prefix))			\
	VOID(sub, prefix, prefix##_sub((type)a, &prefix))			\
	VOID(inc, prefix, prefix##_inc(&prefix))				\
	VOID(dec, prefix, prefix##_dec(&prefix))				\
	VOID(and, prefix, prefix##_and((type)a, &prefix))			\
	VOID(andnot, prefix, prefix##_andnot((type)a, &prefix))			\
	VOID(or, prefix, prefix##_or((type)a, &prefix))				\
	VOID(xor, prefix, prefix##_xor((type)a, &prefix))			\
	CASE(sub_and_test, prefix, prefix##_sub_and_test((type)a, &prefix))	\
	CASE(inc_and_test, prefix, prefix##_inc_and_test(&prefix))		\
	CASE(dec_and_test, prefix, prefix##_dec_and_test(&prefix))		\
	CASE(add_unless, prefix, prefix##_add_unless(&prefix, (type)a, (type)b)) \
	CASE(inc_not_zero, prefix, prefix##_inc_not_zero(&prefix))		\
	CASE(dec_if_positive, prefix, prefix##_dec_if_positive(&prefix))

ATOMIC(atomic, int)
ATOMIC(atomic64, s64)
ATOMIC(atomic_long, long)

/* The bit number is taken from the first operand; test_header.py looks at the second of the two words. */
unsigned long words[2];
#define NR (64 + (a & 63))
VOID(set_bit, words, set_bit(NR, words))
VOID(clear_bit, words, clear_bit(NR, words))
VOID(change_bit, words, change_bit(NR, words))
VOID(__set_bit, words, __set_bit(NR, words))
VOID(__clear_bit, words, __clear_bit(NR, words))
VOID(__change_bit, words, __change_bit(NR, words))
CASE(test_bit, words, test_bit(NR, words))
CASE(test_and_set_bit, words, test_and_set_bit(NR, words))
CASE(test_and_clear_bit, words, test_and_clear_bit(NR, words))
CASE(test_and_change_bit, words, test_and_change_bit(NR, words))
CASE(__test_and_set_bit, words, __test_and_set_bit(NR, words))
CASE(__test_and_clear_bit, words, __test_and_clear_bit(NR, words))
CASE(__test_and_change_bit, words, __test_and_change_bit(NR, words))
CASE(test_and_set_bit_lock, words, test_and_set_bit_lock(NR, words))
VOID(clear_bit_unlock, words, clear_bit_unlock(NR, words))

/* Values of the operands alone. */
#define VALUE(name, expression) CASE(name, value, expression)
VALUE(ffs, ffs((int)a))
VALUE(fls, fls((unsigned int)a))
VALUE(fls64, fls64(a))
VALUE(lowest, a ? __ffs(a) : 99)
VALUE(highest, a ? __fls(a) : 99)
VALUE(first_zero, ~a ? ffz(a) : 99)
VALUE(genmask, GENMASK(39, 4) + BIT(50))
VALUE(min_max, min(a, b) ^ max_t(u8, a, b))
VALUE(swapped, ({ swap(a, b); a - b; }))
VALUE(bswap, be32_to_cpu((u32)a) + ((u64)be16_to_cpu((u16)b) << 32))
VALUE(little, cpu_to_le64(a) + le16_to_cpu((u16)b))
VALUE(unaligned, ({ u8 bytes[12]; put_unaligned_le32((u32)a, bytes + 1); put_unaligned_be16((u16)b, bytes + 5);
		    (unsigned long)get_unaligned_be32(bytes + 1) << 16 | get_unaligned_le16(bytes + 5); }))

/* The context that the preempt count says we are in; test_header.py sets the count to the first operand. */
#define CONTEXT(name, expression) CASE(name, context, expression)
CONTEXT(preempt_count, (unsigned int)preempt_count())
CONTEXT(level, interrupt_context_level())
CONTEXT(in_task, in_task())
CONTEXT(in_atomic, in_atomic())
CONTEXT(in_softirq, in_softirq())
CONTEXT(in_serving_softirq, in_serving_softirq())
CONTEXT(in_hardirq, in_hardirq())
CONTEXT(in_nmi, in_nmi())
CONTEXT(in_interrupt, in_interrupt())
CONTEXT(preemptible, preemptible())
CONTEXT(disabled, ({ preempt_disable(); int count = preempt_count(); preempt_enable(); (unsigned int)count; }))
CONTEXT(bh_disabled, ({ local_bh_disable(); int count = preempt_count(); local_bh_enable(); (unsigned int)count; }))
CONTEXT(rcu_locked, ({ rcu_read_lock(); int count = preempt_count(); rcu_read_unlock(); (unsigned int)count; }))
CONTEXT(cpu, ({ int cpu = get_cpu(); unsigned int count = (unsigned int)preempt_count(); put_cpu(); count + (unsigned int)cpu; }))
CONTEXT(pid, current->pid)
CONTEXT(irqs_on, ({ local_irq_enable(); 0; }))
CONTEXT(irqs_off, ({ local_irq_disable(); 0; }))
CONTEXT(irqs_saved, ({ unsigned long flags, was = irqs_disabled(); local_irq_save(flags); was = was << 1 | irqs_disabled();
		       local_irq_enable(); was = was << 1 | irqs_disabled(); local_irq_disable();
		       was = was << 1 | irqs_disabled(); local_irq_restore(flags); was << 1 | irqs_disabled(); }))
CONTEXT(barriers, ({ mb(); rmb(); wmb(); smp_mb(); smp_rmb(); smp_wmb(); smp_mb__before_atomic(); smp_mb__after_atomic();
		     cpu_relax(); migrate_disable(); migrate_enable(); 0; }))

/* Checks: the tool watches ctxrace_check_failed(); so does test_header.py. */
CONTEXT(check, ({ ctxrace_check(a != b); 1; }))
CONTEXT(warn, ({ WARN_ON(a == b); }))
CONTEXT(bug, ({ BUG_ON(a == b); 1; }))

#define CONFIG_ON 1
static_assert(IS_ENABLED(CONFIG_ON) && !IS_ENABLED(CONFIG_OFF), "IS_ENABLED");
static_assert(sizeof(__le16) == 2 && ARRAY_SIZE(words) == 2);
EXPORT_SYMBOL(words);

/* Declarations: every kind of name that they may name. Bodies are empty for GCC and almost so for clang. */
#ifdef __clang__
# define NOTHING barrier()
#else
# define NOTHING
#endif
static noinline void body(void) { NOTHING; }
noinline void global_body(int unused __maybe_unused, const char *text __maybe_unused) { NOTHING; }
static noinline int later_body(int value);
CTXRACE_EXCLUSIVE(later_body);
static int later_body(int value) { NOTHING; return value; }
static void attempt(void)
{
	body();
	global_body(1, "x");
	(void)later_body(2);
	body();
}
int global_attempt(void) { attempt(); return later_body(3); }
static DEFINE_PER_CPU(int [4], active);
static int leaked;
static struct { char bytes[3]; } odd;
DEFINE_PER_CPU_ALIGNED(u8, lonely);

CTXRACE_TASKS(2, attempt);
CTXRACE_SOFTIRQ(global_attempt);
CTXRACE_HARDIRQ(attempt);
CTXRACE_NMI(attempt);
CTXRACE_CPUS(1);
CTXRACE_PREEMPTION(full);
CTXRACE_EXCLUSIVE(body);
CTXRACE_EXCLUSIVE(global_body);
CTXRACE_BALANCED(active);
CTXRACE_BALANCED(leaked);
CTXRACE_BALANCED(odd);
CTXRACE_BALANCED(lonely);
CTXRACE_RECOVERS(attempt, body);
CTXRACE_PROGRESS(global_attempt, global_body);
