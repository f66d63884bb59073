"""Right and wrong programs side by side, with verdicts worked out by hand.

`first` and `second` are raw tracepoints in tasks, `packet` is a cgroup_skb program in tasks and softirqs. On 7.0 with
preemptible RCU a task that runs any of them may be preempted; two invocations of one tracepoint program are kept apart
by prog->active.
"""

import pytest

from ctxrace.bpf.programs.check import check_pair, stuck
from ctxrace.bpf.programs.elf.object import load_object
from ctxrace.bpf.programs.meet.pair import Topic
from ctxrace.bpf.programs.request import Request
from ctxrace.bpf.programs.rules import meeting, placement
from ctxrace.bpf.programs.whole import placed_programs
from ctxrace.core.facts.reason import BeginsOtherwise
from ctxrace.core.verdict import Outcome, worst
from ctxrace.kernel.rules.contexts import Level

from .compiled import compile_text, compiled
from .verdicts import LIMITS, answers, broken, kernel, outcome, placed

FULL = kernel("7.0", "full")
LAZY = kernel("7.0", "lazy")
OLD = kernel("6.12", "full")
BUFFERS, LEVEL = "unmixed buffers", ".bss"
NEST_BREAKS = {BUFFERS, "lost update .bss", "leaked .bss"}


@pytest.mark.parametrize(
    ("flags", "tasks", "softirq"),
    [
        # Nothing: a program in between fills the buffer anew.
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


def test_a_timer_and_the_program_that_starts_it() -> None:
    """On 6.12 a timer's callback runs in a softirq, and may come between the load and the store of the other's `++`."""
    everything = placed_programs(load_object(compiled("shapes")), Request(OLD))
    programs = {each.function.name: each for each in everything.programs}
    found = list(check_pair(everything.code, programs["starts_timer"], programs["on_timer"], LIMITS))
    violated = {f"{a.question.topic} {a.question.region.name}" for a in found if a.outcome is Outcome.VIOLATED}
    assert violated == {"lost update timed"}


def test_elements_by_key() -> None:
    """Two tasks never have the same pid; what user space passes to two system calls may be the same."""
    path = compiled("shapes")
    assert broken(path, "counts_by_argument", "counts_by_argument", OLD) == set(), "prog->active keeps it from itself"
    assert broken(path, "counts_by_pid", "counts_by_argument", FULL) == {"lost update by_id"}


STRING = """
#include "program.h"
struct record { char bytes[64]; };
struct { __uint(type, PERCPU_ARRAY); __type(key, __u32); __type(value, struct record); __uint(max_entries, 1); } records
SEC(".maps");
struct { __uint(type, RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
static __always_inline int send(const void *from)
{
	__u32 zero = 0;
	struct record *r = bpf_map_lookup_elem(&records, &zero);

	if (!r)
		return 0;
	READ(r->bytes, sizeof(r->bytes), from);
	SECOND_READ
	bpf_ringbuf_output(&events, r, sizeof(*r), 0);
	return 0;
}
SEC("tp_btf/sched_process_exec") int first(__u64 *ctx) { return send(ctx); }
SEC("tp_btf/sched_process_exit") int second(__u64 *ctx) { return send(ctx); }
"""


def test_what_overwrites_an_unknown_part_proves_nothing_and_breaks_nothing() -> None:
    """The second read leaves bytes of the other's where the string is short; nobody knows which. That is incomplete."""
    flags = "-DREAD=bpf_probe_read_user_str", "-DSECOND_READ="
    assert outcome(compile_text(STRING, *flags), "first", "second", FULL) is Outcome.VIOLATED
    flags = "-DREAD=bpf_probe_read_kernel", "-DSECOND_READ="
    assert outcome(compile_text(STRING, *flags), "first", "second", FULL) is Outcome.VIOLATED


def test_a_kprobe_over_a_kprobe() -> None:
    """bpf_prog_active keeps them apart, so that nothing is mixed; the one that comes second is missed."""
    under = kernel("7.2", "lazy")
    flags = '-DFIRST="kprobe/__x64_sys_getpid"', '-DSECOND="kprobe/tcp_v4_rcv"'
    path = compiled("guards", *flags)
    _, programs = placed(path, under)
    over = placement("kprobe/tcp_v4_rcv", under, context=Level.SOFTIRQ)
    met = meeting(programs["first"].placement, over, same_program=False)
    assert not met.runs
    assert [(each.over, each.by) for each in met.missed] == [(Level.TASK, Level.SOFTIRQ)]
    assert broken(path, "first", "second", under) == set()


BY_CPU = """
#include "program.h"
struct { __uint(type, ARRAY); __type(key, __u32); __type(value, __u64); __uint(max_entries, 8); } counters SEC(".maps");
static __u32 (*const cpu)(void) = (void *)8;
static __always_inline int count(__u32 key)
{
	__u64 *n = bpf_map_lookup_elem(&counters, &key);

	if (n)
		*n += 1;
	return 0;
}
SEC("tp_btf/sched_process_exec") int first(void *ctx) { return count(cpu()); }
SEC("tp_btf/sched_process_exit") int second(void *ctx) { return count(SECOND_KEY); }
"""


@pytest.mark.parametrize("key", ["cpu()", "3"])
def test_an_element_for_each_cpu(key: str) -> None:
    """Both run on one CPU, so that its element is one; and any number may be that CPU's."""
    path = compile_text(BY_CPU, f"-DSECOND_KEY={key}")
    assert broken(path, "first", "second", FULL) == {"lost update counters"}


def test_elements_by_different_numbers() -> None:
    text = BY_CPU.replace("count(cpu())", "count(2)")
    assert broken(compile_text(text, "-DSECOND_KEY=3"), "first", "second", FULL) == set()
    assert broken(compile_text(text, "-DSECOND_KEY=2"), "first", "second", FULL) == {"lost update counters"}


def test_a_level_that_is_lost_stays_for_ever() -> None:
    """Two tasks leave a plain level at 1 or below 0: each further run counts up and down again, from there."""
    path = compiled("guards", "-DNEST_PLAIN")
    found = [a for a in answers(path, "first", "second", FULL) if a.question.topic is Topic.GUARD]
    assert [answer.outcome for answer in found] == [Outcome.VIOLATED]
    assert all(stuck(answer) for answer in found)


MODES = """
struct event { __u64 type, time; };
struct { __uint(type, PERCPU_ARRAY); __type(key, __u32); __type(value, struct event); __uint(max_entries, 1); }
scratch SEC(".maps");
struct { __uint(type, RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
__u32 armed, mode, taken;

static __always_inline int emit(__u64 type)
{
	__u32 zero = 0;
	struct event *event = bpf_map_lookup_elem(&scratch, &zero);

	if (!event)
		return 0;
	event->type = type;
	event->time = bpf_ktime_get_ns();
	barrier();
	bpf_ringbuf_output(&events, event, sizeof(*event), 0);
	return 0;
}

SEC("raw_tp/a") int once(void *ctx) { if (armed) { emit(1); armed = 0; } return 0; }
SEC("raw_tp/b") int also_once(void *ctx) { if (armed) { emit(2); armed = 0; } return 0; }
SEC("raw_tp/c") int in_mode(void *ctx) { if (mode == 2) emit(3); else mode = 0; return 0; }
SEC("raw_tp/d") int also_in_mode(void *ctx) { if (mode == 2) emit(4); else mode = 1; return 0; }
SEC("raw_tp/e") int sets_mode(void *ctx) { mode = 2; return 0; }
SEC("raw_tp/g") int guarded(void *ctx)
{
	if (__sync_val_compare_and_swap(&taken, 0, 1))
		return 0;
	emit(6);
	barrier();
	taken = 0;
	return 0;
}
"""


@pytest.mark.parametrize(
    ("first", "second", "memory"),
    [
        ("once", "also_once", ("armed",)),  # which user space sets
        ("in_mode", "also_in_mode", ("mode",)),  # which a third program sets
        ("guarded", "guarded", ()),
    ],
)
def test_what_holds_only_as_memory_begins(first: str, second: str, memory: tuple[str, ...]) -> None:
    found = answers(compile_text(f'#include "program.h"{MODES}'), first, second, FULL)
    reasons = {each.reason.memory for each in found if isinstance(each.reason, BeginsOtherwise)}
    assert reasons == ({memory} if memory else set())
    worst_of_all = Outcome.INCOMPLETE if memory else Outcome.HOLDS
    assert worst(each.outcome for each in found if each.question.topic is Topic.UNMIXED) is worst_of_all
