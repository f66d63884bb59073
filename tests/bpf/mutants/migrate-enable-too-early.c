// SPDX-License-Identifier: Apache-2.0
/* Two CPUs, and migrate_enable() comes before exit. */
#define CTXRACE_SMP 1
#define OWN_ATTEMPT
#include "counter.h"

void attempt(void)
{
	migrate_disable();
	if (bpf_prog_get_recursion_context((struct bpf_prog *)&prog))
		body();
	migrate_enable();
	bpf_prog_put_recursion_context((struct bpf_prog *)&prog);
}
CTXRACE_ATTEMPTS(1);
