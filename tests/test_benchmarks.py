"""The benchmarks run: their figures are for readers, and nothing of them is asserted."""

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
