"""The README's picture is what the command under it draws."""

from pathlib import Path

import pytest

from ctxrace.cli.main import main

ROOT = Path(__file__).parent.parent.parent
PICTURE = ROOT / "docs" / "interleaving.svg"
COMMAND = ["check", "examples/recursion_counter.c", "--property", "exclusive", "--quiet", "--svg"]


def test_the_picture_is_what_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(ROOT)
    regenerate = request.config.getoption("--regenerate-golden")
    drawn = PICTURE if regenerate else tmp_path / "lanes.svg"
    with pytest.raises(SystemExit):
        main([*COMMAND, str(drawn)])
    assert drawn.read_text(encoding="utf-8") == PICTURE.read_text(encoding="utf-8"), (
        "pytest tests/docs --regenerate-golden"
    )
    assert f"]({PICTURE.relative_to(ROOT)})" in (ROOT / "README.md").read_text(encoding="utf-8")
