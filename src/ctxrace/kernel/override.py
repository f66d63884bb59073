"""Change a declared scenario, as the command line's options and the Python API do."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ctxrace.core.errors import ScenarioError
from ctxrace.core.property import Property
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.scenario import Handler, Scenario, Tasks, make_property, parse_number, parse_preemption

__all__ = ["override", "parse_property", "select"]


def override(
    declared: Scenario,
    *,
    tasks: Sequence[str] = (),
    softirq: Sequence[str] = (),
    hardirq: Sequence[str] = (),
    nmi: Sequence[str] = (),
    cpus: str | None = None,
    preemption: str | None = None,
    attempts: str | None = None,
    fifo_tasks: Sequence[str] = (),
    entry_window: bool = False,
    properties: Iterable[Property] = (),
) -> Scenario:
    """Return `declared` with what is given in the place of what it says.

    tasks, fifo_tasks: ``N:ENTRY`` each, or ``N`` alone where all tasks run one entry; softirq, hardirq, nmi: entries,
    or ``none``; attempts: a number, or ``unlimited``; properties: where there are any, they replace the declared ones.
    Raises `ScenarioError` for a word that means nothing, or several that contradict one another.
    """
    changed = declared
    for option, words, fifo in (("--tasks", tasks, False), ("--fifo-tasks", fifo_tasks, True)):
        if words:
            others = [group for group in changed.tasks if group.fifo is not fifo]
            groups = [_tasks(word, declared, option, fifo) for word in words]
            counted = [group.entry for group in groups]
            twice = next((entry for entry in counted if counted.count(entry) > 1), None)
            if twice:
                raise ScenarioError(f"{option} gives two numbers of tasks for {twice!r}: {', '.join(words)}; keep one")
            changed = replace(changed, tasks=(*others, *groups))
    for level, entries in ((Level.SOFTIRQ, softirq), (Level.HARDIRQ, hardirq), (Level.NMI, nmi)):
        if not entries:
            continue
        if "none" in entries and len(set(entries)) > 1:
            raise ScenarioError(f"--{level} none contradicts --{level} {next(e for e in entries if e != 'none')}")
        kept = [handler for handler in changed.handlers if handler.level is not level]
        new = [Handler(level, entry) for entry in dict.fromkeys(entries) if entry != "none"]
        changed = replace(changed, handlers=tuple(sorted([*kept, *new], key=lambda handler: handler.level)))
    if cpus is not None:
        changed = replace(changed, cpus=parse_number("CPUs", cpus, "--cpus"))
    if preemption is not None:
        changed = replace(changed, preemption=parse_preemption(preemption, "--preemption"))
    if attempts is not None:
        limit = None if attempts == "unlimited" else parse_number("attempts", attempts, "--attempts")
        changed = replace(changed, attempts=limit)
    changed = replace(changed, entry_window=changed.entry_window or entry_window)
    wanted = tuple(dict.fromkeys(properties))
    return replace(changed, properties=wanted) if wanted else changed


def select(scenario: Scenario, names: Sequence[str]) -> Scenario:
    """Return `scenario` with only those properties whose kind, or kind with subjects, is among `names`.

    Raises `ScenarioError` for a name that none of its properties has.
    """
    if not names:
        return scenario
    for name in names:
        if not any(name in (prop.kind, str(prop)) for prop in scenario.properties):
            known = ", ".join(map(str, scenario.properties)) or "none"
            raise ScenarioError(f"no property {name!r} in this scenario; it has: {known}")
    kept = tuple(prop for prop in scenario.properties if prop.kind in names or str(prop) in names)
    return replace(scenario, properties=kept)


def parse_property(kind: str, text: str) -> Property:
    """Return the property `kind` about the subjects in `text`, which commas separate."""
    return make_property(kind, [word.strip() for word in text.split(",")])


def _tasks(word: str, declared: Scenario, option: str, fifo: bool) -> Tasks:
    number, colon, entry = word.partition(":")
    if not colon:
        entries = list(dict.fromkeys(group.entry for group in declared.tasks))
        if not entries:
            entries = list(declared.entries)
        if len(entries) != 1:
            what = f"one of {', '.join(entries)}" if entries else "the function that they run"
            raise ScenarioError(f"{option} {word} does not say which entry; write {option} {number}:ENTRY, with {what}")
        entry = entries[0]
    return Tasks(parse_number("tasks", number, option), entry, fifo)
