"""The specification's rules for several CPUs against a scheduler that is spelled out.

In the specification a switch and a migration are part of the event after them, and who is current is not part of a
state. Here every CPU has a current task or none, and preempting, picking and arriving are steps of their own that
cost nothing. Both must break the same properties, after as few events.
"""

from collections import deque
from collections.abc import Iterator
from itertools import product

import pytest

from ctxrace.bpf.specification import GUARDS, Callers, Kernel, Program, UncountedSwitches, specify
from ctxrace.explore.search import search
from ctxrace.kernel.rules.contexts import Level

# One letter is one event: migration off M and on m, preemption off P and on p, take the pointer, load, store tmp + 1
# or - 1, compare, increment and compare, decrement, block, leave the body.
ENTER = {"atomic": "i", "v1": "tl+c", "merged": "tPl+cp"}
EXIT = {"atomic": "d", "v1": "tl-", "merged": "tPl-p"}
AT, CPU, TMP, OK, OFF, PIN, PTR = range(7)
REST = (0,) * 7

Cells = tuple[int, ...]
Them = tuple[tuple[int, ...], ...]
State = tuple[Cells, Them, tuple[int | None, ...], bool]
Taken = tuple[int, State, list[str]]
NMI_BYTE = 3
BITS = 2  # of a counter: without migrate_disable() it counts round and round


class Scheduler:
    """Two tasks or one on two CPUs, and perhaps an NMI on each; `handlers` come after the tasks."""

    def __init__(
        self, guard: str, preempts: bool, tasks: int, nmi: bool, sleepable: bool, rcu: bool, pinned: bool
    ) -> None:
        self.preempts, self.tasks, self.nmi, self.bytes = preempts, tasks, nmi, 1 if guard == "atomic" else 4
        before, after = ("M", "m") if pinned else ("", "")
        if not sleepable and not rcu:
            before, after = "P", "p"
        enter, leave = before + ENTER[guard], EXIT[guard] + after
        self.code = [enter + ("sb" if sleepable and who < tasks else "b") + leave for who in range(tasks + 2)]
        self.inside = [range(len(enter), len(code) - len(leave)) for code in self.code]

    def shortest(self) -> dict[str, int]:
        """Return for each property the fewest events after which it is broken."""
        start: State = ((0,) * 2 * self.bytes, (REST,) * (self.tasks + 2), (None, None), False)
        seen, queue, found = {start: 0}, deque([(0, start)]), dict[str, int]()
        while queue:
            length, state = queue.popleft()
            if len(found) == 4 and length > max(found.values()):
                break
            if seen[state] != length:
                continue
            for cost, after, broken in self.steps(state):
                for kind in broken:
                    found[kind] = min(found.get(kind, length + cost), length + cost)
                if seen.get(after, length + cost + 1) > length + cost:
                    seen[after] = length + cost
                    (queue.append if cost else queue.appendleft)((length + cost, after))
        return found

    def steps(self, state: State) -> Iterator[Taken]:
        active, them, current, entered = state
        for cpu in range(2):
            nmi, task = self.tasks + cpu, current[cpu]
            if them[nmi][AT]:
                yield self.event(state, nmi, cpu)
                continue
            if self.nmi:
                yield self.event(state, nmi, cpu)
            if task is None:
                for who in range(self.tasks):
                    if who not in current and (not them[who][AT] or not them[who][PIN] or them[who][CPU] == cpu):
                        yield 0, (active, them, (*current[:cpu], who, *current[cpu + 1 :]), entered), []
            else:
                yield self.event(state, task, cpu)
                blocked = them[task][AT] and self.code[task][them[task][AT] - 1] == "s"
                if not them[task][AT] or (not them[task][OFF] and (self.preempts or blocked)):
                    yield 0, (active, them, (*current[:cpu], None, *current[cpu + 1 :]), entered), []

    def event(self, state: State, who: int, cpu: int) -> Taken:
        active, them, current, entered = state
        was_in, moved = them[who][AT] in self.inside[who], them[who][AT] and them[who][CPU] != cpu
        active, me = self.execute(active, who, cpu, them[who])
        is_in = me[AT] in self.inside[who]
        broken: list[str] = []
        if (is_in and not was_in) or (was_in and moved):
            others = (it for it in range(len(them)) if it != who)
            if any(them[it][AT] in self.inside[it] and them[it][CPU] == cpu for it in others):
                broken = ["exclusive"]
        entered = entered or is_in
        them = (*them[:who], me, *them[who + 1 :])
        if not any(it[AT] for it in them):
            holds = {"balanced": not any(active), "recovers": self.recovers(active), "progress": entered}
            broken, entered = [kind for kind, held in holds.items() if not held], False
        return 1, (active, them, current, entered), broken

    def recovers(self, active: Cells) -> bool:
        for cpu in range(2):
            counters, me = self.execute(active, 0, cpu, REST)
            while 0 < me[AT] < self.inside[0].start:
                counters, me = self.execute(counters, 0, cpu, me)
            if me[AT] not in self.inside[0]:
                return False
        return True

    def execute(self, active: Cells, who: int, cpu: int, me: tuple[int, ...]) -> tuple[Cells, tuple[int, ...]]:
        at, _, tmp, ok, off, pin, pointer = me
        letter = self.code[who][at]
        base = (cpu if letter in "id" else pointer) * self.bytes
        slot = base + (NMI_BYTE if who >= self.tasks and self.bytes == 4 else 0)
        cells = list(active)
        match letter:
            case "M" | "m":
                pin += 1 if letter == "M" else -1
            case "P" | "p":
                off += 1 if letter == "P" else -1
            case "t":
                pointer = cpu
            case "l":
                tmp = cells[slot]
            case "+" | "-":
                cells[slot] = (tmp + (1 if letter == "+" else -1)) % (1 << BITS)
                tmp = 0
            case "c":
                ok = cells[slot] == 1 and sum(cells[base : base + self.bytes]) == 1
            case "i" | "d":
                cells[slot] = (cells[slot] + (1 if letter == "i" else -1)) % (1 << BITS)
                ok = letter == "i" and cells[slot] == 1
        at += 1
        if at == self.inside[who].start:
            at, ok = at if ok else self.inside[who].stop, False
        if not set(self.code[who][at:].split("t")[0]) & set("l+-c"):
            pointer = 0  # nobody looks at it before it is taken anew
        return tuple(cells), REST if at == len(self.code[who]) else (at, cpu, tmp, int(ok), off, pin, pointer)


CASES = product(
    ENTER, (False, True), ((2, False), (1, True)), ((False, True), (False, False), (True, True)), (True, False)
)


def cases() -> Iterator[object]:
    for guard, preempts, (tasks, nmi), (sleepable, rcu), pinned in CASES:
        slow = guard == "v1" and preempts and tasks == 2 and not pinned and (sleepable or rcu)
        case = (guard, preempts, tasks, nmi, sleepable, rcu, pinned)
        yield pytest.param(case, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize("case", list(cases()))
def test_the_same_is_broken_after_as_few_events(case: tuple[str, bool, int, bool, bool, bool, bool]) -> None:
    guard, preempts, tasks, nmi, sleepable, rcu, pinned = case
    kernel = Kernel("full" if preempts else "none", rcu, cpus=2, migrate_disable=pinned)
    callers = Callers(tasks, (Level.NMI,) if nmi else ())
    system = UncountedSwitches(specify(GUARDS[guard].narrowed(BITS), kernel, Program(sleepable), callers))
    found = search(system)
    assert found.exhausted or set(found.runs) == set(system.properties)
    assert Scheduler(*case).shortest() == {broken.kind: len(run) for broken, run in found.runs.items()}
