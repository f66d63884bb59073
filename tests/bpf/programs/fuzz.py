"""Damaged objects: each is checked, or refused in one line. `make fuzz-bpf` tries 10,000 of them.

Each is made from its number alone, so that ``python -m tests.bpf.programs.fuzz 1 --from N`` tries object N again.
"""

import argparse
import functools
import random
import signal
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

from tests.fuzz.damage import damaged

from ctxrace.bpf.programs.request import Request
from ctxrace.bpf.programs.rules import Kernel
from ctxrace.bpf.programs.whole import check_object
from ctxrace.core.errors import CtxraceError
from ctxrace.explore import processes
from ctxrace.explore.watch import Limits
from ctxrace.kernel.rules.preemption import Preemption

from .compiled import EXAMPLES, compiled

__all__ = ["outcome_of"]

SEED = 13
LONGEST = 120  # seconds of CPU: more is a hang
MOST_STATES = 500  # of a question
TOGETHER = 50  # objects that a process is given at a time
REQUEST = Request(Kernel((7, 2), Preemption.LAZY, True))


def outcome_of(data: bytes, folder: Path) -> str:
    """What becomes of an object: a verdict, or ``refused``. Anything but a `CtxraceError` passes through."""
    path = folder / "damaged.bpf.o"
    path.write_bytes(data)
    try:
        return str(check_object(path, REQUEST, limits=Limits(max_states=MOST_STATES)).outcome)
    except CtxraceError as error:
        assert "\n" not in str(error)
        return "refused"


@functools.cache
def _originals() -> list[bytes]:
    return [compiled(*example).read_bytes() for example in EXAMPLES]


def _tried(numbers: range, stop: processes.Stop) -> list[str]:
    """What becomes of some objects, in their order; the traceback where there is one."""
    found = []
    signal.signal(signal.SIGPROF, _hangs)
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            stop.check()
            choice = random.Random(f"{SEED} {number}")
            data = damaged(choice.choice(_originals()), choice)
            signal.setitimer(signal.ITIMER_PROF, LONGEST)
            try:
                found.append(outcome_of(data, Path(folder)))
            except Exception:
                found.append(f"object {number}:\n{traceback.format_exc()}")
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
    return found


def _hangs(*_: object) -> None:
    raise RuntimeError(f"not done after {LONGEST} seconds")


class _Progress:
    """Tells on stderr when another tenth is done."""

    def __init__(self) -> None:
        self.told = 0

    def __call__(self, amount: processes.Amount) -> None:
        tenths = 10 * amount.done // amount.of
        if tenths > self.told:
            self.told = tenths
            print(f"{10 * tenths} % done", file=sys.stderr, flush=True)


def main(number: int, first: int, jobs: int) -> int:
    """Try `number` damaged objects from number `first` on, and print how many came to what; return the exit status."""
    _originals()  # which the processes inherit
    last = first + number
    parts = [range(at, min(at + TOGETHER, last)) for at in range(first, last, TOGETHER)]
    found = [outcome for part in processes.each(_tried, parts, jobs, _Progress()) for outcome in part or ("not tried",)]
    count = Counter("traceback" if "\n" in outcome else outcome for outcome in found)
    for outcome in found:
        if "\n" in outcome:
            print(outcome)
    print(", ".join(f"{outcome}: {times:,}" for outcome, times in sorted(count.items())))
    return int(bool({"traceback", "not tried"} & set(count)))


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("number", type=int)
    words.add_argument("--from", dest="first", type=int, default=0)
    words.add_argument("--jobs", type=int, default=2)
    given = words.parse_args()
    sys.exit(main(given.number, given.first, given.jobs))
