/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls the guard, as the compiler's flags say (attach.h). A guard's file includes this at its end. */
#include "attach.h"

#if BPF_TRAMPOLINE
# include "traced.h"
#elif BPF_RAW_TP
# include "raw_tp.h"
#else
# include "bare.h"
#endif
