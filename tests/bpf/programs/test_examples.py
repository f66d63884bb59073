"""Right and wrong programs side by side, with verdicts worked out by hand.

`first` and `second` are raw tracepoints in tasks, `packet` is a cgroup_skb program in tasks and softirqs. On 7.0 with
preemptible RCU a task that runs any of them may be preempted; two invocations of one tracepoint program are kept apart
by prog->active.
"""

import pytest

from .compiled import compiled
from .verdicts import broken, kernel

FULL = kernel("7.0", "full")
LAZY = kernel("7.0", "lazy")
OLD = kernel("6.12", "full")
BUFFERS, LEVEL = "unmixed buffers", ".bss"
NEST_BREAKS = {BUFFERS, "lost update .bss", "leaked .bss"}


@pytest.mark.parametrize(
    ("flags", "tasks", "softirq"),
    [
        # Nothing: whoever comes between fills the buffer anew.
        ((), {BUFFERS}, {BUFFERS}),
        # A plain flag is taken by two tasks that both saw it free; a softirq that comes between is done before.
        (("-DBUSY_PLAIN",), {BUFFERS}, set()),
        (("-DBUSY_ATOMIC",), set(), set()),
        # A plain level is put back by what nests, not by what interleaves: an update is lost, both take one buffer.
        (("-DNEST_PLAIN",), NEST_BREAKS, set()),
        # Counted atomically it is never lost, but tasks do not end in the order of their levels: A 0, B 1, A ends,
        # A' takes 1, too.
        (("-DNEST_ATOMIC",), {BUFFERS}, set()),
        (("-DOF_TASK",), set(), {"unmixed of_task"}),
        (("-DPREEMPT_OFF",), set(), {BUFFERS}),
        # Of two buffers two invocations never steal; the only one is stolen between the last look and the sending.
        (("-DCLAIM",), set(), set()),
        (("-DCLAIM", "-DDEPTH=1"), {BUFFERS}, {BUFFERS}),
    ],
)
def test_a_buffer_and_what_guards_it(flags: tuple[str, ...], tasks: set[str], softirq: set[str]) -> None:
    path = compiled("guards", *flags)
    assert broken(path, "first", "second", FULL) == tasks
    # On 6.12 a raw tracepoint runs with preemption off: only the softirq is left.
    assert broken(path, "first", "second", OLD) == set()
    assert broken(path, "first", "packet", OLD) == softirq


def test_a_buffer_for_each_context() -> None:
    path = compiled("guards", "-DPER_CONTEXT")
    assert broken(path, "first", "packet", FULL) == set()
    assert broken(path, "first", "second", FULL) == {BUFFERS}, "two tasks are one context"
    assert broken(path, "packet", "packet", OLD) == {BUFFERS}, "it sends in tasks and in softirqs"


@pytest.mark.parametrize(
    ("flags", "tasks", "softirq"),
    [
        (("-DPLAIN",), {"lost update counters"}, {"lost update counters"}),
        (("-DATOMIC",), set(), set()),
        # A lock of BPF switches interrupts off.
        (("-DLOCKED",), set(), set()),
        (("-DPREEMPT_OFF",), set(), {"lost update counters"}),
        # What is put back is not lost under nesting; between tasks it is.
        (("-DUP_AND_DOWN",), {"lost update counters", "leaked counters"}, set()),
    ],
)
def test_a_counter(flags: tuple[str, ...], tasks: set[str], softirq: set[str]) -> None:
    path = compiled("counters", *flags)
    assert broken(path, "first", "second", LAZY) == tasks
    assert broken(path, "first", "second", OLD) == set()
    assert broken(path, "first", "packet", OLD) == softirq
