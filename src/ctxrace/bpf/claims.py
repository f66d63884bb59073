"""What ``system bpf GUARD`` means: the guard in its system, whose enter and exit a claim can name."""

from dataclasses import replace

from ctxrace.bpf.caller import CALLER, Caller, trampolines_of
from ctxrace.bpf.guards.load import load_guard
from ctxrace.claims.resolve import Resolved, resolve
from ctxrace.claims.syntax import Claim
from ctxrace.claims.system_line import Options, load_system, options_of, read_words, scenario_of
from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.option import as_system_word
from ctxrace.kernel.program import Program
from ctxrace.kernel.rules.preemption import Rcu

__all__ = ["prepare", "with_guard"]

FUNCTIONS = {
    "enter": ("__bpf_prog_enter_recur", "__bpf_prog_enter_sleepable_recur"),
    "exit": ("__bpf_prog_exit_recur", "__bpf_prog_exit_sleepable_recur"),
    "body": ("body",),
    "program": ("body",),
}
"""What the thread calls them, and which function that is in a program of either kind."""

_OPTIONS = {option.word: option for option in CALLER if option.name != "rcu"}
_KNOWN = ("trampoline fentry", "programs 2", "sleepable", "interrupts nmi", "define BPF_STATS")


def prepare(claim: Claim) -> tuple[Program, Resolved]:
    """Compile what `claim` is about, and find what its names mean in it; raise `CtxraceError`."""
    if claim.system != "bpf":
        program, scenario = load_system(claim)
        return program, resolve(claim, program.image, scenario)
    of_caller = [text for text in claim.options if text.partition(" ")[0] in _OPTIONS]
    options = options_of(replace(claim, options=tuple(text for text in claim.options if text not in of_caller)))
    caller = _caller(claim, of_caller, options)
    change = replace(options.change, rcu=None)  # which is the caller's
    program = load_guard(claim.subject, caller, options.build, change)
    program = replace(program, name=f"{claim.subject} {caller}".rstrip())
    active = program.image.symbols.get("active")
    # Guards that keep one counter for all levels: the level in the thread's active[0] says nothing there.
    one = active is not None and program.image.place("active", 0, 1) != "active[0]"
    places = {f"active[{level}]": "active" for level in range(4)} if one else {}
    scenario = scenario_of(claim, program.scenario, change)
    functions = program.image.symbols
    known = {name: kinds[len(kinds) > 1 and caller.sleepable] for name, kinds in FUNCTIONS.items()}
    known = {name: function for name, function in known.items() if function in functions}
    return program, resolve(claim, program.image, scenario, functions=known, places=places)


def _caller(claim: Claim, words: list[str], options: Options) -> Caller:
    given = read_words(claim, words, _OPTIONS, _KNOWN)
    given.setdefault("trampoline", "fentry" if trampolines_of(options.build.architecture) else "bare")
    try:
        read = {option.field or option.name: option.read(given[option.name])
                for option in _OPTIONS.values() if option.name in given}  # fmt: skip
    except ScenarioError as error:
        raise ScenarioError(f"{claim.file}: {error.spelled(as_system_word)}") from None
    return Caller(**read, rcu=options.change.rcu or Rcu.PREEMPTIBLE)


def with_guard(claim: Claim, guard: str) -> Claim:
    """Return `claim` asked of another guard."""
    return replace(claim, system="bpf", subject=guard)
