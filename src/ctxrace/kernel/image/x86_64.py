"""What boot writes into the code of an x86-64 kernel, on a CPU that needs no mitigations, without a hypervisor.

Sources: Linux v7.0 arch/x86/include/asm/alternative.h (`struct alt_instr`, ALT_FLAG_*), arch/x86/kernel/alternative.c
(`apply_alternatives`, `alt_replace_call`, `apply_retpolines`, `patch_retpoline`, `apply_returns`),
arch/x86/kernel/ftrace.c, arch/x86/kernel/jump_label.c, arch/x86/include/asm/cpufeatures.h. Static calls stay as linked.
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ctxrace.core.errors import ImageError, ScenarioError
from ctxrace.core.limits import spend
from ctxrace.core.setting import Setting
from ctxrace.kernel.image.vmlinux import READING_TABLES, Vmlinux
from ctxrace.machine.btf import Btf, TypeKind

__all__ = ["AFTER_BOOT", "alternative_row", "known_row", "x86_boot", "x86_features", "x86_jump", "x86_no_operation",
           "x86_site"]  # fmt: skip

AFTER_BOOT = ", and ctxrace does not know what is there after boot"
_ALWAYS = 3 * 32 + 21  # X86_FEATURE_ALWAYS
_MOST_ROW = 64  # bytes of a struct alt_instr
_MOST_FEATURES = 1 << 14  # that 14 bits of a struct alt_instr number
_NOT, _DIRECT_CALL = 1, 2  # ALT_FLAG_*
_NO_OPERATIONS = [bytes.fromhex(code) for code in (
    "", "90", "6690", "0f1f00", "0f1f4000", "0f1f440000", "660f1f440000", "0f1f8000000000", "0f1f840000000000",
)]  # fmt: skip
"""One instruction of each length that does nothing (SDM vol. 2, NOP)."""
_REGISTERS = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
              "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")  # fmt: skip
_THUNK = "__x86_indirect_thunk_"
_CALL, _JUMP, _RETURN, _TRAP = 0xE8, 0xE9, 0xC3, 0xCC

Patches = dict[int, bytes]


def x86_features(kernel: Vmlinux, names: tuple[str, ...]) -> frozenset[int]:
    """Return the numbers of the CPU features `names`, as /proc/cpuinfo calls them, and of what every CPU has."""
    present = {_ALWAYS}
    table = kernel.elf.symbols.get("x86_cap_flags")
    known = {}
    if names and table is not None:
        pointers = range(table[0].address, table[0].address + min(table[0].size, 8 * _MOST_FEATURES), 8)
        known = {kernel.string(kernel.number(at, 8)): number for number, at in enumerate(pointers)}
    for name in names:
        if not name or name not in known:
            raise ScenarioError(
                Setting("cpu", name), f" is no CPU feature that {kernel.path} knows; /proc/cpuinfo lists some"
            )
        present.add(known[name])
    return frozenset(present)


def x86_boot(kernel: Vmlinux, row: "Row | None", present: frozenset[int]) -> tuple[Patches, dict[int, str]]:
    """Return what boot writes, and why some addresses must not be executed.

    row: how a row of the table of alternatives is read, None where there is no such table. present: the features of
    the CPU.
    """
    refused: dict[int, str] = {}
    patches = dict.fromkeys(_calls_of_ftrace(kernel), _NO_OPERATIONS[5])
    for site in _sites(kernel, ".return_sites"):
        if kernel.read(site, 1) == bytes([_JUMP]):
            patches[site] = bytes([_RETURN, *[_TRAP] * 4])
    for site in _sites(kernel, ".retpoline_sites"):
        new = _indirect(kernel, site)
        if new is None:
            refused[site] = f"boot rewrites this conditional jump to a retpoline{AFTER_BOOT}"
        else:
            patches[site] = new
    patches.update(_alternatives(kernel, row, present) if row is not None else {})
    return patches, refused


def _calls_of_ftrace(kernel: Vmlinux) -> Iterator[int]:
    """Return where functions call __fentry__, which is a no-op until something is traced."""
    if "__start_mcount_loc" not in kernel.elf.symbols:
        return
    start, stop = kernel.elf.address("__start_mcount_loc"), kernel.elf.address("__stop_mcount_loc")
    table = kernel.read(start, stop - start) if start <= stop else None
    if table is None:
        raise ImageError(f"{kernel.path}: ftrace's table {start:#x}..{stop:#x} is in no section; fetch the file again")
    for (site,) in struct.iter_unpack("<Q", table[: len(table) - len(table) % 8]):
        spend(READING_TABLES)
        if kernel.read(site, 1) == bytes([_CALL]):
            yield site


def _sites(kernel: Vmlinux, name: str) -> Iterator[int]:
    """Return the addresses in a table of offsets, each relative to its own place."""
    section = kernel.elf.section(name)
    data = kernel.elf.contents(name)
    for number, (offset,) in enumerate(struct.iter_unpack("<i", data[: len(data) - len(data) % 4])):
        spend(READING_TABLES)
        assert section is not None
        yield section.address + 4 * number + offset


def _indirect(kernel: Vmlinux, site: int) -> bytes | None:
    """Return the indirect call or jump that takes the place of one to a retpoline; None where it is conditional."""
    prefix = kernel.read(site, 1) == b"\x2e"  # makes room for the one of r8 to r15
    code = kernel.read(site + prefix, 5)
    if code is None or code[0] not in (_CALL, _JUMP):
        return None
    target = site + prefix + 5 + int.from_bytes(code[1:], "little", signed=True)
    names = [symbol.name.removeprefix(_THUNK) for symbol in kernel.elf.symbols_of(target)]
    register = next((name for name in names if name in _REGISTERS), None)  # the first also begins an array of them
    if register is None:
        raise ImageError(f"{kernel.path}: the retpoline of {site:#x} goes through no register; the file is damaged")
    number = _REGISTERS.index(register)
    operation = (0xD0 if code[0] == _CALL else 0xE0) | number & 7
    new = bytes([0x41, 0xFF, operation] if number >= 8 else [0xFF, operation])
    return new + x86_no_operation(5 + prefix - len(new))


def _alternatives(kernel: Vmlinux, form: "Row", present: frozenset[int]) -> Patches:
    section, data = kernel.elf.section(".altinstructions"), kernel.elf.contents(".altinstructions")
    if section is None:
        return {}
    patches: Patches = {}
    size, row = form
    for at in range(0, len(data) - size + 1, size):
        spend(READING_TABLES)
        entry = row(data[at : at + size], section.address + at)
        if (entry.feature in present) == entry.negated:
            continue
        new = _replacement(kernel, entry)
        if len(new) > entry.size:
            raise ImageError(f"{kernel.path}: an alternative of {entry.code:#x} is damaged; fetch the file again")
        patches[entry.code] = new + x86_no_operation(entry.size - len(new))
    return patches


class _Alternative(NamedTuple):
    """`size` bytes at `code` become `replacement_size` from `replacement` if the CPU has `feature`, or has it not.

    direct: the replacement is a call, of what the pointer points to that the code calls through.
    """

    code: int
    replacement: int
    feature: int
    negated: bool
    direct: bool
    size: int
    replacement_size: int


Row = tuple[int, Callable[[bytes, int], _Alternative]]
"""The size of a struct alt_instr, and what reads one from its bytes and its address."""


def alternative_row(types: Btf, name: str) -> Row:
    """Return how `types` lay out a struct alt_instr; raise `ImageError` where they do not. name: of them."""
    number = types.named("alt_instr", TypeKind.STRUCT)
    names = ("instr_offset", "repl_offset", "cpuid", "instrlen", "replacementlen")
    found = [types.member("alt_instr", member) for member in names]
    places = [place for place in found if place is not None]
    if number is None or len(places) < len(names):
        raise ImageError(f"{name} has no struct alt_instr with {', '.join(names)}; what boot patches is not known")
    flags = types.member("alt_instr", "flags")  # before v6.3, one bit of cpuid
    if not max(place.stop for place in [*places, flags or range(0)]) <= types.size(number) <= _MOST_ROW:
        raise ImageError(f"{name} has a struct alt_instr of {types.size(number)} bytes; the file is damaged")
    return types.size(number), _reader([place.start for place in places], flags.start if flags is not None else None)


def known_row(kernel: Vmlinux) -> Row | None:
    """Return how the table of alternatives of an object is to be read, which has no types that say it.

    There are two forms: 12 bytes up to v6.2, 14 since v6.3 (arch/x86/include/asm/alternative.h). It is the one with
    which every row is about code. None: there is no such table. Raises `ImageError` where neither or both fit.
    """
    section, data = kernel.elf.section(".altinstructions"), kernel.elf.contents(".altinstructions")
    if section is None or not data:
        return None
    forms: list[Row] = [(12, _reader([0, 4, 8, 10, 11], None)), (14, _reader([0, 4, 8, 12, 13], 10))]
    fitting = [form for form in forms if len(data) % form[0] == 0 and _fits(kernel, section.address, data, form)]
    if len(fitting) != 1:
        raise ImageError(f"the table of alternatives of {kernel.path} has no form that ctxrace knows; build it again")
    return fitting[0]


def _fits(kernel: Vmlinux, address: int, data: bytes, form: Row) -> bool:
    size, read = form
    for at in range(0, len(data), size):
        spend(READING_TABLES)
        row = read(data[at : at + size], address + at)
        code, new = kernel.elf.section_at(row.code), kernel.elf.section_at(row.replacement)
        known = code is not None and code.executable and (not row.replacement_size or new is not None)
        if not known or row.replacement_size > row.size:
            return False
    return True


def _reader(places: list[int], flags: int | None) -> Callable[[bytes, int], _Alternative]:
    site, new, feature, old_size, new_size = places

    def read(row: bytes, at: int) -> _Alternative:
        def half(start: int) -> int:
            return int.from_bytes(row[start : start + 2], "little")

        def target(start: int) -> int:
            return at + start + int.from_bytes(row[start : start + 4], "little", signed=True)

        how = half(flags) if flags is not None else half(feature) >> 15
        which = half(feature) & (0xFFFF if flags is not None else 0x7FFF)
        sizes = row[old_size], row[new_size]
        return _Alternative(target(site), target(new), which, bool(how & _NOT), bool(how & _DIRECT_CALL), *sizes)

    return read


def _replacement(kernel: Vmlinux, entry: _Alternative) -> bytes:
    """Return replacement instructions as they are at the place of those that they replace."""
    code, replacement = entry.code, entry.replacement
    new = kernel.read(replacement, entry.replacement_size)
    if new is None:
        raise ImageError(f"{kernel.path}: an alternative of {code:#x} is damaged; fetch the file again")
    if len(new) != 5 or new[0] not in (_CALL, _JUMP):
        return new
    if entry.direct:
        old = kernel.read(code, 6) or b""
        if old[:2] != b"\xff\x15":
            raise ImageError(f"{kernel.path}: {code:#x} is no call through a pointer; fetch the file again")
        target = kernel.number(code + 6 + int.from_bytes(old[2:], "little", signed=True), 8)
    else:
        target = replacement + 5 + int.from_bytes(new[1:], "little", signed=True)
    return new[:1] + _displacement(code, target, 5)


def x86_jump(source: int, target: int, size: int) -> bytes:
    """Return ``jmp target`` in `size` bytes, 2 or 5, as it stands at `source`.

    Raises `ImageError` where that is too far away: a kernel has none that is, unless it is damaged.
    """
    return bytes([_JUMP if size == 5 else 0xEB]) + _displacement(source, target, size)


def _displacement(source: int, target: int, size: int) -> bytes:
    """Return the operand of a call or jump of `size` bytes at `source`: all of them but the first."""
    offset, most = target - source - size, 1 << 8 * (size - 1) - 1
    if not -most <= offset < most:
        raise ImageError(f"boot makes a branch from {source:#x} to {target:#x}, which is too far; is the file damaged?")
    return offset.to_bytes(size - 1, "little", signed=True)


def x86_no_operation(size: int) -> bytes:
    """Return instructions of `size` bytes that do nothing."""
    longest = _NO_OPERATIONS[-1]
    return longest * (size // len(longest)) + _NO_OPERATIONS[size % len(longest)]


def x86_site(kernel: Vmlinux, address: int) -> int:
    """Return how long the no-op or the jump of a jump label is, in bytes."""
    return 2 if kernel.read(address, 1) in (b"\xeb", b"\x66") else 5
