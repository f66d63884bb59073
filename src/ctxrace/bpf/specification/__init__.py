"""BPF's recursion detection, executable: counters, enter, exit, trampoline, and who may cut in, in plain Python.

A program is attached to a function. A task or an interrupt that calls the function makes an *attempt*: the
trampoline calls enter, runs the program's body if enter said ok, and calls exit in any case. Enter and exit keep
the CPU's `active` counters. A guard is how they do that: a few lines of C, each of them one event. Between two
events any context may cut in that the context rules allow.

**Counting states.** The first line of enter begins the attempt, and the last line of exit ends it; for a handler
they are also its arrival and its return. A switch is part of the event after it. A refused attempt goes on with exit
at once. Variables that nobody will look at again are 0. Bytes wrap. Two bits remember what happened since the CPU
was last idle: whether body was entered, and whether an attempt began while another was in flight.

**Which kernel, which program.** The preemption model says where a task may lose the CPU (`rules`). What stands
round the guard depends on the program and on RCU (`guards.attempt`): where RCU is not preemptible, rcu_read_lock()
keeps a program that must not sleep on the CPU from enter to exit; a sleepable one runs without, and blocks in its
body. With several CPUs each has its own counters and its own interrupts; a task that has lost its CPU may go on on
another one unless migration is disabled. `active` then points where this_cpu_ptr() was executed. Idle is when no CPU
has an attempt in flight. The CPUs see one another's accesses in one order. An interrupt that is not accounted for yet,
or any more, takes the counter of whom it cut in on. Real-time tasks are not preempted by tasks.

**How wide.** Counters of b bits keep `exclusive` while at most 2**b attempts are in flight on a CPU. The int lets in
one more of any level. The bytes let it in only if 2**b are in flight in one byte, as tasks are: byte 0 is 0 then, and
the next attempt, of any level, is alone. With 8 bits 256 hold and 257 do not.

**The second judge.** This and the C files in ``guards/`` (`COMPILED` says which) share the context rules, the
search and nothing else. They agree on every verdict and on the length of every shortest interleaving. Their events
(arm64, clang -O2):

====================================  ==================================================================
here                                  machine code
====================================  ==================================================================
``tmp = active[rctx]``                one load, ``ldrb``, or ``ldr`` where it is an int
``active[rctx] = tmp + 1``            one store, ``strb`` or ``str``; the sum and the test of it are private
``ok = word(active) == ...``          one load, ``ldr``; the comparison is private
``preempt_disable()``, ``_enable()``  one store, ``str`` to preempt_count; an interrupt between its load and that
                                      store puts it back, so that the load is private
``body()``                            ``ret``, which leaves it; what comes before the call enters it
``this_cpu_inc_return()``,            LSE: ``ldadd`` between the stores of a preempt_disable() and a
``this_cpu_dec()``                    preempt_enable(), 3 events. LL/SC: ``ldxr`` and ``stxr`` between them, 4,
                                      and 2 more for each time that an interrupt came between these two
the first line of an attempt          the start or the arrival, which is a transition without an event, and that line
the last line of an attempt           that line, and, below the highest level that has a handler, the return: one more
                                      transition without an event, before which that higher level may arrive
====================================  ==================================================================

So the two correspond event by event, but for the atomic guard, which has no interleaving whose length could be
compared: its properties hold. Called by a trampoline, there are besides, one event each on both sides:
``rcu_read_lock()`` and ``rcu_read_unlock()`` where they change the preempt count; ``schedule()``, at whose beginning
the machine code blocks, and this at its end; and, with more than one CPU only, because nobody could tell on one,
``this_cpu_ptr()`` (``mrs tpidr_el1``), ``migrate_disable()`` and ``migrate_enable()``. The machine code alone has the
might_sleep() of a sleepable program's enter, and the ``mrs`` of what is one line here. ``tests/bpf/test_models.py``
gives each line its price, and finds the same verdicts and lengths under every preemption model.

``python -m ctxrace.bpf.specification`` prints what holds, and how many states there are. Read `code` (the lines),
`guards` (what is made of them), `rules` (which context may run), then `system` (what happens on one CPU). `cpus` adds
further CPUs, `symmetry` counts tasks as one another, and `Guard.narrowed` makes counters smaller.
"""

from ctxrace.bpf.specification.code import Active, Context, Effect, Line, cond_resched, might_sleep, schedule
from ctxrace.bpf.specification.cpus import SeveralCpus, specify
from ctxrace.bpf.specification.guards import COMPILED, GUARDS, SELECTIONS, Attempt, Guard, attempt, trampoline
from ctxrace.bpf.specification.narrate import narrate
from ctxrace.bpf.specification.setting import INTERRUPTS, Callers, Kernel, Program
from ctxrace.bpf.specification.symmetry import Symmetric, UncountedSwitches
from ctxrace.bpf.specification.system import (
    BALANCED,
    EXCLUSIVE,
    PROGRESS,
    RECOVERS,
    Choice,
    Specification,
    State,
)

__all__ = ["BALANCED", "COMPILED", "EXCLUSIVE", "GUARDS", "INTERRUPTS", "PROGRESS", "RECOVERS", "SELECTIONS", "Active",
           "Attempt", "Callers", "Choice", "Context", "Effect", "Guard", "Kernel", "Line", "Program", "SeveralCpus",
           "Specification", "State", "Symmetric", "UncountedSwitches", "attempt", "cond_resched", "might_sleep",
           "narrate", "schedule", "specify", "trampoline"]  # fmt: skip
