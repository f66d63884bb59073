"""Whether one program may come over another, level by level."""

import pytest

from ctxrace.bpf.programs.rules import Kernel, Meeting, placement
from ctxrace.bpf.programs.rules.meeting import How, Outcome, meeting
from ctxrace.bpf.programs.rules.placement import Certainty
from ctxrace.bpf.programs.rules.row import Guard
from ctxrace.bpf.programs.rules.rule import RULE_SOURCES, Rule
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption

TASK, SOFTIRQ, HARDIRQ, NMI = Level
LAZY = Kernel((7, 2), Preemption.LAZY, preemptible_rcu=True)
FULL_612 = Kernel((6, 12), Preemption.FULL, preemptible_rcu=True)
VOLUNTARY = Kernel((6, 12), Preemption.VOLUNTARY, preemptible_rcu=True)
RT_612 = Kernel((6, 12), Preemption.RT, preemptible_rcu=True)
RT_72 = Kernel((7, 2), Preemption.RT, preemptible_rcu=True)


def at(
    first: str, over: Level, second: str, by: Level, kernel: Kernel = LAZY, *, same_program: bool = False
) -> tuple[How, Rule, bool]:
    """How `second` at level `by` comes over `first` at level `over`."""
    found = meeting(
        placement(first, kernel, context=over), placement(second, kernel, context=by), same_program=same_program
    )
    (encounter,) = found.encounters
    return encounter.how, encounter.rule, encounter.missed


F, G = "fentry/f", "fentry/g"


@pytest.mark.parametrize(
    ("over", "by", "how", "rule"),
    [
        (TASK, TASK, How.PREEMPTS, Rule.PREEMPTIBLE_TASK),
        (TASK, SOFTIRQ, How.INTERRUPTS, Rule.SOFTIRQ_OVER_TASK),
        (TASK, HARDIRQ, How.INTERRUPTS, Rule.HARDIRQ_OVER),
        (TASK, NMI, How.INTERRUPTS, Rule.NMI_OVER),
        (SOFTIRQ, TASK, How.NEVER, Rule.LOWER_LEVEL),
        (SOFTIRQ, SOFTIRQ, How.NEVER, Rule.SAME_LEVEL),
        (SOFTIRQ, HARDIRQ, How.INTERRUPTS, Rule.HARDIRQ_OVER),
        (SOFTIRQ, NMI, How.INTERRUPTS, Rule.NMI_OVER),
        (HARDIRQ, TASK, How.NEVER, Rule.LOWER_LEVEL),
        (HARDIRQ, SOFTIRQ, How.NEVER, Rule.LOWER_LEVEL),
        (HARDIRQ, HARDIRQ, How.NEVER, Rule.SAME_LEVEL),
        (HARDIRQ, NMI, How.INTERRUPTS, Rule.NMI_OVER),
        (NMI, TASK, How.NEVER, Rule.LOWER_LEVEL),
        (NMI, SOFTIRQ, How.NEVER, Rule.LOWER_LEVEL),
        (NMI, HARDIRQ, How.NEVER, Rule.LOWER_LEVEL),
        (NMI, NMI, How.NEVER, Rule.SAME_LEVEL),
    ],
)
def test_levels(over: Level, by: Level, how: How, rule: Rule) -> None:
    assert at(F, over, G, by) == (how, rule, False)
    assert at(F, over, F, by, same_program=True) == (how, rule, how is not How.NEVER)  # prog->active is taken


def test_preempt_disable_does_not_stop_interrupts() -> None:
    assert at("kprobe/f", TASK, G, TASK) == (How.NEVER, Rule.PREEMPTION_OFF, False)
    assert at("kprobe/f", TASK, G, SOFTIRQ) == (How.INTERRUPTS, Rule.SOFTIRQ_OVER_TASK, False)
    assert at("kprobe/f", TASK, G, HARDIRQ) == (How.INTERRUPTS, Rule.HARDIRQ_OVER, False)


def test_local_bh_disable_stops_softirqs_alone() -> None:
    assert at("xdp", TASK, "xdp", SOFTIRQ) == (How.NEVER, Rule.BOTTOM_HALVES_OFF, False)
    assert at("tc", TASK, "timer", SOFTIRQ) == (How.NEVER, Rule.BOTTOM_HALVES_OFF, False)
    assert at("tc", TASK, F, HARDIRQ) == (How.INTERRUPTS, Rule.HARDIRQ_OVER, False)
    assert at("tc", TASK, F, TASK) == (How.NEVER, Rule.PREEMPTION_OFF, False)
    assert at(F, TASK, "tc", TASK) == (How.PREEMPTS, Rule.PREEMPTIBLE_TASK, False)


def test_only_an_nmi_comes_over_interrupts_off() -> None:
    switch = "tp_btf/sched_switch"
    for by in (SOFTIRQ, HARDIRQ):
        assert at_hook(switch, by) == (How.NEVER, Rule.INTERRUPTS_OFF)
    assert at_hook(switch, NMI) == (How.INTERRUPTS, Rule.NMI_OVER)
    assert at_hook(switch, TASK) == (How.NEVER, Rule.PREEMPTION_OFF)


def at_hook(first: str, by: Level) -> tuple[How, Rule]:
    found = meeting(placement(first, LAZY), placement(G, LAZY, context=by), same_program=False)
    (encounter,) = found.encounters
    return encounter.how, encounter.rule


def test_without_preemption_tasks_switch_where_they_sleep() -> None:
    assert at(F, TASK, G, TASK, VOLUNTARY) == (How.NEVER, Rule.NO_PREEMPTION, False)
    assert at("fentry.s/f", TASK, G, TASK, VOLUNTARY) == (How.AFTER_SLEEP, Rule.SLEEPABLE, False)
    assert at("fentry.s/f", TASK, "fentry.s/f", TASK, VOLUNTARY, same_program=True) == (
        How.AFTER_SLEEP,
        Rule.SLEEPABLE,
        True,
    )
    assert at("fentry.s/f", TASK, G, TASK) == (How.PREEMPTS, Rule.PREEMPTIBLE_TASK, False)


# Guards


@pytest.mark.parametrize(
    ("first", "second", "same_program", "guard"),
    [
        (F, G, False, Guard.NONE),
        (F, F, True, Guard.PROG_ACTIVE),
        ("raw_tp/sys_exit", F, False, Guard.NONE),  # two programs have two counters
        ("kprobe/f", "kprobe/g", False, Guard.BPF_PROG_ACTIVE),
        ("kprobe/f", "tp/sched/sched_switch", False, Guard.BPF_PROG_ACTIVE),
        ("kprobe/f", "perf_event", False, Guard.BPF_PROG_ACTIVE),
        ("kprobe/f", "kprobe.multi/g", False, Guard.BPF_PROG_ACTIVE),
        ("kprobe/f", F, False, Guard.NONE),
        ("cgroup_skb/egress", "cgroup_skb/egress", True, Guard.NONE),
        ("lsm/file_open", "lsm/file_open", True, Guard.NONE),
        ("uprobe//bin/a:f", "kprobe/f", False, Guard.NONE),
    ],
)
def test_common_guard(first: str, second: str, same_program: bool, guard: Guard) -> None:
    assert meeting(placement(first, LAZY), placement(second, LAZY), same_program=same_program).guard is guard


def test_tracepoints_on_system_calls_leave_the_common_guard_with_72() -> None:
    def guard(kernel: Kernel) -> Guard:
        pair = placement("kprobe/f", kernel), placement("tp/syscalls/sys_enter_read", kernel)
        return meeting(*pair, same_program=False).guard

    assert guard(FULL_612) is Guard.BPF_PROG_ACTIVE
    assert guard(LAZY) is Guard.NONE


def test_perf_event_is_missed_over_a_kprobe_and_runs_over_a_trampoline() -> None:
    over_kprobe = meeting(placement("kprobe/f", LAZY), placement("perf_event", LAZY), same_program=False)
    assert over_kprobe.runs == ()
    assert {encounter.by for encounter in over_kprobe.missed if encounter.over is TASK} == {SOFTIRQ, HARDIRQ, NMI}
    over_fentry = meeting(placement(F, LAZY), placement("perf_event", LAZY), same_program=False)
    assert over_fentry.missed == ()
    assert {encounter.by for encounter in over_fentry.runs if encounter.over is TASK} == {TASK, SOFTIRQ, HARDIRQ, NMI}


@pytest.mark.parametrize("section", ["fentry/f", "fentry.s/f", "lsm/file_open", "struct_ops/f"])
def test_guard_before_61_may_let_two_tasks_in(section: str) -> None:
    """`__this_cpu_inc_return()` is a load, an addition and a store on arm64. Interrupts put the counter back."""
    program = placement(section, Kernel((5, 15), Preemption.FULL, preemptible_rcu=True), context=TASK)
    found = meeting(program, program, same_program=True)
    assert [(each.rule, each.certainty) for each in found.runs] == [(Rule.GUARD_TORN, Certainty.POSSIBLE)]
    assert [each.how for each in found.missed] == [How.PREEMPTS]
    assert found.outcome is Outcome.MISSED


def test_guard_before_61_keeps_interrupts_out() -> None:
    kernel = Kernel((5, 15), Preemption.FULL, preemptible_rcu=True)
    for by in (SOFTIRQ, HARDIRQ, NMI):
        second = placement(F, kernel, context=by)
        assert meeting(placement(F, kernel, context=TASK), second, same_program=True).runs == ()


def test_guard_is_whole_where_tasks_are_not_preempted_and_since_61() -> None:
    for kernel in (Kernel((5, 15), Preemption.VOLUNTARY, preemptible_rcu=False), FULL_612):
        program = placement(F, kernel)
        assert meeting(program, program, same_program=True).runs == ()


# PREEMPT_RT: softirqs are tasks


def test_rt_preempts_softirqs() -> None:
    assert at(F, TASK, G, SOFTIRQ, RT_612) == (How.PREEMPTS, Rule.SOFTIRQ_IS_TASK, False)
    assert at("xdp", SOFTIRQ, F, TASK, RT_612) == (How.PREEMPTS, Rule.SOFTIRQ_IS_TASK, False)
    assert at("kprobe/f", TASK, G, SOFTIRQ, RT_612) == (How.NEVER, Rule.PREEMPTION_OFF, False)
    assert at("kprobe/f", TASK, G, HARDIRQ, RT_612) == (How.INTERRUPTS, Rule.HARDIRQ_OVER, False)


def test_rt_keeps_bottom_halves_apart_by_a_lock_until_618() -> None:
    assert at("xdp", SOFTIRQ, "tc", TASK, RT_612) == (How.NEVER, Rule.SOFTIRQ_LOCK, False)
    assert at("xdp", SOFTIRQ, "tc", TASK, RT_72) == (How.PREEMPTS, Rule.SOFTIRQ_IS_TASK, False)
    locked = Kernel((7, 2), Preemption.RT, preemptible_rcu=True, softirq_lock=True)
    assert at("xdp", SOFTIRQ, "tc", TASK, locked) == (How.NEVER, Rule.SOFTIRQ_LOCK, False)
    assert at("xdp", SOFTIRQ, F, TASK, locked) == (How.PREEMPTS, Rule.SOFTIRQ_IS_TASK, False)


def test_rt_runs_one_timer_at_a_time() -> None:
    assert at("timer", SOFTIRQ, "timer", SOFTIRQ, RT_72) == (How.NEVER, Rule.TIMER_LOCK, False)
    assert at("timer", SOFTIRQ, "xdp", SOFTIRQ, RT_72) == (How.PREEMPTS, Rule.SOFTIRQ_IS_TASK, False)
    assert at("timer", SOFTIRQ, "timer", SOFTIRQ, LAZY) == (How.NEVER, Rule.SAME_LEVEL, False)


# What is assumed


def pair(first: str, second: str) -> Meeting:
    return meeting(placement(first, LAZY), placement(second, LAZY), same_program=False)


def test_certainty_is_that_of_the_less_certain() -> None:
    assert pair("cgroup_skb/egress", "cgroup/connect4").certainty is Certainty.KNOWN
    assert pair("cgroup_skb/egress", "fentry/f").certainty is Certainty.ASSUMED
    assert pair("xdp", "fentry/f").certainty is Certainty.POSSIBLE  # only if f is called in a hard irq or NMI
    assert pair("xdp", "cgroup/connect4").certainty is None


def test_context_by_the_user_takes_the_uncertainty_away() -> None:
    found = meeting(placement("xdp", LAZY), placement("fentry/f", LAZY, context=TASK), same_program=False)
    assert found.runs == ()
    assert found.outcome is Outcome.APART


@pytest.mark.parametrize(
    ("first", "second", "outcome", "rule", "certainty"),
    [
        ("cgroup_skb/egress", "cgroup/connect4", Outcome.RUNS, Rule.PREEMPTIBLE_TASK, Certainty.KNOWN),
        ("cgroup/connect4", "xdp", Outcome.RUNS, Rule.PREEMPTIBLE_TASK, Certainty.KNOWN),
        ("fentry/f", "cgroup/connect4", Outcome.RUNS, Rule.PREEMPTIBLE_TASK, Certainty.ASSUMED),
        ("xdp", "fentry/f", Outcome.RUNS, Rule.HARDIRQ_OVER, Certainty.POSSIBLE),
        ("xdp", "cgroup/connect4", Outcome.APART, Rule.PREEMPTION_OFF, Certainty.KNOWN),
        ("xdp", "timer", Outcome.APART, Rule.BOTTOM_HALVES_OFF, Certainty.KNOWN),
        ("timer", "cgroup/connect4", Outcome.APART, Rule.LOWER_LEVEL, Certainty.KNOWN),
        ("timer", "timer", Outcome.APART, Rule.SAME_LEVEL, Certainty.KNOWN),
        ("kprobe/__x64_sys_read", "perf_event", Outcome.MISSED, Rule.HARDIRQ_OVER, Certainty.KNOWN),
        ("kprobe/f", "tp/sched/sched_process_exec", Outcome.APART, Rule.PREEMPTION_OFF, Certainty.ASSUMED),
        ("tp/sched/sched_process_exec", "kprobe/f", Outcome.MISSED, Rule.SOFTIRQ_OVER_TASK, Certainty.POSSIBLE),
        ("tp_btf/sched_switch", "tp_btf/sched_process_exec", Outcome.APART, Rule.PREEMPTION_OFF, Certainty.KNOWN),
    ],
)
def test_reason(first: str, second: str, outcome: Outcome, rule: Rule, certainty: Certainty) -> None:
    found = pair(first, second)
    assert (found.outcome, found.decisive.rule, found.decisive.certainty) == (outcome, rule, certainty)


def test_every_rule_is_cited() -> None:
    assert set(RULE_SOURCES) == set(Rule)
    assert all(RULE_SOURCES.values())
