"""BPF's recursion detection, executable: counters, enter, exit, trampoline, and who may cut in, in plain Python.

A program is attached to a function. Whoever calls that function, a task or an interrupt, makes an *attempt*: the
trampoline calls enter, runs the program's body if enter said ok, and calls exit in any case. Enter and exit keep
the CPU's `active` counters. A guard is how they do that: a few lines of C, each of them one event. Between two
events anybody may cut in whom the context rules allow to.

**Counting states.** The first line of enter begins the attempt, and the last line of exit ends it; for a handler
they are also its arrival and its return. A switch is part of the event after it. A refused attempt goes on with exit
at once. Variables that nobody will look at again are 0. Bytes wrap. Two bits remember what happened since the CPU
was last idle: whether body was entered, and whether an attempt began while another was in flight.

**The second judge.** This and the C files in ``guards/`` (`COMPILED` says which) share the context rules, the
search and nothing else. They agree on every verdict and on the length of every shortest interleaving. Their events
(arm64, clang -O2):

====================================  ==================================================================
here                                  machine code
====================================  ==================================================================
``tmp = active[rctx]``                one load, ``ldrb``, or ``ldr`` where it is an int
``active[rctx] = tmp + 1``            one store, ``strb`` or ``str``; the sum and the test of it are private
``ok = word(active) == ...``          one load, ``ldr``; the comparison is private
``preempt_disable()``, ``_enable()``  one store, ``str`` to preempt_count; whoever changes it between its load and
                                      that store puts it back, so that the load is private
``body()``                            ``ret``, which leaves it; what comes before the call enters it
``this_cpu_inc_return()``,            LSE: ``ldadd`` between the stores of a preempt_disable() and a
``this_cpu_dec()``                    preempt_enable(), 3 events. LL/SC: ``ldxr`` and ``stxr`` between them, 4,
                                      and 2 more for each time that an interrupt came between these two
the first line of an attempt          the start or the arrival, which is a transition without an event, and that line
the last line of an attempt           that line, and, below the highest level that has a handler, the return: one more
                                      transition without an event, before which that higher level may arrive
====================================  ==================================================================

So the two correspond event by event, but for the atomic guard, which has no interleaving whose length could be
compared: its properties hold.

``python -m ctxrace.bpf.specification`` prints what holds, and how many states there are.
"""

from ctxrace.bpf.specification.code import Active, Context, Effect, Line, cond_resched, might_sleep, schedule
from ctxrace.bpf.specification.guards import COMPILED, GUARDS, SELECTIONS, Attempt, Guard, attempt, trampoline
from ctxrace.bpf.specification.rules import Model
from ctxrace.bpf.specification.system import (
    BALANCED,
    EXCLUSIVE,
    INTERRUPTS,
    PROGRESS,
    RECOVERS,
    Choice,
    Specification,
    State,
)

__all__ = ["BALANCED", "COMPILED", "EXCLUSIVE", "GUARDS", "INTERRUPTS", "PROGRESS", "RECOVERS", "SELECTIONS", "Active",
           "Attempt", "Choice", "Context", "Effect", "Guard", "Line", "Model", "Specification", "State", "attempt",
           "cond_resched", "might_sleep", "schedule", "trampoline"]  # fmt: skip
