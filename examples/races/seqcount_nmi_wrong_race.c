// SPDX-License-Identifier: Apache-2.0
/* The other version of what it includes. */
#define WRONG
#include "seqcount_nmi_race.c"
CTXRACE_EXPECT(hang, violated);
