/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a C file tells ctxrace: which contexts run what, and what must hold. No kernel file has this.
 *
 *	CTXRACE_TASKS(2, attempt);
 *	CTXRACE_NMI(attempt);
 *	CTXRACE_PREEMPTION(full);
 *	CTXRACE_EXCLUSIVE(body);
 *	CTXRACE_BALANCED(active);
 *
 * Each stands at file scope, after the definition of what it names. It leaves one string in the section
 * ".ctxrace", words separated by single spaces: "tasks 2 attempt guard.c:12". The place comes last because
 * a file's name may have spaces. The section ".ctxrace.refs", which a linker script discards, holds one
 * pointer for each name, so that the compiler rejects a name that does not exist and keeps one that does.
 */
#ifndef CTXRACE_SCENARIO_H
#define CTXRACE_SCENARIO_H

#include <ctxrace/compiler.h>
#include <ctxrace/config.h>

/* Contexts: who runs what, again and again, for ever. An entry is a function that needs no arguments. */
#define CTXRACE_TASKS(count, entry)						\
	_Static_assert((count) >= 1, "CTXRACE_TASKS: at least one task");	\
	CTXRACE_KNOWN(entry);							\
	CTXRACE_RECORD("tasks " CTXRACE_TEXT(count) " " CTXRACE_TEXT(entry))
/* Tasks of the highest real-time priority: they take the CPU from others, and no task takes it from them. */
#define CTXRACE_FIFO_TASKS(count, entry)					\
	_Static_assert((count) >= 1, "CTXRACE_FIFO_TASKS: at least one task");	\
	CTXRACE_KNOWN(entry);							\
	CTXRACE_RECORD("fifo_tasks " CTXRACE_TEXT(count) " " CTXRACE_TEXT(entry))
#define CTXRACE_SOFTIRQ(entry)	CTXRACE_KNOWN(entry); CTXRACE_RECORD("softirq " CTXRACE_TEXT(entry))
#define CTXRACE_HARDIRQ(entry)	CTXRACE_KNOWN(entry); CTXRACE_RECORD("hardirq " CTXRACE_TEXT(entry))
#define CTXRACE_NMI(entry)	CTXRACE_KNOWN(entry); CTXRACE_RECORD("nmi " CTXRACE_TEXT(entry))

/*
 * How often each context begins its entry at most; without this line, any number of times. For code that counts
 * something up for ever, so that a proof with no bound would have to count a whole word round.
 */
#define CTXRACE_ATTEMPTS(count)							\
	_Static_assert((count) >= 1, "CTXRACE_ATTEMPTS: at least one attempt");	\
	CTXRACE_RECORD("attempts " CTXRACE_TEXT(count))

/* Interrupts also call their entries before the preempt count says that they have arrived, and when it no more does. */
#define CTXRACE_ENTRY_WINDOW()	CTXRACE_RECORD("entry_window")

/*
 * A variable that only counts, or a member of one. No branch depends on its value: it is left out, and reads as at the
 * start.
 */
#define CTXRACE_STATISTIC(variable)	CTXRACE_PLACE(variable); CTXRACE_RECORD("statistic " CTXRACE_TEXT(variable))

/* The machine: how many CPUs, and its preemption: none, voluntary, full, lazy or rt. */
#define CTXRACE_CPUS(count)							\
	_Static_assert((count) >= 1, "CTXRACE_CPUS: at least one CPU");		\
	_Static_assert((count) == 1 || CTXRACE_SMP,				\
		       "CTXRACE_CPUS: #define CTXRACE_SMP 1 before the include");	\
	CTXRACE_RECORD("cpus " CTXRACE_TEXT(count))
#define CTXRACE_PREEMPTION(model)	CTXRACE_RECORD("preemption " #model)

/*
 * A function that runs once before everything, alone and on the first CPU, if the file defines it: to initialise
 * lists, or point variables at memory. What it leaves is what contexts begin with, and what is balanced returns to.
 */
void ctxrace_setup(void);

/* Properties. body: a function; variable: one with a name of its own, per CPU or not, of any type. */
#define CTXRACE_EXCLUSIVE(body)		CTXRACE_BODY(body); CTXRACE_RECORD("exclusive " CTXRACE_TEXT(body))
#define CTXRACE_BALANCED(variable)	CTXRACE_KNOWN(variable); CTXRACE_RECORD("balanced " CTXRACE_TEXT(variable))
#define CTXRACE_RECOVERS(entry, body)						\
	CTXRACE_KNOWN(entry); CTXRACE_BODY(body);				\
	CTXRACE_RECORD("recovers " CTXRACE_TEXT(entry) " " CTXRACE_TEXT(body))
#define CTXRACE_PROGRESS(entry, body)						\
	CTXRACE_KNOWN(entry); CTXRACE_BODY(body);				\
	CTXRACE_RECORD("progress " CTXRACE_TEXT(entry) " " CTXRACE_TEXT(body))

/*
 * What ctxrace test expects of a property, instead of that it holds: CTXRACE_EXPECT(exclusive, violated), or
 * CTXRACE_EXPECT(exclusive(body), violated) where there are several of a kind. It changes nothing for ctxrace check.
 */
#define CTXRACE_EXPECT(property, outcome)	CTXRACE_RECORD("expect " #property " " #outcome)

/* True wherever it is executed. The tool notices the program counter at ctxrace_check_failed(). */
#define ctxrace_check(condition) \
	(likely(condition) ? (void)0 : ctxrace_check_failed(#condition))

static __noipa __cold __maybe_unused void ctxrace_check_failed(const char *condition)
{
	__asm__ __volatile__("" : : "r" (condition) : "memory");
}

/* How: one string in .ctxrace, one pointer in .ctxrace.refs. */
#define CTXRACE_RECORD(words)								\
	static const char CTXRACE_UNIQUE(ctxrace_record_)[]				\
	__used __section(".ctxrace") __aligned(1) = words " " __FILE__ ":" CTXRACE_TEXT(__LINE__)
#define CTXRACE_KNOWN(name)								\
	extern __typeof__(name) name;							\
	CTXRACE_PLACE(name)
#define CTXRACE_PLACE(name)								\
	static const void *const CTXRACE_UNIQUE(ctxrace_reference_)			\
	__used __section(".ctxrace.refs") = (const void *)&name

/*
 * The tool sees a body as active from the call to the return, so that its calls must stay calls. GCC takes the
 * attribute whenever it comes; clang only before the definition, and we make it refuse a body that lacks it.
 * Clang also drops a call to a function without any effect: a body must do something, if only barrier().
 */
#ifdef __clang__
# define CTXRACE_BODY(body)								\
	_Pragma("clang diagnostic push")						\
	_Pragma("clang diagnostic error \"-Wignored-attributes\"")			\
	extern __typeof__(body) body CTXRACE_BODY_MUST_BE_DEFINED_NOINLINE;		\
	_Pragma("clang diagnostic pop")							\
	CTXRACE_KNOWN(body)
# define CTXRACE_BODY_MUST_BE_DEFINED_NOINLINE noinline
#else
# define CTXRACE_BODY(body)								\
	extern __typeof__(body) body __noipa;						\
	CTXRACE_KNOWN(body)
#endif

#define CTXRACE_TEXT(tokens)		CTXRACE_TEXT_(tokens)
#define CTXRACE_TEXT_(tokens)		#tokens
#define CTXRACE_UNIQUE(prefix)		CTXRACE_JOIN(prefix, __COUNTER__)
#define CTXRACE_JOIN(a, b)		CTXRACE_JOIN_(a, b)
#define CTXRACE_JOIN_(a, b)		a##b

/* What it was compiled for: see config.h. */
#if CTXRACE_PREEMPT_RCU
CTXRACE_RECORD("compiled rcu preemptible");
#else
CTXRACE_RECORD("compiled rcu non-preemptible");
#endif
#if CTXRACE_PREEMPT_RT
CTXRACE_RECORD("compiled for rt");
#endif
#if CTXRACE_SMP
CTXRACE_RECORD("compiled for smp");
#endif

#endif
