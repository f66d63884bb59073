"""Systems that know no machine code, small enough to be worked out by hand. The tests hold the search to it.

Lengths are written (switches, events). In `Counter`, `Lock` and `Guard` two processes, A and B, take turns; a state
remembers who ran last, and a step of the other costs one switch; the very first step costs none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ctxrace.core.property import Property
from ctxrace.core.system import Step

__all__ = [
    "ADDS_UP",
    "BALANCED",
    "EXCLUSIVE",
    "PROGRESS",
    "Counter",
    "Edge",
    "Endless",
    "Graph",
    "Guard",
    "Lock",
    "Peterson",
    "Toy",
    "chain",
]

ADDS_UP = Property("adds-up", ("counter",), "no increment is lost")
EXCLUSIVE = Property("exclusive", ("body",), "body is never active twice")
BALANCED = Property("balanced", ("counter",), "when both are done, the counter is 0 again")
PROGRESS = Property("progress", ("body",), "when both are done, body ran at least once")

Pair = tuple[int, int]


class Toy:
    """What all of them share."""

    properties: Sequence[Property] = ()


class Edge(NamedTuple):
    """A step of a `Graph`."""

    to: str
    switches: int = 0
    events: int = 1
    broken: tuple[Property, ...] = ()
    witnessed: tuple[Property, ...] = ()


class Graph(Toy):
    """A system written down as a table. Its first state is the initial one; a state that is no key has no steps."""

    def __init__(self, table: Mapping[str, Sequence[Edge]], properties: Sequence[Property] = ()) -> None:
        self.table = table
        self.properties = properties

    def __repr__(self) -> str:
        return f"Graph({self.table})"

    def initial(self) -> str:
        return next(iter(self.table))

    def steps(self, state: str) -> list[Step]:
        edges = enumerate(self.table.get(state, ()))
        return [Step(f"{state} to {e.to} #{n}", *e) for n, e in edges]


def chain(length: int, broken: Mapping[int, Property] | None = None) -> Graph:
    """States 0 to length - 1, one step between neighbours; `broken`: what the step *into* a state breaks."""
    broken = broken or {}
    table = {
        str(n): [Edge(str(n + 1), broken=(broken[n + 1],) if n + 1 in broken else ())] if n + 1 < length else []
        for n in range(length)
    }
    return Graph(table, tuple(broken.values()))


class Endless(Toy):
    """0, 1, 2 and so on for ever. `before` is called with each number whose steps are asked for."""

    def __init__(self, before: Callable[[int], None] = lambda _: None) -> None:
        self.before = before

    def initial(self) -> int:
        return 0

    def steps(self, state: int) -> Iterator[Step]:
        self.before(state)
        yield Step("on", state + 1)


class CounterState(NamedTuple):
    counter: int
    at: Pair  # 0 before the load, 1 loaded, 2 added, 3 stored
    register: Pair
    last: int | None  # who ran last


class Counter(Toy):
    """Each process adds 1 to a shared counter once: load, add, store. The add is private, so that it is no event.

    29 states. At (p, q), the places of A and B, with `a` and `b` what they loaded:
      (0,0)                     nobody ran                                                     1
      (1,0) (2,0) (3,0)         only A ran, so it was last; and the same for B             3 + 3
      (1..2, 1..2)              both loaded 0; either was last                                 8
      (3,1)                     b=0: A's store came last; b=1: B's load came last              2
      (3,2)                     b=0: A's store or B's add came last; b=1: B's add did          3
      (1,3) (2,3)               the same with A and B exchanged                                5
      (3,3)                     counter 1 or 2, either was last                                4
    38 transitions: one for each process that has not stored yet: 2 from (0,0); 2 + 2 + 1 from the next line, twice;
    2 * 8; 1 from each of the ten with one store; none from (3,3).

    An increment is lost after (2, 4): without a switch only one finishes, with one switch B begins when A has stored.
    `A load · B load, (add,) store · A (add,) store` has two, and a run that finishes both has the 4 events.
    """

    properties = (ADDS_UP,)

    def initial(self) -> CounterState:
        return CounterState(0, (0, 0), (0, 0), None)

    def steps(self, state: CounterState) -> Iterator[Step]:
        for me in (0, 1):
            if state.at[me] == 3:
                continue
            counter, register = state.counter, state.register[me]
            if state.at[me] == 0:
                register = counter
            elif state.at[me] == 1:
                register += 1
            else:
                counter, register = register, 0
            at = _put(state.at, me, state.at[me] + 1)
            after = CounterState(counter, at, _put(state.register, me, register), me)
            broken = (ADDS_UP,) if at == (3, 3) and counter != 2 else ()
            yield Step("AB"[me], after, _switched(state.last, me), int(state.at[me] != 1), broken)


class PetersonState(NamedTuple):
    at: Pair  # 0 outside, 1 has raised its flag, 2 has given the turn away and waits, 3 inside
    turn: int


class Peterson(Toy):
    """Peterson's mutual exclusion, for ever; waiting is a step from a state to itself. No switches are counted.

    20 states. At (p, q), the places of A and B; the one that reaches 2 gives the turn to the other one:
      (0..1, 0..1)  either turn                                                                      8
      (2,0) (2,1)   A gave the turn away last, or else B, having done so after it, would wait at 2    2
      (3,0) (3,1)   B did not reach 2 since A did: A's turn-giving is still the last                  2
      (0..1, 2..3)  the same with A and B exchanged                                                   4
      (2,2)         which gave last                                                                  2
      (3,2) (2,3)   the one inside got the turn from the one that waits                              2
      (3,3)         never: the later of the two at 2 gave the turn away, and waits
    40 transitions: each always has exactly one step.
    """

    properties = (EXCLUSIVE,)

    def initial(self) -> PetersonState:
        return PetersonState((0, 0), 0)

    def steps(self, state: PetersonState) -> Iterator[Step]:
        for me in (0, 1):
            other, turn = 1 - me, state.turn
            place = (state.at[me] + 1) % 4
            if state.at[me] == 1:
                turn = other
            elif state.at[me] == 2 and state.at[other] != 0 and turn == other:
                place = 2
            at = _put(state.at, me, place)
            yield Step("AB"[me], PetersonState(at, turn), broken=(EXCLUSIVE,) if at == (3, 3) else ())


class LockState(NamedTuple):
    at: Pair  # 0 tests the other's flag, 1 has found it down, 2 inside with its own flag raised
    last: int | None


class Lock(Toy):
    """A lock that tests first and sets afterwards, for ever; who finds the flag raised tests again.

    17 states: the start; and the 9 places of two processes, either last, but (2,1) after B and (1,2) after A: who
    comes to 1 has just seen the other outside. 34 transitions: each always has exactly one step.

    Both are inside after (2, 4): `A tests · B tests, enters · A enters`. With one switch, B tests with A inside.
    """

    properties = (EXCLUSIVE,)

    def initial(self) -> LockState:
        return LockState((0, 0), None)

    def steps(self, state: LockState) -> Iterator[Step]:
        for me in (0, 1):
            place = (state.at[me] + 1) % 3
            if state.at[me] == 0 and state.at[1 - me] == 2:
                place = 0
            at = _put(state.at, me, place)
            broken = (EXCLUSIVE,) if at == (2, 2) else ()
            yield Step("AB"[me], LockState(at, me), _switched(state.last, me), 1, broken)


class GuardState(NamedTuple):
    counter: int
    at: Pair  # see `Guard`
    register: Pair
    ran: bool
    last: int | None


class Guard(Toy):
    """The torn guard of the thread, each process once: `if (++counter == 1) body(); --counter;`, every step an event.

    0 load, 1 store +1, 2 load again and enter the body if it is 1, or else skip, 3 leave the body, 4 load,
    5 store -1, 6 done. One process has 6 steps, or 5 if it is refused.

    EXCLUSIVE breaks at (2, 6): `A load 0 · B load 0, store 1, enters · A store 1, enters`. Each needs 3 steps to be
    inside; with one switch A either is inside, and B counts 2, or never gets there.

    BALANCED and PROGRESS break at (3, 10), in one run: `A load 0, store 1 · B load 1, store 2, refused, load 2 ·
    A refused (reads 2), load 2, store 1 · B store 1`. Each needs at least 5 steps. With one switch they run one
    after the other. With two, all of B falls between two steps of A: it leaves the counter as it found it (0 or 1),
    which is also what A loaded last, so A goes on as if alone: it enters, or did, and ends with 0.
    """

    properties = (EXCLUSIVE, BALANCED, PROGRESS)

    def initial(self) -> GuardState:
        return GuardState(0, (0, 0), (0, 0), False, None)

    def steps(self, state: GuardState) -> Iterator[Step]:
        for me in (0, 1):
            if state.at[me] == 6:
                continue
            counter, register, place = state.counter, state.register[me], state.at[me] + 1
            broken: list[Property] = []
            if state.at[me] in (0, 4):
                register = counter
            elif state.at[me] in (1, 5):
                counter = register + (1 if state.at[me] == 1 else -1)
                register = 0
            elif state.at[me] == 2 and counter != 1:
                place = 4
            at = _put(state.at, me, place)
            ran = state.ran or place == 3
            if at == (3, 3):
                broken.append(EXCLUSIVE)
            if at == (6, 6):
                broken += [BALANCED] * (counter != 0) + [PROGRESS] * (not ran)
            after = GuardState(counter, at, _put(state.register, me, register), ran, me)
            yield Step("AB"[me], after, _switched(state.last, me), 1, tuple(broken))


def _put(pair: Pair, place: int, value: int) -> Pair:
    return (value, pair[1]) if place == 0 else (pair[0], value)


def _switched(last: int | None, me: int) -> int:
    return int(last is not None and last != me)
