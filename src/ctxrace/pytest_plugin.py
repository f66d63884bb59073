"""A pytest plugin: every file ``*_race.c`` that pytest meets is a test, and what it expects is what is asserted.

It imports ctxrace only where there is such a file.
"""

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ctxrace.core.suite.trial import Trial

__all__ = ["RaceFile", "RaceItem"]

_PATTERN = "*_race.c"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the settings of checks to pytest's."""
    parser.addini("ctxrace_arch", "architecture of every *_race.c: arm64 (default), x86-64, ...", default="")
    parser.addini("ctxrace_cc", "compiler's command line; default: the clang that comes with ctxrace", default="")
    parser.addini("ctxrace_optimize", "-O0 to -Os; default: -O2", default="")
    parser.addini("ctxrace_max_states", "states after which a file is not decided; default: 3000000", default="")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "RaceFile | None":
    """Collect a file of the name that `ctxrace test` looks for."""
    return RaceFile.from_parent(parent, path=file_path) if fnmatch(file_path.name, _PATTERN) else None


class RaceFile(pytest.File):
    """A C file with a scenario."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield its one test."""
        yield RaceItem.from_parent(self, name="race")


class NotAsExpected(Exception):
    """A file is not as it expects."""

    def __init__(self, trial: "Trial") -> None:
        super().__init__(trial.name)
        self.trial = trial


class RaceItem(pytest.Item):
    """Check the file's scenario against what the file expects."""

    def runtest(self) -> None:
        """Check it; raise `NotAsExpected` where something is not as expected, or not decided."""
        from ctxrace.api import LIMITS, Limits, suite

        given = {name: self.config.getini(f"ctxrace_{name}") for name in ("arch", "cc", "optimize")}
        most = self.config.getini("ctxrace_max_states")
        limits = Limits(int(most)) if most else LIMITS
        (trial,) = suite(str(self.path), limits=limits, **{name: word for name, word in given.items() if word})
        if not trial.as_expected:
            raise NotAsExpected(trial)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401
        """Return the reports that ``ctxrace test`` and ``ctxrace check`` print."""
        if not isinstance(excinfo.value, NotAsExpected):
            return super().repr_failure(excinfo, style)
        from ctxrace.report.suite import render_suite
        from ctxrace.report.text import render_result

        trial = excinfo.value.trial
        shown = "" if trial.result is None else f"\n{render_result(trial.result)}"
        return render_suite([trial]).partition("\n")[2] + shown

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return the file, and what the test is called."""
        return self.path, None, f"{self.path.name}: races"
