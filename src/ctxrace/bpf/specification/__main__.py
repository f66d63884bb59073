"""Print how many states there are, and what holds."""

from itertools import product

from ctxrace.bpf.specification import (
    GUARDS,
    INTERRUPTS,
    SELECTIONS,
    Callers,
    Kernel,
    Specification,
    UncountedSwitches,
    specify,
)
from ctxrace.bpf.specification.table import configurations, length, rows
from ctxrace.explore.search import search


def main() -> None:
    """Print the state counts, and the tables of what holds."""
    print("one attempt each, preemption full: states / transitions")
    for guard, (tasks, interrupts) in product(("atomic", "v1", "merged"), ((2, ()), (3, ()), (2, INTERRUPTS))):
        found = search(UncountedSwitches(specify(guard, callers=Callers(tasks, interrupts, attempts=1))), frozenset())
        over = ", ".join(map(str, interrupts)) or "no interrupts"
        print(f"  {guard:8}{tasks} tasks, {over:24}{found.states:>10,} /{found.transitions:>7,}")
    print("\nattempts without end (no-exit: one each), 2 tasks, softirq, hardirq, nmi")
    print("VIOLATED s/e: the shortest interleaving has s switches and e events\n")
    print(f"  {'guard':14}{'preemption':12}" + "".join(f"{p.kind:16}" for p in Specification.properties) + "states")
    for guard, preemption in product(GUARDS, ("none", "full")):
        system = specify(guard, Kernel(preemption))
        found = search(system)
        cells = ["holds" if found.exhausted else "incomplete"] * len(system.properties)
        for number, wanted in enumerate(system.properties):
            if wanted in found.runs:
                cells[number] = "VIOLATED {}/{}".format(*length(found.runs[wanted]))
        print(f"  {guard:14}{preemption:12}" + "".join(f"{cell:16}" for cell in cells) + f"{found.states:,}")
    print("\n2 tasks alone: every kernel and program; s/e: violated, in s switches and e events\n")
    kinds = "".join(f"{wanted.kind:10}" for wanted in Specification.properties).rstrip()
    print(f"  {'guard':27}{'CPUs':21}{'program':15}{'RCU':17}{'preemption':17} states  {kinds}")
    print(*rows(configurations(("atomic", "v1", "merged"))), sep="\n")
    print(*rows(configurations(SELECTIONS, [(1, True)])), sep="\n")


if __name__ == "__main__":
    main()
