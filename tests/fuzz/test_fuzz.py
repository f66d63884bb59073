"""A few of the command lines that `make fuzz` runs, the same ones every time; and that it notices what must not be."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.fuzz.case import MEMORY, TIMEOUT, Case
from tests.fuzz.inputs import KINDS, TYPED, UNTYPED
from tests.fuzz.judge import complaints
from tests.fuzz.run import made, names
from tests.fuzz.sandbox import Ending, Sandbox

from ctxrace.cli.app import VERBS

NUMBER = 200
WELL = Ending(2, b"", b"ctxrace: no file\n", 0.1, 0.1, 50 << 20, {})


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made_here = Sandbox()
    yield made_here
    made_here.close()


@pytest.mark.parametrize("kind", KINDS)
def test_fuzzed_command_lines_end_as_they_must(sandbox: Sandbox, kind: str) -> None:
    wrong = {}
    ended: Counter[int] = Counter()
    for number in [number for of, number in names(NUMBER) if of == kind]:
        case = made(kind, number)
        ending = sandbox.run(case)
        ended[ending.status] += 1
        if found := complaints(case, ending):
            wrong[f"{kind}:{number} {case}"] = found
    assert not wrong
    assert ended.total() == NUMBER * KINDS[kind][0] // 20
    assert ended.keys() - {2}  # not everything is refused at the door


def test_a_case_is_made_from_its_seed() -> None:
    assert [made(kind, number) for kind, number in names(20)] == [made(kind, number) for kind, number in names(20)]
    assert made("claim", 3) != made("claim", 3, seed=11)
    assert set(names(20)) < set(names(40))


def test_every_option_is_typed() -> None:
    verbs = ("check", "replay", "check-programs", "replay-programs", "test", "show")
    loaded = [verb.load() for verb in VERBS if verb.name in verbs]
    assert len(loaded) == len(verbs)
    known = {name for verb in loaded for parameter in verb.params for name in parameter.opts if name.startswith("-")}
    assert known - {"-h"} <= TYPED | UNTYPED
    assert not TYPED & UNTYPED


@pytest.mark.parametrize(
    ("ending", "complaint"),
    [
        (replace(WELL, status=70), "exit status 70"),
        (replace(WELL, status=-11), "exit status -11"),
        (replace(WELL, out=b"\x1b[31m"), "raw control characters on standard output: ['\\x1b']"),
        (replace(WELL, err=b"\xff"), "raw control characters on standard error: ['\\udcff']"),
        (replace(WELL, err=b"Traceback (most recent call last):"), "a traceback on standard error"),
        (replace(WELL, err=b""), "status 2 without a word on standard error"),
        (replace(WELL, seconds=TIMEOUT + 2.0), "4.0 s of processor time with --timeout 2"),
        (replace(WELL, peak=MEMORY << 21), "800 MiB with --max-memory 400M"),
        (replace(WELL, left={"build-1": b""}), "left behind: build-1"),
        (replace(WELL, out=b"{"), "no JSON with --json: "),
        (replace(WELL, left={"page": b"<!doctype html><script>alert(1)<script>"}), "page: a script of the input"),
        (replace(WELL, left={"page": b"<svg"}), "page: unclosed token: line 1, column 0"),
    ],
    ids=lambda value: value.split(":")[0] if isinstance(value, str) else "",
)
def test_what_must_not_be_is_noticed(ending: Ending, complaint: str) -> None:
    case = Case(("check", "x.c", "--json", "--timeout", "2", "--max-memory", "400M", "--html", "page"))
    assert complaints(case, WELL) == []
    found, *_ = complaints(case, ending)
    assert found.startswith(complaint)


def test_the_sandbox_sees_what_is_left_and_how_a_command_ends(sandbox: Sandbox) -> None:
    ending = sandbox.run(Case(("check", "nowhere.c", "--json")))
    assert (ending.status, ending.left) == (2, {})
    assert b"no file nowhere.c" in ending.out
    assert b"no file nowhere.c" in ending.err
    assert sandbox.run(Case(("--version",))).status == 0
