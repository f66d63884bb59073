// SPDX-License-Identifier: Apache-2.0
/*
 * The counter as v6.18 really makes it on riscv64: interrupts are off around a plain load, addition and store.
 * Linux v6.18 include/linux/bpf.h, bpf_prog_get_recursion_context() and bpf_prog_put_recursion_context().
 */
#define CTXRACE_PERCPU_ATOMIC 0
#include "generic.c"
