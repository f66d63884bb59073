/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the program is attached, for C and for assembler. One of these, where none is the guard by itself:
 *
 *	-DBPF_TRAMPOLINE=N	N programs (1 or 2) at a function, called by its trampoline; when it calls them is for
 *				the assembler alone: -DBPF_FENTRY, -DBPF_FEXIT or -DBPF_FMOD_RET
 *	-DBPF_RAW_TP=N		N programs at a tracepoint
 *
 * and, with a trampoline, any of these:
 *
 *	-DBPF_SLEEPABLE		the program blocks in its middle
 *	-DBPF_NO_MIGRATE_DISABLE	a wrong enter: with more than one CPU, nothing keeps the task on its own
 *	-DBPF_UNCHECKED		the pair without a recursion check
 *	-DBPF_SKIP_EXIT		a wrong trampoline: no exit where enter has refused
 *	-DBPF_NO_UNDO		and an enter that leaves the rest to it, too: see trampoline.h
 *	-DBPF_RECURSIVE		the program calls the function that it is attached to
 *	-DBPF_STATS		kernel.bpf_stats_enabled is 1
 *	-DBPF_COUNT		what only counts up is counted: see program.h
 *	-DBPF_LEDGER		every attempt adds one, and the code that answers for it takes it off: see ledger.h
 *	-DBPF_RETURN=value	what an fmod_ret program returns
 */
#ifndef CTXRACE_BPF_ATTACH_H
#define CTXRACE_BPF_ATTACH_H

#ifndef BPF_TRAMPOLINE
# define BPF_TRAMPOLINE	0
#endif
#ifndef BPF_RAW_TP
# define BPF_RAW_TP	0
#endif
#ifndef BPF_RETURN
# define BPF_RETURN	0
#endif

/* bpf_trampoline_enter() and bpf_trampoline_exit() of kernel/bpf/trampoline.c choose by the program's kind. */
#if defined(BPF_UNCHECKED)
# define BPF_ENTER	__bpf_prog_enter
# define BPF_EXIT	__bpf_prog_exit
#elif defined(BPF_SLEEPABLE)
# define BPF_ENTER	__bpf_prog_enter_sleepable_recur
# define BPF_EXIT	__bpf_prog_exit_sleepable_recur
#else
# define BPF_ENTER	__bpf_prog_enter_recur
# define BPF_EXIT	__bpf_prog_exit_recur
#endif

#endif
