"""The table of sections of an ELF file: what contradicts the rest of the file is refused before it is used."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from ctxrace.core.errors import ImageError
from ctxrace.machine.arch import architecture
from ctxrace.machine.elf.header import MOST_NAME, MOST_UNPACKED, elf_of
from ctxrace.machine.image import load_image

ROW = struct.Struct("<IIQQQQIIQQ")
NOTHING = (0,) * 10
NAMES = b"\0.text\0.debug_info\0.zdebug_info\0.names\0"
CODE = b"\0" * 1024
DEBUG = 64 + len(CODE) + len(NAMES)
"""Where the third section lies."""


def elf(debug: tuple[int, ...] = NOTHING, more: bytes = b"", *, kind: int = 2, shown: bytes = NAMES) -> bytes:
    """Return a file with the sections .text, .names, and one with the header `debug`, which holds `more`."""
    size = 64 + len(CODE) + len(shown) + len(more)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", kind, 183, 1, 0, 0, size, 0, 64, 0, 0, 64, 4, 2)
    text, names = (1, 1, 6, 0x1_0000, 64, len(CODE), 0, 0, 4, 0), (32, 3, 0, 0, 64 + len(CODE), len(shown), 0, 0, 1, 0)
    rows = [NOTHING, text, names, debug]
    return header + CODE + shown + more + b"".join(ROW.pack(*row) for row in rows)


def test_a_file_that_is_whole_is_read() -> None:
    names = [section.name for section in elf_of(elf((7, 1, 0, 0, DEBUG, 4, 0, 0, 1, 0), b"data")).iter_sections()]
    assert names == ["", ".text", ".names", ".debug_info"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (elf((7, 1, 0, 0, 64, 1 << 40, 0, 0, 1, 0)), "sections that overlap in the file"),
        (elf((7, 8, 0, 0, 0, 1 << 40, 0, 0, 1, 0)), r"sections of 1,099,511,627,776 bytes that the file does not hold"),
        (elf((7, 8, 2, 0, 0, MOST_UNPACKED + 1, 0, 0, 1, 0), kind=1), "that the file does not hold"),
        (elf((7, 1, 0x800, 0, DEBUG, 24, 0, 0, 1, 0), struct.pack("<IIQQ", 1, 0, 1 << 33, 1)), "8,589,934,592 bytes"),
        (elf((19, 1, 0, 0, DEBUG, 4, 0, 0, 1, 0), b"ZLIB"), "in the form of -gz=zlib-gnu"),
        (elf((1 << 31, 1, 0, 0, DEBUG, 4, 0, 0, 1, 0)), "a section whose name has no end"),
        (elf((len(NAMES), 1, 0, 0, DEBUG, 0, 0, 0, 1, 0), shown=NAMES + b"n" * MOST_NAME), "whose name has no end"),
        (elf()[:58] + b"\0\0" + elf()[60:], "no section headers of 64 bytes"),
        (elf()[:60] + b"\xff\0" + elf()[62:], "255 section headers, which the file does not hold"),
        (elf()[:60] + b"\0\0" + elf()[62:-224] + b"\xff" * 8 + elf()[-216:], "which the file does not hold"),
    ],
)
def test_sections_that_contradict_the_file_are_refused(data: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        elf_of(data)


@pytest.fixture
def damaged(tmp_path: Path) -> Callable[[bytes], str]:
    """What an image of such bytes is refused for."""

    def tell(data: bytes) -> str:
        (tmp_path / "x.elf").write_bytes(data)
        with pytest.raises(ImageError) as caught:
            load_image(tmp_path / "x.elf", architecture("arm64"))
        return str(caught.value).removeprefix(f"{tmp_path}/")

    return tell


def test_the_error_names_the_file(damaged: Callable[[bytes], str]) -> None:
    told = damaged(elf((7, 1, 0, 0, 64, 1 << 40, 0, 0, 1, 0)))
    assert told == (
        "x.elf is damaged: its sections or symbols cannot be read (ValueError: sections that overlap in the file); "
        "build it again"
    )


def test_a_section_that_ends_behind_the_last_address_is_refused(damaged: Callable[[bytes], str]) -> None:
    last = (1 << 64) - 4
    told = damaged(elf((7, 1, 2, last, DEBUG, 8, 0, 0, 1, 0), b"8 bytes."))
    assert told == "x.elf is damaged: section .debug_info ends behind the last address; build it again"


SYMBOL = struct.Struct("<IBBHQQ")


@pytest.mark.parametrize(
    ("value", "size", "fits"),
    [
        (0x1_0000, 1024, True),
        (0x1_0400, 0, True),  # a label at the end
        (0x9_0000, 0, True),
        (0x1_0000, 1025, False),
        (0x1_0008, 1 << 40, False),
        (0xFFF8, 16, False),
        ((1 << 64) - 8, 16, False),
    ],
)
def test_the_bytes_of_a_symbol_are_within_its_section(
    tmp_path: Path, damaged: Callable[[bytes], str], value: int, size: int, *, fits: bool
) -> None:
    rows = bytes(24) + SYMBOL.pack(1, 0x11, 0, 1, value, size)
    data = elf((7, 2, 0, 0, DEBUG, 48, 2, 1, 8, 24), rows)
    if not fits:
        assert damaged(data) == (
            f"x.elf is damaged: the symbol .text has {size:,} bytes at {value:#x}, and they are not all in its section "
            ".text; build it again"
        )
        return
    (tmp_path / "x.elf").write_bytes(data)
    found = load_image(tmp_path / "x.elf", architecture("arm64")).symbols[".text"]
    assert (found.address, found.size) == (value, size)


def test_the_error_names_the_file_that_the_user_named(tmp_path: Path) -> None:
    (tmp_path / "made.elf").write_bytes(elf((7, 1, 0, 0, 64, 1 << 40, 0, 0, 1, 0)))
    with pytest.raises(ImageError, match=r"^race\.o is damaged"):
        load_image(tmp_path / "made.elf", architecture("arm64"), shown=Path("race.o"))
