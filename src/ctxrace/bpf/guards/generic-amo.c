// SPDX-License-Identifier: Apache-2.0
/*
 * The atomic counter as one instruction: amoadd.w, as proposed for riscv64 (see ctxrace/arch/riscv/percpu.h).
 * Linux v6.18 include/linux/bpf.h, bpf_prog_get_recursion_context() and bpf_prog_put_recursion_context().
 */
#define CTXRACE_PERCPU_ATOMIC 1
#define CTXRACE_LRSC 0
#include "generic.c"
