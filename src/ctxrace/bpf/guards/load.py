"""Compile a guard with its caller."""

from dataclasses import replace

from ctxrace.bpf.caller import ALONE, Caller
from ctxrace.bpf.guards.known import guard_path
from ctxrace.kernel.change import UNCHANGED, ScenarioChange
from ctxrace.kernel.program import Build, Program, load

__all__ = ["load_guard"]


def load_guard(
    guard: str, caller: Caller = ALONE, build: Build | None = None, change: ScenarioChange = UNCHANGED
) -> Program:
    """Compile `guard` with `caller`; the program's scenario has the interrupts that reach the guard.

    change: its configuration is the headers'. Raises `ScenarioError`, with what exists, for what does not fit together.
    """
    build = build or Build()
    path = guard_path(guard, build.architecture)
    caller.check(build.architecture)
    flags = [*caller.flags(guard), *change.configuration, *build.flags]
    program = load(
        path,
        arch=build.architecture,
        cc=build.cc,
        optimize=build.optimize,
        flags=flags,
        more=caller.sources(build.architecture),
        more_flags=caller.assembler_flags,
    )
    return replace(program, scenario=caller.scenario(program.scenario))
