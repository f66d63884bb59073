"""The thread decided: every fact with its verdict and size, and every interleaving replayed."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from ctxrace.bpf.claims import prepare
from ctxrace.bpf.thread.decide import CLAIMS, ask, decide_thread
from ctxrace.bpf.thread.statements import (
    COMPILERS,
    REMARKS,
    THREAD,
    BarrierQuestion,
    ClaimQuestion,
    PropertyQuestion,
    Question,
)
from ctxrace.claims.decide import decide
from ctxrace.claims.export import claim_text
from ctxrace.claims.parse import parse_claim
from ctxrace.cli.main import main
from ctxrace.core.claim import Answer, OutcomeFound
from ctxrace.core.facts.reason import SearchEnded
from ctxrace.core.facts.stop import Interrupted, TimeLimit
from ctxrace.core.limits import Budget, within
from ctxrace.core.schedule import Schedule
from ctxrace.core.statement import Decision, Fact, Ruling, Statement, States
from ctxrace.explore.search import Limits
from ctxrace.kernel.replay import replay
from ctxrace.report.lanes import render_interleaving
from ctxrace.report.thread import render_thread, thread_to_json

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "thread.md"
LONG = Limits(3_000_000)
ASKED = list(dict.fromkeys(question for quotation in THREAD for question in quotation.questions))


@cache
def fact(asked: Question) -> Fact:
    return ask(asked, LONG)


def statements() -> list[Statement]:
    return [Statement(q.quote, q.author, q.conclusion, tuple(map(fact, q.questions))) for q in THREAD]


def test_every_row(golden: Callable[[str, str], None]) -> None:
    for cc in filter(None, COMPILERS):
        if shutil.which(cc) is None:
            pytest.skip(f"{cc} is not installed")
    told = statements()
    assert all(fact.as_expected for statement in told for fact in statement.facts)
    text = render_thread(told, REMARKS)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 72
    golden("thread.txt", text)


def spelled(asked: Question) -> str:
    return f"{asked.about}-{asked.case.guard}" if isinstance(asked, PropertyQuestion) else asked.about


PROPERTIES = [asked for asked in ASKED if isinstance(asked, PropertyQuestion)]
VIOLATED = [asked for asked in PROPERTIES if asked.expected.ruling is Ruling.VIOLATED]
RUN = [
    asked
    for asked in ASKED
    if isinstance(asked, ClaimQuestion)
    and (asked.expected.ruling is Ruling.POSSIBLE or asked.expected.outcome is OutcomeFound.REACHABLE)
]


@pytest.mark.parametrize("asked", VIOLATED, ids=spelled)
def test_a_violation_round_trips_through_replay(asked: PropertyQuestion) -> None:
    run = fact(asked).interleaving
    assert run is not None
    told, broken = replay(asked.case.load()[0], Schedule.parse(run.schedule), asked.case.load()[1])
    assert render_interleaving(told, 100) == render_interleaving(run, 100)
    assert broken


@pytest.mark.parametrize("asked", RUN, ids=spelled)
def test_an_execution_round_trips_through_a_claim(asked: ClaimQuestion) -> None:
    run = fact(asked).interleaving
    assert run is not None
    text = claim_text(run, (), f"bpf {asked.guard}, preemption full")
    assert decide(*prepare(parse_claim(text))).answer is Answer.CONFIRMED, text


def test_json_has_the_same_facts() -> None:
    facts = json.loads(thread_to_json(statements()))
    assert facts["schema"] == "ctxrace-thread/2"
    assert sum(len(statement["facts"]) for statement in facts["statements"]) == 38
    leak = facts["statements"][0]["facts"][0]
    assert (leak["decision"]["text"], leak["as_expected"]) == ("impossible at 7; outcome reachable", True)
    assert (leak["decision"]["ruling"], leak["decision"]["step"], leak["decision"]["outcome"]) == (
        "impossible", "7", "reachable")  # fmt: skip
    assert leak["interleaving"]["switches"] == 3


def test_a_row_that_comes_out_otherwise_is_marked() -> None:
    other = Fact("v1: balanced", Decision(Ruling.HOLDS), Decision(Ruling.VIOLATED), States(5), "ctxrace bpf")
    text = render_thread([Statement('"No leak"', "the author", "not so", (other,))])
    assert "!!v1: balanced" in text
    assert "!!  expected: violated" in text
    assert "not so" not in text
    assert text.startswith("1 statements, 1 facts: 1 not as expected, marked !!")


def test_a_compiler_that_is_missing_is_told() -> None:
    found = ask(BarrierQuestion("none before: other", "no-such-compiler", "NO_BARRIER"), LONG)
    assert (found.decision.ruling, found.missing_compiler) == (Ruling.NOT_ASKED, "no-such-compiler")
    assert "no-such-compiler is not installed" in render_thread([Statement("q", "w", "s", (found,))])
    assert "1 not asked here" in " ".join(render_thread([Statement("q", "w", "s", (found,))]).split())


def test_a_limit_makes_it_incomplete(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bpf", "claims", "--max-states", "10", "--jobs", "1"])
    assert ended.value.code == 3
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "13 statements, 38 facts: 36 incomplete, marked ??"
    assert out.count("\n??  the limit of 10 states is reached\n") > 20
    assert "!!" not in out
    assert out.count("\n=> ") == 0


def at(step: str, outcome: OutcomeFound) -> Decision:
    return Decision(Ruling.IMPOSSIBLE, step, outcome)


OPEN, REACHABLE = OutcomeFound.INCOMPLETE, OutcomeFound.REACHABLE
INCOMPLETE = {
    (Decision(Ruling.INCOMPLETE), Decision(Ruling.HOLDS)): True,
    (Decision(Ruling.INCOMPLETE), Decision(Ruling.POSSIBLE)): True,
    (at("7", OPEN), at("7", REACHABLE)): True,
    (at("5", OPEN), at("7", REACHABLE)): False,
    (at("5", OPEN), Decision(Ruling.POSSIBLE)): False,
    (Decision(Ruling.HOLDS), Decision(Ruling.VIOLATED)): False,
    (Decision(Ruling.VIOLATED), Decision(Ruling.HOLDS)): False,
}


@pytest.mark.parametrize(("verdict", "expected"), INCOMPLETE)
def test_what_is_not_decided_contradicts_nothing(verdict: Decision, expected: Decision) -> None:
    other = Fact("v1", verdict, expected, States(5), "ctxrace bpf", stopped=SearchEnded(Interrupted()))
    incomplete = INCOMPLETE[verdict, expected]
    assert (other.incomplete, other.unlike, other.as_expected) == (incomplete, not incomplete, False)
    text = render_thread([Statement("q", "w", "s", (other,))])
    mark, told = ("??", "incomplete, marked ??") if incomplete else ("!!", "not as expected, marked !!")
    assert text.startswith(f"1 statements, 1 facts: 1 {told}\n")
    assert f"\n{mark}v1 " in text
    assert f"\n{mark}  interrupted\n" in text
    assert ("!!  expected: " in text) is not incomplete
    (fact,) = json.loads(thread_to_json([Statement("q", "w", "s", (other,))]))["statements"][0]["facts"]
    assert (fact["as_expected"], fact["stopped"]["text"]) == (None if incomplete else False, "interrupted")


def test_processes_find_the_same() -> None:
    few = [quotation for quotation in THREAD if quotation.quote.startswith('"At most')]
    assert decide_thread(2, LONG, few) == decide_thread(1, LONG, few)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_limit_that_comes_before_a_search_makes_its_fact_incomplete(jobs: int) -> None:
    few = [quotation for quotation in THREAD if quotation.quote.startswith('"At most')]
    with within(Budget(timeout=0)):
        facts = [fact for statement in decide_thread(jobs, LONG, few) for fact in statement.facts]
    assert len(facts) == sum(len(quotation.questions) for quotation in few)
    for fact in facts:
        assert fact.incomplete
        assert isinstance(fact.stopped, SearchEnded)
        assert isinstance(fact.stopped.stop, TimeLimit)


@pytest.mark.parametrize("file", sorted(path.name for path in CLAIMS.iterdir()))
def test_the_examples_are_what_is_asked(file: str) -> None:
    assert (ROOT / "examples" / "claims" / file).read_bytes() == (CLAIMS / file).read_bytes()


def test_the_page_shows_what_is_printed() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for about in ("v1: exclusive", "v1: balanced"):
        (run,) = (fact(asked).interleaving for asked in ASKED if asked.about == about)
        assert run is not None
        assert render_interleaving(replace(run, schedule=""), 100) in page


def test_a_mail_draws_the_interleavings() -> None:
    few = [quotation for quotation in THREAD if quotation.quote.startswith('"At most')]
    text = render_thread(decide_thread(1, LONG, few), REMARKS, drawn=True)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 72
    assert "  task A                             task B\n" in text
