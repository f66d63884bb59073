// SPDX-License-Identifier: Apache-2.0
/*
 * The guard as merged, called by a trampoline that skips exit when enter has failed: what the review bot
 * believed of the real ones. The byte is never given back, so that each refused attempt leaks.
 */
#ifndef BPF_SKIP_EXIT
# define BPF_SKIP_EXIT
#endif
#include "arm64-merged.c"

CTXRACE_ATTEMPTS(1);
