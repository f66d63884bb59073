// SPDX-License-Identifier: Apache-2.0
/* The other version of what it includes. */
#define WRONG
#include "ring_buffer_race.c"
CTXRACE_EXPECT(check, violated);
