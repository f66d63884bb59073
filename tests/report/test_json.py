"""The JSON report: its schema, field by field, and that any result survives it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ctxrace.core.ending import BodyOverlaps
from ctxrace.core.facts.reason import SearchEnded
from ctxrace.core.facts.remark import CompiledWith
from ctxrace.core.facts.stop import Interrupted
from ctxrace.core.interleaving import Access, Event, Interleaving, Source
from ctxrace.core.note import Note, NoteKind
from ctxrace.core.property import Property
from ctxrace.core.setup import Setup
from ctxrace.core.turn import Cause, Turn, TurnKind
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.report.json import to_json

RUN = Interleaving(
    ("task A", "nmi"),
    (
        Turn(TurnKind.START, "task A", Cause.CPU_IDLE, entry="attempt"),
        Event(
            "task A",
            0x10234,
            "ldrb w9, [x8]",
            "attempt",
            Source("guard.c", 23, "active[rctx]++;"),
            (Access("read", "active", 0, 1, 0, name="active[0]"),),
        ),
        Turn(TurnKind.ARRIVAL, "nmi", Cause.NOTHING_MASKS, entry="attempt", below="A"),
        Event(
            "nmi",
            0x10238,
            "strb w9, [x8]",
            "attempt",
            accesses=(Access("write", "active", 3, 1, 1, 0, "active[3]"),),
            notes=(Note(NoteKind.ENTERS, "body"),),
        ),
    ),
    (BodyOverlaps("body", 2),),
    1,
)


def result(case: str = "guard.c") -> Result:
    verdicts = (
        Verdict(Property("exclusive", ("body",), "never twice"), Outcome.VIOLATED, 96, 288, 0.25, RUN),
        Verdict(Property("balanced", ("active",), "zero when idle"), Outcome.HOLDS, 12345, 45678, 1.5),
        Verdict(Property("check", ()), Outcome.INCOMPLETE, 10, 20, 0.1 + 0.2, reason=SearchEnded(Interrupted())),
    )
    command = f"ctxrace check {case}"
    setup = Setup(case, "arm64", "zig 0.15.1 -O2", "full", 2, ("softirq", "nmi"))
    return Result(setup, verdicts, command, (CompiledWith(("größer",)),))


def entries(*results: Result) -> list[dict[str, Any]]:
    document = json.loads(to_json(results))
    assert list(document) == ["schema", "results"]
    assert document["schema"] == "ctxrace-result/2"
    found: list[dict[str, Any]] = document["results"]
    return found


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("result.json.txt", to_json([result()]))


def test_one_entry_for_each_result_and_property() -> None:
    found = entries(result("a.c"), result("b.c"))
    assert [(entry["case"], entry["property"], entry["verdict"]) for entry in found] == [
        (case, *pair)
        for case in ("a.c", "b.c")
        for pair in (("exclusive(body)", "violated"), ("balanced(active)", "holds"), ("check", "incomplete"))
    ]


def test_only_what_applies_is_there() -> None:
    violated, holds, incomplete = entries(result())
    assert "interleaving" in violated and "reason" not in violated
    assert "interleaving" not in holds and "reason" not in holds
    assert incomplete["reason"] == {
        "kind": "search_ended", "stop": {"kind": "interrupted"}, "forecast": None, "grows": [], "text": "interrupted",
    }
    assert incomplete["seconds"] == 0.3


def test_rows_point_to_events() -> None:
    run = entries(result())[0]["interleaving"]
    assert [row.get("turn", row.get("event")) for row in run["rows"]] == ["start", 0, "arrival", 1]
    assert [event["address"] for event in run["events"]] == ["0x10234", "0x10238"]
    assert run["events"][0]["source"] == {"file": "guard.c", "line": 23, "text": "active[rctx]++;"}
    assert run["events"][1]["source"] is None
    assert "before" not in run["events"][0]["accesses"][0]
    assert run["events"][1]["accesses"][0]["before"] == 0


def test_text_is_utf8_with_one_newline_at_its_end() -> None:
    text = to_json([result()])
    assert "größer" in text
    assert text.endswith("}\n") and not text.endswith("\n\n")
    assert to_json([]) == '{\n  "schema": "ctxrace-result/2",\n  "results": []\n}\n'


def test_a_name_that_is_not_utf8_survives() -> None:
    text = to_json([result("bad\udcff.c")])
    text.encode("utf-8")
    assert json.loads(text)["results"][0]["case"] == "bad\udcff.c"


def test_a_duration_that_json_cannot_spell_is_refused() -> None:
    endless = Verdict(Property("check"), Outcome.HOLDS, 1, 1, float("inf"))
    with pytest.raises(ValueError, match="Out of range"):
        to_json([Result(Setup("a.c", "arm64", "cc", "none", 1, ()), (endless,))])


def test_what_a_terminal_would_obey_is_escaped() -> None:
    text = to_json([result("\x1b[31m\x9b\u202e größer \u2028漢.c")])
    assert text.replace("\n", "").isprintable()
    assert json.loads(text)["results"][0]["case"] == "\x1b[31m\x9b\u202e größer \u2028漢.c"
