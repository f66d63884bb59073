// SPDX-License-Identifier: Apache-2.0
/* Exit on a path that never entered: an NMI leaves early, through the exit of those who entered. */
#define OWN_ATTEMPT
#include "bytes.h"

void attempt(void)
{
	if (in_nmi())
		goto out;
	if (bpf_prog_get_recursion_context((struct bpf_prog *)&prog))
		body();
out:
	bpf_prog_put_recursion_context((struct bpf_prog *)&prog);
}
CTXRACE_ATTEMPTS(1);
