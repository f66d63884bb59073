"""What runs once before everything: `ctxrace_setup()` of a C file, which leaves the memory that contexts begin with."""

from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.model.flows import Flows
from ctxrace.kernel.model.foreign import StackEscapes
from ctxrace.kernel.model.groups import tasks_of
from ctxrace.kernel.model.interner import Interner
from ctxrace.kernel.model.layout import Layout
from ctxrace.kernel.model.outcome import Role
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.sleeping import BLOCKS, SLEEPING
from ctxrace.kernel.scenario import CHECK_FUNCTION, Scenario
from ctxrace.machine.flow import Machine
from ctxrace.machine.image import Image
from ctxrace.machine.memory import RegionKind

__all__ = ["SETUP", "memory_after_setup"]

SETUP = "ctxrace_setup"

MOST_EVENTS = 100_000


def memory_after_setup(image: Image, scenario: Scenario) -> bytes | None:
    """Return shared memory as `ctxrace_setup()` leaves it, None where `image` has no such function.

    It runs alone, on the first CPU, as the idle task while the kernel boots: preemption is off. Statistics are what
    it makes them. Raises `ScenarioError` where it cannot run, does something wrong, or does not end.
    """
    symbol = image.symbols.get(SETUP)
    if symbol is None or symbol.kind != "function":
        return None
    if image.parameters(SETUP):
        raise ScenarioError(f"{SETUP}() takes arguments, which nobody passes; declare it void {SETUP}(void)")
    layout = Layout(image, tasks_of(scenario), cpus=scenario.cpus)
    machine = Machine(image, (SETUP,), (), CHECK_FUNCTION, SLEEPING)
    flows = Flows(machine, layout, Interner(), (), Level.TASK, False)
    shared, own = layout.shared, layout.task_struct(layout.idle)
    try:
        outcome = flows.start(Role(Level.TASK, SETUP), layout.idle, shared, own)
        for _ in range(MOST_EVENTS):
            wrong = [f"fails: {text}" for kind, text in outcome.notes if kind == "check"]
            wrong += [f"sleeps in {what}()" for kind, what in outcome.notes if kind == "sleeps" and what in BLOCKS]
            if fault := outcome.fault:
                where = f"{fault.address:#x}, {fault.place}" if fault.place else image.where(outcome.address)
                wrong.append(f"faults ({fault.kind}: {where})")
            if wrong:
                raise ScenarioError(f"{SETUP}() {wrong[0]}; it must run through, alone")
            shared = outcome.apply(shared, RegionKind.SHARED)
            own = outcome.apply(own, RegionKind.OWN)
            if outcome.finished:
                return shared
            outcome = flows.step(outcome.flow, layout.idle, shared, own)
    except StackEscapes:
        raise ScenarioError(f"{SETUP}() reaches into a task's stack, and no task has run yet") from None
    raise ScenarioError(f"{SETUP}() does not end within {MOST_EVENTS:,} accesses to memory; does it wait for anybody?")
