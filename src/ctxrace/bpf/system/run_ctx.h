/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The saved run context: whose program runs, for helpers that ask. Stands for Linux v6.20 include/linux/bpf.h
 * (struct bpf_tramp_run_ctx, struct bpf_trace_run_ctx, bpf_set_run_ctx(), bpf_reset_run_ctx()).
 */
#ifndef CTXRACE_BPF_RUN_CTX_H
#define CTXRACE_BPF_RUN_CTX_H

#include <ctxrace/kernel.h>

struct bpf_run_ctx {};

struct bpf_tramp_run_ctx {
	struct bpf_run_ctx	run_ctx;
	u64			bpf_cookie;
	struct bpf_run_ctx	*saved_run_ctx;
};

struct bpf_trace_run_ctx {
	struct bpf_run_ctx	run_ctx;
	u64			bpf_cookie;
};

/* Trampolines write to these offsets. */
static_assert(offsetof(struct bpf_tramp_run_ctx, bpf_cookie) == 0);
static_assert(sizeof(struct bpf_tramp_run_ctx) == 16);

static __always_inline struct bpf_run_ctx *bpf_set_run_ctx(struct bpf_run_ctx *new)
{
	struct bpf_run_ctx *old = current->bpf_ctx;

	current->bpf_ctx = new;
	return old;
}

static __always_inline void bpf_reset_run_ctx(struct bpf_run_ctx *old)
{
	current->bpf_ctx = old;
}

#endif
