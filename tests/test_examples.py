"""The examples beyond BPF: each is right as it stands, and wrong as its page says where it is included."""

import re
from pathlib import Path

import ctxrace

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "races"

# The fewest switches with which the wrong version goes wrong, worked out by hand.
SWITCHES = {
    "lazy_pointer": 3,  # A finds no object; B neither, and sets its own; A sets its own; B uses the one that it has
    "lost_wakeup": 1,  # the interrupt comes after the look
    "nesting_buffers": 2,  # A has level 1, B takes level 2, A gives level 1 back and takes level 2
    "percpu_list": 1,  # the interrupt comes between two stores
    "ring_buffer": 4,  # one element; one while it is taken off, not counted; and two, the second over the uncounted
    "seqcount_nmi": 1,  # the NMI comes while the number is odd
    "statistics": 3,  # A adds; B loads; A takes off; B stores
    "trylock_counter": 2,  # A looks; B looks, takes and enters; A takes and enters
}


def test_each_is_as_it_says() -> None:
    found = {Path(trial.name).name.removesuffix("_race.c"): trial for trial in ctxrace.suite(str(EXAMPLES))}
    assert sorted(found) == sorted([*SWITCHES, *(f"{name}_wrong" for name in SWITCHES)])
    assert all(trial.as_expected for trial in found.values())
    for name, switches in SWITCHES.items():
        right, wrong = found[name].result, found[f"{name}_wrong"].result
        assert right is not None and wrong is not None
        assert {verdict.outcome for verdict in right.judged} == {ctxrace.Outcome.HOLDS}
        runs = [verdict.interleaving for verdict in wrong.judged if verdict.interleaving is not None]
        assert [run.switches for run in runs] == [switches], name


def test_the_docs_show_each_of_them() -> None:
    page = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| \[\w+\]\(\.\./examples/races/(\w+)_race\.c\) \|", page, re.MULTILINE)) == set(SWITCHES)
