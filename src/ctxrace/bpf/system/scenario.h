/* SPDX-License-Identifier: Apache-2.0 */
/* Who attempts to run the programs, and what must hold of each. */

CTXRACE_TASKS(2, attempt);
#ifndef BPF_SLEEPABLE
CTXRACE_SOFTIRQ(attempt);
CTXRACE_HARDIRQ(attempt);
CTXRACE_NMI(attempt);
#endif
#define BPF_PROGRAM_DEMANDS(its_body, its_active, its_stats)	\
	BPF_STATISTIC(its_stats);				\
	CTXRACE_EXCLUSIVE(its_body);				\
	CTXRACE_BALANCED(its_active);				\
	CTXRACE_RECOVERS(attempt, its_body);			\
	CTXRACE_PROGRESS(attempt, its_body)

BPF_PROGRAM_DEMANDS(body, active, stats);
#if BPF_TRAMPOLINE + BPF_RAW_TP > 1
BPF_PROGRAM_DEMANDS(body2, active2, stats2);
#endif
#ifdef BPF_LEDGER
CTXRACE_BALANCED(ledger);
#endif
