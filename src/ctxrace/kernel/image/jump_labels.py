"""Jump labels: the branches that static keys switch on and off.

Sources: Linux v6.12 include/linux/jump_label.h (`struct jump_entry`), kernel/jump_label.c (`jump_label_type`),
arch/arm64/kernel/jump_label.c, arch/x86/kernel/jump_label.c.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ctxrace.core.errors import ImageError
from ctxrace.core.limits import spend
from ctxrace.kernel.image.vmlinux import READING_TABLES, Vmlinux

__all__ = ["JumpLabel", "jump_labels", "key_on"]

_ENTRY = struct.Struct("<iiq")
_BRANCH_IF_TRUE, _INIT = 1, 2  # the low bits of an entry's key


@dataclass(frozen=True, slots=True)
class JumpLabel:
    """A site where a static key is tested.

    code: the address of a no-op or a branch; target: where the branch goes; key: the address of the static key.
    likely: whether the code after the site is what runs while the key is on.
    """

    code: int
    target: int
    key: int
    likely: bool

    def jumps(self, on: bool) -> bool:
        """Return whether the site is a branch while its key is `on` (jump_label_type: enabled xor branch)."""
        return on != self.likely


def jump_labels(kernel: Vmlinux) -> Iterator[JumpLabel]:
    """Return all sites of the kernel's jump table; raise `ImageError` where it is damaged."""
    symbols = kernel.elf.symbols
    if "__start___jump_table" not in symbols:
        return
    start, stop = kernel.elf.address("__start___jump_table"), kernel.elf.address("__stop___jump_table")
    table = kernel.read(start, stop - start) if start <= stop else None
    if table is None:
        raise ImageError(f"{kernel.path}: the jump table {start:#x}..{stop:#x} is in no section; the file is damaged")
    for number, (code, target, key) in enumerate(_ENTRY.iter_unpack(table[: len(table) - len(table) % _ENTRY.size])):
        spend(READING_TABLES)
        at = start + number * _ENTRY.size
        address = at + 8 + key
        yield JumpLabel(at + code, at + 4 + target, address & ~3, bool(address & _BRANCH_IF_TRUE))


def key_on(kernel: Vmlinux, key: int) -> bool:
    """Return whether a static key is on at boot: its counter, an int at its beginning, is not 0."""
    return kernel.number(key, 4) > 0
