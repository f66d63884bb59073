"""What ``system bpf GUARD`` means: the guard in its system, whose enter and exit a claim can name."""

from dataclasses import replace

from ctxrace.bpf.caller import Caller, trampolines_of
from ctxrace.bpf.guards import load_guard
from ctxrace.claims.resolve import Resolved, resolve
from ctxrace.claims.syntax import Claim
from ctxrace.claims.system_line import Options, load_system, options_of, scenario_of
from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.program import Program
from ctxrace.kernel.scenario import RCU_FLAVOURS

__all__ = ["prepare", "with_guard"]

FUNCTIONS = {
    "enter": ("__bpf_prog_enter_recur", "__bpf_prog_enter_sleepable_recur"),
    "exit": ("__bpf_prog_exit_recur", "__bpf_prog_exit_sleepable_recur"),
    "body": ("body",),
    "program": ("body",),
}
"""What the thread calls them, and which function that is in a program of either kind."""

_WORDS = ("trampoline", "programs", "interrupts", "define")


def prepare(claim: Claim) -> tuple[Program, Resolved]:
    """Compile what `claim` is about, and find what its names mean in it; raise `CtxraceError`."""
    if claim.system != "bpf":
        program, scenario = load_system(claim)
        return program, resolve(claim, program.image, scenario)
    mine = [said for said in claim.options if said == "sleepable" or said.partition(" ")[0] in _WORDS]
    options = options_of(replace(claim, options=tuple(said for said in claim.options if said not in mine)))
    caller = _caller(claim, mine, options)
    program = load_guard(
        claim.subject,
        options.arch,
        caller,
        cc=options.cc,
        optimize=options.optimize,
        flags=[*options.configuration, *options.flags],
    )
    program = replace(program, name=f"{claim.subject} {caller}".rstrip())
    active = program.image.symbols.get("active")
    # Guards that keep one counter for all levels: the level in the thread's active[0] says nothing there.
    one = active is not None and program.image.place("active", 0, 1) != "active[0]"
    places = {f"active[{level}]": "active" for level in range(4)} if one else {}
    scenario = scenario_of(claim, program.scenario, options.contexts)
    functions = program.image.symbols
    known = {name: kinds[len(kinds) > 1 and caller.sleepable] for name, kinds in FUNCTIONS.items()}
    known = {name: function for name, function in known.items() if function in functions}
    return program, resolve(claim, program.image, scenario, functions=known, places=places)


def _caller(claim: Claim, said: list[str], options: Options) -> Caller:
    words = {word: rest for word, _, rest in (option.partition(" ") for option in said)}
    programs = words.get("programs", "1")
    if not programs.isdecimal():
        raise ScenarioError(f"{claim.file}: 'programs {programs}' on the system line is not a number of programs")
    levels = words.get("interrupts")
    default = "fentry" if trampolines_of(options.arch) else "bare"
    return Caller(
        words.get("trampoline", default),
        int(programs),
        "sleepable" in words,
        options.rcu or RCU_FLAVOURS[0],
        None if levels is None else tuple(level for level in levels.split() if level != "none"),
        defines=tuple(option.partition(" ")[2] for option in said if option.startswith("define ")),
    )


def with_guard(claim: Claim, guard: str) -> Claim:
    """Return `claim` asked of another guard."""
    return replace(claim, system="bpf", subject=guard)
