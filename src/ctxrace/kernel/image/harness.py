"""A C harness for a kernel image: compiled with the kernel's types, linked beside it, and joined with it.

What the harness leaves undefined is the kernel's. What it defines, and the kernel has too, replaces the kernel's.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ctxrace.core.errors import ImageError, ScenarioError
from ctxrace.core.setting import Setting
from ctxrace.kernel.image.boot import AS_IT_IS, Boot, booted, replaced
from ctxrace.kernel.image.c_types import c_types
from ctxrace.kernel.image.kernel_image import KernelImage
from ctxrace.kernel.image.vmlinux import Vmlinux
from ctxrace.kernel.image.written import stubs_file
from ctxrace.machine.arch import Architecture
from ctxrace.machine.btf import Btf
from ctxrace.machine.build.cache import digest, opened, store
from ctxrace.machine.build.pahole import btf_of_dwarf, installed_pahole
from ctxrace.machine.image import load_image
from ctxrace.machine.inputs import MOST_SOURCE, contents
from ctxrace.machine.large_dwarf import LargeDebugInformation
from ctxrace.machine.toolchain import UndefinedError, compile_c, default_cache, find_compiler

__all__ = ["Harness", "load_harness"]

_WORD = re.compile(r"[A-Za-z_]\w*")
_TAG = re.compile(r"\b(struct|union|enum)\s+([A-Za-z_]\w*)")
_INCLUDED = re.compile(r'^\s*#\s*include\s*[<"]((?:linux|asm|uapi|generated)/[\w/.-]+\.h)[>"]', re.MULTILINE)
_CALLED_BY_COMPILERS = ("memcpy", "memset", "memmove", "memcmp", "strlen", "__stack_chk_fail")
_BESIDE = 0x600_0000
"""How far behind the kernel's text the harness lies, in bytes: a direct branch of arm64 reaches 128 MiB."""
_PERCPU_BESIDE = 0x400_0000
_NULL = "#ifndef NULL\n#define NULL ((void *)0)\n#endif\n"  # a macro, of which BTF knows nothing

_SCRIPT = """\
SECTIONS {
%(provided)s
  . = %(text)#x;
  .text : { *(.text .text.*) }
  .rodata : ALIGN(4096) { *(.rodata .rodata.*) }
  .ctxrace 0 (INFO) : { KEEP(*(.ctxrace)) }
  .data : ALIGN(4096) { *(.data .data.[!.]*) }
  .bss : { *(.bss .bss.* COMMON) }
  .data..percpu %(percpu)#x : { *(.data..percpu .data..percpu..*) }
  /DISCARD/ : { *(.comment .note.* .ctxrace.refs) }
}
"""


@dataclass(frozen=True, slots=True)
class Harness:
    """A harness with its kernel. compiler, messages: who compiled it, and what that printed."""

    image: KernelImage
    compiler: str
    messages: str


def load_harness(
    path: Path,
    kernel_path: Path,
    arch: Architecture,
    *,
    cc: str | None = None,
    optimize: str = "-O2",
    flags: Sequence[str] = (),
    include: Sequence[Path] = (),
    boot: Boot = AS_IT_IS,
    stubs: Mapping[str, int] = MappingProxyType({}),
    tree: Path | None = None,
    cache: Path | None = None,
) -> Harness:
    """Compile the C file `path`, link it beside the kernel in `kernel_path`, and return both as one image.

    include: directories of headers. boot: how the kernel was booted. stubs: functions of which all that matters is the
    number that they return, by name. tree: the kernel's sources, whose lines are shown. The other arguments are those
    of `ctxrace.kernel.program.load`.
    Raises `CtxraceError`: not a kernel, without symbols or BTF, or a harness that does not compile or fit.
    """
    kernel = Vmlinux(kernel_path, arch)
    cache = cache or default_cache()
    types = _types(kernel, cache)
    text = contents(path, MOST_SOURCE, ScenarioError).decode("utf-8", "replace")
    words = frozenset([*_WORD.findall(text), *map(" ".join, _TAG.findall(text))])
    headers = _write_headers(types, text, words, cache)
    compiler = find_compiler(cc, arch, cache=cache)
    configured = [f"-DCTXRACE_PREEMPT_RCU={int(kernel.preemptible_rcu)}", "-fms-extensions", "-Wno-microsoft-anon-tag"]
    try:
        build = compile_c(
            path,
            arch=arch,
            compiler=compiler,
            optimize=optimize,
            flags=[*configured, "-include", str(headers / "vmlinux.h"), *flags],
            include=[headers, *include],
            more=[stubs_file(stubs, cache)] if stubs else [],
            linker_script=_script(kernel, words),
            cache=cache,
        )
    except UndefinedError as error:
        raise ScenarioError(*_undefined(path, kernel, error.missing)) from None
    harness = load_image(build.path, arch, headers=tuple(include), shown=path)
    harness.name = str(path)
    patches, refused = booted(kernel, types, boot)
    patches = {**patches, **replaced(kernel, harness.symbols)}
    image = KernelImage(harness, kernel, types, patches, refused, tree)
    image.name = str(path)
    return Harness(image, f"{compiler.description} {build.optimize}", build.messages)


def _types(kernel: Vmlinux, cache: Path) -> Btf:
    """Return the kernel's types, from its BTF or else its DWARF; raise `ImageError` where neither tells them."""
    data = kernel.elf.contents(".BTF")
    if data:
        return Btf(data)
    unknown = f"{kernel.path} has no BTF: the layout of its types cannot be known; "
    if kernel.elf.section(".debug_info") is None:
        raise ImageError(f"{unknown}build it with CONFIG_DEBUG_INFO_BTF")
    pahole = installed_pahole()
    if pahole is None:
        raise ImageError(
            f"{unknown}install pahole, which reads it from the DWARF (type: apt-get install dwarves), or build the "
            "kernel with CONFIG_DEBUG_INFO_BTF=y"
        )
    return Btf(btf_of_dwarf(kernel.path, pahole, cache))


def _write_headers(types: Btf, text: str, words: Iterable[str], cache: Path) -> Path:
    """Return a directory with vmlinux.h, and with a page that includes it for each kernel header that `text` names."""
    content = f"#pragma once\n{c_types(types, words)}{_NULL}#include <ctxrace/scenario.h>\n"
    included = sorted(set(_INCLUDED.findall(text)))
    folder = cache / f"types-{digest(content, *included)}"
    opened(cache)
    for name in ("vmlinux.h", *included):
        if not (folder / name).is_file():
            (folder / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            store(folder / name, (content if name == "vmlinux.h" else "#include <vmlinux.h>\n").encode())
    return folder


def _undefined(path: Path, kernel: Vmlinux, missing: Mapping[str, str]) -> Iterator[str | Setting]:
    """Say what a harness uses and nothing defines, where it does, and what to do about it."""
    lines = LargeDebugInformation(kernel.elf)
    yield f"{path} uses what neither it nor {kernel.path} defines: "
    for number, (name, where) in enumerate(missing.items()):
        same = kernel.elf.symbols.get(name, ())
        found = {symbol.address: lines.line_at(symbol.address) for symbol in same[:4]}
        places = [f"{line.path.name}:{line.line}" if line else f"{at:#x}" for at, line in found.items()]
        several = f", which is {len(same)} static functions or variables ({', '.join(places)})" if same else ""
        yield f"{'; ' if number else ''}{name} (referenced by {where}){several}"
    yield "; define it there, declare it static where it is meant to be your own, or pass "
    yield Setting("stub", next(iter(missing)))


def _script(kernel: Vmlinux, words: Iterable[str]) -> str:
    """Return the linker script: the harness behind the kernel, with the kernel's addresses for what it names."""
    provided = []
    for name in sorted({*words, *_CALLED_BY_COMPILERS}):
        same = kernel.elf.symbols.get(name, ())
        if len({symbol.address for symbol in same}) == 1:
            provided.append(f"  PROVIDE({name} = {same[0].address:#x});")
    text, percpu = kernel.elf.address("_text") + _BESIDE, kernel.per_cpu.start + _PERCPU_BESIDE
    return _SCRIPT % {"provided": "\n".join(provided), "text": text, "percpu": percpu}
