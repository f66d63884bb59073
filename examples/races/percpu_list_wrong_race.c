// SPDX-License-Identifier: Apache-2.0
/* The other version of what it includes. */
#define WRONG
#include "percpu_list_race.c"
CTXRACE_EXPECT(check, violated);
