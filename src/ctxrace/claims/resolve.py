"""What a claim's names mean in a program: contexts, functions, bytes of memory. Nothing is guessed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ctxrace.claims.syntax import Act, Alias, Claim, Condition, Line, Value
from ctxrace.core.errors import ScenarioError
from ctxrace.core.names import task_name
from ctxrace.core.property import Property
from ctxrace.kernel.model.layout import Layout
from ctxrace.kernel.properties.invariants import CHECK, ENDS, FAULT, RESTORED, SLEEP
from ctxrace.kernel.rules.contexts import INTERRUPT_NAMES, Level
from ctxrace.kernel.scenario import Scenario, validate
from ctxrace.machine.image import Image
from ctxrace.machine.memory import RegionKind

__all__ = ["Place", "Resolved", "check_supported", "resolve", "variable_of"]

_OWN_VARIABLES = ("__per_cpu_offset", "cpu_number", "current_task")  # of the headers of ctxrace, not of the program
_MANY = 4096  # bytes of a variable whose pieces are looked for by name


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes of memory: `size` from `start` of the blob of `kind`; name: as the program's C spells it."""

    kind: RegionKind
    start: int
    size: int
    name: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """A claim about a program.

    names: the tasks that the claim names, in order, each with its position among the scenario's tasks.
    functions, places: what the claim's words stand for. entries: the entry of each task and interrupt that it names.
    """

    claim: Claim
    image: Image
    scenario: Scenario
    names: Mapping[str, int]
    functions: Mapping[str, str]
    places: Mapping[str, Place]
    properties: Mapping[str, Property]
    entries: Mapping[str, tuple[str, ...]]

    @property
    def announced(self) -> tuple[str, ...]:
        """The functions whose calls and returns the machine must note."""
        return tuple(dict.fromkeys(self.functions.values()))

    @property
    def levels(self) -> frozenset[Level]:
        """The levels of the contexts of which the claim tells calls or returns."""
        acts = [line.says for line in self.claim.steps if isinstance(line.says, Act)]
        named = [act.who for act in acts if act.kind == "return"]
        return frozenset(Level[who.upper()] if who in INTERRUPT_NAMES else Level.TASK for who in named)

    @property
    def results(self) -> bool:
        """Whether the claim says what a function returns."""
        return any(
            isinstance(line.says, Act) and line.says.kind == "return" and line.says.value for line in self.claim.steps
        )


def resolve(
    claim: Claim,
    image: Image,
    scenario: Scenario,
    *,
    functions: Mapping[str, str] | None = None,
    places: Mapping[str, str] | None = None,
) -> Resolved:
    """Return what the names of `claim` mean in `image` and `scenario`.

    functions, places: what some words stand for that the program spells otherwise.
    Raises `ScenarioError` for a name that nothing has; it lists those that exist.
    """
    check_supported(claim.file, scenario)
    entry_names = _Tasks(claim, scenario)
    scenario = entry_names.scenario
    properties = _properties(claim, scenario)
    kept = tuple(prop for prop in scenario.properties if prop in properties.values())
    scenario = validate(replace(scenario, properties=kept), image)
    names = _Names(claim, image, scenario, entry_names.names, dict(functions or {}), dict(places or {}))
    names.properties = properties
    return names.resolve()


def variable_of(place: str) -> str:
    """Return the variable that `place`, spelled as in C, is a part of."""
    return re.split(r"[.\[]", place)[0]


def check_supported(where: str, scenario: Scenario) -> None:
    """Raise `ScenarioError`, which names `where`, for what claims cannot be followed through."""
    what, instead = "", ""
    if scenario.cpus > 1:
        what, instead = f"{scenario.cpus} CPUs", "declare one CPU"
    elif scenario.entry_window:
        what, instead = "the entry window", "leave out CTXRACE_ENTRY_WINDOW"
    elif scenario.softirq_tasks:
        what, instead = "softirqs that are tasks (preemption rt)", "add to the system line: softirq none"
    if what:
        raise ScenarioError(
            f"{where}: claims do not follow {what} yet; {instead}, or give ctxrace check the same program, whose "
            "schedules ctxrace replay takes"
        )


class _Tasks:
    """Binds the names of tasks to the tasks of the scenario, in order."""

    def __init__(self, claim: Claim, scenario: Scenario) -> None:
        self.names: dict[str, int] = {}
        self.scenario = scenario
        entries = [group.entry for group in scenario.tasks]
        if not claim.tasks:
            self.names = {task_name(number): number for number in range(scenario.task_count)}
            return
        for line in claim.tasks:
            entry = line.entry or (entries[0] if len(set(entries)) == 1 else "")
            where = f"{claim.file}:{line.number}"
            if not entry:
                raise ScenarioError(
                    f"{where}: 'tasks {', '.join(line.names)}' does not say what they run; add: run ENTRY, "
                    f"with one of {', '.join(dict.fromkeys(entries)) or 'the functions of the program'}"
                )
            if entry not in entries:
                raise ScenarioError(f"{where}: no tasks run {entry!r}; those of the scenario run: {', '.join(entries)}")
            runs = [group.entry for group in scenario.tasks for _ in range(group.count)]
            numbers = [number for number, runs_it in enumerate(runs) if runs_it == entry]
            free = [number for number in numbers if number not in self.names.values()]
            if len(line.names) > len(free):
                named = len(numbers) - len(free) + len(line.names)
                raise ScenarioError(
                    f"{where}: {named} tasks are named that run {entry}, and the scenario has "
                    f"{len(numbers)}; add to the system line: tasks {named}"
                )
            self.names |= dict(zip(line.names, free, strict=False))


class _Names:
    def __init__(
        self,
        claim: Claim,
        image: Image,
        scenario: Scenario,
        tasks: dict[str, int],
        functions: dict[str, str],
        places: dict[str, str],
    ) -> None:
        self.claim, self.image, self.scenario, self.tasks = claim, image, scenario, tasks
        self.given = functions
        self.aliases = functions | {alias.name: alias.function for alias in claim.aliases}
        self.spelled = places
        self.layout = Layout(image, scenario.task_count)
        self.functions: dict[str, str] = {}
        self.places: dict[str, Place] = {}
        self.properties: dict[str, Property] = {}
        self.entries: dict[str, tuple[str, ...]] = {}

    def resolve(self) -> Resolved:
        for alias in self.claim.aliases:
            self._alias(alias)
        for line in self.claim.steps:
            if isinstance(line.says, Act):
                self._act(line, line.says)
            else:
                self._condition(line, line.says)
        return Resolved(
            self.claim,
            self.image,
            self.scenario,
            self.tasks,
            self.functions,
            self.places,
            self.properties,
            self.entries,
        )

    def _act(self, line: Line, act: Act) -> None:
        for who in filter(None, (act.who, act.over)):
            self._context(line, who)
        if act.kind in ("read", "write"):
            self._place(line, act.subject, condition=False)
            for value in filter(None, (act.old, act.value)):
                self._check_size(line, value, act.subject, self.places[act.subject].size)
        elif act.subject:
            self._function(line, act.subject)
        if act.kind == "return" and act.value:
            size = self.image.result_size(self.functions[act.subject])
            if not size:
                raise self._error(line, f"{act.subject} returns nothing; write: {act.who}: {act.subject} returns")
            self._check_size(line, act.value, f"what {act.subject} returns", size)

    def _check_size(self, line: Line, value: Value, of: str, size: int) -> None:
        if not value.fits(size):
            raise self._error(line, f"{value.text} does not fit: {of} has {size} byte{'' if size == 1 else 's'}")

    def _alias(self, alias: Alias) -> None:
        """Raise `ScenarioError` for a name that means something else already, or a function that does not exist."""
        where = f"{self.claim.file}:{alias.number}: 'call {alias.name} = {alias.function}'"
        known = self.given.get(alias.name, alias.name if self._is_function(alias.name) else alias.function)
        if known != alias.function:
            taken = f"the system calls {known} that" if alias.name in self.given else "the program has such a function"
            raise ScenarioError(f"{where}: {taken}, and another name is needed for {alias.function}")
        if not self._is_function(alias.function):
            raise ScenarioError(f"{where}: {self._no_function(repr(alias.function))}")

    def _is_function(self, name: str) -> bool:
        symbol = self.image.symbols.get(name)
        return symbol is not None and symbol.kind == "function"

    def _condition(self, line: Line, condition: Condition) -> None:
        for term in condition.terms:
            if term.kind in ("value", "stuck"):
                self._place(line, term.subject, condition=True)
                if term.value:
                    self._check_size(line, term.value, term.subject, self.places[term.subject].size)
            elif term.kind == "never":
                self._function(line, term.subject)
                if not any(other.kind == "idle" for other in condition.terms):
                    raise self._error(line, f"write: idle and {term.subject} never ran")

    def _context(self, line: Line, who: str) -> None:
        if who in self.tasks:
            number = self.tasks[who]
            entries = [group.entry for group in self.scenario.tasks for _ in range(group.count)]
            self.entries[who] = (entries[number],)
            return
        handlers = tuple(handler.entry for handler in self.scenario.handlers if str(handler.level) == who)
        if not handlers:
            known = ", ".join([*self.tasks, *self.scenario.levels])
            raise self._error(line, f"there is no context {who!r}; the contexts are: {known}")
        self.entries[who] = handlers

    def _function(self, line: Line, name: str) -> None:
        function = self.aliases.get(name, name)
        if not self._is_function(function):
            raise self._error(line, self._no_function(f"{name!r} (= {function})" if function != name else repr(name)))
        self.functions[name] = function

    def _no_function(self, called: str) -> str:
        symbols = self.image.symbols.values()
        known = sorted(s.name for s in symbols if s.kind == "function" and "ctxrace" not in s.name)
        return (
            f"the program has no function {called}; it has: {', '.join([*self.aliases, *known]) or 'none'}. Where "
            "the compiler inlined it, declare it noinline; or write what it does, for example what it writes"
        )

    def _place(self, line: Line, name: str, *, condition: bool) -> None:
        spelled = self.spelled.get(name, name)
        if spelled == "preempt_count" and "preempt_count" not in self.image.symbols:
            if condition:
                raise self._error(line, "the preempt count is each task's own; only its writes can be claimed")
            self.places[name] = Place(RegionKind.OWN, self.layout.struct.preempt_count.start, 4, spelled)
            return
        variable = variable_of(spelled)
        symbol = self.image.symbols.get(variable)
        writable = any(
            s.writable and symbol is not None and s.address <= symbol.address < s.address + len(s.data)
            for s in self.image.sections
        )
        if symbol is None or symbol.kind != "object" or not writable:
            symbols = self.image.symbols.values()
            objects = [s for s in symbols if s.kind == "object" and s.name not in _OWN_VARIABLES]
            known = sorted(s.name for s in objects if self._changes(s.address))
            raise self._error(line, f"the program has no variable {variable!r}; it has: {', '.join(known) or 'none'}")
        pieces = {piece: (offset, size) for offset, size, piece in self._pieces(variable, symbol.size)}
        if spelled not in pieces:
            shown = ", ".join(list(dict.fromkeys(pieces))[:8])
            raise self._error(line, f"{variable} has no part {spelled!r}; it has: {shown}")
        offset, size = pieces[spelled]
        start = self.layout.variable(variable).start + offset
        self.places[name] = Place(RegionKind.SHARED, start, size, spelled)

    def _pieces(self, variable: str, size: int) -> Iterator[tuple[int, int, str]]:
        for length in dict.fromkeys((8, 4, 2, 1, size)):
            for offset in range(0, min(size, _MANY) - length + 1, length):
                name = self.image.place(variable, offset, length)
                if "+" not in name:
                    yield offset, length, name

    def _changes(self, address: int) -> bool:
        return any(s.writable and s.address <= address < s.address + len(s.data) for s in self.image.sections)

    def _error(self, line: Line, why: str) -> ScenarioError:
        return ScenarioError(f"{self.claim.file}:{line.number}: {line.text!r}: {why}")


def _properties(claim: Claim, scenario: Scenario) -> dict[str, Property]:
    """Return the properties that `claim` says are violated, by its own names for them."""
    known = (*scenario.properties, CHECK, FAULT, RESTORED, SLEEP)
    found: dict[str, Property] = {}
    for line in claim.steps:
        if not isinstance(line.says, Condition):
            continue
        for term in line.says.terms:
            if term.kind != "violates":
                continue
            named = [prop for prop in known if term.subject in (prop.kind, str(prop))]
            why = ""
            if len(named) != 1:
                why = "several properties have this name; write one of" if named else "no such property; there are"
                why += f": {', '.join(map(str, named or known))}"
            elif named[0] in ENDS and (line is not claim.steps[-1] or len(line.says.terms) > 1):
                why = f"what comes after it, or holds then, is not known; write last, and alone: violates {named[0]}"
            if why:
                raise ScenarioError(f"{claim.file}:{line.number}: {line.text!r}: {why}")
            found[term.subject] = named[0]
    return found
