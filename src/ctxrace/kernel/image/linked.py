"""Objects and modules as they are, with a harness or without: linked as one program, and as boot leaves them.

What neither the objects nor the harness define is one of our models (kernel/models), or nothing: then it is refused
where a run comes to it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ctxrace.core.errors import ImageError, ScenarioError
from ctxrace.kernel.image.boot import Boot, booted_objects, replaced
from ctxrace.kernel.image.booted_image import BootedImage, after_boot
from ctxrace.kernel.image.task_struct import TaskStruct
from ctxrace.kernel.image.undefined import Undefined, undefined_callees
from ctxrace.kernel.image.vmlinux import Vmlinux
from ctxrace.machine.arch import Architecture
from ctxrace.machine.elf.sections import Section
from ctxrace.machine.image import Image, Symbol, load_image
from ctxrace.machine.objects.join import joined
from ctxrace.machine.objects.relocatable import ObjectFile, read_object

__all__ = ["Parts", "link"]

_UNDEFINED = 0x500_0000
"""How far behind the text lies what nothing defines, in bytes: a direct branch of arm64 reaches 128 MiB."""
_SLOT = 0x5000
_IN_SLOT = 0x1000  # what is before a name may be reached, too, as with container_of()
_BEHIND = 0x10_0000
_MOST_UNDEFINED = 3000
_LINKABLE = re.compile(r"[A-Za-z_.$][\w.$]*", re.ASCII)
_TRAP = {"EM_AARCH64": bytes.fromhex("000020d4"), "EM_X86_64": bytes.fromhex("0f0b9090"),
         "EM_RISCV": bytes.fromhex("73001000")}  # fmt: skip
"""brk, ud2 or ebreak, so that what is undefined may be looked at as code."""
_OF_EVERY_MODULE = frozenset({"init_module", "cleanup_module", "__this_module"})

_SCRIPT = """\
SECTIONS {
%(provided)s
  . = %(text)#x;
  _text = .;
  .text : { *(.text .text.* .noinstr.text .sched.text .spinlock.text .kprobes.text .init.text .exit.text) }
  .rodata : ALIGN(4096) { *(.rodata .rodata.* .data.rel.ro .data.rel.ro.*) }
  .ctxrace 0 (INFO) : { KEEP(*(.ctxrace)) }
  .data..percpu : ALIGN(4096) { __per_cpu_start = .; *(.data..percpu .data..percpu..*) __per_cpu_end = .; }
  .data : ALIGN(4096) { *(.data .data.*)
    . = ALIGN(8); __start___jump_table = .; KEEP(*(__jump_table)) __stop___jump_table = .;
    . = ALIGN(8); __start_mcount_loc = .; KEEP(*(__mcount_loc)) __stop_mcount_loc = .; }
  .bss : { *(.bss .bss.* COMMON) }
  /DISCARD/ : { *(.comment .note.* .ctxrace.refs .discard.* .modinfo .BTF .BTF.*) }
}
"""


@dataclass(frozen=True)
class Parts:
    """Say what is linked.

    harness: objects of the user's C files, whose definitions go before all others; objects: the code under test;
    library: our models, of which only those are taken that define what is missing. struct: where tasks have what.
    capabilities: the numbers of CPU features by name.
    """

    arch: Architecture
    harness: Sequence[Path]
    objects: Sequence[ObjectFile]
    library: Sequence[Path]
    struct: TaskStruct
    boot: Boot
    name: str
    capabilities: Mapping[str, int]
    headers: tuple[Path, ...] = ()


def link(parts: Parts, cache: Path | None) -> BootedImage:
    """Return the parts as one image; raise `CtxraceError` where they do not fit together."""
    mine = [read_object(path, parts.arch) for path in parts.harness]
    models = [read_object(path, parts.arch) for path in parts.library]
    _refuse_duplicates(parts.objects)
    everything = [*mine, *parts.objects, *models]
    defined = frozenset().union(*(one.defined | one.weak for one in everything))
    missing = sorted(frozenset().union(*(one.undefined for one in everything)) - defined)
    if len(missing) > _MOST_UNDEFINED:
        raise ImageError(f"{parts.name} leaves {len(missing):,} names undefined; name what defines them, too")
    for name in missing:
        if not _LINKABLE.fullmatch(name):  # it would be a part of the linker's script
            raise ImageError(f"{parts.name} leaves {name[:100]!r} undefined, a name that no linker script can have")
    slots = {name: _slot(parts.arch, number) for number, name in enumerate(missing)}
    paths = [*parts.harness, *(one.path for one in parts.objects)]

    def made(places: Mapping[str, int]) -> Vmlinux:
        provided = "\n".join(f"  PROVIDE({name} = {address:#x});" for name, address in places.items())
        script = _SCRIPT % {"provided": provided, "text": parts.arch.text}
        return Vmlinux(joined(paths, parts.arch, script, library=parts.library, cache=cache).path, parts.arch)

    kernel = made(slots)
    static = _static(parts, mine, kernel, slots)
    if static:
        kernel = made({**slots, **static})
        if any(address not in {same.address for same in kernel.elf.symbols[name]} for name, address in static.items()):
            raise ImageError(f"{parts.name}: the linker moved what it had placed; name fewer objects")
    slots = {name: address for name, address in slots.items() if name not in static}
    _refuse_undefined(parts, mine, slots)
    linked = load_image(kernel.path, parts.arch, headers=parts.headers, shown=Path(parts.name))
    patches, refused = booted_objects(kernel, parts.boot, parts.capabilities)
    patches = {**patches, **replaced(kernel, _first(kernel, mine))}
    image = _image(parts, kernel, linked, patches, refused, slots)
    names = {address: name for name, address in slots.items()}
    others_have = (one.defined | one.weak | one.undefined | frozenset(one.local) for one in (*parts.objects, *models))
    image.names = frozenset({"_text"}).union(*others_have)
    # Its data lies among that of the others, all of which may name its functions.
    places = [range(symbol.address, symbol.address + max(symbol.size, 1)) for symbol in _first(kernel, mine).values()]
    data = [range(it.address, it.address + len(it.data)) for it in image.sections if not it.executable]
    image.harness = (*places, *data) if mine else ()

    def others() -> Mapping[str, tuple[str, ...]]:
        return undefined_callees(image, image.entries, names)

    image.refuse({address: Undefined(name, others) for address, name in names.items()})
    return image


def _slot(arch: Architecture, number: int) -> int:
    return arch.text + _UNDEFINED + number * _SLOT + _IN_SLOT


def _refuse_duplicates(objects: Sequence[ObjectFile]) -> None:
    known: dict[str, Path] = {}
    for one in objects:
        for name in sorted(one.defined - _OF_EVERY_MODULE):
            if name in known:
                raise ImageError(f"{known[name]} and {one.path} both define {name}; leave one of them out")
            known[name] = one.path


def _static(
    parts: Parts, mine: Sequence[ObjectFile], kernel: Vmlinux, slots: Mapping[str, int]
) -> dict[str, int]:
    """Return the addresses of what a harness uses, and is a static function or variable of the objects."""
    local = frozenset(name for one in parts.objects for name in one.local)
    found: dict[str, int] = {}
    for name in sorted(frozenset().union(*(one.undefined for one in mine)) & local & slots.keys()):
        places = {symbol.address for symbol in kernel.elf.symbols.get(name, ())} - {slots[name]}
        if len(places) > 1:
            raise ScenarioError(
                f"{parts.name} uses {name}, which is {len(places)} static functions or variables of the objects; name "
                "fewer objects, or define one that calls what you mean"
            )
        found |= dict.fromkeys([name], places.pop()) if places else {}
    return found


def _refuse_undefined(parts: Parts, mine: Sequence[ObjectFile], slots: Mapping[str, int]) -> None:
    wanted = sorted(frozenset().union(*(one.undefined for one in mine)) & slots.keys())
    if wanted:
        objects = ", ".join(str(one.path) for one in parts.objects)
        raise ScenarioError(
            f"{parts.name} uses what neither it nor {objects} nor ctxrace's models define: {', '.join(wanted)}; define "
            "it there, or name the object that does"
        )


def _first(kernel: Vmlinux, mine: Sequence[ObjectFile]) -> dict[str, Symbol]:
    """Return the functions of the harness by name: it is linked first, so that of several it has the lowest address."""
    names = frozenset(name for one in mine for name in (*one.defined, *one.weak, *one.local))
    found = {name: min(kernel.elf.symbols.get(name, ()), key=lambda it: it.address, default=None) for name in names}
    return {name: symbol for name, symbol in found.items() if symbol is not None and symbol.kind == "function"}


def _image(
    parts: Parts,
    kernel: Vmlinux,
    linked: Image,
    patches: Mapping[int, bytes],
    refused: Mapping[int, str],
    slots: Mapping[str, int],
) -> BootedImage:
    sections = [*_sections(linked, patches), *_undefined_section(parts.arch, slots)]
    symbols = [*linked.all_symbols, *(Symbol(name, address, 4, "function") for name, address in slots.items())]
    image = BootedImage(
        parts.arch, linked.path, tuple(sections), tuple(symbols), linked.debug, parts.headers, linked.notes,
        task_struct=parts.struct, per_cpu=(kernel.per_cpu,) if kernel.per_cpu else (), refused=refused,
    )  # fmt: skip
    image.name = parts.name
    return image


def _sections(linked: Image, patches: Mapping[int, bytes]) -> Iterator[Section]:
    for section in linked.sections:
        data = after_boot(section.data, section.address, patches)
        yield replace(section, data=data, writable=False, until_written=section.writable and not section.executable)


def _undefined_section(arch: Architecture, slots: Mapping[str, int]) -> Iterator[Section]:
    if slots:
        start = arch.text + _UNDEFINED
        data = bytearray(max(slots.values()) + _BEHIND - start)  # the last one may be a large array
        for address in slots.values():
            trap = _TRAP[arch.elf_machine]
            data[address - start : address - start + len(trap)] = trap
        yield Section("what nothing defines", start, bytes(data), writable=False, executable=True, undefined=True)
