"""What a claim has evaluated is found again, and its answer is the same."""

from pathlib import Path

import pytest

from ctxrace.bpf.claims import prepare
from ctxrace.bpf.thread.decide import CLAIMS
from ctxrace.claims.decide import decide
from ctxrace.claims.parse import parse_claim
from ctxrace.core.claim import ClaimResult
from ctxrace.kernel.model.flows import Flows
from ctxrace.machine.findings import store


@pytest.mark.parametrize("name", ["bot.txt", "author-9.txt"])
def test_a_claim_that_is_decided_again(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated: list[object] = []
    evaluate = Flows._evaluate

    def noted(flows: Flows, *step: object) -> object:
        evaluated.append(step)
        return evaluate(flows, *step)  # type: ignore[arg-type]

    monkeypatch.setattr(Flows, "_evaluate", noted)
    claim = parse_claim((CLAIMS / name).read_text(encoding="utf-8"), name)

    def decided() -> tuple[ClaimResult, int]:
        before = len(evaluated)
        return decide(*prepare(claim)), len(evaluated) - before

    off, all_steps = decided()
    monkeypatch.delenv(store.OFF, raising=False)
    monkeypatch.setattr(store, "default_cache", lambda: tmp_path / "cache")
    cold, kept = decided()
    warm, new = decided()
    assert off == cold == warm
    assert (kept, new) == (all_steps, 0)
    assert all_steps > 20
