"""Claims with calls and violations, held against a system in which every call is a step of its own.

A claim may have a call later than the event before it. The search follows that without steps for calls; here they are
steps, which the running context may take until its next event, and a body is active from that step on.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.claims.test_against_brute_force import Texts, falsify, spell

from ctxrace.claims.decide import decide
from ctxrace.claims.parse import parse_claim
from ctxrace.claims.resolve import resolve
from ctxrace.core.claim import Answer
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.model.state import EVENT, Arrive, KernelState, Start
from ctxrace.kernel.narrate.narrator import Narrator
from ctxrace.kernel.program import Program, load

CONTEXTS = ("A", "B", "nmi")
VARIABLES = ("x", "y")
STATEMENTS = (
    "if (READ_ONCE(x) == 0) { WRITE_ONCE(x, 1); body(); WRITE_ONCE(x, 0); }",
    "WRITE_ONCE(y, 1); body();",
    "body(); WRITE_ONCE(y, 0);",
    "WRITE_ONCE(x, READ_ONCE(x) + 1);",
    "if (READ_ONCE(y)) body();",
    "WRITE_ONCE(x, 0);",
)
TWO = "if (READ_ONCE(x) == 0) { WRITE_ONCE(x, 1); body(); WRITE_ONCE(x, 0); }"


def source(task: str, nmi: str = "") -> str:
    handler = f"void nmi(void) {{ {nmi} }}\nCTXRACE_NMI(nmi);" if nmi else ""
    return f"""#include <ctxrace/kernel.h>
u8 x, y;
__noipa void body(void) {{ barrier(); }}
void task(void) {{ {task} }}
CTXRACE_TASKS(2, task); CTXRACE_ATTEMPTS(1); CTXRACE_EXCLUSIVE(body); CTXRACE_BALANCED(x);
{handler}
"""


class Standing(NamedTuple):
    """A state of the system. due: of each context the calls that it has not made yet; active: bodies that it runs."""

    state: KernelState
    due: tuple[tuple[str, ...], ...]
    active: tuple[int, ...]
    broken: frozenset[Property]


class Calls(Texts):
    """The system with calls as steps, and what each step is in the words of a claim."""

    def initial(self) -> Standing:
        return Standing(self.system.initial(), ((),) * len(CONTEXTS), (0,) * len(CONTEXTS), frozenset())

    def steps(self, at: Standing) -> Iterator[tuple[Standing, list[str]]]:
        due = False
        steps = list(self.system.steps(at.state))
        if any(step.label == EVENT for step in steps):
            who = CONTEXTS.index(self.running(at.state))
            due = bool(at.due[who])
            if due:
                yield self.call(at, who)
        for step in steps:
            if step.label != EVENT or not due:
                yield self.step(at, step)

    def call(self, at: Standing, who: int) -> tuple[Standing, list[str]]:
        kind, *rest = at.due[who]
        due = (*at.due[:who], tuple(rest), *at.due[who + 1 :])
        active = (*at.active[:who], at.active[who] + (kind == "enters"), *at.active[who + 1 :])
        broken = at.broken
        if kind == "enters" and sum(active) > 1:
            broken |= {prop for prop in self.system.properties if prop.kind == "exclusive"}
        said = {"enters": "calls body", "leaves": "body returns"}[kind]
        return Standing(at.state, due, active, broken), [f"{CONTEXTS[who]}: {said}"]

    def step(self, at: Standing, step: Step) -> tuple[Standing, list[str]]:
        system = self.system
        said, who, gone = self.of(at.state, step), -1, False
        notes: tuple[tuple[str, str], ...] = ()
        if isinstance(step.label, Start):
            who = system.tasks.values[step.label.task].group
            group = system.tasks.values[step.label.task].group
            notes = system.first_move(step.label.task, system.contexts.roles_of_task(group)[0]).outcome.notes
        elif isinstance(step.label, Arrive):
            who = CONTEXTS.index("nmi")
            arrivals = system.arrivals(at.state.current, at.state.top)
            notes = next(each.move for each in arrivals if each.label == step.label).outcome.notes
        elif step.label == EVENT:
            who = CONTEXTS.index(self.running(at.state))
            taken = system.after_event(at.state)
            notes, gone = taken.move.outcome.notes, taken.ended
        kinds = tuple(kind for kind, what in notes if kind in ("enters", "leaves") and what == "body")
        broken = at.broken | {prop for prop in step.broken if prop.kind != "exclusive"}
        after = Standing(step.state, at.due, at.active, broken)
        if who >= 0:
            active = at.active[who] - kinds.count("leaves")
            after = after._replace(active=(*at.active[:who], active, *at.active[who + 1 :]))
            after = after._replace(due=(*at.due[:who], kinds, *at.due[who + 1 :]))
        last = said.pop() if gone else ""
        while gone and after.due[who]:  # it has made its calls when it is gone
            after, more = self.call(after, who)
            said += more
        return after, [*said, last] if gone else said

    def of(self, state: KernelState, step: Step) -> list[str]:
        if step.label != EVENT:
            return super().of(state, step)
        who = self.running(state)
        taken = self.system.after_event(state)
        accesses = Narrator(self.system).event(state, who).accesses if step.events else ()
        said = [spell(who, access) for access in accesses if access.name in VARIABLES]
        return [*said, f"{who} {'returns' if state.interrupts else 'finishes'}"] if taken.ended else said


def possible(calls: Calls, claim: list[str], outcome: str) -> bool:
    """Return whether any run says `claim` in this order, and has broken what `outcome` names, then or later."""
    start = (calls.initial(), 0)
    seen, waiting = {start}, [start]
    while waiting:
        at, n = waiting.pop()
        for after, said in calls.steps(at):
            found = {n}
            for text in said:
                found |= {m + 1 for m in found if m < len(claim) and claim[m] == text}
            for m in found:
                if m == len(claim) and (not outcome or outcome in map(str, after.broken)):
                    return True
                if (after, m) not in seen:
                    seen.add((after, m))
                    waiting.append((after, m))
    return False


def walk(calls: Calls, rng: random.Random) -> list[str]:
    at, told = calls.initial(), []
    for _ in range(rng.randint(8, 30)):
        steps = list(calls.steps(at))
        if not steps:
            break
        at, said = rng.choice(steps)
        told += said
    return told


def answer(program: Program, steps: list[str], outcome: str) -> Answer:
    text = "system x.c\n" + "".join(f"{k}. {said}\n" for k, said in enumerate(steps, 1))
    text += f"outcome: violates {outcome}\n" if outcome else ""
    resolved = resolve(parse_claim(text), program.image, program.scenario)
    return decide(program, resolved).answer


def compare(folder: Path, text: str, seed: int, walks: int) -> list[Answer]:
    path = folder / "random.c"
    path.write_text(text)
    program = load(path, cache=folder)
    calls, rng = Calls(program), random.Random(seed)
    given = []
    for _ in range(walks):
        kept = [said for said in walk(calls, rng) if rng.random() < 0.7]
        for steps in filter(None, (kept, falsify(kept, rng) if kept else kept)):
            for outcome in ("exclusive(body)", rng.choice(("balanced(x)", ""))):
                expected = Answer.CONFIRMED if possible(calls, steps, outcome) else Answer.IMPOSSIBLE
                given.append(answer(program, steps, outcome))
                assert given[-1] is expected, (text, steps, outcome)
    return given


@pytest.mark.parametrize("seed", range(3))
def test_two_that_overlap(tmp_path: Path, seed: int) -> None:
    given = compare(tmp_path, source(TWO), seed, 8)
    assert set(given) == {Answer.CONFIRMED, Answer.IMPOSSIBLE}


@pytest.mark.parametrize("seed", range(2))
def test_random_bodies(tmp_path: Path, seed: int) -> None:
    assert compare(tmp_path, random_bodies(seed), seed, 4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_many_random_bodies(tmp_path: Path, seed: int) -> None:
    assert compare(tmp_path, random_bodies(seed), seed, 10)


def random_bodies(seed: int) -> str:
    rng = random.Random(seed)
    nmi = rng.choice(STATEMENTS) if rng.random() < 0.4 else ""
    return source(" ".join(rng.choices(STATEMENTS, k=1 if nmi else rng.randint(1, 2))), nmi)
