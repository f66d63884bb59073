/* perf's recursion context: each level has its own, and an event within an event of the same level is dropped. */
#include <linux/perf_event.h>

noinline void in_task(void) { barrier(); }
noinline void in_nmi(void) { barrier(); }
static __always_inline void event(void (*body)(void))
{
	int context = perf_swevent_get_recursion_context();

	if (context < 0)
		return;
	body();
	perf_swevent_put_recursion_context(context);
}
void task(void) { event(in_task); }
void nmi(void) { event(in_nmi); }
CTXRACE_TASKS(2, task); CTXRACE_NMI(nmi); CTXRACE_EXCLUSIVE(in_nmi); CTXRACE_PROGRESS(nmi, in_nmi);
