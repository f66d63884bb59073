// SPDX-License-Identifier: Apache-2.0
/* A refused attempt returns without exit. */
#define OWN_ATTEMPT
#include "bytes.h"

void attempt(void)
{
	if (!bpf_prog_get_recursion_context((struct bpf_prog *)&prog))
		return;
	body();
	bpf_prog_put_recursion_context((struct bpf_prog *)&prog);
}
CTXRACE_ATTEMPTS(1);
