// SPDX-License-Identifier: Apache-2.0
/* Two CPUs, and nobody holds the task on the one where it counted. */
#define CTXRACE_SMP 1
#define OWN_ATTEMPT
#include "counter.h"

void attempt(void)
{
	if (bpf_prog_get_recursion_context((struct bpf_prog *)&prog))
		body();
	bpf_prog_put_recursion_context((struct bpf_prog *)&prog);
}
CTXRACE_ATTEMPTS(1);
