"""A vmlinux whose numbers contradict one another is refused, and the error names the number."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from ctxrace.core.errors import ImageError
from ctxrace.kernel.image.booted_image import after_boot
from ctxrace.kernel.image.vmlinux import Vmlinux
from ctxrace.machine.arch import architecture

SECTION_ADDRESS, SECTION_SIZE = 16, 32  # in an Elf64_Shdr
SYMBOL_VALUE, SYMBOL_SIZE = 8, 16  # in an Elf64_Sym


def section(data: bytes, name: str, member: int) -> int:
    """Where a member of a section's header is in the file."""
    elf = ELFFile(io.BytesIO(data))
    number = next(number for number, each in enumerate(elf.iter_sections()) if each.name == name)
    return int(elf["e_shoff"]) + 64 * number + member


def symbol(data: bytes, name: str, member: int) -> int:
    """Where a member of a symbol is in the file."""
    table = ELFFile(io.BytesIO(data)).get_section_by_name(".symtab")
    number = next(number for number, each in enumerate(table.iter_symbols()) if each.name == name)
    return int(table["sh_offset"]) + 24 * number + member


@pytest.mark.parametrize(
    ("place", "number", "told"),
    [
        (lambda data: section(data, ".bss", SECTION_SIZE), 1 << 62, "section .bss of 4,611,686,018,427,387,904 bytes"),
        (lambda data: section(data, ".bss", SECTION_ADDRESS), (1 << 64) - 2, "at 0xfffffffffffffffe is not in memory"),
        (lambda data: symbol(data, "init_task", SYMBOL_SIZE), 1 << 40, "symbol init_task has 1,099,511,627,776 bytes"),
        (lambda data: symbol(data, "init_task", SYMBOL_VALUE), 8, "they are not all in 0xffff8000"),
        (lambda data: symbol(data, "__per_cpu_end", SYMBOL_VALUE), 8, "its per-CPU template goes from 0xffff8000"),
        (lambda data: symbol(data, "__per_cpu_end", SYMBOL_VALUE), (1 << 64) - 1, "to 0xffffffffffffffff; fetch the"),
    ],
)
def test_it_is_refused(
    vmlinux: Path, tmp_path: Path, place: Callable[[bytes], int], number: int, told: str
) -> None:
    data = bytearray(vmlinux.read_bytes())
    struct.pack_into("<Q", data, place(bytes(data)), number)
    (tmp_path / "vmlinux").write_bytes(data)
    with pytest.raises(ImageError) as caught:
        assert Vmlinux(tmp_path / "vmlinux", architecture("arm64")).per_cpu
    assert told in str(caught.value)


def test_boot_changes_nothing_behind_a_section() -> None:
    assert after_boot(b"01234567", 0x1000, {0x1004: b"4567"[::-1], 0x2000: b"x"}) == b"01237654"
    with pytest.raises(ImageError, match="boot changes 4 bytes at 0x1005, where a section ends"):
        after_boot(b"01234567", 0x1000, {0x1005: b"4567"})
