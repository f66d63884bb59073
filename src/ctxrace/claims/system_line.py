"""The claim's system line: a C file and what is changed of its scenario."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ctxrace.claims.syntax import Claim
from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.override import override
from ctxrace.kernel.program import Program, configuration, load
from ctxrace.kernel.rules.contexts import INTERRUPT_NAMES
from ctxrace.kernel.scenario import Scenario

__all__ = ["Options", "load_system", "options_of", "scenario_of"]

_CONTEXTS = (*INTERRUPT_NAMES, "preemption", "attempts", "tasks", "fifo-tasks")
_KNOWN = ("preemption full", "-O3", "-DNAME", "arch x86-64", "cc COMMAND", "tasks 3", "fifo-tasks 1", "attempts 1",
          "nmi ENTRY", "nmi none", "interrupts none", "rcu non-preemptible")  # fmt: skip


@dataclass
class Options:
    """The words of a system line. contexts: as `override` takes them."""

    arch: str = "arm64"
    cc: str | None = None
    optimize: str | None = None
    flags: list[str] = field(default_factory=list)
    contexts: dict[str, list[str]] = field(default_factory=dict)
    rcu: str | None = None

    @property
    def configuration(self) -> tuple[str, ...]:
        """What the compiler is told of the kernel's configuration."""
        return configuration(preemption=self.contexts.get("preemption", [None])[-1], rcu=self.rcu)


def options_of(claim: Claim) -> Options:
    """Return what the system line of `claim` says after its commas; raise `ScenarioError` for an unknown word."""
    options = Options()
    for said in claim.options:
        word, _, rest = said.partition(" ")
        if said.startswith("-O"):
            options.optimize = said
        elif said.startswith("-"):
            options.flags += shlex.split(said)
        elif word == "arch" and rest:
            options.arch = rest
        elif word == "cc" and rest:
            options.cc = rest
        elif word == "rcu" and rest:
            options.rcu = rest
        elif said == "interrupts none":
            for level in INTERRUPT_NAMES:
                _add(options, level, "none")
        elif word in _CONTEXTS and rest:
            _add(options, word, rest)
        else:
            raise ScenarioError(
                f"{claim.file}: {said!r} on the system line is not understood; there are: {', '.join(_KNOWN)}"
            )
    return options


def _add(options: Options, word: str, said: str) -> None:
    known = options.contexts.setdefault(word, [])
    if said not in known:
        known.append(said)


def scenario_of(claim: Claim, declared: Scenario, contexts: dict[str, list[str]]) -> Scenario:
    """Return the declared scenario with what the claim changes of it; named tasks are as many as there are names."""
    given: dict[str, Sequence[str] | str | None] = {}
    for name, values in contexts.items():
        given[name.replace("-", "_")] = values[-1] if name in ("preemption", "attempts") else values
    names = [name for line in claim.tasks for name in line.names]
    if names and "tasks" not in contexts and not any(line.entry for line in claim.tasks):
        given["tasks"] = [str(len(names))]
    try:
        return override(declared, **given)  # type: ignore[arg-type]
    except ScenarioError as error:
        raise ScenarioError(f"{claim.file}: {error}") from None


def load_system(claim: Claim) -> tuple[Program, Scenario]:
    """Compile the C file of `claim`, which lies beside it, and return it with the claim's scenario."""
    options = options_of(claim)
    path = Path(claim.file).parent / claim.system
    flags = [*options.configuration, *options.flags]
    program = load(path, arch=options.arch, cc=options.cc, optimize=options.optimize, flags=flags)
    return program, scenario_of(claim, program.scenario, options.contexts)
