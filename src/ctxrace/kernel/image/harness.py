"""A C harness for a kernel image: compiled with the kernel's types, linked beside it, and joined with it.

What the harness leaves undefined is the kernel's. What it defines, and the kernel has too, replaces the kernel's.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ctxrace.core.errors import ImageError, ScenarioError
from ctxrace.kernel.image.alternatives import ARM64_FEATURES, arm64_capabilities, arm64_patches
from ctxrace.kernel.image.c_types import c_types
from ctxrace.kernel.image.jump_labels import jump_labels, key_on
from ctxrace.kernel.image.kernel_image import KernelImage
from ctxrace.kernel.image.vmlinux import Vmlinux
from ctxrace.machine.arch import Architecture
from ctxrace.machine.btf import Btf, TypeKind
from ctxrace.machine.build.cache import digest, opened, store
from ctxrace.machine.image import Symbol, load_image
from ctxrace.machine.toolchain import compile_c, default_cache, find_compiler

__all__ = ["Boot", "Harness", "load_harness"]

_WORD = re.compile(r"[A-Za-z_]\w*")
_INCLUDED = re.compile(r'^\s*#\s*include\s*[<"]((?:linux|asm|uapi|generated)/[\w/.-]+\.h)[>"]', re.MULTILINE)
_CALLED_BY_COMPILERS = ("memcpy", "memset", "memmove", "memcmp", "strlen", "__stack_chk_fail")
_BESIDE = 0x600_0000
"""How far behind the kernel's text the harness lies, in bytes: a direct branch of arm64 reaches 128 MiB."""
_PERCPU_BESIDE = 0x400_0000
_NULL = "#ifndef NULL\n#define NULL ((void *)0)\n#endif\n"  # a macro, of which BTF knows nothing
_SCHEDULER = ("preempt_schedule", "preempt_schedule_notrace", "preempt_schedule_irq", "schedule", "__cond_resched")
"""The entries of the scheduler: where a task may lose the CPU is for the context rules, so they return at once."""

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
class Boot:
    """Say how the kernel was booted.

    features: what the CPU has, by the names of `ARM64_FEATURES`. keys: static keys by name, and whether each is on;
    others are as the image has them. edits: bytes that take the place of the image's, by address.
    """

    features: tuple[str, ...] = ()
    keys: tuple[tuple[str, bool], ...] = ()
    edits: tuple[tuple[int, bytes], ...] = ()


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
    booted: Boot = Boot(),
    cache: Path | None = None,
) -> Harness:
    """Compile the C file `path`, link it beside the kernel in `kernel_path`, and return both as one image.

    include: directories of headers; the other arguments are those of `ctxrace.kernel.program.load`.
    Raises `CtxraceError`: not a kernel, without symbols or BTF, or a harness that does not compile or fit.
    """
    kernel = Vmlinux(kernel_path, arch)
    types = _types(kernel)
    cache = cache or default_cache()
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        raise ScenarioError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    words = frozenset(_WORD.findall(text))
    headers = _write_headers(types, text, words, cache)
    compiler = find_compiler(cc, arch, cache=cache)
    configured = [f"-DCTXRACE_PREEMPT_RCU={int(kernel.preemptible_rcu)}", "-fms-extensions", "-Wno-microsoft-anon-tag"]
    build = compile_c(
        path,
        arch=arch,
        compiler=compiler,
        optimize=optimize,
        flags=[*configured, "-include", str(headers / "vmlinux.h"), *flags],
        include=[headers, *include],
        linker_script=_script(kernel, words),
        cache=cache,
    )
    harness = load_image(build.path, arch, headers=tuple(include))
    harness.name = str(path)
    patches, refused = _booted(kernel, types, booted)
    patches = {**patches, **_replaced(kernel, harness.symbols, arch)}
    image = KernelImage(harness, kernel, types, patches, refused)
    image.name = str(path)
    return Harness(image, f"{compiler.description} {build.optimize}", build.messages)


def _types(kernel: Vmlinux) -> Btf:
    data = kernel.elf.contents(".BTF")
    if not data:
        raise ImageError(
            f"{kernel.path} has no BTF: the layout of its types cannot be known; build it with CONFIG_DEBUG_INFO_BTF"
        )
    return Btf(data)


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


def _script(kernel: Vmlinux, words: Iterable[str]) -> str:
    """Return the linker script: the harness behind the kernel, with the kernel's addresses for what it names."""
    provided = []
    for name in sorted({*words, *_CALLED_BY_COMPILERS}):
        same = kernel.elf.symbols.get(name, ())
        if len({symbol.address for symbol in same}) == 1:
            provided.append(f"  PROVIDE({name} = {same[0].address:#x});")
    text, percpu = kernel.elf.address("_text") + _BESIDE, kernel.per_cpu.start + _PERCPU_BESIDE
    return _SCRIPT % {"provided": "\n".join(provided), "text": text, "percpu": percpu}


def _booted(kernel: Vmlinux, types: Btf, booted: Boot) -> tuple[dict[int, bytes], dict[int, str]]:
    """Return what boot writes into the kernel's code, and why some of its addresses are refused."""
    patches: dict[int, bytes] = {}
    if kernel.arch.elf_machine != "EM_AARCH64":
        raise ImageError(f"{kernel.path} is for {kernel.arch.name}; kernel images are checked for arm64 only, so far")
    struct = types.named("arm64_cpu_capabilities", TypeKind.STRUCT)
    places = [types.member("arm64_cpu_capabilities", name) for name in ("desc", "capability")]
    if struct is None or places[0] is None or places[1] is None:
        raise ImageError(f"the BTF of {kernel.path} has no struct arm64_cpu_capabilities; is it a whole kernel's?")
    numbers = arm64_capabilities(kernel, types.size(struct), places[0].start, places[1].start)
    present = set()
    for name in booted.features:
        if ARM64_FEATURES.get(name) not in numbers:
            raise ScenarioError(f"--cpu {name}: no such CPU feature; ctxrace has: {', '.join(ARM64_FEATURES)}")
        present.add(numbers[ARM64_FEATURES[name]])
    new, computed = arm64_patches(kernel, frozenset(present))
    patches.update(new)
    refused = {
        at: f"boot computes the instruction at {kernel.elf.symbol_at(at)}, by a function at {callback:#x}"
        for at, callback in computed.items()
    }
    for name, on in booted.keys:
        patches.update(_switched(kernel, name, on))
    for address, data in booted.edits:
        if kernel.read(address, len(data)) is None:
            raise ScenarioError(f"--patch {address:#x}: the kernel has nothing there")
        patches[address] = data
    return patches, refused


def _switched(kernel: Vmlinux, name: str, on: bool) -> dict[int, bytes]:
    """Return the new instructions of all sites of the static key `name`."""
    key = kernel.elf.address(name)
    sites = [site for site in jump_labels(kernel) if site.key == key]
    if not sites:
        raise ScenarioError(f"--static-key {name}: the kernel tests no static key of that name")
    if key_on(kernel, key) == on:
        return {}
    nop = bytes.fromhex("1f2003d5")
    return {site.code: _branch(site.code, site.target) if site.jumps(on) else nop for site in sites}


def _replaced(kernel: Vmlinux, symbols: Mapping[str, Symbol], arch: Architecture) -> dict[int, bytes]:
    """Return what goes to the harness in the place of the kernel's functions, and what makes the scheduler return."""
    assert arch.elf_machine == "EM_AARCH64"
    patches = {}
    for name in _SCHEDULER:
        for symbol in kernel.elf.symbols.get(name, ()):
            patches[symbol.address] = bytes.fromhex("00008052c0035fd6")  # mov w0, #0; ret
    for name, symbol in symbols.items():
        for same in kernel.elf.symbols.get(name, ()):
            if same.kind == "function":
                patches[same.address] = _branch(same.address, symbol.address)
    return patches


def _branch(source: int, target: int) -> bytes:
    """Return arm64's ``b target`` as it stands at `source`."""
    return (0x1400_0000 | (target - source >> 2) & 0x3FF_FFFF).to_bytes(4, "little")
