"""The tables of docs/bpf-programs.md, from the data."""

from collections.abc import Iterator

from ctxrace.bpf.programs.rules import commits
from ctxrace.bpf.programs.rules.hooks import FUNCTIONS, LSM_HOOKS, TRACEPOINTS, Hook
from ctxrace.bpf.programs.rules.kernel import DISTRIBUTIONS, MIGRATE_DISABLE_IS_PREEMPTIBLE, Kernel, Version
from ctxrace.bpf.programs.rules.kinds import Kind
from ctxrace.bpf.programs.rules.placement import ROWS
from ctxrace.bpf.programs.rules.row import Guard, Hold, Row
from ctxrace.bpf.programs.rules.rule import RULE_SOURCES
from ctxrace.bpf.programs.rules.source import READ_IN, Commit, Source

VERSIONS: tuple[Version, ...] = ((5, 10), (5, 15), (6, 1), (6, 6), (6, 12), (6, 18), (7, 0), (7, 2))

GUARDS = {Guard.NONE: "-", Guard.PROG_ACTIVE: "own", Guard.BPF_PROG_ACTIVE: "all"}
OFF = {
    Hold.PREEMPT_DISABLE: "preemption off",
    Hold.MIGRATE_DISABLE: "migration off",
    Hold.RCU_READ_LOCK: "RCU read lock",
    Hold.LOCAL_BH_DISABLE: "bottom halves off",
}
WIDTH = 118


def tables() -> dict[str, str]:
    """Every table of the page by its name there."""
    return {
        "glance": "\n".join(glance()),
        "rows": "\n".join(rows()),
        "hooks": "\n".join(hooks()),
        "rules": "\n".join(rules()),
        "commits": "\n".join(changes()),
        "distributions": "\n".join(distributions()),
        "kernels": "\n".join(wrapped(", ".join(READ_IN), "")),
    }


def spelled(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def preemptible(holds: frozenset[Hold], version: Version) -> str:
    """When a task that holds `holds` may lose the CPU, in a word of the legend."""
    if Hold.PREEMPT_DISABLE in holds:
        return "no"
    if Hold.MIGRATE_DISABLE in holds and version < MIGRATE_DISABLE_IS_PREEMPTIBLE:
        return "no"
    if Hold.LOCAL_BH_DISABLE in holds:
        return "rt"
    return "rcu" if Hold.RCU_READ_LOCK in holds else "yes"


def newest(kind: Kind, sleepable: bool, hook: str, version: Version) -> Row | None:
    fitting = [row for row in ROWS if (row.kind, row.sleepable, row.hook) == (kind, sleepable, hook)]
    return max((row for row in fitting if row.since <= version), key=lambda row: row.since, default=None)


def subjects() -> Iterator[tuple[str, Kind, bool, str]]:
    """The lines of the tables: what they are called, kind, sleepable, hook."""
    for kind in Kind:
        for sleepable, hook in dict.fromkeys((row.sleepable, row.hook) for row in ROWS if row.kind is kind):
            alone = {row.sleepable for row in ROWS if row.kind is kind} == {True}
            yield f"{kind}{', sleepable' * (sleepable and not alone)}{hook and f', {hook}'}", kind, sleepable, hook


def glance() -> Iterator[str]:
    width = 46
    yield f"{'program':{width}}" + "".join(f"{spelled(version):>9}" for version in VERSIONS)
    for name, kind, sleepable, hook in subjects():
        cells = []
        for version in VERSIONS:
            row = newest(kind, sleepable, hook, version)
            word = "" if row is None else f"{preemptible(row.holds, version)} {GUARDS[row.guard]}"
            if row is not None and row.guard_holds is not None:
                word += "*"
            if row is not None and row.inferred:
                word += "?"
            cells.append(f"{word:>9}")
        first, *more = wrapped(name, "", width - 1)
        yield f"{first:{width}}{''.join(cells)}".rstrip()
        yield from (f"  {line}" for line in more)


def rows() -> Iterator[str]:
    for name, kind, sleepable, hook in subjects():
        yield name
        for row in ROWS:
            if (row.kind, row.sleepable, row.hook) == (kind, sleepable, hook):
                yield from one_row(row)


def one_row(row: Row) -> Iterator[str]:
    levels = "wherever its hook is called" if row.hooked else ", ".join(map(str, row.levels))
    if row.possible:
        levels += f" (possibly {', '.join(map(str, row.possible))})"
    held = ", ".join(word for hold, word in OFF.items() if hold in row.holds)
    guard = "no guard" if row.guard is Guard.NONE else f"guard {row.guard}"
    if row.guard_holds is not None:
        guard += f", taken with {', '.join(word for hold, word in OFF.items() if hold in row.guard_holds)} only"
    if row.guard_torn:
        guard += ", not atomic on every architecture"
    inferred = "; inferred" * row.inferred
    yield from wrapped(f"{spelled(row.since):>6}  {levels}; {held or 'nothing off'}; {guard}{inferred}", " " * 8)
    for source in row.sources:
        yield f"{'':8}{cited(source)}"


def cited(source: Source) -> str:
    commit = f" ({source.commit.hash})" if source.commit is not None else ""
    return f"{source.file}: {source.function}{commit}"


def hooks() -> Iterator[str]:
    for name, hook in TRACEPOINTS.items():
        yield f"{name:22}{', '.join(map(str, hook.levels))}{turned_off(hook)}"
        yield from (f"{'':22}{cited(source)}" for source in hook.sources)
    yield "functions in a task:"
    yield from (f"  {cited(source)}" for hook in FUNCTIONS.values() for source in hook.sources)
    yield from wrapped("lsm hooks in a task: " + ", ".join(sorted(LSM_HOOKS)), "  ")
    yield from (f"  {cited(source)}" for source in next(iter(LSM_HOOKS.values())).sources)


def turned_off(hook: Hook) -> str:
    words = []
    if hook.bottom_halves_off:
        words.append("bottom halves off")
    if hook.preemption_off and not hook.interrupts_off:
        words.append("preemption off")
    if hook.interrupts_off:
        words.append("interrupts off" + " but on PREEMPT_RT" * hook.spinlock)
    return "".join(f", {word}" for word in words)


def rules() -> Iterator[str]:
    for rule, sources in RULE_SOURCES.items():
        yield f"{rule:58}{'; '.join(map(cited, sources))}"


def changes() -> Iterator[str]:
    for commit in vars(commits).values():
        if isinstance(commit, Commit):
            yield f"{commit.version:>5}  {commit.hash}  {commit.subject}"


def distributions() -> Iterator[str]:
    for name, kernel in DISTRIBUTIONS.items():
        yield f"{name:20}{spelled(kernel.version):>5}  {kernel.preemption:10}{rcu(kernel)}"


def rcu(kernel: Kernel) -> str:
    return "preemptible RCU" if kernel.preemptible_rcu else "non-preemptible RCU"


def wrapped(text: str, indent: str, width: int = WIDTH) -> list[str]:
    """The text in lines of at most `width` characters; all but the first begin with `indent`."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(indent + word)
        else:
            lines[-1] += (" " if lines[-1] or word == "" else "") + word
    return [line.rstrip() for line in lines]
