"""Changes of a scenario: how they are read, printed and applied, and what they say where they do not fit."""

import pytest

from ctxrace.core.errors import ScenarioError
from ctxrace.core.setting import Setting
from ctxrace.kernel.change import SCENARIO, UNCHANGED, UNLIMITED, ScenarioChange, TaskCount
from ctxrace.kernel.option import as_flag, as_system_word, command_words, system_words
from ctxrace.kernel.properties.hang import HANG
from ctxrace.kernel.properties.invariants import CHECK
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption, Rcu
from ctxrace.kernel.scenario import Handler, Scenario, Tasks, balanced, exclusive, recovers

DECLARED = Scenario(
    tasks=(Tasks(2, "entry"),),
    handlers=(Handler(Level.SOFTIRQ, "bottom"), Handler(Level.NMI, "top")),
    properties=(exclusive("body"), balanced("x")),
    attempts=1,
)
# Every option: what a user types, what it means, and the words of a claim's system line.
EVERYTHING = {
    "tasks": ["3", "1:other"],
    "fifo_tasks": ["1"],
    "softirq": ["none"],
    "hardirq": ["a", "b"],
    "nmi": ["top"],
    "cpus": "2",
    "preemption": "lazy",
    "rcu": "non-preemptible",
    "entry_window": True,
    "attempts": "unlimited",
    "statistic": ["hits"],
    "exclusive": ["body"],
    "balanced": ["x"],
    "recovers": ["entry, body"],
    "progress": ["entry,body"],
    "only": ["exclusive"],
}


def test_every_option_is_read_and_printed_again() -> None:
    assert list(EVERYTHING) == [option.name for option in SCENARIO]
    change = ScenarioChange.read(EVERYTHING)
    assert all(getattr(change, name) is not None for name in ScenarioChange.__slots__)
    assert change.tasks == (TaskCount(3), TaskCount(1, "other"))
    assert (change.cpus, change.preemption, change.rcu, change.attempts) == (
        2, Preemption.LAZY, Rcu.NON_PREEMPTIBLE, UNLIMITED,
    )  # fmt: skip
    words = list(command_words(SCENARIO, change))
    assert " ".join(words) == (
        "--tasks 3 --tasks 1:other --fifo-tasks 1 --softirq none --hardirq a --hardirq b --nmi top --cpus 2 "
        "--preemption lazy --rcu non-preemptible --entry-window --attempts unlimited --statistic hits "
        "--exclusive body --balanced x --recovers entry,body --progress entry,body --property exclusive"
    )
    assert ", ".join(system_words(SCENARIO, change)) == (
        "tasks 3, tasks 1:other, fifo-tasks 1, softirq none, hardirq a, hardirq b, nmi top, cpus 2, "
        "preemption lazy, rcu non-preemptible, entry-window, attempts unlimited, statistic hits"
    )


def test_nothing_given_is_nothing_changed() -> None:
    assert ScenarioChange.of() == UNCHANGED == ScenarioChange.of(tasks=None, nmi=None)
    assert not UNCHANGED
    assert UNCHANGED.apply(DECLARED) == DECLARED
    assert (list(command_words(SCENARIO, UNCHANGED)), UNCHANGED.configuration) == ([], ())


def test_python_values_mean_what_texts_mean() -> None:
    assert ScenarioChange.of(tasks=3, nmi=(), cpus=2, attempts=1) == ScenarioChange.of(
        tasks="3", nmi="none", cpus="2", attempts="1"
    )
    assert ScenarioChange.of(tasks=[TaskCount(2, "a"), "3:b"]).tasks == (TaskCount(2, "a"), TaskCount(3, "b"))
    assert ScenarioChange.of(tasks="entry").tasks == (TaskCount(1, "entry"),)
    assert list(command_words(SCENARIO, ScenarioChange.of(entry_window=False))) == ["--no-entry-window"]


def test_a_change_takes_the_place_of_what_is_declared() -> None:
    change = ScenarioChange.of(tasks=3, fifo_tasks=1, softirq="none", hardirq="a", attempts="unlimited", cpus=2)
    changed = change.apply(DECLARED)
    assert changed.tasks == (Tasks(3, "entry"), Tasks(1, "entry", fifo=True))
    assert changed.handlers == (Handler(Level.HARDIRQ, "a"), Handler(Level.NMI, "top"))
    assert (changed.attempts, changed.cpus, changed.properties) == (None, 2, DECLARED.properties)
    wanted = [recovers("entry", "body"), balanced("x")]
    assert ScenarioChange.of(properties=wanted, only="balanced").apply(DECLARED).properties == (balanced("x"),)
    assert ScenarioChange.of(entry_window=True).apply(DECLARED).entry_window


def test_what_is_asked_for_alone_may_be_what_every_kernel_demands() -> None:
    assert not DECLARED.alone
    for only, properties in (("hang", (HANG,)), (["check", "balanced"], (balanced("x"), CHECK)), ("no hang", (HANG,))):
        changed = ScenarioChange.of(only=only).apply(DECLARED)
        assert (changed.properties, changed.alone) == (properties, True)


def test_the_compiler_is_told_the_kernels_configuration() -> None:
    change = ScenarioChange.of(preemption="rt", rcu="preemptible", cpus=2)
    assert change.configuration == ("-DCTXRACE_PREEMPT_RT=1", "-DCTXRACE_PREEMPT_RCU=1", "-DCTXRACE_SMP=1")
    assert ScenarioChange.of(preemption="full", cpus=1).configuration == ()


def test_none_takes_the_handlers_of_one_level_away_however_often_it_is_said() -> None:
    assert ScenarioChange.of(nmi=["none", "none"]).apply(DECLARED).handlers == DECLARED.handlers[:1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"nmi": ["other", "none"]}, "nmi='none' contradicts nmi='other'"),
        ({"tasks": ["1:a", "2:a"]}, "tasks gives two numbers of tasks for 'a': 1:a, 2:a; keep one"),
        ({"fifo_tasks": 0}, "the number of tasks is 0 (fifo_tasks); it must be a number from 1 on"),
        ({"tasks": "-1"}, "the number of tasks is '-1' (tasks); it must be a number from 1 on"),
        ({"cpus": True}, "the number of CPUs is True (cpus); it must be a number from 1 on"),
        ({"attempts": "9" * 5000}, f"the number of attempts is '{'9' * 5000}' (attempts); it must be a number from"),
        ({"rcu": "tasks"}, "unknown flavour of RCU 'tasks' (rcu); ctxrace has: preemptible, non-preemptible"),
        ({"entry_window": "yes"}, "entry_window='yes' is neither True nor False"),
        ({"rcu": "non-preemptible"}, "the program was compiled with preemptible RCU; compile it with rcu='non-pre"),
        ({"only": "fair"}, "no property 'fair' in this scenario; it has: exclusive(body), balanced(x), check, no hang"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_means_nothing_is_named(given: dict[str, object], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        ScenarioChange.read(given).apply(DECLARED)
    assert str(caught.value).startswith(message)


def test_tasks_without_an_entry_need_a_single_one() -> None:
    two = Scenario(tasks=(Tasks(1, "a"), Tasks(1, "b")))
    with pytest.raises(ScenarioError, match="tasks=3 does not say which entry; write tasks='3:ENTRY', with one of a, "):
        ScenarioChange.of(tasks=3).apply(two)
    with pytest.raises(ScenarioError, match="with the function that they run"):
        ScenarioChange.of(tasks=3).apply(Scenario())


def test_each_surface_spells_the_settings_of_an_error_its_own_way() -> None:
    with pytest.raises(ScenarioError) as caught:
        _ = ScenarioChange.of(preemption="rt", rcu="non-preemptible").configuration
    error = caught.value
    assert str(error).startswith("preemption='rt' does not go with rcu='non-preemptible': PREEMPT_RT has preemptible")
    assert error.spelled(as_flag).startswith("--preemption rt does not go with --rcu non-preemptible: ")
    assert error.spelled(as_system_word).startswith("preemption rt does not go with rcu non-preemptible: ")
    assert as_flag(Setting("only", "a b"), SCENARIO) == "--property 'a b'"
