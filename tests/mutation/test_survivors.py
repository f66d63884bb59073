"""The list of surviving mutants names code that is there, and argues."""

import ast
import textwrap

import pytest
from tests.mutation.run import PARTS, ROOT, Survivor, known

LISTED = sorted(known().items())


def lines_of(source: str, function: str) -> list[str]:
    """The lines of a function or method of a file, without indentation; none where it does not exist."""
    text = (ROOT / "src" / "ctxrace" / source).read_text(encoding="utf-8")
    *outer, name = function.split(".")
    body: list[ast.stmt] = ast.parse(text).body
    for part in outer:
        body = next((node.body for node in body if isinstance(node, ast.ClassDef) and node.name == part), [])
    node = next((node for node in body if isinstance(node, ast.FunctionDef) and node.name == name), None)
    segment = ast.get_source_segment(text, node) if node is not None else None
    return [line.strip() for line in textwrap.dedent(segment or "").splitlines()]


@pytest.mark.parametrize("listed", LISTED, ids=lambda listed: f"{listed[0].source}-{listed[0].function}")
def test_what_is_listed_is_there_and_argued(listed: tuple[Survivor, str]) -> None:
    survivor, why = listed
    assert survivor.source in PARTS
    lines = lines_of(survivor.source, survivor.function)
    missing = [line for line in survivor.before.split("\n") if line not in lines]
    assert not missing, f"{survivor.function} has changed; run: python tests/mutation/run.py {survivor.source}"
    assert survivor.before != survivor.after
    assert len(why.split()) >= 5


def test_what_is_changed_exists_and_is_tested() -> None:
    for source, tests in PARTS.items():
        assert (ROOT / "src" / "ctxrace" / source).is_file()
        assert all((ROOT / test).exists() for test in tests)


def test_a_function_that_is_gone_has_no_lines() -> None:
    assert lines_of("core/limits.py", "Budget.remaining")
    assert lines_of("core/limits.py", "Budget.gone") == lines_of("core/limits.py", "gone") == []
