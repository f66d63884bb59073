"""The Python API, as the README shows it."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

import ctxrace
from ctxrace import api

GUARD = Path(__file__).parent.parent / "examples" / "recursion_counter.c"


def test_every_name_is_there_and_no_other() -> None:
    assert [name for name in ctxrace.__all__ if getattr(ctxrace, name, None) is None] == []
    assert sorted(ctxrace.__all__) == sorted(api.__all__)
    with pytest.raises(AttributeError, match="module 'ctxrace' has no attribute 'decide'"):
        ctxrace.decide  # type: ignore[attr-defined] # noqa: B018


def test_five_lines_decide_a_property() -> None:
    program = ctxrace.compile(GUARD, optimize="-O3")
    result = ctxrace.check(program, tasks=3, properties=[ctxrace.exclusive("body")])
    assert result.outcome is ctxrace.Outcome.VIOLATED
    assert "violated" in str(result).splitlines()[0]
    found = result.verdicts[0].interleaving
    assert found is not None
    assert (found.switches, len(found.events)) == (2, 4)
    with pytest.raises(FrozenInstanceError):
        result.command = "other"  # type: ignore[misc]


def test_everything_of_a_scenario_can_be_changed() -> None:
    program = ctxrace.compile(GUARD)
    assert ctxrace.check(program, tasks=1).outcome is ctxrace.Outcome.HOLDS
    assert ctxrace.check(program, preemption="none", nmi="none", softirq="attempt").setup.interrupts == ("softirq",)
    wanted = [ctxrace.balanced("active"), ctxrace.recovers("attempt", "body"), ctxrace.progress("attempt", "body")]
    result = ctxrace.check(program, tasks="2:attempt", properties=wanted)
    assert [str(verdict.outcome) for verdict in result.verdicts] == ["violated"] * 3


def test_limits_make_it_incomplete() -> None:
    result = ctxrace.check(ctxrace.compile(GUARD), limits=ctxrace.Limits(max_states=5))
    assert result.outcome is ctxrace.Outcome.INCOMPLETE


def test_bad_input_is_one_kind_of_error() -> None:
    with pytest.raises(ctxrace.CtxraceError, match="no function 'nobody'"):
        ctxrace.check(ctxrace.compile(GUARD), tasks="2:nobody")
