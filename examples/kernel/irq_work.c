/* irq_work_queue(): who queues work that runs already gets it run once more, and no work runs twice at once. */
#include <linux/irq_work.h>

noinline void body(struct irq_work *work) { barrier(); }
struct irq_work work = { .func = body };
bool raised;
void arch_irq_work_raise(void) { raised = true; }
void queue(void) { irq_work_queue(&work); }
void interrupt(void)
{
	if (!raised)
		return;
	raised = false;
	irq_work_run();
}
CTXRACE_TASKS(2, queue); CTXRACE_NMI(queue); CTXRACE_HARDIRQ(interrupt); CTXRACE_EXCLUSIVE(body);
