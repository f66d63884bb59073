// SPDX-License-Identifier: Apache-2.0
/* Preemption stays off until exit, and the program sleeps. */
#define OWN_BODY
#define OWN_ATTEMPT
#include "bytes.h"

static noinline void body(void)
{
	if (in_task())
		schedule();
	barrier();
}

void attempt(void)
{
	preempt_disable();
	if (bpf_prog_get_recursion_context((struct bpf_prog *)&prog))
		body();
	bpf_prog_put_recursion_context((struct bpf_prog *)&prog);
	preempt_enable();
}
