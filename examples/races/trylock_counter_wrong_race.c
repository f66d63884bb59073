// SPDX-License-Identifier: Apache-2.0
/* The other version of what it includes. */
#define WRONG
#include "trylock_counter_race.c"
CTXRACE_EXPECT(exclusive, violated);
