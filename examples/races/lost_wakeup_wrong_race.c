// SPDX-License-Identifier: Apache-2.0
/* The other version of what it includes. */
#define WRONG
#include "lost_wakeup_race.c"
CTXRACE_EXPECT(hang, violated);
