"""Which files a suite has."""

from collections.abc import Sequence
from pathlib import Path

from ctxrace.core.errors import ScenarioError

__all__ = ["PATTERN", "suite_files"]

PATTERN = "*_race.c"
"""The files of a directory that are tested."""


def suite_files(paths: Sequence[str]) -> list[str]:
    """Return the files to test, those of a directory in the order of their names; raise `ScenarioError` for none."""
    found: list[str] = []
    for path in paths:
        if not Path(path).is_dir():
            found.append(path)
            continue
        inside = sorted(str(file) for file in Path(path).rglob(PATTERN) if file.is_file())
        if not inside:
            raise ScenarioError(f"the directory {path} has no file {PATTERN}; name files to test those")
        found += inside
    return list(dict.fromkeys(found))
