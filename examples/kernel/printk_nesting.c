/* printk's nesting: what may not print into itself counts how deep it is, and every count is given back. */
#include <linux/printk.h>

extern int printk_context;
noinline void body(void) { barrier(); }
void attempt(void)
{
	__printk_safe_enter();
	body();
	__printk_safe_exit();
}
CTXRACE_TASKS(2, attempt); CTXRACE_SOFTIRQ(attempt); CTXRACE_HARDIRQ(attempt); CTXRACE_NMI(attempt);
CTXRACE_BALANCED(printk_context); CTXRACE_PROGRESS(attempt, body);
