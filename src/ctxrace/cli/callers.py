"""The caller of a BPF guard, and the options that name one."""

from collections.abc import Mapping
from typing import Annotated, Any

from ctxrace.bpf.caller import CALLER, Caller, trampolines_of
from ctxrace.cli.options import Group, values_of
from ctxrace.core.errors import ScenarioError
from ctxrace.core.setting import Setting
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.rules.preemption import Rcu

__all__ = ["CALLER_GROUP", "CallerOptions", "caller_of", "callers_of"]

CALLER_GROUP = Group("Caller of a BPF guard", CALLER, lambda given: values_of(CALLER, given)).but("rcu")
"""The fields of a `Caller` that were typed, but for its rcu, which is the scenario's."""

CallerOptions = Annotated[Mapping[str, Any], CALLER_GROUP]


def caller_of(given: Mapping[str, Any], change: ScenarioChange) -> Caller:
    """Return the caller with the fields that are `given`; its flavour of RCU is that of `change`."""
    return Caller(**given, rcu=change.rcu or Rcu.PREEMPTIBLE)


def callers_of(
    given: Mapping[str, Any], trampolines: tuple[str, ...], change: ScenarioChange, arch: str
) -> list[Caller]:
    """Return who is to call the guard, the guard alone where nothing was typed.

    Where only other options are given, they are about all trampolines of `arch`.
    """
    beyond_bare = {name: value for name, value in given.items() if name != "interrupts"} or change.rcu is not None
    if not trampolines and beyond_bare and given.get("sleepable") is not False:
        trampolines = trampolines_of(arch)
        if not trampolines:
            raise ScenarioError(
                f"there are no trampolines on {arch}; add ",
                Setting("trampoline", "raw_tp"),
                ", or leave out the option",
            )
    return [caller_of({**given, "trampoline": name}, change) for name in trampolines or ("bare",)]
