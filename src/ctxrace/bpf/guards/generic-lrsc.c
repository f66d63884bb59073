// SPDX-License-Identifier: Apache-2.0
/*
 * The atomic counter as a loop of lr.w and sc.w: a context in between makes sc.w fail.
 * Linux v6.18 include/linux/bpf.h, bpf_prog_get_recursion_context() and bpf_prog_put_recursion_context().
 */
#define CTXRACE_PERCPU_ATOMIC 1
#define CTXRACE_LRSC 1
#include "generic.c"
