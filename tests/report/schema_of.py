"""The JSON Schema of every document that ``--json`` prints, made from the types of the facts in it.

What a document is made of stands here once more, by hand; each fact below it comes from its dataclass, so that a kind
or a field that is new is in no schema but a new one.
"""

import re
from dataclasses import fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from ctxrace.core.claim import Answer, AtTheEnd, FindingKind, How, InCode, NotInEntry, OutcomeFound
from ctxrace.core.ending import Ending
from ctxrace.core.facts.fact import Fact
from ctxrace.core.facts.reason import Reason
from ctxrace.core.facts.remark import Remark
from ctxrace.core.facts.stop import Stop
from ctxrace.core.interleaving import Access, Event, Source, ValueKind
from ctxrace.core.meeting import Finding, Pair, ProgramsResult
from ctxrace.core.note import Note
from ctxrace.core.property import Property
from ctxrace.core.statement import Decision, Evidence
from ctxrace.core.turn import Cause, Turn, TurnKind
from ctxrace.core.verdict import Outcome
from ctxrace.core.why import Why

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
_OPTIONAL_OF_A_TURN = (
    *("previous", "function", "entry", "arguments", "first_event", "below", "accounted", "cpu", "came_from"),
)


def schema() -> Schema:
    """Return the schema of all documents: each is known by what its `schema` says."""
    documents = {name: _document(name, kind) for name, kind in _DOCUMENTS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:ctxrace:json",
        "title": "What ctxrace prints with --json",
        "description": "Closed: this is the form of one release exactly. docs/json.md says what may change.",
        "type": "object",
        "required": ["schema"],
        "properties": {"schema": {"enum": list(documents)}},
        "oneOf": [{"$ref": f"#/$defs/{_defined(name)}"} for name in documents],
        "$defs": {**{_defined(name): kind for name, kind in documents.items()}, **_definitions()},
    }


def _defined(name: str) -> str:
    return name.removeprefix("ctxrace-").replace("/", "-")


# Parts


def closed(properties: Schema, optional: tuple[str, ...] = ()) -> Schema:
    """Return the schema of an object with these properties and no other."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def array(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def either(*kinds: Schema) -> Schema:
    """Return the schema of what is of one of these kinds."""
    if all(list(kind) == ["type"] for kind in kinds):
        return {"type": [kind["type"] for kind in kinds]}
    return kinds[0] if len(kinds) == 1 else {"anyOf": list(kinds)}


def maybe(kind: Schema) -> Schema:
    """Return the schema of what may be null."""
    return either(kind, {"type": "null"})


def words(kinds: type[StrEnum]) -> Schema:
    """Return the schema of one of the words of `kinds`."""
    return {"enum": [str(kind) for kind in kinds]}


def ref(name: str) -> Schema:
    """Return the schema that is defined under this name."""
    return {"$ref": f"#/$defs/{name}"}


def _document(name: str, properties: Schema) -> Schema:
    return closed({"schema": {"const": name}, **properties})


# Facts, from their dataclasses


def of(kind: Any) -> Schema:  # noqa: ANN401 - a type
    """Return the schema of a value as a field of this type has it."""
    plain = {str: TEXT, bool: FLAG, int: {"type": "integer"}, float: {"type": "number"}, NoneType: {"type": "null"}}
    if kind in plain:
        return plain[kind]
    if isinstance(kind, UnionType):
        return either(*map(of, get_args(kind)))
    if get_origin(kind) is tuple:
        inside = get_args(kind)
        if inside[-1] is Ellipsis:
            return array(of(inside[0]))
        numbers = {"minItems": len(inside), "maxItems": len(inside)}
        return {"type": "array", "prefixItems": list(map(of, inside)), **numbers}
    if kind is Property:
        return TEXT
    if kind in _NAMED:
        return ref(_NAMED[kind])
    if issubclass(kind, StrEnum):
        return words(kind)
    return closed(_fields(kind, with_kind=issubclass(kind, Fact)))


def _fields(kind: type, *, with_kind: bool) -> Schema:
    assert is_dataclass(kind)
    types = get_type_hints(kind)
    spelled = {field.name: of(types[field.name]) for field in fields(kind)}
    return ({"kind": {"const": _kind(kind)}} if with_kind and "kind" not in spelled else {}) | spelled


def _kind(kind: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def told(kinds: Any) -> Schema:  # noqa: ANN401 - a type, or several
    """Return the schema of a fact with its kind, and the sentence that a report makes of it."""
    each = get_args(kinds) or (kinds,)
    return either(*(closed({**_fields(one, with_kind=True), "text": TEXT}) for one in each))


_NAMED = {Source: "source", Access: "access", Event: "event", Turn: "turn"}


def _turn() -> Schema:
    types = get_type_hints(Turn)
    known = {name: of(types[name]) for name in _OPTIONAL_OF_A_TURN}
    cause = {"cause": {"enum": [one.name.lower() for one in Cause]}}
    start = {"turn": words(TurnKind), "context": TEXT}
    return closed({**start, **cause, **known, "notes": array(ref("note")), "text": TEXT}, ("cause", *known))


INSTRUCTION = {
    "address": {"type": "string", "pattern": "^0x[0-9a-f]+$"}, "instruction": TEXT, "function": TEXT,
    "source": maybe(ref("source")),
}  # fmt: skip
EVENT = {"context": TEXT, **INSTRUCTION, "accesses": array(ref("access")), "notes": array(ref("note"))}


def _definitions() -> Schema:
    access = {
        "kind": {"enum": ["read", "write"]}, "symbol": TEXT, "offset": {"type": "integer"}, "size": COUNT,
        "value": COUNT, "before": COUNT, "name": TEXT, "read_as": words(ValueKind),
    }  # fmt: skip
    interleaving = {
        "switches": COUNT, "contexts": array(TEXT), "events": array(ref("event")),
        "rows": array(either(closed({"event": COUNT}), ref("turn"))),
        "endings": array(ref("ending")), "schedule": TEXT,
    }  # fmt: skip
    return {
        "source": closed({"file": TEXT, "line": {"type": "integer"}, "text": TEXT}),
        "access": closed(access, ("before", "read_as")),
        "note": told(Note),
        "event": closed(EVENT),
        "turn": _turn(),
        "ending": told(Ending),
        "reason": told(Reason),
        "remark": told(Remark),
        "why": told(Why),
        "interleaving": closed(interleaving),
        "result": _result(),
        "finding": closed({**_fields(Finding, with_kind=False), "reason": maybe(ref("reason"))}),
        "pair": of(Pair),
        "statement": _statement(),
    }


SETUP = {
    "case": TEXT, "arch": TEXT, "compiler": TEXT, "preemption": TEXT, "rcu": TEXT, "cpus": COUNT, "tasks": COUNT,
    "fifo_tasks": COUNT, "interrupts": array({"enum": ["softirq", "hardirq", "nmi"]}), "entry_window": FLAG,
    "attempts": maybe(COUNT),
}  # fmt: skip


def _result() -> Schema:
    verdicts = ["holds", "holds if memory is sequentially consistent", "violated", "incomplete"]
    branch = {"source": ref("source"), "to": ref("source")}
    coverage = {
        "complete": FLAG, "never_executed": array(ref("source")), "never_taken": array(closed(branch)),
    }  # fmt: skip
    properties = {
        **SETUP, "property": TEXT, "kind": TEXT, "subjects": array(TEXT), "sentence": TEXT,
        "verdict": {"enum": verdicts}, "states": COUNT, "transitions": COUNT, "seconds": {"type": "number"},
        "notes": array(ref("remark")), "command": TEXT, "hang": maybe(words(Outcome)), "coverage": closed(coverage),
        "reason": maybe(ref("reason")), "interleaving": ref("interleaving"),
    }  # fmt: skip
    return closed(properties, ("reason", "interleaving"))


def _statement() -> Schema:
    facts = {
        "about": TEXT, "decision": told(Decision), "expected": told(Decision), "as_expected": maybe(FLAG),
        "evidence": maybe(told(Evidence)), "stopped": maybe(ref("reason")), "missing_compiler": TEXT,
        "command": TEXT, "interleaving": maybe(ref("interleaving")),
    }  # fmt: skip
    statement = {"quote": TEXT, "author": TEXT, "conclusion": maybe(TEXT), "facts": array(closed(facts))}
    return closed(statement)


def _claim() -> Schema:
    step = {
        "step": TEXT, "line": COUNT, "text": TEXT, "verdict": words(FindingKind), "how": maybe(words(How)),
        "event": COUNT, "why": maybe(ref("why")),
    }  # fmt: skip
    coming = either(closed({**EVENT, "text": TEXT}), ref("turn"))
    places = told(InCode | AtTheEnd | NotInEntry)
    standing = {"context": TEXT, "preempted": FLAG, "place": places, "next": array(coming)}
    return {
        "claim": TEXT, **SETUP, "answer": words(Answer), "failed": TEXT, "status": {"enum": [0, 1, 3, 4]},
        "steps": array(closed(step)), "reasons": array(ref("why")), "standing": array(closed(standing)),
        "memory": array(closed({"name": TEXT, "value": maybe({"type": "integer"})})),
        "states": COUNT, "transitions": COUNT, "searched": FLAG, "interleaving": maybe(ref("interleaving")),
        "outcome": maybe(words(OutcomeFound)), "outcome_text": TEXT, "outcome_states": COUNT,
        "outcome_transitions": COUNT, "outcome_interleaving": maybe(ref("interleaving")), "shortest": FLAG,
        "notes": array(TEXT), "command": TEXT,
    }  # fmt: skip


def _suite() -> Schema:
    judged = {
        "property": TEXT, "verdict": words(Outcome), "expected": words(Outcome), "as_expected": maybe(FLAG),
        "declared": maybe(ref("source")), "reason": maybe(ref("reason")), "interleaving": maybe(ref("interleaving")),
    }  # fmt: skip
    file = {
        "file": TEXT, "as_expected": maybe(FLAG), "error": TEXT, "bad_input": FLAG,
        "properties": array(closed(judged)), "command": TEXT,
    }  # fmt: skip
    return {"files": array(closed(file))}


def _programs() -> Schema:
    lists = {"findings": array(ref("finding")), "pairs": array(ref("pair"))}
    return {**_fields(ProgramsResult, with_kind=False), **lists}


_DOCUMENTS = {
    "ctxrace-result/2": {"results": array(ref("result"))},
    "ctxrace-replay/1": {"case": TEXT, "violated": array(TEXT), "interleaving": ref("interleaving")},
    "ctxrace-claim/2": _claim(),
    "ctxrace-thread/2": {"statements": array(ref("statement"))},
    "ctxrace-suite/1": _suite(),
    "ctxrace-listing/1": {
        "case": TEXT, "compiler": TEXT, "stopped": maybe(told(Stop)),
        "instructions": array(closed({**INSTRUCTION, "notes": array(ref("note"))})),
    },
    "ctxrace-programs/1": _programs(),
    "ctxrace-error/1": {"status": COUNT, "kind": TEXT, "message": TEXT, "output": TEXT},
}  # fmt: skip
