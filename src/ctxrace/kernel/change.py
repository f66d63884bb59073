"""A change of a declared scenario: the options of the command line and of the Python API as typed values.

A new option is a field of `ScenarioChange` and of `Changes`, a row of `SCENARIO`, and its effect in `apply`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict, Unpack

from ctxrace.core.errors import ScenarioError
from ctxrace.core.property import Property
from ctxrace.core.setting import Setting
from ctxrace.kernel.option import Option
from ctxrace.kernel.properties.hang import HANG
from ctxrace.kernel.properties.invariants import CHECK
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption, Rcu
from ctxrace.kernel.scenario import Handler, Scenario, Tasks, make_property, parse_number, parse_preemption

__all__ = ["SCENARIO", "UNCHANGED", "UNLIMITED", "Changes", "ScenarioChange", "TaskCount", "fits_together",
           "read_rcu"]  # fmt: skip

UNLIMITED: Literal["unlimited"] = "unlimited"
"""That each context begins its entry again and again."""

_NONE = "none"  # how a text says that no interrupt of a level arrives
_ENTRY = re.compile(r"[A-Za-z_.$][\w.$]*")


@dataclass(frozen=True, slots=True)
class TaskCount:
    """`count` tasks that run `entry`; None: the entry that all tasks run."""

    count: int
    entry: str | None = None

    def __str__(self) -> str:
        return str(self.count) if self.entry is None else f"{self.count}:{self.entry}"


TaskCounts = int | str | TaskCount
Entries = str | Sequence[str]


class Changes(TypedDict, total=False):
    """What `ScenarioChange.of` takes: the fields of `ScenarioChange`, with shorter forms. None: unchanged.

    tasks, fifo_tasks: how many, ``"2:entry"``, `TaskCount`, or several of those.
    softirq, hardirq, nmi: an entry, several, or ``"none"``.
    """

    tasks: TaskCounts | Sequence[TaskCounts] | None
    fifo_tasks: TaskCounts | Sequence[TaskCounts] | None
    softirq: Entries | None
    hardirq: Entries | None
    nmi: Entries | None
    cpus: int | str | None
    preemption: Preemption | str | None
    rcu: Rcu | str | None
    entry_window: bool | None
    attempts: int | str | None
    statistic: Entries | None
    properties: Iterable[Property] | None
    only: Entries | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioChange:
    """Hold what takes the place of what a program declares. None: unchanged.

    tasks, fifo_tasks: how many run which entry. softirq, hardirq, nmi: the entries of that level's handlers, empty for
    none. cpus: how many. rcu: its flavour, which the program is compiled for. entry_window: whether interrupts also run
    their entries while they are not accounted for. attempts: how often each context begins its entry at most.
    statistics: variables that are left out, besides those declared.
    properties: instead of the declared ones. only: of all properties those of this kind, or with this name.
    """

    tasks: tuple[TaskCount, ...] | None = None
    fifo_tasks: tuple[TaskCount, ...] | None = None
    softirq: tuple[str, ...] | None = None
    hardirq: tuple[str, ...] | None = None
    nmi: tuple[str, ...] | None = None
    cpus: int | None = None
    preemption: Preemption | None = None
    rcu: Rcu | None = None
    entry_window: bool | None = None
    attempts: int | Literal["unlimited"] | None = None
    statistics: tuple[str, ...] | None = None
    properties: tuple[Property, ...] | None = None
    only: tuple[str, ...] | None = None

    @classmethod
    def of(cls, **given: Unpack[Changes]) -> "ScenarioChange":
        """Return the change that is given; raise `ScenarioError` for a value that means nothing."""
        for name in given:
            if name not in Changes.__annotations__:
                known = ", ".join(Changes.__annotations__)
                raise TypeError(f"nothing of a scenario is called {name!r}; there are: {known}")
        return cls.read(given)

    @classmethod
    def read(cls, given: Any) -> "ScenarioChange":  # noqa: ANN401 - a mapping of texts or of Python values
        """Return the change that `given` spells by the names of `SCENARIO`; raise `ScenarioError` for what is none."""
        read: dict[str, Any] = {}
        for option in SCENARIO:
            if (value := given.get(option.name)) is None:
                continue
            found, field = option.read(value), option.field or option.name
            read[field] = tuple(dict.fromkeys((*read[field], *found))) if field in read else found
        if (properties := given.get("properties")) is not None:
            read["properties"] = tuple(dict.fromkeys(properties))
        return cls(**read)

    @property
    def configuration(self) -> tuple[str, ...]:
        """The compiler's flags that make the headers those of a kernel that is configured so (ctxrace/config.h)."""
        flags = ["-DCTXRACE_PREEMPT_RT=1"] if self.preemption == Preemption.RT else []
        if self.rcu is not None:
            fits_together(self.preemption, self.rcu)
            flags.append(f"-DCTXRACE_PREEMPT_RCU={int(self.rcu == Rcu.PREEMPTIBLE)}")
        return (*flags, *(["-DCTXRACE_SMP=1"] if self.cpus is not None and self.cpus > 1 else []))

    @property
    def entries(self) -> tuple[str, ...]:
        """The functions that it names as what a context runs, each once."""
        tasks = [count.entry for count in (*(self.tasks or ()), *(self.fifo_tasks or ())) if count.entry]
        return tuple(dict.fromkeys([*tasks, *(self.softirq or ()), *(self.hardirq or ()), *(self.nmi or ())]))

    def apply(self, declared: Scenario) -> Scenario:
        """Return `declared`, changed; raise `ScenarioError` where the change does not fit to it."""
        changed = declared
        for name, counts, fifo in (("tasks", self.tasks, False), ("fifo_tasks", self.fifo_tasks, True)):
            if counts is not None:
                others = [group for group in changed.tasks if group.fifo is not fifo]
                groups = [Tasks(one.count, one.entry or _only_entry(declared, name, one), fifo) for one in counts]
                _refuse_two_numbers(name, groups)
                changed = replace(changed, tasks=(*others, *groups))
        for level, entries in ((Level.SOFTIRQ, self.softirq), (Level.HARDIRQ, self.hardirq), (Level.NMI, self.nmi)):
            if entries is not None:
                kept = [handler for handler in changed.handlers if handler.level is not level]
                handlers = sorted([*kept, *(Handler(level, entry) for entry in entries)], key=lambda one: one.level)
                changed = replace(changed, handlers=tuple(handlers))
        if self.attempts is not None:
            changed = replace(changed, attempts=None if self.attempts == UNLIMITED else self.attempts)
        if self.statistics is not None:
            names = dict.fromkeys((*changed.statistics, *self.statistics))
            changed = replace(changed, statistics=tuple(names))
        if self.rcu is not None and self.rcu != declared.rcu:
            raise ScenarioError(
                f"the program was compiled with {declared.rcu} RCU; compile it with ", Setting("rcu", str(self.rcu))
            )
        for name in ("cpus", "preemption", "entry_window", "properties"):
            if (value := getattr(self, name)) is not None:
                changed = replace(changed, **{name: value})
        return changed if self.only is None else _only(changed, self.only)

    def __bool__(self) -> bool:
        return self != UNCHANGED


def fits_together(preemption: Preemption | None, rcu: Rcu) -> None:
    """Raise `ScenarioError` for a preemption model that does not exist with a flavour of RCU."""
    if preemption == Preemption.RT and rcu != Rcu.PREEMPTIBLE:
        raise ScenarioError(
            Setting("preemption", str(preemption)), " does not go with ", Setting("rcu", str(rcu)),
            ": PREEMPT_RT has preemptible RCU only (kernel/rcu/Kconfig); leave out ", Setting("rcu"),
            ", or take another model (full)",
        )  # fmt: skip


def _only_entry(declared: Scenario, name: str, count: TaskCount) -> str:
    entries = list(dict.fromkeys(group.entry for group in declared.tasks)) or list(declared.entries)
    if len(entries) == 1:
        return entries[0]
    what = f"one of {', '.join(entries)}" if entries else "the function that they run"
    spelled = Setting(name, f"{count}:ENTRY")
    raise ScenarioError(Setting(name, count.count), " does not say which entry; write ", spelled, f", with {what}")


def _refuse_two_numbers(name: str, groups: Sequence[Tasks]) -> None:
    entries = [group.entry for group in groups]
    twice = next((entry for entry in entries if entries.count(entry) > 1), None)
    if twice is not None:
        numbers = ", ".join(f"{group.count}:{group.entry}" for group in groups)
        raise ScenarioError(Setting(name), f" gives two numbers of tasks for {twice!r}: {numbers}; keep one")


def _only(scenario: Scenario, names: Sequence[str]) -> Scenario:
    properties = (*scenario.properties, CHECK, HANG)
    for name in names:
        if not any(name in (prop.kind, str(prop)) for prop in properties):
            known = ", ".join(map(str, properties))
            raise ScenarioError(f"no property {name!r} in this scenario; it has: {known}")
    kept = tuple(prop for prop in properties if prop.kind in names or str(prop) in names)
    return replace(scenario, properties=kept, alone=True)


# How the values are read, from texts and from Python values


def _several(value: Any) -> tuple[Any, ...]:  # noqa: ANN401
    return (value,) if isinstance(value, int | str | TaskCount) else tuple(value)


def _task_counts(name: str) -> Callable[[Any], tuple[TaskCount, ...]]:
    def one(value: object) -> TaskCount:
        if isinstance(value, TaskCount):
            return TaskCount(parse_number("tasks", value.count, Setting(name)), value.entry)
        number, colon, entry = value.partition(":") if isinstance(value, str) else (value, "", "")
        if not colon and isinstance(value, str) and _ENTRY.fullmatch(value):
            return TaskCount(1, value)
        return TaskCount(parse_number("tasks", number, Setting(name)), entry or None)

    return lambda value: tuple(map(one, _several(value)))


def _entries(name: str) -> Callable[[Any], tuple[str, ...]]:
    def read(value: Any) -> tuple[str, ...]:  # noqa: ANN401
        entries = _several(value)
        named = [entry for entry in dict.fromkeys(entries) if entry != _NONE]
        if named and _NONE in entries:
            raise ScenarioError(Setting(name, _NONE), " contradicts ", Setting(name, named[0]))
        return tuple(named)

    return read


def read_rcu(word: object) -> Rcu:
    """Return the flavour of RCU called `word`; raise `ScenarioError` for what is none."""
    try:
        return Rcu(str(word))
    except ValueError:
        known = ", ".join(Rcu)
        raise ScenarioError(f"unknown flavour of RCU {word!r} (", Setting("rcu"), f"); ctxrace has: {known}") from None


def _attempts(value: object) -> int | Literal["unlimited"]:
    return UNLIMITED if value == UNLIMITED else parse_number("attempts", value, Setting("attempts"))


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ScenarioError(Setting("entry_window", value), " is neither True nor False")
    return value


def _names(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(dict.fromkeys(_several(value)))


def _properties(kind: str) -> Callable[[Any], tuple[Property, ...]]:
    def one(text: str) -> Property:
        return make_property(kind, [word.strip() for word in text.split(",")])

    return lambda value: tuple(dict.fromkeys(map(one, _several(value))))


def _spelled(kind: str) -> Callable[[Iterable[Property]], Iterator[str]]:
    return lambda properties: (",".join(prop.subjects) for prop in properties if prop.kind == kind)


def _handlers(name: str, what: str) -> Option:
    read = _entries(name)
    return Option(name, "ENTRY|none", f"what {what} runs", read, lambda entries: entries or [_NONE], repeated=True)


def _property(kind: str, metavar: str, text: str) -> Option:
    return Option(
        kind, metavar, text, _properties(kind), _spelled(kind), field="properties", repeated=True, in_claims=False,
        panel="Properties",
    )  # fmt: skip


SCENARIO = (
    Option("tasks", "[N:]ENTRY|N", "N tasks that run ENTRY", _task_counts("tasks"), list, repeated=True),
    Option("fifo_tasks", "[N:]ENTRY|N", "the same, but no task preempts these", _task_counts("fifo_tasks"), list,
           repeated=True),
    _handlers("softirq", "a softirq"),
    _handlers("hardirq", "a hard irq"),
    _handlers("nmi", "an NMI"),
    Option("cpus", "N", "how many CPUs, between which tasks migrate; default: 1",
           lambda value: parse_number("CPUs", value, Setting("cpus"))),
    Option("preemption", "MODEL", "none, voluntary, full, lazy or rt; default: full",
           lambda value: parse_preemption(value, Setting("preemption"))),
    Option("rcu", "FLAVOUR", "preemptible or non-preemptible; default: preemptible", read_rcu),
    Option("entry_window", "", "interrupts also run their entries before they are counted", _flag,
           off="--no-entry-window"),
    Option("attempts", "N|unlimited", "how often each context begins its entry", _attempts),
    Option("statistic", "VARIABLE", "leave out VARIABLE, as nothing depends on it", _names, list, field="statistics",
           repeated=True),
    _property("exclusive", "BODY", "BODY is never active twice"),
    _property("balanced", "VARIABLE", "idle: VARIABLE is as at the start"),
    _property("recovers", "ENTRY,BODY", "idle: one more ENTRY runs BODY"),
    _property("progress", "ENTRY,BODY", "between idle moments with an ENTRY, BODY ran"),
    Option("only", "NAME", "decide only this one, for example exclusive", _names, list, flag="--property",
           repeated=True, in_claims=False, panel="Properties"),
)  # fmt: skip
"""The options that change a scenario."""

UNCHANGED = ScenarioChange()
"""The scenario as it is declared."""
