"""Tasks that count as one another: how many there are, what they run, and with whose addresses."""

from ctxrace.core.limits import spend
from ctxrace.kernel.model.layout import Layout
from ctxrace.kernel.model.state import Group
from ctxrace.kernel.rules.contexts import SOFTIRQS_AT_ONCE, Level
from ctxrace.kernel.scenario import Scenario

__all__ = ["fresh_task_struct", "groups_of", "softirqs_at_once", "tasks_of"]


def groups_of(scenario: Scenario, layout: Layout, symmetric: bool) -> list[Group]:
    """Return the groups of all tasks: the scenario's, softirqs where they are tasks, and last the idle task."""
    groups = []
    identity = 0
    for tasks in scenario.tasks:
        if symmetric:
            groups.append(Group(tasks.count, tasks.entry, 0, fifo=tasks.fifo))
        else:
            identities = range(identity, identity + tasks.count)
            groups.extend(Group(1, tasks.entry, number, fifo=tasks.fifo) for number in identities)
        identity += tasks.count
    for softirq in scenario.softirq_tasks:
        count = softirqs_at_once(scenario)
        if symmetric:
            groups.append(Group(count, softirq.entry, 0, Level.SOFTIRQ))
        else:
            groups.extend(Group(1, softirq.entry, identity + number, Level.SOFTIRQ) for number in range(count))
        identity += count
    # Interrupts over the idle task see its task_struct; if tasks are symmetric, interrupts must not be able to tell.
    return [*groups, Group(1, "", 0 if symmetric else layout.idle)]


def tasks_of(scenario: Scenario) -> int:
    """Return how many tasks there are, those that serve softirqs among them."""
    return scenario.task_count + len(scenario.softirq_tasks) * softirqs_at_once(scenario)


def softirqs_at_once(scenario: Scenario) -> int:
    """Return how many tasks, of all CPUs, may be in the handler of a softirq that is a task."""
    return SOFTIRQS_AT_ONCE * scenario.cpus


def fresh_task_struct(layout: Layout, group: Group) -> bytes:
    """Return the task_struct of a task of `group` that has not run yet."""
    spend("placing tasks in memory")
    if not group.entry:
        # Folded, it has the address of another one, also where `current` is a variable in memory.
        return layout.task_struct(layout.idle, address=group.identity)
    # PREEMPT_RT counts softirqs in the task and not in the preempt count, and keeps the task on its CPU (v6.18
    # kernel/softirq.c, __local_bh_disable_ip).
    return layout.task_struct(group.identity, softirq=group.level is Level.SOFTIRQ)
