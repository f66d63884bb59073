"""What every test package shares."""

import difflib
import os
from collections.abc import Callable, Generator
from pathlib import Path

import pluggy
import pytest
from hypothesis import settings

os.environ.pop("COLUMNS", None)  # of the terminal in which the tests run
os.environ["CTXRACE_NO_FINDINGS"] = "1"  # what is tested is found out anew, but where findings are what is tested

# The same examples each time: what a run finds depends on the code alone. `make soak` looks for new ones.
settings.register_profile("repeatable", derandomize="CTXRACE_RANDOM" not in os.environ)
settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate-golden", action="store_true", help="rewrite the golden files instead of comparing")
    parser.addoption("--forbid-skips", action="store_true", help="a test that would be skipped fails instead")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pluggy.Result[pytest.TestReport], None]:
    outcome = yield
    report = outcome.get_result()
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--forbid-skips"):
        report.outcome = "failed"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the file of that name in `golden/` next to the test, or rewrite the file if asked to."""
    folder = request.path.parent / "golden"
    here = request.path.parent.relative_to(request.config.rootpath)
    regenerate = bool(request.config.getoption("--regenerate-golden"))

    def compare(name: str, text: str) -> None:
        path: Path = folder / name
        if regenerate:
            folder.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
            return
        known = path.read_bytes().decode("utf-8") if path.exists() else ""
        if known != text:
            lines = difflib.unified_diff(known.splitlines(), text.splitlines(), name, "now", lineterm="")
            difference = "\n".join(lines)
            pytest.fail(f"{difference or 'only line ends differ'}\nif this is right: pytest {here} --regenerate-golden")

    return compare
