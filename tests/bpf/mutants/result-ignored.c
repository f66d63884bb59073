// SPDX-License-Identifier: Apache-2.0
/* What enter says is not looked at. */
#define OWN_ATTEMPT
#include "bytes.h"

void attempt(void)
{
	bpf_prog_get_recursion_context((struct bpf_prog *)&prog);
	body();
	bpf_prog_put_recursion_context((struct bpf_prog *)&prog);
}
