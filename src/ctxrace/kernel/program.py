"""From a file to a program that can be checked: compiled the way the kernel compiles, linked, loaded."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ctxrace.core.errors import ScenarioError, ToolchainError
from ctxrace.core.setting import Setting
from ctxrace.kernel.change import UNCHANGED, ScenarioChange
from ctxrace.kernel.image.boot import Boot
from ctxrace.kernel.image.harness import load_harness
from ctxrace.kernel.image.uncalled import refuse_uncalled
from ctxrace.kernel.model.layout import linker_script
from ctxrace.kernel.option import Option
from ctxrace.kernel.scenario import Scenario, declared_scenario, declares_preemption
from ctxrace.machine.arch import architecture
from ctxrace.machine.image import Image, load_image
from ctxrace.machine.toolchain import compile_c, find_compiler, link_object

__all__ = ["BUILD", "DEFAULT_ARCH", "INCLUDE", "Build", "Program", "is_source", "load"]

DEFAULT_ARCH = "arm64"
_SOURCES = (".c", ".i", ".S", ".s")
_PANEL = "Kernel image"
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_LEVELS = ("0", "1", "2", "3", "s", "z", "g")

INCLUDE = Path(__file__).parent / "include"
"""The directory of ``<ctxrace/kernel.h>``."""


@dataclass(frozen=True)
class Program:
    """Hold what is checked.

    name: the file as the user spelled it; compiler: who made the machine code, and how hard it optimised.
    messages: what the compiler printed, unchanged; scenario: what the source declares, with `change`.
    build: how it was made.
    """

    name: str
    image: Image
    compiler: str
    messages: str
    scenario: Scenario
    build: "Build | None" = None
    change: ScenarioChange = UNCHANGED


@dataclass(frozen=True, slots=True)
class Build:
    """Say how machine code is made.

    arch: the architecture. cc: a compiler's command line, None for the clang that comes with ctxrace.
    optimize: ``-O0`` to ``-Os``, None for ``-O2``. flags: more for the compiler.
    kernel: the vmlinux that the C file is a harness for. cpu: features of the CPU on which it was booted; static_key:
    static keys that are on or off; patch: bytes that take the place of the kernel's, by address; stub: functions of
    which all that matters is the number that they return. source: the kernel's source tree, whose lines are shown.
    """

    arch: str = DEFAULT_ARCH
    cc: str | None = None
    optimize: str | None = None
    flags: tuple[str, ...] = ()
    kernel: str | None = None
    cpu: tuple[str, ...] | None = None
    static_key: tuple[tuple[str, bool], ...] | None = None
    patch: tuple[tuple[int, bytes], ...] | None = None
    stub: tuple[tuple[str, int], ...] | None = None
    source: str | None = None

    def load(self, path: str | Path, change: ScenarioChange = UNCHANGED, *, cache: Path | None = None) -> Program:
        """Compile and load `path` as `load` does, its headers configured as `change` says.

        A static function that nothing calls is kept where `change` makes it an entry. Raises `CtxraceError`.
        """
        if change.configuration and not is_source(path):
            settings = [(name, getattr(change, name)) for name in ("rcu", "cpus", "preemption")]
            given = next(Setting(name, str(value)) for name, value in settings if value is not None)
            raise ScenarioError(
                given, f" is for the headers of C files, and {path} is taken as machine code; leave it out"
            )
        if self.kernel is not None:
            return self._load_harness(Path(path), change, cache)
        program = self._load(path, [*change.configuration, *self.flags], cache)
        unused = [name for name in change.entries if name not in program.image.symbols and _NAME.fullmatch(name)]
        if unused and Path(path).suffix == ".c":
            with TemporaryDirectory() as folder, suppress(ToolchainError):  # if they are not static, they do not exist
                header = Path(folder) / "entries.h"
                header.write_text("".join(f"static void {name}(void) __attribute__((used));\n" for name in unused))
                flags = [*change.configuration, "-include", str(header), *self.flags]
                program = self._load(path, flags, cache)
        return replace(program, build=self)

    def _load(self, path: str | Path, flags: Sequence[str], cache: Path | None) -> Program:
        return load(path, arch=self.arch, cc=self.cc, optimize=self.optimize, flags=flags, cache=cache)

    def _load_harness(self, path: Path, change: ScenarioChange, cache: Path | None) -> Program:
        assert self.kernel is not None
        if not is_source(path):
            raise ScenarioError(
                Setting("kernel", self.kernel),
                f" needs a harness in C, and {path} is none; to check an object by itself, leave it out",
            )
        kernel = Path(self.kernel)
        if kernel.is_dir():  # a build tree
            kernel /= "vmlinux"
            if not kernel.is_file():
                raise ScenarioError(Setting("kernel", self.kernel), " has no vmlinux; build one there: make vmlinux")
        made = load_harness(
            path,
            kernel,
            architecture(self.arch),
            cc=self.cc,
            optimize=self.optimize or "-O2",
            flags=self.flags,
            include=[INCLUDE],
            stubs=dict(self.stub or ()),
            tree=Path(self.source) if self.source is not None else None,
            boot=Boot(self.cpu or (), self.static_key or (), self.patch or ()),
            cache=cache,
        )
        declared = declared_scenario(made.image)
        if change.preemption is None and not declares_preemption(made.image):
            declared = replace(declared, preemption=made.image.kernel.preemption)
        scenario = change.apply(declared)
        named = {name for prop in scenario.properties for name in prop.subjects}
        refuse_uncalled(made.image, {*named, *scenario.entries})
        return Program(str(path), made.image, made.compiler, made.messages, declared, build=self)


def _key(value: object) -> tuple[str, bool]:
    """Return a static key and whether it is on, from ``name=on``."""
    name, _, state = str(value).partition("=")
    if state not in ("on", "off") or not name:
        raise ScenarioError(Setting("static_key", str(value)), " is not NAME=on or NAME=off")
    return name, state == "on"


def _stub(value: object) -> tuple[str, int]:
    """Return a function and what it returns, from ``name`` or ``name=1``."""
    name, given, number = str(value).partition("=")
    try:
        result = int(number, 0) if given else 0
    except ValueError:
        result = 1 << 64
    if not _NAME.fullmatch(name) or not -(1 << 63) <= result < 1 << 64:
        raise ScenarioError(Setting("stub", str(value)), " is not NAME or NAME=VALUE, a number of 64 bits")
    return name, result & 0xFFFF_FFFF_FFFF_FFFF


def _tree(value: object) -> str:
    """Return the directory of a kernel's sources."""
    if not Path(str(value)).is_dir():
        raise ScenarioError(Setting("source", str(value)), " is not a directory; name the kernel's source tree")
    return str(value)


def _patch(value: object) -> tuple[int, bytes]:
    """Return an address and the bytes there, from ``0xffff800080397dc8=1f2003d5``."""
    address, _, data = str(value).partition("=")
    try:
        at, new = int(address, 16), bytes.fromhex(data)
    except ValueError:
        at, new = 0, b""
    if not new or not 0 < at < 1 << 64 or len(new) > 64:
        raise ScenarioError(Setting("patch", str(value)), " is not ADDRESS=BYTES, both in hexadecimal digits")
    return at, new


def _level(value: object) -> str:
    """Return the compiler's flag for an optimisation level, as ``3`` or ``-O3``."""
    level = str(value).removeprefix("-O")
    if level not in _LEVELS:
        raise ScenarioError(Setting("optimize"), f" takes {', '.join(_LEVELS[:-1])} or {_LEVELS[-1]}, got {level!r}")
    return f"-O{level}"


BUILD = (
    Option("arch", "NAME", "the architecture; default: arm64", str,
           lambda arch: [] if arch == DEFAULT_ARCH else [arch]),
    Option("cc", "COMMAND", "the compiler; default: clang from pip", str),
    Option("optimize", "LEVEL", "0, 1, 2, 3, s, z or g; default: 2", _level,
           lambda level: [level.removeprefix("-O")], flag="-O"),
    Option("kernel", "VMLINUX", "the kernel image that has what FILE leaves undefined", str,
           in_claims=False, panel=_PANEL),
    Option("cpu", "FEATURE", "a feature of the CPU that the kernel was booted on: lse, erms",
           lambda words: tuple(map(str, words)), list, repeated=True, in_claims=False, panel=_PANEL),
    Option("static_key", "NAME=on|off", "a static key that is on or off", lambda words: tuple(map(_key, words)),
           lambda keys: [f"{name}={'on' if on else 'off'}" for name, on in keys],
           repeated=True, in_claims=False, panel=_PANEL),
    Option("patch", "ADDRESS=BYTES", "other bytes in the kernel's code", lambda words: tuple(map(_patch, words)),
           lambda edits: [f"{at:#x}={new.hex()}" for at, new in edits],
           repeated=True, in_claims=False, panel=_PANEL),
    Option("stub", "NAME[=VALUE]", "a function that only returns VALUE; default: 0",
           lambda words: tuple(map(_stub, words)), lambda stubs: [f"{name}={value:#x}" for name, value in stubs],
           repeated=True, in_claims=False, panel=_PANEL),
    Option("source", "DIR", "the kernel's source tree, whose lines are shown", _tree, in_claims=False, panel=_PANEL),
)  # fmt: skip
"""The options of `Build`, but for the flags, which stand at the end of a command line."""


def is_source(path: str | Path) -> bool:
    """Return whether `path` is compiled; what is not is taken as machine code."""
    return Path(path).suffix in _SOURCES


def load(
    path: str | Path,
    *,
    arch: str = "arm64",
    cc: str | None = None,
    optimize: str | None = None,
    flags: Sequence[str] = (),
    more: Sequence[Path] = (),
    cache: Path | None = None,
) -> Program:
    """Compile and load a C file, or load an object file or a linked executable.

    cc: a compiler's command line, None for the clang that comes with ctxrace; optimize: ``-O0`` to ``-Os``,
    default ``-O2``; flags: more for the compiler; more: C or assembler files that are linked with a C file.
    cache: where builds are kept, None for the user's cache.
    Raises `CtxraceError` for whatever cannot be compiled, linked or read.
    """
    path = Path(path)
    target = architecture(arch)
    if is_source(path):
        compiler = find_compiler(cc, target, cache=cache)
        build = compile_c(
            path,
            arch=target,
            compiler=compiler,
            optimize=optimize or "-O2",
            flags=flags,
            include=[INCLUDE],
            more=more,
            linker_script=linker_script(target),
            cache=cache,
        )
        made_by, messages, linked = f"{compiler.description} {build.optimize}", build.messages, build.path
    else:
        if cc or optimize or flags or more:
            given = Setting("cc", cc) if cc else Setting("optimize", optimize) if optimize else str((*flags, *more)[0])
            raise ScenarioError(given, f" is for C files, and {path} is taken as machine code; leave it out")
        made_by, messages, linked = "not known", "", path
        if path.suffix == ".o":
            build = link_object(path, target, linker_script(target), cache)
            messages, linked = build.messages, build.path
    image = load_image(linked, target, headers=(INCLUDE,))
    image.name = str(path)
    return Program(str(path), image, made_by, messages, declared_scenario(image))
