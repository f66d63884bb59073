// SPDX-License-Identifier: Apache-2.0
/* The other version of what it includes. */
#define WRONG
#include "lazy_pointer_race.c"
CTXRACE_EXPECT(check, violated);
