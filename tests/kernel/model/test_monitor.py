"""What the monitor remembers since the CPU was idle, and which demands a state breaks."""

from types import SimpleNamespace
from typing import Any

import pytest

from ctxrace.core.property import Property
from ctxrace.kernel.model import monitor as module
from ctxrace.kernel.model.monitor import Monitor
from ctxrace.kernel.model.state import KernelState
from ctxrace.kernel.scenario import balanced, exclusive, progress, recovers
from ctxrace.machine.flow import Activation

FIRST = bytes(8)
FLOWS = [(), ("body",), ("other", "body", "body")]
"""The functions that are active in each flow."""


def contexts(*memory: bytes, in_flight: dict[int, int] | None = None) -> Any:  # noqa: ANN401 - a part of Contexts
    """Contexts whose memory has the contents `memory`; x is bytes 0 to 2, y is bytes 3 and 6.

    in_flight: how many contexts are in which flow.
    """
    active = [SimpleNamespace(active=tuple(Activation(name, 0, 0) for name in names)) for names in FLOWS]
    return SimpleNamespace(
        layout=SimpleNamespace(
            shared=FIRST,
            contents=lambda name, shared: [shared[:2]] if name == "x" else [shared[3:4], shared[6:7]],
        ),
        shared=SimpleNamespace(values=[FIRST, *memory]),
        flows=SimpleNamespace(numbers=SimpleNamespace(values=[(None, flow) for flow in active])),
        flows_in=lambda at: list((in_flight or {}).items()) if at == state() else None,
    )


def state(shared: int = 0, since_idle: int = 0, current: int = 0) -> KernelState:
    return KernelState(shared, since_idle, current, (), (), ())


def kinds(broken: tuple[Property, ...]) -> list[str]:
    return [str(prop) for prop in broken]


@pytest.mark.parametrize(
    ("in_flight", "times"), [({}, 0), ({1: 1}, 1), ({1: 3}, 3), ({1: 1, 2: 1}, 3), ({0: 5, 2: 2}, 4)]
)
def test_activations_are_counted_over_all_contexts(in_flight: dict[int, int], times: int) -> None:
    cpu = contexts(in_flight=in_flight)
    monitor = Monitor([exclusive("body"), exclusive("other")], [cpu])
    for _ in range(2):  # the second time it is known how often each flow has it
        assert monitor.activations(cpu, state(), "body") == times
        assert monitor.activations(cpu, state(), "other") == in_flight.get(2, 0)
    broken = monitor.entered(cpu, state(), ["body"])
    assert kinds(broken) == (["exclusive(body)"] if times > 1 else [])
    assert monitor.entered(cpu, state(), ["somebody"]) == ()
    both = monitor.entered(cpu, state(), ["somebody", "other", "body"])
    assert ("exclusive(body)" in kinds(both)) == (times > 1)


def test_every_entry_and_body_has_a_bit_of_its_own() -> None:
    pairs = [("a", "f"), ("b", "f"), ("a", "g")]
    cpu = contexts()
    monitor = Monitor([progress(*pair) for pair in pairs] + [exclusive("h")], [cpu])
    bits = [monitor.attempt(0, "a"), monitor.attempt(0, "b"), monitor.run(0, ["f"]), monitor.run(0, ["g"])]
    assert bits == [1, 2, 4, 8]
    assert monitor.attempt(4, "a") == monitor.attempt(5, "a") == 5
    assert monitor.run(1, ["h", "g", "f"]) == 13
    assert (monitor.attempt(6, "c"), monitor.run(6, ["h"]), monitor.run(6, [])) == (6, 6, 6)
    told = [(monitor.attempted(bit, "a"), monitor.attempted(bit, "b"), monitor.ran(bit, "f"), monitor.ran(bit, "g"))
            for bit in (0, *bits, 15)]  # fmt: skip
    assert told == [tuple(bit >> number & 1 == 1 for number in range(4)) for bit in (0, *bits, 15)]


@pytest.mark.parametrize(
    ("since_idle", "broken"),
    [
        (0, []),
        (1, ["progress(a, f)", "progress(a, g)"]),  # a has begun, and nothing ran
        (2, ["progress(b, f)"]),
        (1 | 4, ["progress(a, g)"]),
        (1 | 2 | 8, ["progress(a, f)", "progress(b, f)"]),
        (15, []),
        (12, []),
    ],
)
def test_what_has_begun_must_have_run_what_it_is_for(since_idle: int, broken: list[str]) -> None:
    cpu = contexts()
    monitor = Monitor([progress("a", "f"), progress("b", "f"), progress("a", "g")], [cpu])
    for _ in range(2):
        assert kinds(monitor.idle(cpu, state(since_idle=since_idle))) == broken


def test_a_variable_is_balanced_where_all_its_bytes_are_as_at_the_start() -> None:
    changed = [(0,), (2,), (6,), (1, 3)]
    cpu = contexts(*(bytes(byte in places for byte in range(8)) for places in changed))
    monitor = Monitor([balanced("x"), balanced("y")], [cpu])
    found = [kinds(monitor.idle(cpu, state(number))) for number in range(5)]
    assert found == [[], ["balanced(x)"], [], ["balanced(y)"], ["balanced(x)", "balanced(y)"]]


def test_each_cpu_has_to_recover(monkeypatch: pytest.MonkeyPatch) -> None:
    cpus = [contexts(), contexts()]
    healthy: list[Any] = []
    asked: list[tuple[object, ...]] = []

    def recovered(cpu: Any, at: KernelState, entry: str, body: str) -> bool:  # noqa: ANN401
        asked.append((at, entry, body))
        return any(cpu is one for one in healthy)

    monkeypatch.setattr(module, "recovers", recovered)
    for number, broken in ((0, True), (1, True), (2, False)):
        healthy[:] = cpus[:number]
        monitor = Monitor([recovers("a", "f")], cpus)
        assert kinds(monitor.idle(cpus[0], state(current=7))) == (["recovers(a, f)"] if broken else [])
    assert set(asked) == {(state(current=7), "a", "f")}


def test_idle_states_are_judged_once_and_each_by_itself() -> None:
    cpu = contexts(bytes([1, *bytes(7)]))
    monitor = Monitor([balanced("x"), progress("a", "f")], [cpu])
    first = monitor.idle(cpu, state(1, 1))
    assert kinds(first) == ["balanced(x)", "progress(a, f)"]
    assert monitor.idle(cpu, state(1, 1)) is first
    assert kinds(monitor.idle(cpu, state(0, 1))) == ["progress(a, f)"]
    assert kinds(monitor.idle(cpu, state(1, 0))) == ["balanced(x)"]
    assert kinds(monitor.idle(cpu, state(1, 3))) == ["balanced(x)"]
