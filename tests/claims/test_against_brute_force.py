"""Claims made of random walks through random small kernels, held against all runs of the plainest system there is."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kernel.test_reductions import random_configuration, random_source

from ctxrace.claims.decide import decide
from ctxrace.claims.parse import parse_claim
from ctxrace.claims.resolve import resolve
from ctxrace.core.claim import Answer
from ctxrace.core.errors import ScenarioError
from ctxrace.core.interleaving import Access
from ctxrace.core.system import Step
from ctxrace.explore.search import Limits, search
from ctxrace.kernel.model.assumptions import Assumptions
from ctxrace.kernel.model.build import one_cpu
from ctxrace.kernel.model.state import Arrive, Idle, KernelState, Resume, Start, SwitchThereAndBack
from ctxrace.kernel.narrate.narrator import Narrator
from ctxrace.kernel.program import Program, load
from ctxrace.kernel.scenario import validate

MOST = 4_000  # states of a kernel for which brute force is quick enough; another is drawn in the place of a larger one
VARIABLES = ("x", "y", "z", "preempt_count")  # what a claim can name in all of them


class Texts:
    """Say what each step does in the words of a claim, without any code of claims: tasks are told apart by group."""

    def __init__(self, program: Program) -> None:
        scenario = validate(program.scenario, program.image)
        self.system = one_cpu(program.image, scenario, Assumptions(symmetric=False, blind=False), everywhere=True)

    def running(self, state: KernelState) -> str:
        system = self.system
        if state.interrupts:
            flow = system.frames.values[state.interrupts[-1]].flow
            return str(system.flows.numbers.values[flow][0].level)
        return "AB"[system.tasks.values[state.current].group]

    def of(self, state: KernelState, step: Step) -> list[str]:
        match step.label:
            case Arrive(handler):
                level = str(self.system.scenario.handlers[handler].level)
                gone = len(step.state.interrupts) == len(state.interrupts)
                return [f"{level} arrives", *([f"{level} returns"] if gone else [])]
            case Resume(task):
                return [f"switch to {'AB'[self.system.tasks.values[task].group]}"]
            case Start(task):
                name = "AB"[self.system.tasks.values[task].group]
                return [f"switch to {name}", f"{name} starts"]  # whether it preempts another or not
            case SwitchThereAndBack() | Idle():
                return []
        who = self.running(state)
        taken = self.system.after_event(state)
        said = []
        if step.events:
            accesses = Narrator(self.system).event(state, who).accesses
            said = [spell(who, access) for access in accesses if access.name in VARIABLES]
        if taken.ended:
            said.append(f"{who} returns" if state.interrupts else f"{who} finishes")
        return said


def spell(who: str, access: Access) -> str:
    if access.kind == "read":
        return f"{who}: reads {access.name} == {access.value}"
    return f"{who}: {access.name} {access.before} -> {access.value}"


def walk(texts: Texts, rng: random.Random) -> list[str]:
    state, said = texts.system.initial(), []
    for _ in range(rng.randint(5, 25)):
        steps = list(texts.system.steps(state))
        if not steps:
            break
        step = rng.choice(steps)
        said += texts.of(state, step)
        state = step.state
    return said


def possible(texts: Texts, claim: list[str]) -> bool:
    """Whether any run says `claim` in this order: every state with every number of steps matched, nothing left out."""
    start = (texts.system.initial(), 0)
    seen, waiting = {start}, [start]
    while waiting:
        state, n = waiting.pop()
        if n == len(claim):
            return True
        for step in texts.system.steps(state):
            for m in matches(texts.of(state, step), claim, n):
                if (step.state, m) not in seen:
                    seen.add((step.state, m))
                    waiting.append((step.state, m))
    return False


def matches(said: list[str], claim: list[str], n: int) -> Iterator[int]:
    found = {n}
    for text in said:
        found |= {m + 1 for m in found if m < len(claim) and claim[m] == text}
    yield from found


def answer(program: Program, steps: list[str]) -> Answer:
    text = "system x.c\n" + "".join(f"{k}. {said}\n" for k, said in enumerate(steps, 1))
    resolved = resolve(parse_claim(text), program.image, program.scenario)
    return decide(program, resolved, limits=Limits(2_000_000)).answer


def falsify(steps: list[str], rng: random.Random) -> list[str]:
    """Change one step: another value, another context, or two steps the other way round."""
    changed = list(steps)
    at = rng.randrange(len(changed))
    words = changed[at].split(" ")
    if words[-1].isdigit() and rng.random() < 0.7:
        words[-1] = str((int(words[-1]) + rng.randint(1, 3)) % 256)
        changed[at] = " ".join(words)
    elif changed[at][:2] in ("A:", "B:"):
        changed[at] = {"A": "B", "B": "A"}[changed[at][0]] + changed[at][1:]
    elif at:
        changed[at - 1], changed[at] = changed[at], changed[at - 1]
    return changed


def compare(folder: Path, seed: int, source: str) -> tuple[int, int]:
    path = folder / "random.c"
    path.write_text(source)
    program = load(path, cache=folder)
    texts, rng = Texts(program), random.Random(seed)
    refuted = tried = 0
    for _ in range(4):
        whole = walk(texts, rng)
        kept = [said for said in whole if rng.random() < 0.6]
        if not kept:
            continue
        assert answer(program, kept) is Answer.CONFIRMED, (path.read_text(), kept)
        wrong = falsify(kept, rng)
        expected = Answer.CONFIRMED if possible(texts, wrong) else Answer.IMPOSSIBLE
        assert answer(program, wrong) is expected, (path.read_text(), wrong)
        refuted += expected is Answer.IMPOSSIBLE
        tried += 1
    return tried, refuted


@pytest.mark.parametrize("seed", range(4))
def test_walks_are_confirmed_and_falsified_ones_are_judged_as_brute_force_does(tmp_path: Path, seed: int) -> None:
    tried, _ = compare(tmp_path, seed, random_source(seed))
    assert tried


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2000, 2100))
def test_many_walks(tmp_path: Path, seed: int) -> None:
    compare(tmp_path, seed, random_source(seed))


def compare_configuration(folder: Path, seed: int) -> None:
    # One attempt each: a claim is of one, and the brute force knows no such rule.
    source = random_configuration(seed).replace("CTXRACE_ATTEMPTS(2)", "CTXRACE_ATTEMPTS(1)")
    if "ENTRY_WINDOW" in source or ("PREEMPTION(rt)" in source and "CTXRACE_SOFTIRQ" in source):
        path = folder / "random.c"
        path.write_text(source)
        with pytest.raises(ScenarioError, match="claims do not follow"):
            answer(load(path, cache=folder), ["A starts"])
        return
    path = folder / "random.c"
    path.write_text(source)
    if search(Texts(load(path, cache=folder)).system, frozenset(), Limits(MOST)).exhausted:
        compare(folder, seed, source)
    else:
        compare_configuration(folder, seed + 10_000)


@pytest.mark.parametrize("seed", range(3))
def test_walks_of_configurations(tmp_path: Path, seed: int) -> None:
    compare_configuration(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3000, 3060))
def test_many_walks_of_configurations(tmp_path: Path, seed: int) -> None:
    compare_configuration(tmp_path, seed)
