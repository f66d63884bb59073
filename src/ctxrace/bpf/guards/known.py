"""Which guards there are on which architecture, and their C files."""

from pathlib import Path

from ctxrace.core.errors import ScenarioError
from ctxrace.machine.arch import architecture

__all__ = ["BEYOND", "GUARDS", "GUARDS_OF", "guard_path", "is_guard"]

GUARDS = ("generic-lse", "generic-llsc", "arm64-v1", "arm64-merged", "no-exit", "plain-int", "early-return")
"""The guards in the order of their history in the thread; the last two are older than it."""

GUARDS_OF = {
    "arm64": GUARDS,
    "arm64-be": GUARDS,
    "riscv64": (
        *("generic-irqsave", "generic-amo", "generic-lrsc"),
        *(guard for guard in GUARDS if not guard.startswith("generic-")),
    ),
    # The counter is one instruction, so there is only one way to make it; the plain bytes of arm64 are portable C.
    "x86-64": ("generic", *(guard for guard in GUARDS if not guard.startswith("generic-"))),
}
"""For each architecture the guards that exist on it, and are in its table."""

BEYOND = ("generic-byte",)
"""Guards that are on every architecture, and checked only where they are named: few tasks show nothing new of them."""


def guard_path(guard: str, arch: str = "arm64") -> Path:
    """Return the C file of `guard`; raise `ScenarioError` that lists the guards of `arch` where there is none."""
    known = (*GUARDS_OF[architecture(arch).name], *BEYOND)
    if guard not in known:
        on = f" on {arch}" if is_guard(guard) else ""
        raise ScenarioError(f"no guard {guard!r}{on}; ctxrace has: {', '.join(known)}")
    return Path(__file__).parent / f"{guard}.c"


def is_guard(name: str) -> bool:
    """Return whether `name` is a guard's on any architecture."""
    return name in BEYOND or any(name in guards for guards in GUARDS_OF.values())
