"""The Python API, as the README shows it."""

import shlex
from dataclasses import FrozenInstanceError
from pathlib import Path
from zipfile import ZipFile

import pytest

import ctxrace
from ctxrace import api
from ctxrace.cli.main import main

from .bpf.programs.compiled import compiled

ROOT = Path(__file__).parent.parent
GUARD = ROOT / "examples" / "recursion_counter.c"


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


def test_errors_speak_of_parameters() -> None:
    with pytest.raises(ctxrace.CtxraceError, match="preemption='rt' does not go with rcu='non-preemptible'"):
        ctxrace.compile(GUARD, preemption="rt", rcu="non-preemptible")
    with pytest.raises(ctxrace.CtxraceError, match="optimize takes 0, 1, 2, 3, s, z or g, got '9'"):
        ctxrace.compile(GUARD, optimize="9")
    program = ctxrace.compile(GUARD)
    with pytest.raises(ctxrace.CtxraceError, match="was compiled for one; compile it with cpus=2, or write #define"):
        ctxrace.check(program, cpus=2)
    with pytest.raises(ctxrace.CtxraceError, match="compiled with preemptible RCU; compile it with rcu='non-p"):
        ctxrace.check(program, rcu=ctxrace.Rcu.NON_PREEMPTIBLE)
    with pytest.raises(TypeError):
        ctxrace.check(program, task=3)  # type: ignore[call-arg]


def test_what_it_was_compiled_for_is_checked() -> None:
    program = ctxrace.compile(GUARD, cpus=2, rcu="non-preemptible", preemption="lazy")
    result = ctxrace.check(program, nmi="none", only="balanced")
    setup = result.setup
    assert (setup.cpus, setup.rcu, setup.preemption) == (2, "non-preemptible", "lazy")
    assert shlex.split(result.command) == [
        "ctxrace", "check", str(GUARD), "--nmi", "none", "--cpus", "2", "--preemption", "lazy", "--rcu",
        "non-preemptible", "--property", "balanced",
    ]  # fmt: skip


def test_commands_of_results_do_on_the_command_line_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    program = ctxrace.compile(GUARD, optimize="3", flags=["-DUNUSED"])
    result = ctxrace.check(program, tasks=3, fifo_tasks=1, entry_window=True, only="exclusive")
    found = result.verdicts[0].interleaving
    assert found is not None
    with pytest.raises(SystemExit):
        main(shlex.split(result.command)[1:])
    told = capsys.readouterr().out.replace(" \\\n    ", " ")
    assert "\nagain: " + result.command in told
    assert found.schedule in told


def test_a_schedule_is_replayed() -> None:
    program = ctxrace.compile(GUARD)
    found = ctxrace.check(program, tasks=3, only="exclusive").verdicts[0].interleaving
    assert found is not None
    again, broken = ctxrace.replay(program, found.schedule, tasks=3, only="exclusive")
    assert (again, [str(prop) for prop in broken]) == (found, ["exclusive(body)"])
    with pytest.raises(ctxrace.CtxraceError, match="made for another scenario"):
        ctxrace.replay(program, found.schedule, tasks=2)


def test_a_schedule_becomes_a_claim_that_is_confirmed(tmp_path: Path) -> None:
    source = tmp_path / "guard.c"
    source.write_text(GUARD.read_text())
    program = ctxrace.compile(source)
    found = ctxrace.check(program, tasks=3, only="exclusive").verdicts[0].interleaving
    assert found is not None
    text = ctxrace.claim_text(program, found.schedule, tasks=3, only="exclusive")
    claim = tmp_path / "claim.txt"
    claim.write_text(text.replace(str(source), "guard.c"))
    assert ctxrace.claim(claim).answer is ctxrace.Answer.CONFIRMED, text


def test_instructions_say_why_they_are_events() -> None:
    events = ctxrace.show(ctxrace.compile(GUARD))
    notes = [str(note) for event in events for note in event.notes if note.subject == "active"]
    assert notes == ["reads active", "writes active", "reads active", "writes active"]


def test_claims_and_guards_are_decided() -> None:
    claim = ROOT / "examples" / "claims" / "author-9.txt"
    assert ctxrace.claim(claim).answer is ctxrace.Answer.CONFIRMED
    assert ctxrace.claim(claim, guard="generic-lse").answer is ctxrace.Answer.IMPOSSIBLE
    with pytest.raises(ctxrace.CtxraceError, match="cannot read the claim"):
        ctxrace.claim("nowhere.txt")
    fexit = ctxrace.Caller("fexit", sleepable=True)
    (result,) = ctxrace.guards("arm64-v1", callers=[fexit], preemptions=["full"], tasks=2, only="balanced")
    assert (result.setup.case, result.outcome) == ("arm64-v1 fexit sleepable", ctxrace.Outcome.VIOLATED)
    found = ctxrace.models("arm64-v1", limits=ctxrace.Limits(max_states=1))
    assert (len(found), {result.outcome for result in found.values()}) == (59, {ctxrace.Outcome.INCOMPLETE})


def test_programs_of_an_object_are_checked() -> None:
    path = compiled("scratch")
    result = ctxrace.programs(path, kernel="7.0", preemption="full", ignore=["missed"])
    assert result.outcome is ctxrace.Outcome.VIOLATED
    assert result.command == f"ctxrace check {path} --kernel 7.0 --preemption full --ignore missed"
    assert result.replay == f"ctxrace replay {path} --kernel 7.0 --preemption full"
    assert ctxrace.render(result).startswith(f"{path}: violated: unmixed")
    finding = result.findings[0]
    only = [program.name for program in finding.programs]
    again = ctxrace.replay_programs(path, finding.schedule, kernel="7.0", preemption="full", only=only)
    assert (again.defect, again.outcome, again.rows) == (finding.defect, finding.outcome, finding.rows)
    pairs = ctxrace.programs(path, contexts={result.pairs[0].first: "task"}, pairs_only=True).pairs
    assert pairs
    with pytest.raises(ctxrace.CtxraceError, match="is none of"):
        ctxrace.programs(path, ignore=["all"])


def test_a_suite_is_checked_in_processes() -> None:
    first, second = ctxrace.suite(str(GUARD), "nowhere.c", jobs=2)
    assert (first.as_expected, first.unlike, second.bad_input) == (False, True, True)
    assert "nowhere.c" in second.error
    with pytest.raises(ctxrace.CtxraceError, match=r"has no file \*_race.c"):
        ctxrace.suite(str(ROOT / "docs"))


def test_a_suite_is_brought_up_to_date(tmp_path: Path) -> None:
    file = tmp_path / "a_race.c"
    text = GUARD.read_text(encoding="utf-8").replace("CTXRACE_NMI(attempt);\n", "")
    file.write_text(text, encoding="utf-8")
    (trial,) = ctxrace.suite(str(tmp_path), update=True)
    assert trial.as_expected and [check.expected for check in trial.checks] == [ctxrace.Outcome.VIOLATED] * 2
    said = "CTXRACE_EXPECT(exclusive(body), violated);\nCTXRACE_EXPECT(balanced(active), violated);\n"
    assert file.read_text(encoding="utf-8") == text + said
    assert ctxrace.suite(str(tmp_path))[0].as_expected
    file.write_text("no C", encoding="utf-8")
    assert ctxrace.suite(str(tmp_path), update=True)[0].bad_input
    assert file.read_text(encoding="utf-8") == "no C"


def test_types_are_told_to_those_who_install_it(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    assert "ctxrace/py.typed" in ZipFile(wheel).namelist()
