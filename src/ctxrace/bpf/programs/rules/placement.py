"""A program under a kernel: where it may run, what is off meanwhile, which guard it has."""

from dataclasses import dataclass
from enum import IntEnum

from ctxrace.bpf.programs.rules.hooks import Hook, known_hook
from ctxrace.bpf.programs.rules.kernel import MIGRATE_DISABLE_IS_PREEMPTIBLE, Kernel
from ctxrace.bpf.programs.rules.kinds import Kind, Section, parse_section
from ctxrace.bpf.programs.rules.network import NETWORK, OTHERS
from ctxrace.bpf.programs.rules.row import Guard, Hold, Row
from ctxrace.bpf.programs.rules.source import NEWEST_READ, Source
from ctxrace.bpf.programs.rules.tracing import TRACING
from ctxrace.core.errors import ScenarioError
from ctxrace.core.setting import Setting
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption

__all__ = ["ROWS", "Certainty", "Placement", "placement"]

ROWS = (*TRACING, *NETWORK, *OTHERS)

SYSCALLS_DIFFER = (7, 2)
"""`commits.SLEEPABLE_TRACEPOINT`."""


class Certainty(IntEnum):
    """How it is known that a program runs at a level, or comes over another there."""

    POSSIBLE = 0  # not ruled out: nobody read where the hook is called, or it depends on the architecture
    ASSUMED = 1  # nobody read where the hook is called: taken as an ordinary function of a task
    KNOWN = 2  # from a source, or from the user


@dataclass(frozen=True)
class Placement:
    """Where a program runs under a kernel.

    contexts: the levels that are known or assumed. possible: further ones that cannot be ruled out as nobody read
    where the hook is called. preemptible: whether a task may lose the CPU between two of its instructions.
    guard_preemptible: the same while the guard is held. guard_torn: the same while it is being taken, on some
    architectures. interrupts_off: by every caller of the hook. sources: where all of it was read. inferred: not all
    of it was.
    """

    section: Section
    kernel: Kernel
    contexts: tuple[Level, ...]
    possible: tuple[Level, ...]
    certainty: Certainty
    preemptible: bool
    guard_preemptible: bool
    guard_torn: bool
    migration_off: bool
    bottom_halves_off: bool
    interrupts_off: bool
    guard: Guard
    sources: tuple[Source, ...]
    inferred: bool

    @property
    def kind(self) -> Kind:
        """What the program is."""
        return self.section.kind

    @property
    def sleepable(self) -> bool:
        """Whether it may give up the CPU in a helper or kfunc that sleeps, in every preemption model."""
        return self.section.sleepable


def placement(section: str, kernel: Kernel, *, context: Level | None = None, attach: str | None = None) -> Placement:
    """Return where a program in the ELF section `section` runs under `kernel`.

    context: the level at which the hook is called, where the user knows. attach: the hook, where the section's name
    does not say. Raises ScenarioError for an unknown section, for a program type that the kernel does not have, and
    for a context in which the type never runs.
    """
    parsed = parse_section(section, attach=attach)
    if parsed.kind is Kind.TRACEPOINT and not parsed.hook and kernel.version >= SYSCALLS_DIFFER:
        raise ScenarioError(
            f"section {parsed.quoted} names no tracepoint, and those on system calls are preemptible since 7.2, the "
            "others not; pass ", Setting("attach", "PROGRAM=CATEGORY/NAME")
        )
    row = _row(parsed, kernel)
    hook = known_hook(parsed) if row.hooked else None
    contexts, possible, certainty = _levels(parsed, row, hook, context)
    off = _turned_off(hook, kernel)
    guard_holds = row.holds if row.guard_holds is None else row.guard_holds
    return Placement(
        section=parsed,
        kernel=kernel,
        contexts=contexts,
        possible=possible,
        certainty=certainty,
        preemptible=_preemptible(row.holds | off, kernel),
        guard_preemptible=_preemptible(guard_holds | off, kernel),
        guard_torn=row.guard_torn and _preemptible(guard_holds | off, kernel),
        migration_off=bool(row.holds),
        bottom_halves_off=Hold.LOCAL_BH_DISABLE in row.holds | off,
        interrupts_off=Hold.INTERRUPTS_OFF in off,
        guard=row.guard,
        sources=row.sources + (hook.sources if hook is not None else ()),
        inferred=row.inferred or kernel.version > NEWEST_READ,
    )


def _levels(
    section: Section, row: Row, hook: Hook | None, context: Level | None
) -> tuple[tuple[Level, ...], tuple[Level, ...], Certainty]:
    """The levels that are known or assumed, those that cannot be ruled out, and how the former are known."""
    if context is not None:
        if context not in (*row.levels, *row.possible):
            raise ScenarioError(
                f"programs in section {section.quoted} never run in context {context}: only in "
                + ", ".join(map(str, (*row.levels, *row.possible)))
            )
        return (context,), (), Certainty.KNOWN
    if hook is not None:
        return hook.levels, (), Certainty.KNOWN
    if row.hooked:
        return (Level.TASK,), tuple(level for level in row.levels if level is not Level.TASK), Certainty.ASSUMED
    return row.levels, row.possible, Certainty.KNOWN


def _row(section: Section, kernel: Kernel) -> Row:
    """The newest row that the kernel has for the section; one for its hook goes first."""
    found: Row | None = None
    for row in ROWS:
        if row.kind is not section.kind or row.sleepable is not section.sleepable:
            continue
        if row.since > kernel.version or row.hook not in ("", section.hook):
            continue
        if found is None or (bool(row.hook), row.since) > (bool(found.hook), found.since):
            found = row
    if found is None:
        raise ScenarioError(
            f"kernel {kernel.version[0]}.{kernel.version[1]} has no {'sleepable ' * section.sleepable}programs of "
            f"section {section.quoted}; pass a later ", Setting("kernel"), ", or choose the other programs with ",
            Setting("program")
        )
    return found


def _turned_off(hook: Hook | None, kernel: Kernel) -> frozenset[Hold]:
    """What every caller of the hook has turned off."""
    if hook is None:
        return frozenset()
    locked = not (hook.spinlock and kernel.preemption is Preemption.RT)
    found = {
        Hold.PREEMPT_DISABLE: hook.preemption_off and locked,
        Hold.INTERRUPTS_OFF: hook.interrupts_off and locked,
        Hold.LOCAL_BH_DISABLE: hook.bottom_halves_off,
    }
    return frozenset(hold for hold, held in found.items() if held)


def _preemptible(holds: frozenset[Hold], kernel: Kernel) -> bool:
    """Whether a task that holds `holds` may lose the CPU at any instruction."""
    if not kernel.preemptible or holds & {Hold.PREEMPT_DISABLE, Hold.INTERRUPTS_OFF}:
        return False
    rt = kernel.preemption is Preemption.RT
    if Hold.RCU_READ_LOCK in holds and not kernel.preemptible_rcu:
        return False
    if Hold.MIGRATE_DISABLE in holds and kernel.version < MIGRATE_DISABLE_IS_PREEMPTIBLE and not rt:
        return False
    return rt or Hold.LOCAL_BH_DISABLE not in holds
