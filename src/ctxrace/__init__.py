"""Decide whether a race between a CPU's execution contexts can happen in real machine code, and show it.

    import ctxrace

    program = ctxrace.compile("guard.c", optimize="-O2")
    result = ctxrace.check(program, tasks=3, properties=[ctxrace.exclusive("body")])
    print(result)  # what holds, and the shortest interleaving of what does not

Results are plain frozen data: ``result.verdicts[0].interleaving.events[0].accesses``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctxrace.api import (
        Answer,
        Caller,
        Changes,
        ClaimResult,
        CtxraceError,
        Event,
        Interleaving,
        Limits,
        Outcome,
        Preemption,
        Program,
        ProgramsFinding,
        ProgramsOptions,
        ProgramsResult,
        Property,
        Rcu,
        Result,
        Statement,
        TaskCount,
        Trial,
        Verdict,
        balanced,
        check,
        claim,
        claim_text,
        compile,
        exclusive,
        guards,
        models,
        programs,
        progress,
        recovers,
        render,
        replay,
        replay_programs,
        show,
        suite,
        thread,
    )

__all__ = ["Answer", "Caller", "Changes", "ClaimResult", "CtxraceError", "Event", "Interleaving", "Limits", "Outcome",
           "Preemption", "Program", "ProgramsFinding", "ProgramsOptions", "ProgramsResult", "Property", "Rcu",
           "Result", "Statement", "TaskCount", "Trial", "Verdict", "balanced", "check", "claim", "claim_text",
           "compile", "exclusive", "guards", "models", "programs", "progress", "recovers", "render", "replay",
           "replay_programs", "show", "suite", "thread"]  # fmt: skip

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import the API once it is used: the command line begins without it, ready for Ctrl-C."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from ctxrace import api

        return getattr(api, name)
