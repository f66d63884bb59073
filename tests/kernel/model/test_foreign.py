"""What it is to reach another context's memory, or what nothing defines."""

from types import SimpleNamespace
from typing import Any

import pytest

from ctxrace.core.errors import ExecutionError
from ctxrace.core.facts.fault import FaultKind, MachineFault
from ctxrace.kernel.model.foreign import StackEscapes, reached
from ctxrace.machine.elf.sections import Section
from ctxrace.machine.image import Symbol
from ctxrace.machine.memory import ForeignAccess

UNDEFINED = range(0x1000, 0x1020)
DEFINED = range(0x2000, 0x2020)
PER_CPU = -0x800  # where this CPU's copies are, from where they are linked
ELSEWHERE = 0x3000
BELOW = 0xFFFF_FFFF_FFFF_FFFF  # where the copy of 0x7FF lies


def section(name: str, addresses: range, *, undefined: bool) -> Section:
    return Section(name, addresses.start, bytes(len(addresses)), True, False, undefined=undefined)


def layout(foreign: str = "", size: int = 64) -> Any:  # noqa: ANN401 - a part of Layout
    """Of an image in which nothing defines `first` and `second`; what lies at `ELSEWHERE` is what `foreign` says."""
    symbols = [Symbol(name, address, 8, "object") for name, address in (("first", 0x1000), ("second", 0x1010))]
    return SimpleNamespace(
        image=SimpleNamespace(
            name="race.o",
            sections=[section(".data", DEFINED, undefined=False), section("undefined", UNDEFINED, undefined=True)],
            all_symbols=[*symbols, Symbol("other", 0x2000, 8, "object")],
        ),
        offsets=[0, PER_CPU & 0xFFFF_FFFF_FFFF_FFFF],
        foreign=lambda address: foreign if address in (ELSEWHERE, 0x1000) else "",
        struct=SimpleNamespace(size=size),
    )


def access(address: int) -> ForeignAccess:
    found = ForeignAccess(address, 4)
    found.instruction, found.place = "ldr w0, [x1]", "entry+0x8"
    return found


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0x1000, "first"),
        (0x1004, "first"),
        (0x1010, "second"),
        (0x101F, "second"),
        (0x1000 + PER_CPU, "first"),
        (0x101F + PER_CPU, "second"),
    ],
)
def test_what_nothing_defines_is_named(address: int, name: str) -> None:
    """Also where it is a per-CPU variable, and nothing says so, and whatever else lies there."""
    with pytest.raises(ExecutionError) as raised:
        reached(layout("stack"), "entry", "task", access(address))
    assert str(raised.value) == (
        f"ldr w0, [x1] at entry+0x8 accesses {name}, which nothing defines; define it in a C file, and name that first"
    )


@pytest.mark.parametrize("address", [0xFFF, 0x1020, 0x2000, 0xFFF + PER_CPU, 0x1020 + PER_CPU, BELOW])
def test_what_lies_beside_it_is_no_memory(address: int) -> None:
    assert reached(layout(), "entry", "task", access(address)) == MachineFault(
        FaultKind.WILD, address, 4, instruction="ldr w0, [x1]", place="entry+0x8"
    )


def test_a_stack_that_is_reached_is_not_private() -> None:
    with pytest.raises(StackEscapes):
        reached(layout("stack"), "entry", "task", access(ELSEWHERE))


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (
            64,
            "entry (softirq) reaches into another task's task_struct; the model knows only current's. Keep what "
            "tasks share in a variable of its own",
        ),
        (
            0,
            "ldr w0, [x1] at entry+0x8 accesses current's task_struct, and nothing says where that has its members: "
            "race.o has neither debug information (DWARF) with a struct task_struct, nor was it compiled with "
            "ctxrace's headers; compile it with -g, or include <ctxrace/kernel.h>",
        ),
    ],
    ids=["another task's", "nobody knows"],
)
def test_a_task_struct_that_is_reached_is_refused(size: int, told: str) -> None:
    with pytest.raises(ExecutionError) as raised:
        reached(layout("task_struct", size), "entry", "softirq", access(ELSEWHERE))
    assert str(raised.value) == told


def test_an_address_beyond_the_last_one_begins_anew() -> None:
    """Addresses have 64 bits, so that a copy may lie at the end of them."""
    beginning = layout()
    beginning.image.sections = [section("undefined", range(0x7F0, 0x810), undefined=True)]
    beginning.image.all_symbols = [Symbol("there", 0x7F0, 8, "object")]
    with pytest.raises(ExecutionError, match="accesses there, which"):
        reached(beginning, "entry", "task", access(BELOW))
