// SPDX-License-Identifier: Apache-2.0
/* The program sleeps, and is attached to what interrupts reach. */
#define OWN_BODY
#include "bytes.h"

static noinline void body(void)
{
	schedule();
	barrier();
}
