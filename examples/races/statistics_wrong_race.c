// SPDX-License-Identifier: Apache-2.0
/* The other version of what it includes. */
#define WRONG
#include "statistics_race.c"
CTXRACE_EXPECT(balanced, violated);
