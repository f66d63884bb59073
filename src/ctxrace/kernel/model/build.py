"""The one place where the CPUs of a system are made."""

from collections.abc import Iterator
from contextlib import contextmanager

from ctxrace.kernel.model.assumptions import EVERYTHING, Assumptions
from ctxrace.kernel.model.contexts import NOTHING, Announced, Contexts
from ctxrace.kernel.model.monitor import Monitor
from ctxrace.kernel.model.nested import NestedInterrupts
from ctxrace.kernel.model.nested_smp import NestedSmp
from ctxrace.kernel.model.setup import memory_after_setup
from ctxrace.kernel.model.smp import SmpSystem
from ctxrace.kernel.model.state import Numbers
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.properties.demands import watched
from ctxrace.kernel.rules.sleeping import SLEEPING
from ctxrace.kernel.scenario import CHECK_FUNCTION, Scenario
from ctxrace.machine.drift.memory import Counters
from ctxrace.machine.flow import Machine
from ctxrace.machine.image import Image

__all__ = ["contexts_of", "kept", "nested", "one_cpu", "system_for"]


def system_for(
    image: Image, scenario: Scenario, assumed: Assumptions = EVERYTHING, counters: Counters | None = None
) -> KernelSystem | SmpSystem:
    """Return the system that explores `scenario` on its CPUs. counters: as in `Flows`."""
    contexts = contexts_of(image, scenario, assumed, counters=counters)
    if scenario.cpus == 1:
        return KernelSystem(contexts[0], Monitor(scenario.properties, contexts))
    monitor = Monitor(scenario.properties, contexts)
    return SmpSystem([KernelSystem(each, monitor) for each in contexts])


def one_cpu(
    image: Image,
    scenario: Scenario,
    assumed: Assumptions = EVERYTHING,
    *,
    announced: Announced = NOTHING,
    everywhere: bool = False,
) -> KernelSystem:
    """Return the system that explores `scenario`, which has one CPU. announced, everywhere: as in `Contexts`."""
    contexts = contexts_of(image, scenario, assumed, announced=announced, everywhere=everywhere)
    return KernelSystem(contexts[0], Monitor(scenario.properties, contexts))


def nested(system: KernelSystem | SmpSystem) -> NestedInterrupts | NestedSmp:
    """Return `system` as one that tells of its interrupts as nested runs."""
    return NestedInterrupts(system) if isinstance(system, KernelSystem) else NestedSmp(system)


@contextmanager
def kept(system: KernelSystem | SmpSystem) -> Iterator[None]:
    """Keep the steps that are evaluated in the block for later runs, whatever comes of it."""
    try:
        yield
    finally:
        for cpu in system.cpus:
            cpu.flows.keep()


def contexts_of(
    image: Image,
    scenario: Scenario,
    assumed: Assumptions = EVERYTHING,
    *,
    announced: Announced = NOTHING,
    everywhere: bool = False,
    counters: Counters | None = None,
) -> tuple[Contexts, ...]:
    """Return the contexts of each CPU of `scenario`; the other arguments are those of `Contexts`."""
    noted = (watched(scenario.properties), CHECK_FUNCTION, SLEEPING, announced.functions, announced.results)
    machine = Machine(image, scenario.entries, *noted, migrates=scenario.cpus > 1)
    numbers, memory = Numbers(), memory_after_setup(image, scenario)
    return tuple(
        Contexts(
            machine, scenario, numbers, assumed, cpu=cpu, announced=announced, everywhere=everywhere, memory=memory,
            counters=counters,
        )
        for cpu in range(scenario.cpus)
    )
