"""The published schema says exactly what JSON reports have: nothing more, nothing less, and every kind of fact."""

import json
from collections.abc import Iterator
from dataclasses import fields
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import jsonschema
import pytest

from ctxrace.core.ending import Ending
from ctxrace.core.facts.reason import Reason
from ctxrace.core.facts.remark import Remark
from ctxrace.core.interleaving import Event
from ctxrace.core.note import Note
from ctxrace.core.turn import Turn
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.core.why import Why
from ctxrace.report.json import fact, row_fact, to_json

from .schema_of import schema
from .test_json import result

PUBLISHED = files("ctxrace.report").joinpath("schema.json")
SCHEMA = json.loads(PUBLISHED.read_text(encoding="utf-8"))
KINDS = {"ending": Ending, "reason": Reason, "remark": Remark, "why": Why, "note": Note}


def valid(value: object, name: str = "") -> bool:
    """Whether a document is valid, or a part of one that the schema calls `name`."""
    part = {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]} if name else SCHEMA
    return bool(jsonschema.Draft202012Validator(part).is_valid(value))


def test_it_is_the_schema_of_what_is_printed(request: pytest.FixtureRequest) -> None:
    now = json.dumps(schema(), indent=1) + "\n"
    if request.config.getoption("--regenerate-golden"):
        Path(str(PUBLISHED)).write_text(now, encoding="utf-8")
    elif now != PUBLISHED.read_text(encoding="utf-8"):
        pytest.fail(
            "what --json prints has changed; if that is right: pytest tests/report --regenerate-golden, and where a "
            "field is gone or means something else, raise the number behind the document's name"
        )


def test_it_is_a_schema_of_draft_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("pick", range(3))
@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name, kinds in KINDS.items() for kind in get_args(kinds) or (kinds,)]
)
def test_every_kind_of_fact(name: str, kind: type, pick: int) -> None:
    spelled = json.loads(json.dumps(fact(sample(kind, pick), "text")))
    assert valid(spelled, name), spelled
    assert not valid(spelled | {"other": 1}, name)


@pytest.mark.parametrize("pick", range(3))
@pytest.mark.parametrize(("name", "kind"), [("event", Event), ("turn", Turn)])
def test_every_row(name: str, kind: type, pick: int) -> None:
    assert valid(row_fact(sample(kind, pick)), name)


def sample(kind: Any, pick: int) -> Any:  # noqa: ANN401 - a type, and a value of it
    """A value of this type; pick: which of several kinds it is of, and whether a list has something in it."""
    plain = {str: "read", bool: bool(pick % 2), int: pick, float: 0.5, NoneType: None}
    if kind in plain:
        return plain[kind]
    inside = get_args(kind)
    if isinstance(kind, UnionType):
        return sample(inside[pick % len(inside)], pick)
    if get_origin(kind) is tuple:
        each = [inside[0]] * pick if inside[-1] is Ellipsis else inside
        return tuple(sample(one, number) for number, one in enumerate(each, pick))
    if issubclass(kind, StrEnum):
        return list(kind)[pick % len(kind)]
    types = get_type_hints(kind)
    return kind(**{field.name: sample(types[field.name], pick) for field in fields(kind)})


def test_whatever_is_taken_out_or_put_in_is_noticed() -> None:
    document = json.loads(to_json([result()]))
    optional = {"reason", "interleaving", "before", "read_as", "cause", "previous", "function", "entry", "first_event",
                "below", "accounted", "cpu", "came_from"}  # fmt: skip
    assert valid(document)
    changed = 0
    for part in objects(document):
        for key in [key for key in part if key not in optional]:
            value = part.pop(key)
            assert not valid(document), key
            part[key] = value
            changed += 1
        part["other"] = None
        assert not valid(document)
        del part["other"]
    assert valid(document) and changed > 100
    assert not valid({**document, "schema": "ctxrace-result/3"})


def objects(value: object) -> Iterator[dict[str, Any]]:
    """The objects of a document, from the outside."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from objects(inner)


def test_a_verdict_is_one_of_the_words() -> None:
    sequential = Verdict(result().verdicts[1].property, Outcome.HOLDS, 1, 1, 0.5, sequential=True)
    document = json.loads(to_json([Result(result().setup, (sequential,))]))
    assert valid(document)
    document["results"][0]["verdict"] = "passed"
    assert not valid(document)
