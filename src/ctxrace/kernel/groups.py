"""Tasks that count as one another: how many there are, what they run, and with whose addresses."""

from ctxrace.kernel.context import SOFTIRQ_OFFSET, Level
from ctxrace.kernel.layout import Layout
from ctxrace.kernel.position import Group
from ctxrace.kernel.scenario import Scenario

__all__ = ["fresh_own", "groups_of"]


def groups_of(scenario: Scenario, layout: Layout, folded: bool) -> list[Group]:
    """Return the groups of all tasks: the scenario's, softirqs where they are tasks, and last the idle task."""
    groups = []
    identity = 0
    for tasks in scenario.tasks:
        if folded:
            groups.append(Group(tasks.count, tasks.entry, 0, fifo=tasks.fifo))
        else:
            identities = range(identity, identity + tasks.count)
            groups.extend(Group(1, tasks.entry, number, fifo=tasks.fifo) for number in identities)
        identity += tasks.count
    for number, softirq in enumerate(scenario.softirq_tasks):
        groups.append(Group(1, softirq.entry, 0 if folded else identity + number, Level.SOFTIRQ))
    # Interrupts over the idle task see its task_struct; folded, they must not be able to tell.
    return [*groups, Group(1, "", 0 if folded else layout.idle)]


def fresh_own(layout: Layout, group: Group) -> bytes:
    """Return the task_struct of a task of `group` that has not run yet."""
    if not group.entry:
        # Folded, it has the address of another one, also where `current` is a variable in memory.
        return layout.own(layout.idle, address=group.identity)
    # PREEMPT_RT counts softirqs in the task and not in the preempt count (kernel/softirq.c, softirq_handle_begin).
    return layout.own(group.identity, SOFTIRQ_OFFSET if group.level is Level.SOFTIRQ else 0)
