"""What is kept of steps, and what an earlier run's steps are found by."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from ctxrace.core.facts.fault import FaultKind, MachineFault
from ctxrace.kernel.model import known_steps as module
from ctxrace.kernel.model.interner import Interner
from ctxrace.kernel.model.known_steps import MOST_STEPS, KnownSteps, Seen
from ctxrace.kernel.model.outcome import Outcome, Role
from ctxrace.kernel.rules.contexts import Level
from ctxrace.machine.flow import Activation, Flow
from ctxrace.machine.memory import Read, RegionKind, Touch, Write

TASK, NMI = Role(Level.TASK, "enter", way=3), Role(Level.NMI, "handler", window=True)
RUNS = (Activation("body", 0x80, 0x7000),)
FLOW = Flow(0x40, ((8, 5), (16, 1 << 63)), b"\x01\x00\xff", (0x1000, 0x1008), RUNS, (7, 8), True, True)
"""With something in every place but that of drifts, which are not kept."""
READS = (Read(RegionKind.SHARED, 4, 2, b"\x01\x02"), Read(RegionKind.OWN, 0, 1, b"\x09"))
SHARED, OWN = b"....\x01\x02..", b"\x09..."
"""Memory in which the reads find what they found."""
SEEN = Seen(True, False, [0])


class Store(dict[str, str]):
    """What is kept, as text in files."""

    def recall(self, key: str) -> object:
        return json.loads(self[key]) if key in self else None

    def keep(self, key: str, found: object) -> None:
        self[key] = json.dumps(found)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    found = Store()
    monkeypatch.setattr(module, "recall", found.recall)
    monkeypatch.setattr(module, "keep", found.keep)
    return found


class Run:
    """A run, with its own numbers of flows: there are `others` before the first that is known."""

    def __init__(self, others: int = 0, key: str = "key") -> None:
        self.numbers: Interner[tuple[Role, Flow]] = Interner()
        for other in range(others):
            self.numbers((TASK, Flow(0x9000 + other, (), b"")))
        self.steps = KnownSteps(key, self.numbers)

    def flow(self, role: Role = TASK, flow: Flow = FLOW) -> int:
        return self.numbers((role, flow))

    def outcome(self, flow: int, *, address: int = 0x40) -> Outcome:
        writes = (Write(RegionKind.SHARED, 4, b"\x05\x06"), Write(RegionKind.OWN, 1, b""))
        touches = (Touch("read", 0x1004, 2, 0x201), Touch("write", 0x1004, 2, 0x605))
        return Outcome(flow, False, True, writes, address, touches, (("enters", "body"),), None, (0x40, -0x45))

    def find(self, what: Role | int, identity: int = 0, shared: bytes = SHARED, own: bytes = OWN) -> Any:  # noqa: ANN401
        return self.steps.find(what, identity, shared, own)


def kept(role: Role = TASK, flow: Flow = FLOW, seen: Seen = SEEN) -> None:
    """Keep two steps: one that begins `role`, and one from where that leads to an end of it."""
    run = Run(others=2)
    there = run.flow(role, flow)
    run.steps.add(role, 1, READS, run.outcome(there), seen)
    end = Outcome(run.flow(role, Flow(0x50, (), b"")), True, False, (), 0x44, (), (), None, ())
    run.steps.add(there, 1, (), end, Seen(False, False, []))
    run.steps.keep()


@pytest.mark.parametrize("role", [TASK, NMI, Role(Level.HARDIRQ, "h")])
@pytest.mark.parametrize("flow", [FLOW, Flow(0, (), b""), FLOW._replace(shadow=False), FLOW._replace(endless=False)])
def test_a_later_run_finds_the_same_steps(store: Store, role: Role, flow: Flow) -> None:
    kept(role, flow)
    run = Run(others=5)
    reads, outcome, seen = run.find(role, 1)
    assert (reads, seen) == (READS, SEEN)
    assert outcome == run.outcome(5)
    assert run.numbers.values[5] == (role, flow)
    assert all(type(one) is type(other) for one, other in zip(run.numbers.values[5][1], flow, strict=True))
    assert isinstance(reads[0].kind, RegionKind)
    assert [type(write.kind) for write in outcome.writes] == [RegionKind, RegionKind]
    _, end, nothing = run.find(5, 1)
    assert (end.flow, end.finished, end.masked, end.address, nothing) == (6, True, False, 0x44, Seen(False, False, []))
    assert len(store) == 1


def test_steps_from_a_flow_that_this_run_came_to_by_itself_are_found_too(store: Store) -> None:
    kept()
    run = Run()
    assert run.find(run.flow(), 1).outcome.finished
    assert run.find(run.flow(flow=FLOW._replace(pc=0x41)), 1) is None
    assert run.find(run.flow(NMI), 1) is None
    assert run.find(TASK, 1).outcome.flow == 0
    assert store


@pytest.mark.parametrize(
    "find",
    [
        lambda run: run.find(TASK, 2),
        lambda run: run.find(TASK._replace(way=2), 1),
        lambda run: run.find(TASK._replace(window=True), 1),
        lambda run: run.find(TASK._replace(level=Level.NMI), 1),
        lambda run: run.find(TASK._replace(entry="exit"), 1),
        lambda run: run.find(TASK, 1, b"....\x01\x03..", OWN),
        lambda run: run.find(TASK, 1, SHARED, b"\x08"),
        lambda _: Run(key="another").find(TASK, 1),
    ],
)
def test_what_is_not_the_same_is_not_found(store: Store, find: Callable[[Run], object]) -> None:
    kept()
    assert store
    assert find(Run()) is None


def test_steps_that_one_context_may_take_are_told_apart_by_what_they_read(store: Store) -> None:
    run = Run()
    for value in range(3):
        reads = (READS[0]._replace(value=bytes([1, value])), READS[1])
        run.steps.add(TASK, 1, reads, run.outcome(run.flow(), address=value), SEEN)
    run.steps.keep()
    again = Run()
    for value in range(3):
        assert again.find(TASK, 1, b"...." + bytes([1, value]), OWN).outcome.address == value
    assert again.find(TASK, 1, b"....\x01\x03", OWN) is None
    assert store


def test_what_several_steps_have_in_common_is_kept_once(store: Store) -> None:
    kept()
    run = Run()
    run.steps.add(NMI, 1, (), run.outcome(run.flow()), SEEN)
    run.steps.keep()
    found = store.recall("key")
    assert isinstance(found, dict)
    assert (len(found["flows"]), len(found["paths"])) == (2, 2)
    assert sum(map(len, found["steps"].values())) == 3
    assert Run().find(NMI, 1).outcome.path == (0x40, -0x45)


def test_a_run_that_finds_nothing_new_keeps_nothing(store: Store) -> None:
    kept()
    before = store.pop("key")
    Run().steps.keep()
    assert not store
    store["key"] = before
    run = Run()
    run.find(TASK, 1)
    del store["key"]
    run.steps.keep()
    assert not store


@pytest.mark.parametrize(
    ("seen", "known"), [(SEEN, True), (Seen(False, True, [0]), True), (Seen(False, False, [0]), False)]
)
def test_with_which_pointers_a_step_was_compared_is_kept_too(store: Store, seen: Seen, known: bool) -> None:
    kept(seen=seen)
    run = Run()
    run.find(TASK, 1).seen.compared.append(9)
    run.steps.keep()
    assert (Run().find(TASK, 1).seen.compared == [0, 9]) is known
    del store["key"]
    run.steps.keep()
    assert not store  # once


def test_a_fault_is_not_kept(store: Store) -> None:
    run = Run()
    run.steps.add(TASK, 1, (), run.outcome(run.flow())._replace(fault=MachineFault(FaultKind.TRAPS)), SEEN)
    run.steps.keep()
    assert not store


def test_no_more_steps_are_kept_than_there_is_room_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_STEPS == 20_000
    monkeypatch.setattr(module, "MOST_STEPS", 3)
    for number, most in ((2, 2), (1, 3), (1, 3)):  # the last one would be the fourth
        run = Run()
        for _ in range(number):
            run.steps.add(TASK, len(store.get("key", "")), (), run.outcome(run.flow()), SEEN)
        run.steps.keep()
        found = store.recall("key")
        assert isinstance(found, dict)
        assert sum(map(len, found["steps"].values())) == most
    run = Run(key="all")
    for identity in range(9):  # of which only three are taken in
        run.steps.add(TASK, identity, (), run.outcome(run.flow()), SEEN)
    run.steps.keep()
    assert [Run(key="all").find(TASK, identity) is not None for identity in range(5)] == [True] * 3 + [False] * 2


@pytest.mark.parametrize("found", [None, [], {"flows": [], "paths": []}, {"flows": 1, "paths": [], "steps": {}}])
def test_what_is_no_such_file_is_as_none(store: Store, found: object) -> None:
    if found is not None:
        store.keep("key", found)
    assert Run().find(TASK, 1) is None


@dataclass
class Struct:
    """Where members are. paths: not what decides a step."""

    pid: int = 1
    quiet: int = 2
    paths: int = field(default=3, compare=False)


def code(**changed: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Return parts of a machine and a layout, but for what is `changed` as elsewhere."""
    image = SimpleNamespace(discovery=None)
    machine = SimpleNamespace(
        image=image, starts=[4], results=False, migrates=False, tracked=frozenset({"b", "a"}), result_sizes={"f": 4},
        checks=frozenset({8}), sleeping={12: "schedule"},
    )  # fmt: skip
    layout = SimpleNamespace(
        constant=b"constant", struct=Struct(), tasks=2, shared_stacks=False, cpus=1, cpu=0, percpu_offset=0,
        shared=b"1234", idle=2, regions=lambda level, identity: (int(level), identity),
        system_registers=lambda identity: {"sp_el0": identity},
    )  # fmt: skip
    for name, value in changed.items():
        vars(machine if name in vars(machine) else layout)[name] = value
    return machine, layout


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[object, ...] | None]:
    monkeypatch.setattr(module, "content", lambda image: iter([f"content {image.discovery}"]))
    monkeypatch.setattr(module, "key_of", lambda *parts: parts)
    monkeypatch.setattr(module, "recall", lambda _key: None)
    monkeypatch.setattr(module, "directory", lambda: "a directory")

    def found(how: tuple[object, ...] = ("how",), **changed: Any) -> tuple[object, ...] | None:  # noqa: ANN401
        numbers: Interner[tuple[Role, Flow]] = Interner()
        known = KnownSteps.of(*code(**changed), numbers, how)
        if known is None:
            return None
        assert known._numbers is numbers
        return known._key  # type: ignore[return-value]

    return found


@pytest.mark.parametrize(
    "changed",
    [
        {"how": ("otherwise",)},
        {"starts": [5]},
        {"results": True},
        {"migrates": True},
        {"tracked": frozenset({"a"})},
        {"result_sizes": {"f": 8}},
        {"checks": frozenset({9})},
        {"sleeping": {12: "might_sleep"}},
        {"constant": b"other"},
        {"struct": Struct(pid=9)},
        {"struct": Struct(quiet=9)},
        {"tasks": 3},
        {"shared_stacks": True},
        {"cpus": 2},
        {"cpu": 1},
        {"percpu_offset": 8},
        {"shared": b"12345"},
        {"regions": lambda level, identity: (int(level) == 3, identity)},
        {"regions": lambda level, identity: (int(level), 9 if identity == 0 else identity)},
        {"regions": lambda level, identity: (int(level), 9 if identity == 2 else identity)},
        {"system_registers": lambda identity: {"sp_el0": identity + 1}},
    ],
)
def test_what_decides_a_step_is_in_the_key(key: Callable[..., object], changed: dict[str, Any]) -> None:
    assert key() == key()
    assert key(**changed) != key()


def test_what_decides_no_step_is_not(key: Callable[..., object]) -> None:
    same = {"struct": Struct(paths=9), "shared": b"abcd", "tracked": frozenset({"a", "b"})}
    assert key(**same) == key()


def test_nothing_is_kept_without_a_place_or_of_code_that_is_found_while_it_runs(
    key: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert key(image=SimpleNamespace(discovery=object())) is None
    monkeypatch.setattr(module, "directory", lambda: None)
    assert key() is None
