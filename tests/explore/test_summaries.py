"""Nested runs summed up: the plain search is the reference, and brute force is the reference of both."""

import random
from collections.abc import Hashable
from heapq import heappop, heappush
from typing import Any

import pytest

from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.explore.search import Exploration, search
from ctxrace.explore.shortest import cost
from ctxrace.explore.summaries import summarized

from .nested_toys import AT_REST, ENDS, Handlers, random_handlers

EVERYTHING: frozenset[Property] = frozenset()


def labels(found: Exploration) -> dict[Property, list[Hashable]]:
    return {prop: [step.label for _, step in run] for prop, run in found.runs.items()}


def by_brute_force(system: Handlers) -> dict[Property, tuple[int, tuple[int, ...]]]:
    """Dijkstra's algorithm whose lengths are pairs: the length, and the numbers of all steps from the beginning."""
    queue: list[tuple[int, tuple[int, ...], Any]] = [(0, (), system.initial())]
    ways: dict[Hashable, tuple[int, tuple[int, ...]]] = {}
    found: dict[Property, tuple[int, tuple[int, ...]]] = {}
    before: dict[Hashable, set[Hashable]] = {}
    while queue:
        length, ranks, state = heappop(queue)
        if state in ways:
            continue
        ways[state] = (length, ranks)
        for rank, step in enumerate(system.steps(state)):
            on = (length + cost(step), (*ranks, rank))
            for prop in step.broken:
                found[prop] = min(found.get(prop, on), on)
            heappush(queue, (*on, step.state))
            before.setdefault(step.state, set()).add(state)
    waiting = [state for state in ways if state.stack == AT_REST]  # type: ignore[attr-defined]
    hopeful: set[Hashable] = set()
    while waiting:
        state = waiting.pop()
        if state not in hopeful:
            hopeful.add(state)
            waiting.extend(before.get(state, ()))
    hopeless = [way for state, way in ways.items() if state not in hopeful]
    return {**found, ENDS: min(hopeless)} if hopeless else found


def ranks(system: Handlers, run: list[tuple[Any, Step]]) -> tuple[int, tuple[int, ...]]:
    numbers = tuple(list(system.steps(state)).index(step) for state, step in run)
    return sum(cost(step) for _, step in run), numbers


def assert_agree(system: Handlers) -> Exploration:
    plain, summed = search(system, EVERYTHING), summarized(system, EVERYTHING)
    assert plain.exhausted and summed.exhausted
    summed.runs.pop(ENDS, None)
    assert plain.runs == summed.runs
    wanted = frozenset(plain.runs)
    assert not wanted or search(system, wanted).runs.items() <= summarized(system, wanted).runs.items()
    return plain


@pytest.mark.parametrize("seed", range(60))
def test_random_systems(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(10):
        system = random_handlers(rng)
        assert_agree(system)
        found = summarized(system, EVERYTHING)
        assert {prop: ranks(system, run) for prop, run in found.runs.items()} == by_brute_force(system)
