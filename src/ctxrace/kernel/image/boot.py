"""What boot writes into a kernel's code, and what a harness puts in its place."""

from collections.abc import Mapping
from dataclasses import dataclass

from ctxrace.core.errors import ImageError, ScenarioError
from ctxrace.core.limits import spend
from ctxrace.core.setting import Setting
from ctxrace.kernel.image.alternatives import ARM64_FEATURES, arm64_capabilities, arm64_patches
from ctxrace.kernel.image.jump_labels import JumpLabel, jump_labels, key_on
from ctxrace.kernel.image.vmlinux import READING_TABLES, Vmlinux
from ctxrace.kernel.image.x86_64 import (
    AFTER_BOOT,
    alternative_row,
    known_row,
    x86_boot,
    x86_features,
    x86_jump,
    x86_no_operation,
    x86_site,
)
from ctxrace.machine.btf import Btf, TypeKind
from ctxrace.machine.image import Symbol

__all__ = ["AS_IT_IS", "Boot", "booted", "booted_objects", "chosen", "replaced"]

_SCHEDULER = ("preempt_schedule", "preempt_schedule_notrace", "preempt_schedule_irq", "schedule", "__cond_resched")
"""The entries of the scheduler: where a task may lose the CPU is for the context rules, so they return at once."""

_FAR = 1 << 25  # words that a branch of arm64 reaches
_RETURN_ZERO = {"EM_AARCH64": bytes.fromhex("00008052c0035fd6"), "EM_X86_64": bytes.fromhex("31c0c3")}
_RETURN = {"EM_AARCH64": 4, "EM_X86_64": 1}  # bytes of it that return


@dataclass(frozen=True, slots=True)
class Boot:
    """Say how the kernel was booted.

    features: what the CPU has: on arm64 the names of `ARM64_FEATURES`, on x86-64 those of /proc/cpuinfo.
    keys: static keys by name, and whether each is on; others are as the image has them.
    edits: bytes that take the place of the image's, by address.
    """

    features: tuple[str, ...] = ()
    keys: tuple[tuple[str, bool], ...] = ()
    edits: tuple[tuple[int, bytes], ...] = ()


AS_IT_IS = Boot()
"""Without any feature that the kernel needs not, and with static keys as the image has them."""


def booted(kernel: Vmlinux, types: Btf, boot: Boot) -> tuple[dict[int, bytes], dict[int, str]]:
    """Return what boot writes into the kernel's code, and why some of its addresses are refused.

    Raises `ScenarioError`: no such feature or static key; `ImageError`: the kernel's tables are damaged.
    """
    if kernel.arch.elf_machine == "EM_AARCH64":
        patches, refused = _arm64(kernel, _capabilities(kernel, types), boot)
    elif kernel.arch.elf_machine == "EM_X86_64":
        row = alternative_row(types, f"the BTF of {kernel.path}")
        patches, refused = x86_boot(kernel, row, x86_features(kernel, boot.features))
    else:
        raise ImageError(
            f"{kernel.path} is for {kernel.arch.name}; kernel images are checked for arm64 and x86-64 only, so far"
        )
    refused.update(_runtime_constants(kernel))
    return chosen(kernel, boot, patches), refused


def chosen(kernel: Vmlinux, boot: Boot, patches: Mapping[int, bytes]) -> dict[int, bytes]:
    """Return what `boot` chooses beyond `patches`: static keys, and bytes in the place of others.

    Raises as `booted`.
    """
    patches = dict(patches)
    for name, on in boot.keys:
        patches.update(_switched(kernel, name, on))
    for address, data in boot.edits:
        if kernel.read(address, len(data)) is None:
            raise ScenarioError(Setting("patch"), f" changes {address:#x}, and the kernel has nothing there")
        patches.pop(address, None)  # the last one wins
        patches[address] = data
    return patches


def booted_objects(
    kernel: Vmlinux, boot: Boot, numbers: Mapping[str, int]
) -> tuple[dict[int, bytes], dict[int, str]]:
    """Return what `booted` does for objects that are linked together, and have none of a kernel's own tables.

    numbers: of CPU features by name, as far as they are known.
    """
    patches: dict[int, bytes] = {}
    refused: dict[int, str] = {}
    if kernel.arch.elf_machine == "EM_AARCH64":
        patches, refused = _arm64(kernel, numbers, boot)
    elif kernel.arch.elf_machine == "EM_X86_64":
        patches, refused = x86_boot(kernel, known_row(kernel), x86_features(kernel, boot.features))
    refused.update(_runtime_constants(kernel))
    return chosen(kernel, boot, patches), refused


def _capabilities(kernel: Vmlinux, types: Btf) -> dict[str, int]:
    struct = types.named("arm64_cpu_capabilities", TypeKind.STRUCT)
    places = [types.member("arm64_cpu_capabilities", name) for name in ("desc", "capability")]
    if struct is None or places[0] is None or places[1] is None:
        raise ImageError(f"the BTF of {kernel.path} has no struct arm64_cpu_capabilities; is it a whole kernel's?")
    numbers = arm64_capabilities(kernel, types.size(struct), places[0].start, places[1].start)
    return {name: numbers[known] for name, known in ARM64_FEATURES.items() if known in numbers}


def _arm64(kernel: Vmlinux, numbers: Mapping[str, int], boot: Boot) -> tuple[dict[int, bytes], dict[int, str]]:
    """Return what boot writes into arm64 code, and what is refused. numbers: of CPU features by name."""
    present = set()
    for name in boot.features:
        if name not in numbers:
            known = ", ".join(numbers) or f"none, as {kernel.path} does not say their numbers"
            raise ScenarioError(Setting("cpu", name), f" is no CPU feature that ctxrace knows: {known}")
        present.add(numbers[name])
    new, computed = arm64_patches(kernel, frozenset(present))
    refused = {}
    for at, function in computed.items():
        callback = kernel.elf.symbol_at(function)
        maker = callback.name if callback else f"{function:#x}"
        refused[at] = f"boot computes this instruction, by {maker}(){AFTER_BOOT}"
    return dict(new), refused


def _runtime_constants(kernel: Vmlinux) -> dict[int, str]:
    """Return why instructions are refused whose operand boot puts in (include/asm-generic/runtime-const.h)."""
    refused: dict[int, str] = {}
    for section in kernel.elf.sections:
        if section.name.startswith(("runtime_ptr_", "runtime_shift_")):
            data = kernel.elf.contents(section.name)
            name = section.name.removeprefix("runtime_").partition("_")[2]
            for at in range(0, len(data) - 3, 4):
                spend(READING_TABLES)
                place = section.address + at + int.from_bytes(data[at : at + 4], "little", signed=True)
                # x86 names the operand, which lies behind the code and the prefixes of the instruction.
                before = 3 if kernel.arch.elf_machine == "EM_X86_64" else 0
                why = f"boot puts {name} into this instruction{AFTER_BOOT}"
                refused |= dict.fromkeys(range(place - before, place + 1), why)
    return refused


def _switched(kernel: Vmlinux, name: str, on: bool) -> dict[int, bytes]:
    """Return the new instructions of all sites of the static key `name`."""
    key = kernel.elf.address(name)
    sites = [site for site in jump_labels(kernel) if site.key == key]
    if not sites:
        raise ScenarioError(Setting("static_key", name), ": the kernel tests no static key of that name")
    # Of a key that another object has, the site itself says whether it is on.
    now = key_on(kernel, key) if kernel.read(key, 4) is not None else _jumps(kernel, sites[0]) != sites[0].likely
    if now == on:
        return {}
    return {site.code: _site(kernel, site, on) for site in sites}


def _jumps(kernel: Vmlinux, site: JumpLabel) -> bool:
    """Return whether the site is a branch, as it is linked."""
    if kernel.arch.elf_machine == "EM_X86_64":
        return kernel.read(site.code, 1) in (b"\xe9", b"\xeb")
    return kernel.read(site.code, 4) != bytes.fromhex("1f2003d5")


def _site(kernel: Vmlinux, site: JumpLabel, on: bool) -> bytes:
    if kernel.arch.elf_machine == "EM_X86_64":
        size = x86_site(kernel, site.code)
        return x86_jump(site.code, site.target, size) if site.jumps(on) else x86_no_operation(size)
    return _branch(kernel, site.code, site.target) if site.jumps(on) else bytes.fromhex("1f2003d5")


def replaced(kernel: Vmlinux, symbols: Mapping[str, Symbol]) -> dict[int, bytes]:
    """Return what goes to the harness in the place of the kernel's functions, and what makes the scheduler return.

    symbols: what the harness defines.
    """
    patches, machine = {}, kernel.arch.elf_machine
    for name in _SCHEDULER:
        for symbol in kernel.elf.symbols.get(name, ()):
            code = _RETURN_ZERO[machine]
            # A function that has room for a return alone returns nothing that anybody reads.
            patches[symbol.address] = code[-_RETURN[machine] :] if 0 < symbol.size < len(code) else code
    for name, symbol in symbols.items():
        for same in kernel.elf.symbols.get(name, ()):
            if same.kind == "function" and same.address != symbol.address:
                patches[same.address] = _branch(kernel, same.address, symbol.address)
    return patches


def _branch(kernel: Vmlinux, source: int, target: int) -> bytes:
    """Return the jump to `target` as it stands at `source`."""
    if kernel.arch.elf_machine == "EM_X86_64":
        return x86_jump(source, target, 5)
    offset = target - source >> 2
    if not -_FAR <= offset < _FAR:
        raise ImageError(f"boot makes a branch from {source:#x} to {target:#x}, which is too far; is the file damaged?")
    return (0x1400_0000 | offset & 0x3FF_FFFF).to_bytes(4, "little")
