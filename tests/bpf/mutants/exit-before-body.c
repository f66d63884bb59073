// SPDX-License-Identifier: Apache-2.0
/* Exit comes before the program instead of after it. */
#define OWN_ATTEMPT
#include "bytes.h"

void attempt(void)
{
	bool ok = bpf_prog_get_recursion_context((struct bpf_prog *)&prog);

	bpf_prog_put_recursion_context((struct bpf_prog *)&prog);
	if (ok)
		body();
}
