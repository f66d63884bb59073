"""Damaged objects: each is checked, or refused in one line. `make fuzz-bpf` tries 10,000 of them."""

import random
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.fuzz.damage import damaged

from ctxrace.bpf.programs.request import Request
from ctxrace.bpf.programs.rules import Kernel
from ctxrace.bpf.programs.whole import check_object
from ctxrace.core.errors import CtxraceError
from ctxrace.explore.watch import Limits
from ctxrace.kernel.rules.preemption import Preemption

from .compiled import EXAMPLES, compiled

__all__ = ["outcome_of"]

SEED = 13
LONGEST = 120  # seconds: more is a hang
REQUEST = Request(Kernel((7, 2), Preemption.LAZY, True))


def outcome_of(data: bytes, folder: Path) -> str:
    """What becomes of an object: a verdict, or ``refused``. Anything but a `CtxraceError` passes through."""
    path = folder / "damaged.bpf.o"
    path.write_bytes(data)
    try:
        return str(check_object(path, REQUEST, limits=Limits(max_states=2_000)).outcome)
    except CtxraceError as error:
        assert "\n" not in str(error)
        return "refused"


def main(number: int) -> None:
    """Try `number` damaged objects, and print how many came to what."""
    choice = random.Random(SEED)
    originals = [compiled(*example).read_bytes() for example in EXAMPLES]
    count: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(number):
            data = damaged(choice.choice(originals), choice)
            signal.alarm(LONGEST)
            count[outcome_of(data, Path(folder))] += 1
            signal.alarm(0)
    print(", ".join(f"{outcome}: {times:,}" for outcome, times in sorted(count.items())))


if __name__ == "__main__":
    main(int(sys.argv[1]))
