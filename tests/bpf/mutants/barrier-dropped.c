// SPDX-License-Identifier: Apache-2.0
/* The barriers are dropped and the program is inlined: the compiler takes increment and decrement for nothing. */
#define BARRIER()	do { } while (0)
#include "inlined.h"
