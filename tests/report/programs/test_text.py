"""What a report on BPF programs says of what nobody read in the kernel's sources."""

from dataclasses import replace

from ctxrace.core.meeting import Pair, ProgramsResult
from ctxrace.core.verdict import Outcome
from ctxrace.report.programs.text import render_pairs, render_programs

HOLDS = ProgramsResult(
    file="a.bpf.o",
    kernel="6.12",
    preemption="voluntary",
    rcu="preemptible",
    rcu_from="distribution",
    programs=2,
    instructions=10,
    outcome=Outcome.HOLDS,
    distribution="debian-13-amd64",
)


def test_kernel_of_a_distribution_is_named() -> None:
    assert "RCU preemptible (as debian-13-amd64 builds it)\n" in render_programs(HOLDS)


def test_what_is_assumed_and_inferred_stands_under_the_answer_in_both_reports() -> None:
    result = replace(HOLDS, assumed=("open", "read\x1b[2J"), inferred=("select",))
    for text in (render_programs(result), render_pairs(result)):
        assert "assumed: a task calls the hooks of open, read" in text
        assert "--context PROGRAM=LEVEL" in text
        assert "inferred: where select may run, as not every caller was read\n" in text
        assert "\x1b" not in text
    assert "assumed" not in render_programs(HOLDS)


def test_pairs_that_are_only_not_ruled_out_are_apart_from_the_others() -> None:
    pairs = (
        Pair("open", "packet", "runs", "softirqs stay on", ("count",)),
        Pair("open", "read", "runs", "hard irqs stay on", ("count",), sure=False),
        Pair("open", "select", "runs", "softirqs stay on", ("count",), inferred=True),
        Pair("open", "open", "missed", "nothing masks an NMI", sure=False),
        Pair("packet", "open", "apart", "preemption is off"),
    )
    assert render_pairs(replace(HOLDS, pairs=pairs)) == (
        "kernel 6.12, preemption voluntary, RCU preemptible (as debian-13-amd64 builds it)\n"
        "\n"
        "  packet  may run over  open  on count; softirqs stay on\n"
        "  select  may run over  open  on count; softirqs stay on (inferred)\n"
        "\n"
        "  read  might run over  open  on count; hard irqs stay on\n"
        "  nobody read where their hooks are called; --context PROGRAM=LEVEL says where\n"
        "\n"
        "  open  might be skipped by the guard of  open  nothing masks an NMI\n"
        "  nobody read where their hooks are called; --context PROGRAM=LEVEL says where\n"
        "\n"
        "kept apart (1 of 5 ordered pairs):\n"
        "  1  preemption is off\n"
    )


def test_programs_that_are_not_followed_are_named_in_both_reports() -> None:
    result = replace(HOLDS, unfollowed=(("handler", "section 'weird' is of no program type that is known"),))
    for text in (render_programs(result), render_pairs(result)):
        assert "handler: section 'weird' is of no program type that is known\n" in text
