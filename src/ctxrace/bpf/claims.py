"""What ``system bpf GUARD`` means: a guard whose enter and exit are functions that a claim can name."""

from dataclasses import replace

from ctxrace.bpf.guards import guard_path
from ctxrace.kernel.claim.forms import Claim
from ctxrace.kernel.claim.resolve import Resolved, resolve
from ctxrace.kernel.claim.system_line import load_system, options_of, scenario_of
from ctxrace.kernel.program import Program, load

__all__ = ["prepare", "with_guard"]

FUNCTIONS = {"enter": "get_recursion_context", "exit": "put_recursion_context", "body": "body", "program": "body"}
"""What the thread calls them, and what the guards do."""

OUTLINE = "-DCTXRACE_OUTLINE"


def prepare(claim: Claim) -> tuple[Program, Resolved]:
    """Compile what `claim` is about, and find what its names mean in it; raise `CtxraceError`."""
    if claim.system != "bpf":
        program, scenario = load_system(claim)
        return program, resolve(claim, program.image, scenario)
    options = options_of(claim)
    path = guard_path(claim.subject, options.arch)
    flags = [OUTLINE, *options.flags]
    program = load(path, arch=options.arch, cc=options.cc, optimize=options.optimize, flags=flags)
    program = replace(program, name=claim.subject)
    active = program.image.symbols.get("active")
    # Guards that keep one counter for all levels: the level in the thread's active[0] says nothing there.
    one = active is not None and program.image.place("active", 0, 1) != "active[0]"
    places = {f"active[{level}]": "active" for level in range(4)} if one else {}
    scenario = scenario_of(claim, program.scenario, options.contexts)
    known = {name: function for name, function in FUNCTIONS.items() if function in program.image.symbols}
    return program, resolve(claim, program.image, scenario, functions=known, places=places)


def with_guard(claim: Claim, guard: str) -> Claim:
    """Return `claim` asked of another guard."""
    return replace(claim, system="bpf", subject=guard)
