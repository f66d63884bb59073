"""A scenario: which contexts run which entries, under which preemption model, and what must hold.

C sources declare it with the CTXRACE_* macros of ctxrace/scenario.h, which leave one string each in the
section `.ctxrace`: the kind, its words, then file:line.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ctxrace.core.errors import ScenarioError
from ctxrace.core.property import Property
from ctxrace.core.setting import Setting
from ctxrace.core.source import Source
from ctxrace.core.suite.expected import Expected
from ctxrace.core.verdict import Outcome
from ctxrace.kernel.image.booted_image import BootedImage
from ctxrace.kernel.image.task_layout import task_struct
from ctxrace.kernel.properties.demands import Balanced, Exclusive, Progress, Recovers
from ctxrace.kernel.properties.hang import HANG
from ctxrace.kernel.properties.invariants import CHECK, FAULT, RESTORED, SLEEP
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption, Rcu
from ctxrace.machine.image import Image

__all__ = ["CHECK_FUNCTION", "Handler", "Scenario", "Tasks", "balanced", "declared_scenario", "declares_preemption",
           "exclusive", "progress", "recovers", "validate"]  # fmt: skip

CHECK_FUNCTION = "ctxrace_check_failed"
MOST_CPUS = 8
MOST_TASKS = 1_000_000
MOST_DECLARATIONS = 10_000
_MOST_DIGITS = 9  # of the number of a line


@dataclass(frozen=True, slots=True)
class Tasks:
    """`count` tasks that run `entry` again and again.

    fifo: whether they have the highest real-time priority, so that no other task takes the CPU from them.
    """

    count: int
    entry: str
    fifo: bool = False


@dataclass(frozen=True, slots=True)
class Handler:
    """An interrupt of `level` whose handler is `entry`; it may arrive any number of times.

    window: whether the entry is called before the preempt count says so, or after it has ceased to.
    """

    level: Level
    entry: str
    window: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """Say what is checked.

    attempts: how often each context begins its entry at most; None: no limit.
    entry_window: whether interrupts also call their entries where they are not accounted for.
    statistics: variables that are left out of states, because no branch depends on them.
    alone: whether only `properties` are decided; otherwise the checks in the code are, too, and whether it hangs.
    rcu: the flavour of RCU that the code was compiled for; rt, smp: whether for PREEMPT_RT, for several CPUs.
    expected: what the source says of its own properties, which changes nothing about the search.
    """

    tasks: tuple[Tasks, ...] = ()
    handlers: tuple[Handler, ...] = ()
    preemption: Preemption = Preemption.FULL
    properties: tuple[Property, ...] = ()
    cpus: int = 1
    attempts: int | None = None
    entry_window: bool = False
    statistics: tuple[str, ...] = ()
    rcu: str = str(Rcu.PREEMPTIBLE)
    rt: bool = False
    smp: bool = field(default=False, repr=False)  # no schedule depends on it
    alone: bool = field(default=False, repr=False)
    expected: tuple[Expected, ...] = field(default=(), repr=False, compare=False)

    @property
    def interrupts(self) -> tuple[Handler, ...]:
        """What cuts in on tasks, lowest level first: on PREEMPT_RT softirqs do not, they are tasks."""
        found = [h for h in self.handlers if self.preemption is not Preemption.RT or h.level is not Level.SOFTIRQ]
        windows = [replace(handler, window=True) for handler in found] if self.entry_window else []
        return tuple(sorted([*found, *windows], key=lambda handler: (handler.level, handler.window)))

    @property
    def softirq_tasks(self) -> tuple[Handler, ...]:
        """The softirqs that are tasks."""
        return tuple(h for h in self.handlers if h.level is Level.SOFTIRQ and self.preemption is Preemption.RT)

    @property
    def task_count(self) -> int:
        """The number of all tasks."""
        return sum(group.count for group in self.tasks)

    @property
    def fifo_count(self) -> int:
        """The number of tasks that no other one preempts."""
        return sum(group.count for group in self.tasks if group.fifo)

    @property
    def entries(self) -> tuple[str, ...]:
        """Every function that some context runs, each once."""
        names = [*(group.entry for group in self.tasks), *(handler.entry for handler in self.handlers)]
        return tuple(dict.fromkeys(names))

    @property
    def levels(self) -> tuple[str, ...]:
        """The interrupt levels that may arrive, lowest first."""
        return tuple(str(level) for level in Level if any(handler.level is level for handler in self.handlers))


def exclusive(body: str) -> Property:
    """Demand that `body` is never active twice on one CPU, nested or interleaved."""
    return Exclusive("exclusive", (body,), f"on one CPU, {body} is never active twice, nested or interleaved")


def balanced(variable: str) -> Property:
    """Demand that `variable` has its initial value whenever the CPU is idle."""
    return Balanced("balanced", (variable,), f"whenever the CPU is idle, {variable} has its initial value again")


def recovers(entry: str, body: str) -> Property:
    """Demand that whenever the CPU is idle, one more undisturbed `entry` runs `body`."""
    sentence = f"whenever the CPU is idle, one more undisturbed {entry} runs {body}"
    return Recovers("recovers", (entry, body), sentence)


def progress(entry: str, body: str) -> Property:
    """Demand that between two idle moments with an `entry` in between, `body` ran at least once."""
    sentence = f"between two idle moments with {entry} in between, {body} ran at least once"
    return Progress("progress", (entry, body), sentence)


_PROPERTIES: dict[str, Callable[..., Property]] = {
    "exclusive": exclusive,
    "balanced": balanced,
    "recovers": recovers,
    "progress": progress,
}
_ONE_WORD = ("softirq", "hardirq", "nmi", "cpus", "attempts", "preemption", "exclusive", "balanced", "statistic")
_TWO_WORDS = ("tasks", "fifo_tasks", "recovers", "progress", "compiled", "expect")
_COMPILED: dict[tuple[str, str], dict[str, Any]] = {
    **{("rcu", str(flavour)): {"rcu": str(flavour)} for flavour in Rcu},
    ("for", "rt"): {"rt": True},
    ("for", "smp"): {"smp": True},
}
_EXPECTATION = re.compile(r"expect (\w+) ?\(([^()]*)\) (.*)")
_WORDS = {"entry_window": 0, **dict.fromkeys(_ONE_WORD, 1), **dict.fromkeys(_TWO_WORDS, 2)}


def declared_scenario(image: Image) -> Scenario:
    """Return what the image's own CTXRACE_* lines declare; an empty scenario where there are none.

    Raises `ScenarioError` for a declaration that contradicts another or means nothing.
    """
    scenario = Scenario()
    preemption_at = cpus_at = ""
    for line in _declarations(image):
        kind, *words = _words(line)
        count = _WORDS.get(kind)
        known = count is not None and len(words) > count and (kind != "compiled" or (words[0], words[1]) in _COMPILED)
        if not known:
            raise ScenarioError(f"unknown declaration {line!r} in section .ctxrace; was it made by another ctxrace?")
        where, words = " ".join(words[count:]), words[:count]
        if kind == "preemption":
            if preemption_at and parse_preemption(words[0], where) is not scenario.preemption:
                raise ScenarioError(f"two preemption models are declared, at {preemption_at} and {where}; keep one")
            preemption_at = where
            scenario = replace(scenario, preemption=parse_preemption(words[0], where))
        elif kind == "cpus":
            cpus = parse_number("CPUs", words[0], where)
            if cpus_at and cpus != scenario.cpus:
                raise ScenarioError(f"two numbers of CPUs are declared, at {cpus_at} and {where}; keep one")
            cpus_at = where
            scenario = replace(scenario, cpus=cpus)
        elif kind == "attempts":
            scenario = replace(scenario, attempts=parse_number("attempts", words[0], where))
        elif kind in ("tasks", "fifo_tasks"):
            group = Tasks(parse_number("tasks", words[0], where), words[1], kind == "fifo_tasks")
            scenario = replace(scenario, tasks=(*scenario.tasks, group))
        elif kind == "entry_window":
            scenario = replace(scenario, entry_window=True)
        elif kind == "statistic":
            names = dict.fromkeys((*scenario.statistics, words[0]))
            scenario = replace(scenario, statistics=tuple(names))
        elif kind == "compiled":
            scenario = replace(scenario, **_COMPILED[words[0], words[1]])
        elif kind == "expect":
            expectation = _expected(words[0], words[1], where, scenario.expected)
            scenario = replace(scenario, expected=(*scenario.expected, expectation))
        elif kind in _PROPERTIES:
            wanted = make_property(kind, words)
            if wanted not in scenario.properties:
                scenario = replace(scenario, properties=(*scenario.properties, wanted))
        else:
            handler = Handler(Level[kind.upper()], words[0])
            if handler not in scenario.handlers:
                scenario = replace(scenario, handlers=(*scenario.handlers, handler))
    return replace(scenario, handlers=tuple(sorted(scenario.handlers, key=lambda handler: handler.level)))


def _declarations(image: Image) -> list[str]:
    """Return the lines of the section .ctxrace, in the order of the source."""
    lines = [line for line in image.contents(".ctxrace").decode("utf-8", "replace").split("\0") if line]
    if len(lines) > MOST_DECLARATIONS:
        raise ScenarioError(
            f"{image.name} has {len(lines):,} declarations in section .ctxrace, and at most {MOST_DECLARATIONS:,} are "
            "read; is it damaged? build it again"
        )
    return sorted(lines, key=lambda line: _line_number(line.rpartition(":")[2]))  # GCC emits them last to first


def _words(line: str) -> list[str]:
    """Return the words of a declaration; of an expectation, a property with its subjects is one."""
    found = _EXPECTATION.fullmatch(line)
    return line.split(" ") if found is None else ["expect", _named(found[1], found[2]), *found[3].split(" ")]


def _named(kind: str, subjects: str) -> str:
    return f"{kind}({', '.join(one.strip() for one in subjects.split(','))})"


def _expected(name: str, outcome: str, where: str, before: Sequence[Expected]) -> Expected:
    """Return what a source expects of the property `name`; raise `ScenarioError` for what no property can be."""
    kinds = [*_PROPERTIES, *(prop.kind for prop in (CHECK, HANG, FAULT, RESTORED, SLEEP))]
    if name.partition("(")[0] not in kinds:
        raise ScenarioError(f"{where} expects something of {name!r}; properties are: {', '.join(kinds)}")
    if outcome not in (Outcome.HOLDS, Outcome.VIOLATED):
        raise ScenarioError(f"{where} expects of {name} that it is {outcome!r}; write holds or violated")
    if any(name == one.property for one in before):
        raise ScenarioError(f"{where} is a second expectation of {name}; keep one")
    file, _, line = where.rpartition(":")
    return Expected(name, Outcome(outcome), Source(file, _line_number(line)))


def declares_preemption(image: Image) -> bool:
    """Return whether the image's own CTXRACE_* lines name a preemption model."""
    return any(line.startswith(b"preemption ") for line in image.contents(".ctxrace").split(b"\0"))


def _line_number(digits: str) -> int:
    """Return the number of a line, 0 where it is none."""
    return int(digits) if digits.isdecimal() and len(digits) <= _MOST_DIGITS else 0


def make_property(kind: str, subjects: Iterable[str]) -> Property:
    """Return the property that users call `kind`, about `subjects`; raise `ScenarioError` for a wrong number."""
    subjects = tuple(subjects)
    needed = _WORDS[kind]
    if len(subjects) != needed:
        form = {"exclusive": "BODY", "balanced": "VARIABLE"}.get(kind, "ENTRY,BODY")
        raise ScenarioError(f"{kind} takes {form}, got {','.join(subjects)!r}")
    return _PROPERTIES[kind](*subjects)


def parse_preemption(word: object, where: str | Setting) -> Preemption:
    """Return the preemption model called `word`; `where` it stands is for the error."""
    try:
        return Preemption(str(word))
    except ValueError:
        known = ", ".join(Preemption)
        raise ScenarioError(f"unknown preemption model {word!r} (", where, f"); ctxrace has: {known}") from None


def parse_number(what: str, word: object, where: str | Setting, digits: int = 9) -> int:
    """Return the positive number `word`, an int or its text; `what` it counts and `where` it stands are for the error.

    A number in C may have parentheses and a suffix. digits: how many it has at most.
    """
    number = str(word).strip("()uUlL") if isinstance(word, int | str) and not isinstance(word, bool) else ""
    if not (number.isascii() and number.isdecimal() and len(number) <= digits and int(number) > 0):
        raise ScenarioError(f"the number of {what} is {word!r} (", where, "); it must be a number from 1 on")
    return int(number)


def validate(scenario: Scenario, image: Image) -> Scenario:
    """Return `scenario` with tasks of the same entry put together, if `image` has all that it names.

    Raises `ScenarioError` that names what is missing, or what the model cannot do.
    """
    if not scenario.entries:
        raise ScenarioError(
            f"no scenario is declared in {image.name}; add for example CTXRACE_TASKS(2, entry); or pass ",
            Setting("tasks", "2:entry"),
        )
    if scenario.cpus > 1:
        _validate_cpus(scenario, image)
    if scenario.task_count > MOST_TASKS:
        raise ScenarioError(f"{scenario.task_count:,} tasks are declared; ctxrace takes at most {MOST_TASKS:,}")
    _validate_preemption(scenario, image)
    for name in scenario.statistics:
        _need(image, name, "object")
        if any(wanted.kind == "balanced" and name in wanted.subjects for wanted in scenario.properties):
            raise ScenarioError(f"{name} is declared a statistic, which is left out, so that it cannot be balanced")
    for entry in scenario.entries:
        _need(image, entry, "function")
        if count := image.parameters(entry):
            raise ScenarioError(
                f"the entry {entry} takes {count} argument{'' if count == 1 else 's'}, which nobody passes; "
                "declare a function without any, that calls it",
                *((", or pass ", Setting("arg", f"{entry}=VALUE")) if isinstance(image, BootedImage) else ()),
            )
    for wanted in scenario.properties:
        for subject in wanted.subjects:
            _need(image, subject, "object" if wanted.kind == "balanced" else "function")
        if wanted.kind in ("recovers", "progress") and wanted.subjects[0] not in scenario.entries:
            raise ScenarioError(
                f"{wanted} is about the entry {wanted.subjects[0]!r}, which no context runs; "
                f"the entries are: {', '.join(scenario.entries)}"
            )
    counts: dict[tuple[str, bool], int] = {}
    for group in scenario.tasks:
        counts[group.entry, group.fifo] = counts.get((group.entry, group.fifo), 0) + group.count
    return replace(scenario, tasks=tuple(Tasks(count, *which) for which, count in counts.items()))


def _validate_cpus(scenario: Scenario, image: Image) -> None:
    if scenario.cpus > MOST_CPUS:
        raise ScenarioError(f"{scenario.cpus} CPUs are declared; ctxrace takes at most {MOST_CPUS}")
    if image.arch.one_cpu_because:
        raise ScenarioError(
            f"{scenario.cpus} CPUs are declared, and more than one is not modelled on {image.arch.name}: "
            f"{image.arch.one_cpu_because}; pass ",
            Setting("cpus", 1),
        )
    if not scenario.smp and image.contents(".ctxrace"):
        raise ScenarioError(
            f"there are {scenario.cpus} CPUs, and {image.name} was compiled for one; compile it with ",
            Setting("cpus", scenario.cpus),
            ", or write #define CTXRACE_SMP 1 before the include",
        )


def _validate_preemption(scenario: Scenario, image: Image) -> None:
    if scenario.preemption is not Preemption.RT:
        if scenario.rt:
            raise ScenarioError(
                f"{image.name} was compiled for PREEMPT_RT, and the preemption model is {scenario.preemption}; pass ",
                Setting("preemption", str(Preemption.RT)),
                ", or leave out CTXRACE_PREEMPT_RT",
            )
        return
    if not scenario.rt and image.contents(".ctxrace"):
        raise ScenarioError(
            f"the preemption model is rt, and {image.name} was not compiled for it; pass ",
            Setting("preemption", str(Preemption.RT)),
            ", or write #define CTXRACE_PREEMPT_RT 1 before the include",
        )
    if not task_struct(image).softirq_disable_count:
        raise ScenarioError(
            f"the preemption model is rt, and {image.name} has no task_struct with softirq_disable_cnt, which "
            "PREEMPT_RT has; build it with CONFIG_PREEMPT_RT and -g, or take another model (full)"
        )
    if scenario.task_count + len(scenario.softirq_tasks) == 1:
        raise ScenarioError(
            "preemption rt is about tasks and softirqs that preempt one another, and this scenario has one task and "
            "no softirq; add one, or take another model (full)"
        )


def _need(image: Image, name: str, kind: str) -> None:
    symbol = image.variable(name) if kind == "object" else image.symbols.get(name)
    word = {"function": "function", "object": "variable"}[kind]
    if symbol is None:
        known = sorted(s.name for s in image.symbols.values() if s.kind == kind and not s.name.startswith("ctxrace_"))
        known = [made for made in known if made.startswith(f"{name}.")] or known  # a compiler's copy, as f.constprop.0
        close = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "") if known else "none"
        raise ScenarioError(
            f"{image.name} has no {word} {name!r}; was it inlined or dropped by the compiler? its {word}s are: {close}"
        )
    if symbol.kind != kind:
        raise ScenarioError(f"{name!r} in {image.name} is not a {word}")
    if kind == "object":
        if not symbol.size:
            raise ScenarioError(f"the size of the variable {name!r} in {image.name} is not known; give it one (.size)")
        changing = [s for s in image.sections if s.writable or s.until_written]
        if not any(s.address <= symbol.address < s.address + len(s.data) for s in changing):
            raise ScenarioError(f"the variable {name!r} in {image.name} cannot change: it is in read-only memory")
