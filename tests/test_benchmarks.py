"""The benchmarks run: their figures are for readers, and nothing of them is asserted."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.parametrize("name", ["claims", pytest.param("run", marks=pytest.mark.slow)])
def test_a_benchmark_prints_its_table(name: str) -> None:
    done = subprocess.run([sys.executable, BENCHMARKS / f"{name}.py"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "wanted" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "table"), [(["growth", "--short"], "summaries"), (["hangs"], "ratio"), (["spin", "3"], "SPIN")]
)
def test_what_is_compared_is_printed(words: list[str], table: str) -> None:
    if table == "SPIN" and not (shutil.which("spin") and shutil.which("cc")):
        pytest.skip("spin is not installed")
    command = [sys.executable, "-m", f"benchmarks.{words[0]}", *words[1:]]
    done = subprocess.run(command, cwd=BENCHMARKS.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert table in done.stdout
