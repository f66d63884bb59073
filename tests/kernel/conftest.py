"""What tests of small C programs share."""

from pathlib import Path
from typing import Any

import pytest

from ctxrace.kernel.program import Program, load

from .cases import Build, Cases


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Cases:
    """Compile and check C texts."""
    return Cases(tmp_path_factory.mktemp("cases"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep what was compiled."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def build(tmp_path: Path, cache: Path) -> Build:
    """Compile a C text as case.c, the headers on its first line; `head` comes in a line before that."""

    def compile_text(text: str, head: str = "", **options: Any) -> Program:  # noqa: ANN401
        path = tmp_path / "case.c"
        before = f"{head}\n" if head else ""
        path.write_text(f"{before}#include <ctxrace/kernel.h>\n{text}", encoding="utf-8")
        return load(path, cache=cache, **options)

    return compile_text
