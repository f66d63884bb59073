"""The mutants again as a few lines of the executable specification: it catches what the machine code shows, as soon."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ctxrace.bpf.specification import (
    GUARDS,
    Active,
    Callers,
    Context,
    Guard,
    Kernel,
    Line,
    narrate,
    specify,
)
from ctxrace.bpf.specification.code import (
    dec,
    inc_return,
    load,
    migrate_disable,
    migrate_enable,
    preempt_disable,
    preempt_enable,
    read_word,
    store_minus_1,
    store_plus_1,
    store_plus_1_and_test,
    this_cpu_ptr,
)
from ctxrace.core.interleaving import Interleaving
from ctxrace.explore.search import search
from ctxrace.kernel.check import check
from ctxrace.kernel.program import load as load_program
from ctxrace.kernel.rules.contexts import Level

FOLDER = Path(__file__).parent / "mutants"
MERGED = GUARDS["merged"]

# What the mutants' lines do. Those of the guards themselves are the specification's.


def of_byte(line: Line, index: Callable[[int], int]) -> Line:
    """Return `line` about another byte than the context's own."""
    return replace(line, do=lambda active, rctx, me: line.do(active, index(rctx), me))


def asks(text: str, answer: Callable[[Active, int], bool]) -> Line:
    """Return a line that reads the counters, and says whether the body may be entered."""

    def do(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
        return active, me._replace(ok=answer(active, rctx))

    return Line(text, ("word",), do, through_pointer=True)


def clear(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    """Make the context's counter 0."""
    return (*active[:rctx], 0, *active[rctx + 1 :]), me


def clear_all(active: Active, _: int, me: Context) -> tuple[Active, Context]:
    """Make all counters 0."""
    return (0,) * len(active), me


def increment(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    """Count one, and say nothing."""
    return inc_return.do(active, rctx, me)[0], me


def plain_increment(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    """Store what was loaded and one, and look at that."""
    return store_plus_1.do(active, rctx, me)[0], me._replace(tmp=0, ok=me.tmp == 0)


def increment_and_enter(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    """Count one, and enter whatever was there; nobody looks at the word, so the compiler does not read it."""
    return store_plus_1.do(active, rctx, me)[0], me._replace(tmp=0, ok=True)


def little(active: Active, rctx: int, width: int) -> bool:
    """Return whether the first `width` bytes say that byte `rctx` is alone."""
    return int.from_bytes(active[:width], "little") == 1 << 8 * rctx


def off(*lines: Line) -> tuple[Line, ...]:
    """Return `lines` with preemption off."""
    return preempt_disable, *lines, preempt_enable


def merged(enter: tuple[Line, ...] = (), exit_: tuple[Line, ...] = ()) -> Guard:
    """Return the guard as merged with another enter, or exit."""
    return replace(MERGED, enter=(this_cpu_ptr, *enter) if enter else MERGED.enter, exit=exit_ or MERGED.exit)


def counter(enter: tuple[Line, ...] = off(inc_return), exit_: tuple[Line, ...] = off(dec)) -> Guard:
    """Return the counter with another enter, or exit; on arm64 each this_cpu_*() has preemption off."""
    return Guard(enter, exit_, counters=1)


def nmi_as_hardirq(rctx: int) -> int:
    return min(rctx, 2)


def task_byte(_: int) -> int:
    return 0


MUTANTS = {
    "torn-enter": merged(enter=(load, store_plus_1, read_word)),
    "torn-exit": merged(exit_=(this_cpu_ptr, load, store_minus_1)),
    "enable-before-check": merged(enter=(*off(load, store_plus_1), read_word)),
    "enable-before-decrement": merged(exit_=(this_cpu_ptr, *off(), load, store_minus_1)),
    "check-before-increment": merged(
        enter=(asks("ok = word(active) == 0", lambda active, _: not any(active)), *off(load, store_plus_1))
    ),
    "wrong-index-enter": merged(enter=off(*(of_byte(it, nmi_as_hardirq) for it in (load, store_plus_1, read_word)))),
    "wrong-index-check": merged(enter=off(load, store_plus_1, of_byte(read_word, task_byte))),
    "decrement-of-the-wrong-byte": merged(
        exit_=(this_cpu_ptr, *off(of_byte(load, task_byte), of_byte(store_minus_1, task_byte)))
    ),
    "narrow-check": merged(
        enter=off(load, store_plus_1, asks("ok = half(active) == BIT(8 * rctx)", lambda a, rctx: little(a, rctx, 2)))
    ),
    "own-byte-check": merged(
        enter=off(load, store_plus_1, asks("ok = active[rctx] == 1", lambda active, rctx: active[rctx] == 1))
    ),
    "wide-clear": merged(exit_=(this_cpu_ptr, *off(Line("word(active) = 0", ("word",), clear_all)))),
    "clear-instead-of-decrement": merged(exit_=(this_cpu_ptr, *off(Line("active[rctx] = 0", ("write",), clear)))),
    "missing-exit": replace(MERGED, always_exits=False),
    "result-ignored": merged(enter=off(load, replace(store_plus_1_and_test, do=increment_and_enter))),
    "exit-before-body": replace(MERGED, enter=(*MERGED.enter, *MERGED.exit), exit=()),
    "counter-torn": counter(enter=(load, Line("active = ++tmp, ok = tmp == 1", ("write",), plain_increment))),
    "counter-test-then-set": counter(
        enter=(*off(asks("ok = active == 0", lambda a, _: a == (0,))), *off(Line("active++", ("write",), increment)))
    ),
    "counter-reread": counter(
        enter=(*off(Line("active++", ("write",), increment)), *off(asks("ok = active == 1", lambda a, _: a == (1,))))
    ),
    "counter-clear": counter(exit_=off(Line("active = 0", ("write",), clear))),
    "missing-migrate-disable": counter(),
    "migrate-enable-too-early": counter(
        enter=(migrate_disable, *off(inc_return)), exit_=(migrate_enable, *off(dec))
    ),
}
INEXPRESSIBLE = {
    "barrier-dropped": "lines are in the order in which they are written",
    "counter-wide-decrement": "a counter is a number, not bytes",
    "double-exit": "enter does not branch",
    "enabled-twice": "there is nobody to see the preempt count on return",
    "exit-without-enter": "every attempt begins with enter",
    "index-out-of-bounds": "there is nothing behind the bytes",
    "irq-enable-not-restore": "interrupts are not masked",
    "left-disabled": "enter does not branch",
    "sleep-in-interrupt": "an interrupt's program does not sleep",
    "sleep-with-preemption-off": "a sleeping program runs under no preempt_disable()",
}

ONLY_A_HANDLER_STAYS_OUT = {"narrow-check", "wrong-index-check"}
"""Here the specification has no `recovers` where the machine code has: its one more attempt is always a task's."""


def length(told: Interleaving) -> tuple[int, int]:
    return told.switches, len(told.events)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_specification_breaks_as_the_machine_code_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = load_program(FOLDER / f"{name}.c")
    verdicts = check(program).verdicts
    theirs = {v.property.kind: length(v.interleaving) for v in verdicts if v.interleaving is not None}

    monkeypatch.setitem(GUARDS, name, MUTANTS[name])
    cpus = program.scenario.cpus
    callers = Callers(2, () if cpus == 2 else (Level.NMI,), attempts=program.scenario.attempts)
    system = specify(name, Kernel(cpus=cpus, migrate_disable=False), callers=callers)
    found = search(system)
    assert found.exhausted or set(found.runs) == set(system.properties)
    mine = {broken.kind: length(narrate(system, run)) for broken, run in found.runs.items()}
    if name in ONLY_A_HANDLER_STAYS_OUT:
        assert theirs.pop("recovers") == (0, 10)
    if cpus == 2:  # a migration is two switches there, to and from the idle task, and one here
        assert set(mine) == set(theirs)
    else:
        assert mine == theirs


def test_what_cannot_be_said_in_lines_says_why() -> None:
    names = {path.stem for path in FOLDER.glob("*.c")}
    assert set(MUTANTS) | set(INEXPRESSIBLE) == names
    assert not set(MUTANTS) & set(INEXPRESSIBLE)
