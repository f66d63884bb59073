"""What a loader fills in, of relocations that are written down: where, with what, and what it is refused for."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from elftools.elf.relocation import RelocationSection, RelrRelocationSection

from ctxrace.core.errors import ImageError
from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.elf import relocation as module
from ctxrace.machine.elf.relocation import LOWEST, load_bias, relocated
from ctxrace.machine.elf.sections import Section

RELATIVE, ABSOLUTE, OTHER = 8, 1, 7
PATH = Path("kernel.elf")
ALLOCATED = 2


def arch(byte_order: str = "little") -> Architecture:
    part = SimpleNamespace(word=8, byte_order=byte_order, text=0xFFFF_0000)
    part.relative_relocation, part.symbol_relocations = RELATIVE, (ABSOLUTE,)
    return cast("Architecture", part)


class Relocation(dict[str, int]):
    def __init__(self, kind: int, at: int, addend: int = 0, symbol: int = 0, *, rela: bool = True) -> None:
        super().__init__(r_info_type=kind, r_offset=at, r_addend=addend, r_info_sym=symbol)
        self.rela = rela

    def is_RELA(self) -> bool:  # noqa: N802 - as pyelftools calls it
        return self.rela


class Table(RelocationSection):  # type: ignore[misc]
    """Relocations with addends; link: the number of the section of their symbols."""

    def __init__(self, *relocations: Relocation, flags: int = ALLOCATED, link: int = 3) -> None:
        self.relocations, self.flags = relocations, {"sh_flags": flags, "sh_link": link}

    def __getitem__(self, name: str) -> int:
        return self.flags[name]

    def iter_relocations(self) -> Iterator[Relocation]:
        yield from self.relocations


class Relative(RelrRelocationSection):  # type: ignore[misc]
    """Addresses whose content is moved."""

    def __init__(self, *addresses: int, flags: int = ALLOCATED) -> None:
        self.addresses, self.flags = addresses, flags

    def __getitem__(self, name: str) -> int:
        assert name == "sh_flags"
        return self.flags

    def iter_relocations(self) -> Iterator[Mapping[str, int]]:
        return ({"r_offset": address} for address in self.addresses)


class Elf:
    """A file with symbols in its section 3: one that is defined, one that is weak, and one that nothing defines."""

    def __init__(self, *sections: object) -> None:
        self.sections = sections

    def iter_sections(self) -> Iterable[object]:
        return ({"sh_flags": ALLOCATED}, *self.sections)

    def get_section(self, number: int) -> Any:  # noqa: ANN401 - a symbol table
        def get_symbol(symbol: int) -> object:
            where, bind = (("1", "STB_GLOBAL"), ("SHN_UNDEF", "STB_WEAK"), ("SHN_UNDEF", "STB_GLOBAL"))[symbol]
            return Symbol(st_shndx=where, st_value=0x70, st_info={"bind": bind})

        return SimpleNamespace(get_symbol=get_symbol) if number == 3 else None


class Symbol(dict[str, Any]):
    name = "lost"


def section(name: str, address: int, data: bytes) -> Section:
    return Section(name, address, data, writable=True, executable=False)


def filled(*tables: object, bias: int = 0x1000, byte_order: str = "little") -> list[tuple[int, bytes]]:
    """Return where two sections of 24 and 8 bytes are then, and what they hold."""
    sections = [section("a", 0x100, bytes(range(24))), section("b", 0x200, bytes(8))]
    found = relocated(Elf(*tables), sections, arch(byte_order), bias, PATH)
    assert [one.name for one in found] == ["a", "b"]
    return [(one.address, bytes(one.data)) for one in found]


def test_without_relocations_sections_are_moved_alone() -> None:
    assert filled() == [(0x1100, bytes(range(24))), (0x1200, bytes(8))]
    assert filled(bias=0) == [(0x100, bytes(range(24))), (0x200, bytes(8))]


@pytest.mark.parametrize(
    ("relocation", "value"),
    [
        (Relocation(RELATIVE, 0x108, 0x40), 0x1040),
        (Relocation(RELATIVE, 0x108, -0x1001), (1 << 64) - 1),
        (Relocation(ABSOLUTE, 0x108, 5, 0), 0x1075),
        (Relocation(ABSOLUTE, 0x108, 5, 1), 5),  # weak, and nothing defines it
    ],
)
def test_an_address_is_filled_in(relocation: Relocation, value: int) -> None:
    (_, first), (_, second) = filled(Table(relocation))
    assert first == bytes(range(8)) + value.to_bytes(8, "little") + bytes(range(16, 24))
    assert second == bytes(8)
    assert filled(Table(relocation), byte_order="big")[0][1][8:16] == value.to_bytes(8, "big")


@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_what_memory_holds_is_moved(byte_order: Any) -> None:  # noqa: ANN401
    (_, first), (_, second) = filled(Relative(0x100, 0x200), byte_order=byte_order)
    assert first[:8] == (int.from_bytes(bytes(range(8)), byte_order) + 0x1000).to_bytes(8, byte_order)
    assert second == (0x1000).to_bytes(8, byte_order)
    assert filled(Relative(0x200, 0x200))[1][1] == (0x2000).to_bytes(8, "little")


def test_the_first_and_the_last_words_of_a_section_can_be_filled_in() -> None:
    table = Table(Relocation(RELATIVE, 0x100, 1), Relocation(RELATIVE, 0x110, 2), Relocation(RELATIVE, 0x200, 3))
    (_, first), (_, second) = filled(table)
    words = [int.from_bytes(first[at : at + 8], "little") for at in (0, 16)]
    assert (words, int.from_bytes(second, "little")) == ([0x1001, 0x1002], 0x1003)


@pytest.mark.parametrize("at", [0xFF, 0x111, 0x1FF, 0x201, 0x300])
def test_a_relocation_outside_of_all_sections_is_refused(at: int) -> None:
    for table in (Table(Relocation(RELATIVE, at)), Relative(at)):
        with pytest.raises(ImageError, match=f"^kernel.elf is damaged: a relocation is for {at:#x}, outside of all"):
            filled(table)


@pytest.mark.parametrize(
    "table",
    [
        Table(Relocation(OTHER, 0x300), flags=~ALLOCATED),
        Relative(0x300, flags=0),
        Table(Relocation(0, 0x300, rela=False)),
    ],
)
def test_what_was_for_the_linker_is_left_out(table: object) -> None:
    assert filled(table, Table(Relocation(RELATIVE, 0x200, 3)))[1][1] == (0x1003).to_bytes(8, "little")


def test_after_what_does_nothing_the_rest_is_done() -> None:
    table = Table(Relocation(0, 0x300), Relocation(RELATIVE, 0x200, 3), flags=0x13)
    assert filled(table)[1][1] == (0x1003).to_bytes(8, "little")


@pytest.mark.parametrize("relocation", [Relocation(OTHER, 0x108), Relocation(RELATIVE, 0x108, rela=False)])
def test_what_a_loader_would_have_to_look_up_is_refused(relocation: Relocation) -> None:
    kind = relocation["r_info_type"]
    text = f"^kernel.elf has a relocation of type {kind} at 0x108, which only a loader can apply; link it statically"
    with pytest.raises(ImageError, match=text):
        filled(Table(relocation))


def test_a_symbol_that_nothing_defines_is_refused() -> None:
    with pytest.raises(ImageError, match=r"^kernel\.elf uses lost, which nothing defines; link it with what does$"):
        filled(Table(Relocation(ABSOLUTE, 0x108, 5, 2)))


def test_what_would_end_behind_the_last_address_is_refused() -> None:
    last = [section("a", 0, b""), section("last", (1 << 64) - 9, bytes(8))]
    assert relocated(Elf(), last, arch(), 1, PATH)[1].address == (1 << 64) - 8
    with pytest.raises(ImageError, match=r"^kernel\.elf is damaged: section last ends behind the last address"):
        relocated(Elf(), last, arch(), 2, PATH)


def test_it_ends_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(module, "spend", asked.append)
    filled(Table(Relocation(0, 0), Relocation(RELATIVE, 0x100)), Relative(0x200))
    assert asked == ["relocating kernel.elf"] * 3


def test_what_is_linked_to_where_null_points_is_moved_to_where_kernels_are() -> None:
    low, high, empty = section("l", LOWEST - 1, b"x"), section("h", LOWEST, b"x"), section("e", 0, b"")
    assert LOWEST == 0x1_0000
    assert [load_bias(sections, arch()) for sections in ([low, high], [high, low], [high, empty], [])] == [
        0xFFFF_0000, 0xFFFF_0000, 0, 0,
    ]  # fmt: skip
