"""Real objects, such as the kernel's own selftests: `make bpf-objects FOLDER=...` loads and follows each of a folder.

Every program is decoded and followed; what is refused, or not followed, is named. Prints a table of both.
"""

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ctxrace.bpf.programs.elf.object import load_object
from ctxrace.bpf.programs.request import Request
from ctxrace.bpf.programs.rules import Kernel
from ctxrace.bpf.programs.whole import placed_programs
from ctxrace.core.errors import CtxraceError
from ctxrace.kernel.rules.preemption import Preemption

__all__ = ["table"]

REQUEST = Request(Kernel((7, 2), Preemption.LAZY, True))
SHOWN = 40  # reasons


def table(paths: Iterable[Path]) -> str:
    """How many objects load, how many programs are followed to the end, and why the others are not."""
    objects, programs = Counter[str](), Counter[str]()
    reasons = Counter[str]()
    for path in paths:
        try:
            found = placed_programs(load_object(path), REQUEST)
        except CtxraceError as error:
            objects["refused"] += 1
            reasons[f"object: {str(error).removeprefix(f'{path}: ')}"] += 1
            continue
        objects["loaded"] += 1
        partly = {name for name, _ in found.unfollowed}
        programs["followed"] += sum(each.function.name not in partly for each in found.programs)
        programs["not followed"] += len(partly)
        reasons.update(f"program: {reason}" for _, reason in found.unfollowed)
    rows = [f"objects: {dict(objects)}", f"programs: {dict(programs)}"]
    return "\n".join([*rows, *(f"{times:6}  {reason}" for reason, times in reasons.most_common(SHOWN))])


if __name__ == "__main__":
    print(table(sorted(Path(sys.argv[1]).glob("*.o"))))
