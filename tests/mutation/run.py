"""Mutation testing: change the code in many small ways, and see whether a test notices each of them.

    python tests/mutation/run.py                     everything that `PARTS` lists
    python tests/mutation/run.py machine/memory.py   one file of it

The tool is mutmut. It works in a copy of the repository. A change that no test notices survives; `survivors.toml` lists
those and says why each is harmless. The exit status is 1 where the list and what was found differ.
"""

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import NamedTuple

__all__ = ["PARTS", "SURVIVORS", "Survivor", "known"]

ROOT = Path(__file__).parent.parent.parent
SURVIVORS = Path(__file__).parent / "survivors.toml"

_MOST_MEMORY = 4 << 30  # bytes, of each process

PARTS = {
    "core/interleaving.py": ("tests/core/test_interleaving.py",),
    "core/limits.py": ("tests/core/test_limits.py",),
    "core/schedule.py": ("tests/core/test_schedule.py",),
    "core/verdict.py": ("tests/core/test_verdict.py",),
    "machine/avoidance.py": ("tests/machine/test_avoidance.py",),
    "machine/build/flags.py": ("tests/machine/build/test_flags.py",),
    "machine/discovery.py": ("tests/machine/test_discovery.py",),
    "machine/drift/memory.py": ("tests/machine/drift/test_memory.py",),
    "machine/drift/number.py": ("tests/machine/drift/test_number.py",),
    "machine/elf/relocation.py": ("tests/machine/elf/test_relocation_by_hand.py",),
    "machine/evaluate.py": ("tests/machine/test_evaluate.py",),
    "machine/flow.py": (
        "tests/machine/test_events.py",
        "tests/machine/test_run.py",
        "tests/machine/test_run_discovery.py",
    ),
    "machine/inputs.py": ("tests/machine/test_inputs.py",),
    "machine/liveness.py": ("tests/machine/test_liveness_by_hand.py",),
    "machine/memory.py": ("tests/machine/test_memory.py",),
    "machine/own_address.py": ("tests/machine/test_own_address.py",),
    "machine/pcode.py": ("tests/machine/test_pcode.py",),
    "explore/backwards.py": ("tests/explore/test_possible.py",),
    "explore/expand.py": ("tests/explore/test_expand.py",),
    "explore/hopeless.py": ("tests/explore/test_summaries.py",),
    "explore/nested_product.py": ("tests/explore/test_nested_product.py",),
    "explore/possible.py": ("tests/explore/test_possible.py",),
    "explore/product.py": ("tests/explore/test_product.py",),
    "explore/search.py": ("tests/explore/test_search.py", "tests/explore/test_possible.py"),
    "explore/shortest.py": ("tests/explore/test_shortest.py", "tests/explore/test_search.py"),
    "explore/summaries.py": ("tests/explore/test_summaries.py",),
    "explore/walk.py": ("tests/explore/test_search.py", "tests/explore/test_possible.py"),
    "kernel/model/assumptions.py": ("tests/kernel/model/test_assumptions.py",),
    "kernel/model/drift.py": ("tests/kernel/model/test_drift.py",),
    "kernel/model/foreign.py": ("tests/kernel/model/test_foreign.py",),
    "kernel/model/groups.py": ("tests/kernel/model/test_groups.py",),
    "kernel/model/known_steps.py": ("tests/kernel/model/test_known_steps_by_hand.py",),
    "kernel/model/monitor.py": ("tests/kernel/model/test_monitor.py",),
    "kernel/model/nested.py": ("tests/kernel/model/test_nested.py",),
    "kernel/model/nested_smp.py": ("tests/kernel/model/test_nested_smp.py",),
    "kernel/model/outcome.py": ("tests/kernel/model/test_outcome.py",),
    "kernel/model/recovery.py": ("tests/kernel/model/test_recovery.py",),
    "kernel/model/smp.py": ("tests/kernel/model/test_smp.py",),
    "kernel/model/state.py": ("tests/kernel/model/test_state.py",),
    "kernel/properties/coverage.py": ("tests/kernel/properties/test_coverage.py",),
    "kernel/properties/demands.py": ("tests/kernel/properties/test_demands.py",),
    "kernel/properties/hang.py": ("tests/kernel/properties/test_coverage.py",),
    "kernel/rules/contexts.py": ("tests/kernel/rules/test_contexts.py",),
    "kernel/rules/preemption.py": ("tests/kernel/rules/test_preemption.py",),
    "kernel/rules/sleeping.py": ("tests/kernel/rules/test_sleeping.py",),
}
"""The files of src/ctxrace that are changed, each with the tests that must notice."""


class Survivor(NamedTuple):
    """A change that no test notices: the line `before` of `function` in `source` becomes `after`."""

    source: str
    function: str
    before: str
    after: str


def known() -> dict[Survivor, str]:
    """Return the survivors that are listed, each with why it is harmless."""
    groups = tomllib.loads(SURVIVORS.read_text(encoding="utf-8")).get("group", [])
    return {Survivor(**survivor): group["why"] for group in groups for survivor in group["survivors"]}


def found(source: str) -> list[Survivor]:
    """Change `source` in every way, and return what survives."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        copy = Path(name)
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        for file in filter(None, files.decode().split("\0")):
            if (ROOT / file).is_file():
                (copy / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / file, copy / file)
        with (copy / "pyproject.toml").open("a", encoding="utf-8") as settings:
            settings.write(
                "\n[tool.mutmut]\n"
                'source_paths = ["src"]\n'
                f"only_mutate = {json.dumps([f'src/ctxrace/{source}'])}\n"
                'pytest_add_cli_args = ["-p", "no:xdist", "-m", "not slow", "--hypothesis-seed=0"]\n'
                f"pytest_add_cli_args_test_selection = {json.dumps(list(PARTS[source]))}\n"
                "timeout_constant = 5.0\ntimeout_multiplier = 10.0\n"
            )
        mutmut = [sys.executable, "-m", "mutmut"]
        done = subprocess.run([*mutmut, "run"], cwd=copy, capture_output=True, text=True, check=False)
        meta = copy / "mutants" / "src" / "ctxrace" / f"{source}.meta"
        if not meta.exists():
            sys.exit(f"mutmut has failed on {source}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
        if any(code is None for code in codes.values()):
            sys.exit(f"mutmut has not finished {source}:\n{done.stdout[-2000:]}")
        survivors = []
        for mutant in sorted(mutant for mutant, code in codes.items() if code in (0, 33)):  # 33: no test runs it
            shown = subprocess.run([*mutmut, "show", mutant], cwd=copy, capture_output=True, text=True, check=True)
            survivors.append(_survivor(source, mutant, shown.stdout))
        print(f"{source}: {len(codes):,} changes, {len(survivors):,} survive", file=sys.stderr)
        return survivors


def _survivor(source: str, mutant: str, diff: str) -> Survivor:
    lines = diff.splitlines()
    before = "\n".join(line[1:].strip() for line in lines if line[:1] == "-" and line[:3] != "---")
    after = "\n".join(line[1:].strip() for line in lines if line[:1] == "+" and line[:3] != "+++")
    name = re.sub(r"__mutmut_\d+$", "", mutant.rpartition(".")[2])
    return Survivor(source, name.removeprefix("x_").replace("xǁ", "").replace("ǁ", "."), before, after)


def _spelled(survivor: Survivor) -> str:
    values = ", ".join(f"{field} = {json.dumps(value)}" for field, value in survivor._asdict().items())
    return f"  {{ {values} }},"


def main() -> None:
    parser = argparse.ArgumentParser(description="Change the code in many small ways; list what no test notices.")
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="a file below src/ctxrace; default: all in PARTS")
    sources = parser.parse_args().sources or list(PARTS)
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))  # of a change that makes a loop endless, too
    if unknown := sorted(set(sources) - PARTS.keys()):
        parser.error(f"PARTS does not say which tests judge {', '.join(unknown)}; add it")
    listed = {survivor for survivor in known() if survivor.source in sources}
    survived = {survivor for source in sources for survivor in found(source)}
    for title, some in (("not listed, and no test notices", survived - listed), ("gone", listed - survived)):
        if some:
            print(f"# {title}: {len(some)}", *map(_spelled, sorted(some)), sep="\n")
    sys.exit(int(survived != listed))


if __name__ == "__main__":
    main()
