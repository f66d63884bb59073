"""Hold the two ways to decide a claim against one another, on random claims about random kernels with interrupts.

Run by itself, ``python -m tests.claims.agreement SECONDS [FIRST]`` goes on for so long, from seed FIRST, and prints
what was compared. It ends with status 1 where they disagree.
"""

import random
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from tests.claims.test_against_brute_force import Texts, falsify, walk
from tests.kernel.agreement import Disagreement, compare_for
from tests.kernel.random_kernels import random_scenario, random_text

from ctxrace.claims import execute
from ctxrace.claims.decide import decide
from ctxrace.claims.observer import conditions
from ctxrace.claims.observer.whole_interrupts import interrupts_may_be_whole
from ctxrace.claims.parse import parse_claim
from ctxrace.claims.resolve import Resolved, check_supported, resolve
from ctxrace.core.claim import Answer, ClaimResult, OutcomeFound
from ctxrace.core.errors import ScenarioError
from ctxrace.explore.watch import Engine, Limits
from ctxrace.kernel.program import Program, load
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.kernel.scenario import validate

__all__ = ["CLAIMS", "compare", "compare_random"]

CLAIMS = 20
"""As many claims are made for each random file."""

_MOST = 8_000  # states


def compare(program: Program, resolved: Resolved, most: int = _MOST) -> str:
    """Decide a claim by both engines, and return its answer; raise `Disagreement`.

    ``large``: a limit was reached.
    """
    # Interrupts are summed up from the first state on. Whether each of many states hangs takes the reference long.
    always = patch.multiple(execute, _SUMMING_UP=1, _SHORTENING=10 * most)
    with always, patch.object(conditions, "MOST_STATES", most // 4):
        found = [decide(program, resolved, limits=Limits(most, engine=engine)) for engine in Engine]
    if not all(one.shortest for one in found):
        return "large"
    if any(Answer.INCOMPLETE is one.answer or OutcomeFound.INCOMPLETE is one.outcome for one in found):
        return "large"
    summed_up, plain = map(_without_size, found)
    if summed_up != plain:
        raise Disagreement(f"{summed_up}\n  is not\n{plain}")
    return str(plain.answer)


def _without_size(result: ClaimResult) -> ClaimResult:
    return replace(result, states=0, transitions=0, outcome_states=0, outcome_transitions=0)


def compare_random(seed: int, folder: Path, claims: int = CLAIMS) -> Iterator[str]:
    """Compare the engines on so many claims about one random file, and return what came of each."""
    rng = random.Random(f"claims {seed}")
    path = folder / f"claims{seed}.c"
    path.write_text(random_text(rng), encoding="utf-8")
    program = load(path, cache=folder)
    for _ in range(claims):
        scenario = random_scenario(rng, program.scenario)
        scenario = replace(scenario, entry_window=False, attempts=rng.choice((None, 1, 1, 2)))
        if not scenario.handlers or scenario.preemption is Preemption.RT:
            continue
        with suppress(ScenarioError):
            validate(scenario, program.image)
            check_supported("", scenario)
            about = replace(program, scenario=scenario)
            lines = random_claim(rng, about)
            try:
                resolved = resolve(parse_claim("\n".join(("system x.c", *lines))), program.image, scenario)
            except ScenarioError:
                yield "refused"
                continue
            if interrupts_may_be_whole(resolved):
                yield "whole"
                continue
            try:
                yield compare(about, resolved)
            except Disagreement as found:
                raise Disagreement(f"{scenario}\n{chr(10).join(lines)}\n{found}") from None


def random_claim(rng: random.Random, program: Program) -> list[str]:
    """Return the lines of a claim: a random walk, most of it left out, some of it changed, and an outcome."""
    steps = [said for said in walk(Texts(program), rng) if rng.random() < 0.4][:8]
    for _ in range(rng.choice((0, 0, 1, 2))):
        steps.insert(rng.randint(0, len(steps)), _random_step(rng, program))
    if steps and rng.random() < 0.4:
        steps = falsify(steps, rng)
    strict = ["strict "] if rng.random() < 0.1 else []
    lines = [f"{number}. {''.join(strict if rng.random() < 0.3 else ())}{said}" for number, said in enumerate(steps, 1)]
    if rng.random() < 0.6 or not lines:
        lines.append(f"outcome: {_random_condition(rng, program)}")
    return lines


def _random_step(rng: random.Random, program: Program) -> str:
    who = rng.choice(("A", "B", *(str(handler.level) for handler in program.scenario.handlers)))
    does = ("calls body", "runs body", "body returns", "never runs body", "reads x", "writes y", "writes p")
    return rng.choice((f"{who}: {rng.choice(does)}", f"{who}: {rng.choice(does)}", _random_condition(rng, program),
                       "body is never called again"))  # fmt: skip


def _random_condition(rng: random.Random, program: Program) -> str:
    value = f"{rng.choice('xyp')} == {rng.randrange(4)}"
    properties = [str(prop) for prop in program.scenario.properties]
    named = [*properties, "check", "fault", "restored", "sleep"]
    declared = rng.choice(properties)
    violates = (f"violates {rng.choice(named)}", f"violates {declared}", f"idle and violates {declared}")
    never = (f"{value} and body never ran", "idle and body never ran")
    return rng.choice((value, f"idle and {value}", *violates, f"stuck {rng.choice('xyp')}", "hangs", *never))


def main(seconds: float, first: int) -> int:
    """Compare for so long, and return the exit status."""
    return compare_for(seconds, first, compare_random)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
