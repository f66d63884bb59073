"""A case: a guard, who calls it, and what is changed of its scenario. One cell of a table."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from ctxrace.bpf.caller import ALONE, Caller
from ctxrace.bpf.guards.known import GUARDS_OF, guard_path
from ctxrace.bpf.guards.load import load_guard
from ctxrace.core.verdict import Result
from ctxrace.explore.search import Limits, Progress
from ctxrace.kernel.change import SCENARIO, UNCHANGED, ScenarioChange, fits_together
from ctxrace.kernel.check import check
from ctxrace.kernel.option import command_words
from ctxrace.kernel.program import BUILD, Build, Program
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.kernel.scenario import Scenario
from ctxrace.machine.arch import architecture

__all__ = ["MODELS", "Case", "cases"]

MODELS = (Preemption.NONE, Preemption.FULL)
"""The preemption models of the table; for guards, the others are one of these, or rt."""


@dataclass(frozen=True)
class Case:
    """Say what is checked.

    guard: its name. change: of the scenario that the guard's file declares. caller: who calls the guard.
    build: how they are compiled; limits: where its search stops.
    """

    guard: str
    change: ScenarioChange = UNCHANGED
    caller: Caller = ALONE
    build: Build = field(default_factory=Build)
    limits: Limits = field(default_factory=Limits)

    @property
    def arch(self) -> str:
        """The architecture."""
        return self.build.architecture

    @property
    def preemption(self) -> Preemption:
        """The preemption model."""
        return self.change.preemption or Preemption.FULL

    @property
    def label(self) -> str:
        """What the case is called in a table."""
        return f"{self.guard} {self.caller}".rstrip()

    @property
    def command(self) -> str:
        """What to type to see this case alone."""
        return f"ctxrace bpf --guard {self.guard} {self._options}"

    @property
    def replay(self) -> str:
        """What to type to replay a schedule of this case, but for the schedule."""
        return f"ctxrace replay {self.guard} {self._options}"

    @property
    def _options(self) -> str:
        words = ["--preemption", str(self.preemption), *command_words(BUILD, self.build)]
        words += self.caller.options
        words += command_words(SCENARIO, replace(self.change, preemption=None))
        return shlex.join(words)

    def load(self) -> tuple[Program, Scenario]:
        """Compile the guard with its caller, and return the program and what is to be decided of it."""
        fits_together(self.preemption, self.caller.rcu)
        program = load_guard(self.guard, self.caller, self.build, self.change)
        return program, self.change.apply(program.scenario)

    def check(self, progress: Progress | None = None) -> Result:
        """Compile the guard with its caller, and decide it."""
        return self.decide(*self.load(), progress)

    def decide(self, program: Program, scenario: Scenario, progress: Progress | None = None) -> Result:
        """Decide what `load` returned."""
        limits, command, replay = self.limits, self.command, self.replay
        result = check(program, scenario, limits=limits, progress=progress, command=command, replay=replay)
        return replace(result, setup=replace(result.setup, case=self.label), notes=(*self.caller.notes, *result.notes))


def cases(
    guards: Sequence[str] = (),
    preemptions: Sequence[Preemption] = MODELS,
    change: ScenarioChange = UNCHANGED,
    *,
    callers: Sequence[Caller] = (ALONE,),
    build: Build | None = None,
    limits: Limits | None = None,
) -> list[Case]:
    """Return the cases of every guard of the architecture, or of those given, with each caller under each model.

    Raises `ScenarioError` for what does not exist on the architecture, or does not fit together.
    """
    build = build or Build()
    known = GUARDS_OF[architecture(build.architecture).name]
    for guard in guards:
        guard_path(guard, build.architecture)
    for caller in callers:
        caller.check(build.architecture)
    for caller, model in product(callers, preemptions):
        fits_together(model, caller.rcu)
    return [
        Case(guard, replace(change, preemption=model), caller, build, limits or Limits())
        for guard in dict.fromkeys(guards or known)
        for caller in dict.fromkeys(callers)
        for model in dict.fromkeys(preemptions)
    ]
