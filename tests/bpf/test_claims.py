"""The three lists of the thread as claims, and every violation of every guard as one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ctxrace.bpf.claims import prepare, with_guard
from ctxrace.bpf.guards.case import Case
from ctxrace.bpf.guards.known import guard_path
from ctxrace.claims.decide import decide
from ctxrace.claims.export import claim_text
from ctxrace.claims.parse import parse_claim
from ctxrace.cli.main import main
from ctxrace.core.claim import Answer, ClaimResult, OutcomeFound
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import check
from ctxrace.kernel.program import load
from ctxrace.report.claim import claim_to_json, render_claim, render_claim_mail

from .guard_cases import cases

CLAIMS = Path(__file__).parent.parent.parent / "examples" / "claims"


def judged(name: str, guard: str = "arm64-v1") -> ClaimResult:
    path = CLAIMS / f"{name}.txt"
    claim = with_guard(parse_claim(path.read_text(), f"examples/claims/{path.name}"), guard)
    return decide(*prepare(claim), command=f"ctxrace replay examples/claims/{path.name}")


ANSWERS = {
    # claim, guard: exit status, the step that is impossible, the outcome
    ("bot", "arm64-v1"): (1, "7", OutcomeFound.REACHABLE),
    ("bot", "arm64-merged"): (4, "5", OutcomeFound.UNREACHABLE),
    ("bot", "generic-lse"): (4, "4", OutcomeFound.UNREACHABLE),
    ("bot", "generic-llsc"): (4, "4", OutcomeFound.UNREACHABLE),
    ("author-19", "arm64-v1"): (0, "", None),
    ("author-19", "arm64-merged"): (1, "13", OutcomeFound.REACHABLE),
    ("author-19", "generic-lse"): (1, "6", OutcomeFound.REACHABLE),
    ("author-9", "arm64-v1"): (0, "", None),
    ("author-9", "arm64-merged"): (4, "5", OutcomeFound.UNREACHABLE),
    ("author-9", "generic-lse"): (4, "4", OutcomeFound.UNREACHABLE),
}


@pytest.mark.parametrize(("name", "guard"), ANSWERS, ids=lambda word: str(word))
def test_the_lists_of_the_thread(name: str, guard: str) -> None:
    result = judged(name, guard)
    assert (result.status, result.failed, result.outcome) == ANSWERS[name, guard]


def test_reports(golden: Callable[[str, str], None]) -> None:
    for name in ("bot", "author-9"):
        result = judged(name)
        golden(f"claim-{name}.txt", render_claim(result))
        mail = render_claim_mail(result)
        golden(f"claim-{name}.mail", mail)
        assert mail.isascii()
        assert max(map(len, mail.splitlines())) <= 72
        assert max(map(len, render_claim(result).splitlines())) <= 100
    golden("claim-author-19-merged.txt", render_claim(judged("author-19", "arm64-merged")))


def test_the_page_shows_what_is_printed() -> None:
    page = (CLAIMS.parent.parent / "docs" / "claims.md").read_text(encoding="utf-8")
    shown = page.partition("prints, among the rest:\n```\n")[2].partition("\n```")[0]
    printed = render_claim(judged("author-19", "arm64-merged"))
    for part in shown.split("\n\n...\n"):
        assert part in printed


def test_json_has_the_same_facts() -> None:
    result = judged("bot")
    facts = json.loads(claim_to_json(result))
    assert (facts["schema"], facts["answer"], facts["failed"], facts["status"]) == (
        "ctxrace-claim/2", "impossible", "7", 1)  # fmt: skip
    assert [step["verdict"] for step in facts["steps"]] == ["possible"] * 10 + ["impossible"] + ["not reached"] * 3
    assert facts["outcome_interleaving"]["switches"] == 3


def confirmed(case: Case) -> int:
    """Return how many violations of `case` are confirmed as claims."""
    path = guard_path(case.guard)
    program = load(path)
    scenario = ScenarioChange.of(tasks=2, preemption=case.preemption).apply(program.scenario)
    number = 0
    for verdict in check(program, scenario).verdicts:
        if verdict.interleaving is None:
            continue
        system = f"bpf {case.guard}, trampoline bare, preemption {case.preemption}"
        text = claim_text(verdict.interleaving, (verdict.property,), system)
        result = decide(*prepare(parse_claim(text)))
        assert result.answer is Answer.CONFIRMED, text + render_claim(result)
        number += 1
    return number


@pytest.mark.parametrize("case", cases(tasks=2), ids=lambda case: f"{case.guard}-{case.preemption}")
def test_every_violation_of_a_guard_is_confirmed_as_a_claim(case: Case) -> None:
    expected = {"arm64-v1-full": 4, "no-exit-none": 3, "no-exit-full": 3, "plain-int-full": 4, "early-return-none": 1,
                "early-return-full": 4}  # fmt: skip
    assert confirmed(case) == expected.get(f"{case.guard}-{case.preemption}", 0)


def test_a_schedule_is_printed_as_a_claim(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = check(load(guard_path("arm64-v1"))).verdicts[0].interleaving
    assert found is not None
    with pytest.raises(SystemExit):
        main(["replay", "arm64-v1", "--preemption", "full", "--schedule", found.schedule, "--claim"])
    text = capsys.readouterr().out
    assert text.startswith("system bpf arm64-v1, trampoline bare, preemption full\ntasks A, B\n1. A starts\n")
    path = tmp_path / "claim.txt"
    path.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["replay", str(path)])
    assert ended.value.code == 0
