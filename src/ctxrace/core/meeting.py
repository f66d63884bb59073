"""What is found out about programs that meet on a CPU: facts for a report, which puts them into words."""

from dataclasses import dataclass
from enum import StrEnum

from ctxrace.core.facts.defect import Defect, ProgramsMet
from ctxrace.core.facts.reason import ContextsUnread, Reason
from ctxrace.core.interleaving import Source
from ctxrace.core.verdict import Outcome

__all__ = ["Defect", "Finding", "Happening", "Ignored", "Moment", "Pair", "Partner", "ProgramsResult", "Remedy",
           "Touch", "Use"]  # fmt: skip


class Remedy(StrEnum):
    """What may be done about it."""

    BUFFER_PER_CONTEXT = "a buffer for each context level"
    TASK_STORAGE = "task storage"
    PREEMPT_DISABLE = "bpf_preempt_disable()"
    ATOMIC = "atomic operations"
    CLAIM = "a flag that is taken atomically"


class Use(StrEnum):
    """What an instruction does to memory."""

    READS = "reads"
    WRITES = "writes"
    SENDS = "sends"


class Moment(StrEnum):
    """What a row of an interleaving is."""

    BEGINS = "begins"
    RESUMES = "resumes"
    ENDS = "ends"
    EVENT = "event"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Partner:
    """A program in a meeting. level: of the context in which it runs there."""

    name: str
    section: str
    level: str


@dataclass(frozen=True, slots=True)
class Touch:
    """What an event does to `size` bytes from `offset` on of `memory`; place: in C. value: None if unknown."""

    use: Use
    memory: str
    offset: int
    size: int
    place: str = ""
    value: int | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """One row of an interleaving. who: 0 or 1; instruction: or what is called, for an event."""

    moment: Moment
    who: int
    source: Source | None = None
    instruction: str = ""
    touches: tuple[Touch, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause, with everything that it breaks.

    programs: whose property it is, then the other. memory: the map or variable; ranges: the bytes of it.
    also: further pairs of programs with the same cause. how: how the other gets the CPU, and rule: why it may;
    both in the words of the kernel's rules. rows: the interleaving; schedule: its short spelling.
    remedies: what closes it; useless: what does not. sure: whether it is known that both run in these contexts.
    reason: of what is incomplete.
    """

    defect: Defect
    outcome: Outcome
    programs: tuple[Partner, Partner]
    memory: str = ""
    ranges: tuple[tuple[int, int], ...] = ()
    also: tuple[tuple[str, str], ...] = ()
    how: str = ""
    rule: str = ""
    guard: str = ""
    rows: tuple[Happening, ...] = ()
    switches: int = 0
    schedule: str = ""
    remedies: tuple[Remedy, ...] = ()
    useless: tuple[Remedy, ...] = ()
    sure: bool = True
    reason: Reason | None = None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What keeps it from being known, or is to be known about it."""
        return (*(() if self.sure else (ContextsUnread(),)), *((self.reason,) if self.reason else ()))

    @property
    def met(self) -> ProgramsMet:
        """What goes wrong, without how it comes about."""
        mine, other = self.programs
        return ProgramsMet(self.defect, mine.name, other.name, self.memory, self.ranges, self.guard)


@dataclass(frozen=True, slots=True)
class Pair:
    """Whether the second program may run over the first. memory: what both reach and one writes.

    meets: ``runs``, ``missed`` or ``apart``; rule: what decides it. sure: whether it is known that both run in the
    contexts in which the second arrives. inferred: not every place that decides it was read.
    """

    first: str
    second: str
    meets: str
    rule: str
    memory: tuple[str, ...] = ()
    inferred: bool = False
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Ignored:
    """Findings that the user takes for none. causes: how many there are."""

    defect: Defect
    causes: int


@dataclass(frozen=True, slots=True)
class ProgramsResult:
    """Everything that a report says of an object.

    kernel, preemption, rcu: the kernel; rcu_from: where it is known from whether RCU is preemptible. distribution:
    whose kernel it is, if it was named or is the default. assumed: the programs of which nobody read where their hook
    is called; inferred: those of which not every caller was read.
    programs, instructions: how many there are. pairs: which may meet; searched: how many pairs share memory so that
    they were searched. states: visited by all searches. unfollowed: what keeps a proof from being one, by program.
    ignored: what the user takes for no finding. outcome: the worst of all.
    relocations: the instructions that a loader adapts to the kernel; kernel_types: the file whose types they were
    adapted to, empty where they were left as compiled.
    """

    file: str
    kernel: str
    preemption: str
    rcu: str
    rcu_from: str
    programs: int
    instructions: int
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    pairs: tuple[Pair, ...] = ()
    searched: int = 0
    states: int = 0
    unfollowed: tuple[tuple[str, str], ...] = ()
    distribution: str = ""
    assumed: tuple[str, ...] = ()
    inferred: tuple[str, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    relocations: int = 0
    kernel_types: str = ""
    command: str = ""
    replay: str = ""
