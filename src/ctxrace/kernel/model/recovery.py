"""Whether an idle CPU recovers: one more entry, left alone, runs its body."""

from typing import TYPE_CHECKING

from ctxrace.kernel.model.flows import Role
from ctxrace.kernel.model.state import REST, KernelState, Task
from ctxrace.kernel.rules.contexts import Level
from ctxrace.machine.memory import RegionKind

if TYPE_CHECKING:
    from ctxrace.kernel.model.system import KernelSystem

__all__ = ["recovers"]


def recovers(system: "KernelSystem", state: KernelState, entry: str, body: str) -> bool:
    """Return whether `entry`, begun on the idle CPU `state` and left alone, runs `body`, whoever begins it."""
    tasks = system.tasks.values
    used = [0] * len(system.groups)
    for task, number in state.others:
        used[tasks[task].group] += number
    resting = [task for task, _ in state.others if system.groups[tasks[task].group].entry == entry]
    resting += [
        system.fresh[number]
        for number, group in enumerate(system.groups[:-1])
        if group.entry == entry and used[number] < group.size
    ]
    begins = [(task, Role(Level.TASK, entry)) for task in resting]
    for handler in system.handlers:
        if handler.entry == entry:
            idle = tasks[state.current if len(system.cpus) == 1 else system.idle]
            over = system.tasks(Task(idle.group, REST, idle.task_struct, cpu=system.cpu))
            begins.append((over, Role(handler.level, entry, handler.window)))
    return all(_runs_undisturbed(system, task, role, state.shared, body) for task, role in begins)


def _runs_undisturbed(system: "KernelSystem", task: int, role: Role, shared: int, body: str) -> bool:
    move = system.first_move(task, role)
    memory, seen = system.shared.values[shared], set()
    while body not in move.enters:
        where = (move.flow, move.task_struct, memory)
        if move.flow == REST or where in seen:
            return False
        seen.add(where)
        mine = system.task_structs.values[move.task_struct]
        outcome = system.flows.step(move.flow, system.identity(task), memory, mine)
        memory = outcome.apply(memory, RegionKind.SHARED)
        move = system.conclude(role, outcome, memory, mine, move.began, move.run_context)
    return True
