"""A kernel's build tree: BPF's recursion guard as an object of it, and the kernel's own headers."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.kernel.headers.test_functions import RIGHT, kernel_code

from ctxrace.core.verdict import Outcome, Result
from ctxrace.kernel.check import check
from ctxrace.kernel.program import Build

from .conftest import DIRECTORY
from .fetch_tree import MAKE, OBJECT

pytestmark = pytest.mark.kernels

HARNESS = Path(__file__).parents[2] / "examples" / "kernel" / "tree" / "bpf_recursion.c"


@pytest.fixture
def tree() -> Path:
    folder = Path(os.environ.get(DIRECTORY, "nowhere")) / "tree"
    if not (folder / OBJECT).is_file():
        pytest.skip(f"{folder} has no {OBJECT}; make kernel-tree builds it")
    return folder


def checked(tree: Path) -> Result:
    return check(Build(kernel=str(tree), objects=(OBJECT,)).load(HARNESS))


def test_the_guard_holds(tree: Path) -> None:
    result = checked(tree)
    assert result.outcome is Outcome.HOLDS and len(result.verdicts) == 4
    assert (result.setup.preemption, result.setup.rcu) == ("full", "preemptible")


def test_without_its_preempt_disable_the_bytes_are_torn_at_the_kernels_lines(tree: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tree"
    shutil.copytree(tree, copy, symlinks=True, copy_function=os.link)
    header = copy / "include/linux/bpf.h"
    lines = header.read_text().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if "bool bpf_prog_get_recursion_context" in line)
    pair = [number for number in range(first, first + 12) if lines[number].strip().startswith("preempt_")]
    assert [lines[number].strip() for number in pair] == ["preempt_disable();", "preempt_enable();"]
    header.unlink()  # it is the same file in both trees
    header.write_text("".join(line for number, line in enumerate(lines) if number not in pair))
    (copy / OBJECT).unlink()
    subprocess.run([*MAKE, OBJECT], cwd=copy, check=True, capture_output=True)
    verdict = next(verdict for verdict in checked(copy).verdicts if verdict.property.kind == "exclusive")
    assert verdict.outcome is Outcome.VIOLATED and verdict.interleaving is not None
    told = {event.source.text for event in verdict.interleaving.events if event.source}
    assert "active[rctx]++;" in told


@pytest.mark.parametrize("function", RIGHT)
def test_what_our_headers_check_is_kernel_code(tree: Path, tmp_path: Path, function: str) -> None:
    recorded = (tree / "kernel/bpf/.trampoline.o.cmd").read_text().partition(" := ")[2].partition("\n")[0]
    words = [word for word in shlex.split(recorded.partition(" ; ")[0]) if not word.startswith("-Wp,-MMD")]
    assert re.search(r"-c -o kernel/bpf/trampoline\.o kernel/bpf/trampoline\.c$", " ".join(words))
    source = tmp_path / function
    source.write_text(kernel_code(function))
    # It stands alone: no header of the tree declares its functions.
    quiet = ["-Wno-missing-prototypes", "-Wno-missing-declarations"]
    command = [*words[:-2], str(source.with_suffix(".o")), str(source), "-Werror", *quiet]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
