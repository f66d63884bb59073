"""Whether an idle CPU recovers: one more entry, left alone, runs its body."""

from ctxrace.kernel.model.contexts import Contexts
from ctxrace.kernel.model.outcome import Role
from ctxrace.kernel.model.state import REST, KernelState, Task
from ctxrace.kernel.rules.contexts import Level
from ctxrace.machine.memory import RegionKind

__all__ = ["recovers"]


def recovers(cpu: Contexts, state: KernelState, entry: str, body: str) -> bool:
    """Return whether `entry`, begun on the idle CPU `state` and left alone, runs `body` for each task."""
    tasks = cpu.tasks.values
    used = [0] * len(cpu.groups)
    for task, number in state.others:
        used[tasks[task].group] += number
    resting = [task for task, _ in state.others if cpu.groups[tasks[task].group].entry == entry]
    resting += [
        cpu.fresh[number]
        for number, group in enumerate(cpu.groups[:-1])
        if group.entry == entry and used[number] < group.size
    ]
    begins = [(task, role) for task in resting for role in cpu.roles(Level.TASK, entry)]
    for handler in cpu.handlers:
        if handler.entry == entry:
            idle = tasks[state.current if cpu.scenario.cpus == 1 else cpu.idle]
            over = cpu.tasks(Task(idle.group, REST, idle.task_struct, cpu=cpu.cpu))
            begins += [(over, role) for role in cpu.roles(handler.level, entry, handler.window)]
    return all(_runs_undisturbed(cpu, task, role, state.shared, body) for task, role in begins)


def _runs_undisturbed(cpu: Contexts, task: int, role: Role, shared: int, body: str) -> bool:
    move = cpu.first_move(task, role)
    memory, seen = cpu.shared.values[shared], set()
    while body not in move.enters:
        where = (move.flow, move.task_struct, memory)
        if move.flow == REST or cpu.flows.is_endless(move.flow) or where in seen:
            return False
        seen.add(where)
        mine = cpu.task_structs.values[move.task_struct]
        outcome = cpu.flows.step(move.flow, cpu.identity(task), memory, mine)
        memory = outcome.apply(memory, RegionKind.SHARED)
        move = cpu.conclude(role, outcome, mine, move.began, move.run_context)
    return True
