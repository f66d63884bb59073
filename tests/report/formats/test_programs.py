"""BPF objects in the formats for machines: valid, with a test for each finding and for each kind without one."""

import json
import xml.etree.ElementTree as Xml
from collections.abc import Callable

from ctxrace.core.suite.trial import Trial
from ctxrace.report.formats.github import render_github
from ctxrace.report.formats.junit import render_junit
from ctxrace.report.formats.ktap import render_ktap
from ctxrace.report.formats.sarif import render_sarif
from ctxrace.report.formats.sequence import render_mermaid
from ctxrace.report.programs.trial import trial_of_finding, trial_of_programs

from ..programs.findings import INTERRUPTED, NOT_SURE, PREEMPTED, SKIPPED, hostile, programs
from .ktap_reader import read_ktap
from .test_sarif import log
from .test_sequence import assert_lines

ALL = trial_of_programs(programs(PREEMPTED, INTERRUPTED, SKIPPED))


def names(one: Trial) -> dict[str, bool]:
    return {check.name: check.as_expected for check in one.checks}


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("programs.ktap.txt", render_ktap([ALL]))
    golden("programs.mermaid.md", render_mermaid([ALL]))


def test_each_finding_is_a_test_and_so_is_each_kind_without_one() -> None:
    assert names(ALL) == {
        "unmixed(on_exec, on_exit, scratch[0])": False,
        "lost-update(on_exec, on_packet, counters[0])": False,
        "missed(on_exec, on_exec, prog->active)": False,
        "leaked": True,
    }  # what is stuck is ignored
    (test,) = read_ktap(render_ktap([ALL]))
    assert [sub.ok for sub in test.subtests] == [False, False, False, True]


def test_what_is_not_known_does_not_pass() -> None:
    opened = trial_of_programs(programs(NOT_SURE))
    assert names(opened) == {"leaked(on_exec, on_packet, busy)": False, "unmixed": True, "lost-update": True,
                             "missed": True}  # fmt: skip
    assert (opened.as_expected, opened.undecided) == (False, True)
    (test,) = read_ktap(render_ktap([opened]))
    assert test.subtests[0].data.startswith("it is not known whether both run in these contexts")
    skipped = trial_of_programs(programs(unfollowed=(("on_exec", "calls what is not known"),)))
    assert (skipped.checks, skipped.as_expected, skipped.undecided) == ((), False, True)
    assert not read_ktap(render_ktap([skipped]))[0].ok
    assert "not followed: on_exec: calls what is not known" in render_github([skipped])


def test_the_interleaving_is_a_code_flow_at_the_line_where_it_goes_wrong() -> None:
    run = log(render_sarif([ALL], "1"))
    assert [each["ruleId"] for each in run["results"]] == ["unmixed", "lost-update", "missed"]
    at = run["results"][0]["locations"][0]["physicalLocation"]
    assert (at["artifactLocation"]["uri"], at["region"]["startLine"]) == ("a.bpf.c", 12)
    steps = run["results"][1]["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["nestingLevel"] for step in steps] == [0, 0, 1, 1, 1, 1, 0]
    assert run["results"][0]["properties"]["command"] == "ctxrace check a.bpf.o"


def test_hostile_names_are_text() -> None:
    one = trial_of_programs(hostile())
    assert_lines([one], 1)
    log(render_sarif([one], "1"))
    read_ktap(render_ktap([one]))
    assert Xml.fromstring(render_junit([one])).find(".//script") is None
    for line in render_github([one]).splitlines():
        assert line.startswith(("::error ", "::warning ", "ctxrace: "))
    assert json.loads(render_sarif([one], "1"))["runs"]


def test_a_finding_that_was_replayed() -> None:
    one = trial_of_finding(PREEMPTED, "a.bpf.o")
    assert names(one) == {"unmixed(on_exec, on_exit, scratch[0])": False}
