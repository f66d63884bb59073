"""Run fuzzed command lines: ``python -m tests.fuzz.run 10000`` is `make fuzz`.

Each case is made from the seed, its kind and its number, so ``--only elf:17`` runs a single one again. The files of a
case that ends as it must not are kept, with what it printed.
"""

import argparse
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.fuzz.case import Case
from tests.fuzz.inputs import KINDS
from tests.fuzz.judge import complaints
from tests.fuzz.sandbox import Ending, Sandbox

__all__ = ["SEED", "made", "names"]

SEED = 10
_KEPT = Path("fuzz-failures")


def names(number: int) -> Iterator[tuple[str, int]]:
    """Return the kind and the number of `number` cases, the kinds in turn."""
    turn = [kind for kind, (share, _) in KINDS.items() for _ in range(share)]
    counted: Counter[str] = Counter()
    for index in range(number):
        kind = turn[index * 7 % len(turn)]  # 7 and 20 have no factor in common: every kind comes early
        yield kind, counted[kind]
        counted[kind] += 1


def made(kind: str, number: int, seed: int = SEED) -> Case:
    """Return a case, the same one for the same arguments."""
    return KINDS[kind][1](random.Random(f"{seed}:{kind}:{number}"))


def main() -> int:
    """Run the cases that the command line asks for; return 1 where one ended as it must not."""
    parser = argparse.ArgumentParser(description="run fuzzed command lines")
    parser.add_argument("number", type=int, nargs="?", default=10_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", metavar="KIND[:NUMBER]", help="one case, or all of one kind")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="so many at a time")
    arguments = parser.parse_args()
    kind, _, one = (arguments.only or "").partition(":")
    wanted = list(names(arguments.number))[arguments.skip :]
    if kind:
        wanted = [(kind, int(one))] if one else [pair for pair in wanted if pair[0] == kind]
    return _run(wanted, arguments.seed, arguments.jobs, shown=bool(one))


def _run(wanted: list[tuple[str, int]], seed: int, jobs: int, *, shown: bool) -> int:
    count: Counter[tuple[str, int]] = Counter()
    failed = 0
    slowest = 0.0
    for kind in {kind for kind, _ in wanted}:
        made(kind, 0, seed)  # what all cases of a kind share is compiled once, before there are more processes
    with (
        tempfile.TemporaryDirectory(prefix="ctxrace-fuzz-") as folder,
        ProcessPoolExecutor(jobs, get_context("fork"), _begin, (Path(folder),)) as pool,
    ):
        cases = ((kind, number, seed) for kind, number in wanted)
        for done, ((kind, number), ending) in enumerate(zip(wanted, pool.map(_ended, cases), strict=True), 1):
            count[kind, ending.status] += 1
            slowest = max(slowest, ending.seconds)
            case = made(kind, number, seed)
            wrong = complaints(case, ending)
            if wrong or shown:
                failed += bool(wrong)
                _tell(f"{seed}-{kind}-{number}", case, ending, wrong)
            if done % 1_000 == 0:
                print(f"{done:,} run, {failed} failed", flush=True)
    for kind in KINDS:
        ended = sorted((status, times) for (of, status), times in count.items() if of == kind)
        statuses = ", ".join(f"{times:,} status {status}" for status, times in ended)
        if statuses:
            print(f"{kind}: {statuses}")
    print(f"{len(wanted):,} run with seed {seed}, {failed} failed; the slowest took {slowest:.1f} s of processor time")
    return 1 if failed else 0


_sandboxes: list[Sandbox] = []
"""Of a process of the pool its only one."""


def _begin(folder: Path) -> None:
    _sandboxes.append(Sandbox(folder))


def _ended(case: tuple[str, int, int]) -> Ending:
    return _sandboxes[0].run(made(*case))


def _tell(name: str, case: Case, ending: Ending, wrong: list[str]) -> None:
    folder = _KEPT / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, data in case.files.items():
        (folder / file).write_bytes(data)
    (folder / "command").write_bytes(str(case).encode("utf-8", "surrogateescape"))
    (folder / "stdout").write_bytes(ending.out)
    (folder / "stderr").write_bytes(ending.err)
    print(f"{name}: {'; '.join(wrong) or 'all is well'} ({ascii(str(case))[:200]}); kept in {folder}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
