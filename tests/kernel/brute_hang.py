"""Kernels made of locks and flags, written down twice: as C, and as plain Python in which every state is tried.

The Python knows no machine code and none of the search. It decides AG EF idle by marking what reaches an idle state
until nothing changes.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["HEAD", "Kernel", "c_function", "hangs", "random_function", "random_kernel"]

HEAD = """
#define CTXRACE_SMP 1
#include <ctxrace/kernel.h>
int lock0, lock1, flag0, flag1;
"""
_C = {
    "take": "while (xchg(&lock{0}, 1)) barrier();",
    "drop": "smp_store_release(&lock{0}, 0);",
    "wait": "while (!READ_ONCE(flag{0})) barrier();",
    "set": "WRITE_ONCE(flag{0}, 1);",
    "clear": "WRITE_ONCE(flag{0}, 0);",
    "irq off": "local_irq_disable();",
    "irq on": "local_irq_enable();",
    "preempt off": "preempt_disable();",
    "preempt on": "preempt_enable();",
    "loop": "for (;;) barrier();",
}

Op = tuple[str, int]
Function = tuple[Op, ...]
Task = tuple[int, int, bool, int]  # the next op, the preempt count, whether interrupts are off, the CPU; REST at rest
Cpu = tuple[int, tuple[tuple[int, int], ...]]  # the current task or NOBODY, the handlers over it with their next ops
State = tuple[tuple[int, ...], tuple[Task, ...], tuple[Cpu, ...]]

NOBODY = -1
REST: Task = (-1, 0, False, 0)


@dataclass(frozen=True)
class Kernel:
    """Tasks and handlers (hardirq, then NMI; None where there is none), by the numbers of their functions."""

    tasks: tuple[int, ...]
    handlers: tuple[int | None, int | None]
    cpus: int
    preemptible: bool


def random_function(rng: random.Random, *, task: bool) -> Function:
    """Return a function that leaves the preempt count and the interrupt mask as it found them."""
    ops: list[Op] = []
    for _ in range(rng.randint(1, 2)):
        lock = rng.randint(0, 1)
        inner: list[Op] = [(rng.choice(["set", "clear", "wait", "set"]), rng.randint(0, 1))]
        if rng.random() < 0.7:
            inner = [("take", lock), *inner[: rng.randint(0, 1)], ("drop", lock)]
            if rng.random() < 0.1:
                inner.pop()  # never given back
        around = rng.choice(["", "", "irq", "preempt"]) if task else ""
        ops += [(f"{around} off", 0), *inner, (f"{around} on", 0)] if around else inner
    if rng.random() < 0.03:
        ops.insert(rng.randrange(len(ops)), ("loop", 0))
    return tuple(ops)


def c_function(name: str, function: Function) -> str:
    """Return the function in C."""
    return f"void {name}(void) {{ {' '.join(_C[op].format(which) for op, which in function)} }}"


def random_kernel(rng: random.Random, cpus: int, tasks: range, handlers: range) -> Kernel:
    """Return a kernel of some of the functions numbered `tasks` and `handlers`."""
    hardirq, nmi = (rng.choice(handlers) if rng.random() < chance else None for chance in (0.6, 0.25))
    some = tuple(rng.choice(tasks) for _ in range(rng.randint(1, 2)))
    return Kernel(some, (hardirq, nmi) if cpus == 1 else (hardirq, None), cpus, rng.random() < 0.8)


def hangs(kernel: Kernel, functions: dict[int, Function]) -> bool:
    """Return whether some reachable state leads to no idle one."""
    start: State = ((0, 0, 0, 0), (REST,) * len(kernel.tasks), ((NOBODY, ()),) * kernel.cpus)
    after: dict[State, list[State]] = {}
    waiting = [start]
    while waiting:
        state = waiting.pop()
        if state not in after:
            after[state] = list(_steps(kernel, functions, state))
            waiting += after[state]
    good = {state for state in after if _idle(state)}
    changed = True
    while changed:
        more = {state for state, following in after.items() if state not in good and not good.isdisjoint(following)}
        changed = bool(more)
        good |= more
    return len(good) < len(after)


def _idle(state: State) -> bool:
    _, tasks, cpus = state
    return all(task == REST for task in tasks) and not any(over for _, over in cpus)


def _steps(kernel: Kernel, functions: dict[int, Function], state: State) -> Iterator[State]:
    words, tasks, cpus = state
    running = {current for current, _ in cpus}
    for cpu, (current, over) in enumerate(cpus):
        me = tasks[current] if current != NOBODY else REST
        if over:
            level, at = over[-1]
            number = kernel.handlers[level]
            assert number is not None
            moved = _do(words, (at, 0, True, cpu), functions[number])
            if moved is not None:
                left = (*over[:-1], (level, moved[1][0])) if moved[1] != REST else over[:-1]
                yield _changed(moved[0], tasks, cpus, cpu, (current, left))
        elif current != NOBODY:
            moved = _do(words, me, functions[kernel.tasks[current]])
            if moved is not None:
                now = (*tasks[:current], moved[1], *tasks[current + 1 :])
                yield _changed(moved[0], now, cpus, cpu, (NOBODY if moved[1] == REST else current, ()))
        waits = any(task != REST and who not in running and task[3] == cpu for who, task in enumerate(tasks))
        if current != NOBODY or over or not waits:
            top = over[-1][0] if over else -1
            for level, handler in enumerate(kernel.handlers):
                if handler is not None and level > top and (level == 1 or not me[2]):
                    yield _changed(words, tasks, cpus, cpu, (current, (*over, (level, 0))))
        if not over and (current == NOBODY or (kernel.preemptible and not me[1] and not me[2])):
            for who, task in enumerate(tasks):
                if who not in running:
                    begun = (max(task[0], 0), task[1], task[2], cpu)
                    yield _changed(words, (*tasks[:who], begun, *tasks[who + 1 :]), cpus, cpu, (who, ()))
            if current != NOBODY and kernel.cpus > 1:
                yield _changed(words, tasks, cpus, cpu, (NOBODY, ()))


def _changed(
    words: tuple[int, ...], tasks: tuple[Task, ...], cpus: tuple[Cpu, ...], number: int, cpu: Cpu
) -> State:
    return words, tasks, (*cpus[:number], cpu, *cpus[number + 1 :])


def _do(words: tuple[int, ...], me: Task, function: Function) -> tuple[tuple[int, ...], Task] | None:
    """Return memory and context after the next op; None where it only waits."""
    at, preempt, off, cpu = me
    op, which = function[at]
    place = which + 2 * (op in ("wait", "set", "clear"))
    if op == "loop" or (op == "take" and words[place]) or (op == "wait" and not words[place]):
        return None
    value = {"take": 1, "drop": 0, "set": 1, "clear": 0}.get(op, words[place])
    words = (*words[:place], value, *words[place + 1 :])
    preempt += {"preempt off": 1, "preempt on": -1}.get(op, 0)
    off = {"irq off": True, "irq on": False}.get(op, off)
    return words, REST if at + 1 == len(function) else (at + 1, preempt, off, cpu)
