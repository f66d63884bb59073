"""From a file to a program that can be checked: compiled the way the kernel compiles, linked, loaded."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ctxrace.core.errors import ScenarioError, ToolchainError
from ctxrace.core.limits import uncollected
from ctxrace.core.setting import Setting
from ctxrace.kernel.change import UNCHANGED, ScenarioChange
from ctxrace.kernel.hints import hinting
from ctxrace.kernel.image.linker_script import linker_script
from ctxrace.kernel.image.plain.convert import architecture_of_bootable
from ctxrace.kernel.option import Option
from ctxrace.kernel.scenario import Scenario, declared_scenario, declares_preemption
from ctxrace.machine.arch import Architecture, architecture
from ctxrace.machine.image import Image, load_image
from ctxrace.machine.objects.relocatable import architecture_of
from ctxrace.machine.toolchain import compile_c, find_compiler, link_object

__all__ = ["BUILD", "DEFAULT_ARCH", "INCLUDE", "OF_KERNELS", "Build", "Program", "is_source", "load"]

DEFAULT_ARCH = "arm64"
_SOURCES = (".c", ".i", ".S", ".s")
_PANEL = "Kernel image"
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
OBJECTS = (".o", ".ko")
MOST_ARGUMENTS = 6  # that x86-64 passes in registers
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

    arch: the architecture, None for that of the first object or image, or arm64.
    cc: a compiler's command line, None for the clang that comes with ctxrace.
    optimize: ``-O0`` to ``-Os``, None for ``-O2``. flags: more for the compiler.
    kernel: the vmlinux that the C file is a harness for. cpu: features of the CPU on which it was booted; static_key:
    static keys that are on or off; patch: bytes that take the place of the kernel's, by address; stub: functions of
    which all that matters is the number that they return. source: the kernel's source tree, whose lines are shown.
    objects: more object files and modules, which are linked with the file. arg: what entries that take arguments are
    given, by name.
    """

    arch: str | None = None
    cc: str | None = None
    optimize: str | None = None
    flags: tuple[str, ...] = ()
    kernel: str | None = None
    cpu: tuple[str, ...] | None = None
    static_key: tuple[tuple[str, bool], ...] | None = None
    patch: tuple[tuple[int, bytes], ...] | None = None
    stub: tuple[tuple[str, int], ...] | None = None
    source: str | None = None
    arg: tuple[tuple[str, tuple[str, ...]], ...] | None = None
    objects: tuple[str, ...] = ()

    @property
    def architecture(self) -> str:
        """The architecture of C files that stand alone."""
        return self.arch or DEFAULT_ARCH

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
        if self.kernel is not None and not (self.objects and is_source(path)):
            return self._load_harness(Path(path), change, cache)
        if self._is_linked(Path(path)):
            return self._load_objects(Path(path), change, cache)
        for name in ("cpu", "static_key", "patch", "source"):
            if getattr(self, name) is not None:
                raise ScenarioError(Setting(name), f" is for kernel images and for objects, and {path} is neither")
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
        return load(path, arch=self._target(path).name, cc=self.cc, optimize=self.optimize, flags=flags, cache=cache)

    def _target(self, *files: str | Path) -> Architecture:
        """Return the architecture to build for: the one that was asked for, or that of the first of `files` in ELF."""
        if self.arch is not None:
            return architecture(self.arch)
        named = map(Path, (*files, *self.objects))
        known = (architecture_of(file) or architecture_of_bootable(file) for file in named)
        return next((arch for arch in known if arch is not None), architecture(DEFAULT_ARCH))

    def _is_linked(self, path: Path) -> bool:
        """Return whether `path` is more than one object or image that stands for itself."""
        if self.objects or self.arg or self.stub:
            return True
        if path.suffix not in OBJECTS:
            return False
        from ctxrace.kernel.image.objects import needs_linking

        return needs_linking(path, self._target(path))

    def _load_objects(self, path: Path, change: ScenarioChange, cache: Path | None) -> Program:
        # Imported where needed: most files are no kernel's, and of a small check most is the start of Python.
        from ctxrace.kernel.image.boot import Boot
        from ctxrace.kernel.image.objects import Sources, load_objects
        from ctxrace.kernel.image.uncalled import refuse_uncalled

        harness = path if is_source(path) else None
        paths = [*([] if harness else [path]), *map(Path, self.objects)]
        if not paths or any(one.suffix not in OBJECTS for one in paths):
            wrong = next((one for one in paths if one.suffix not in OBJECTS), path)
            given = next((name for name in ("stub", "arg") if getattr(self, name)), None)
            how = f"{wrong} is no object; name a .o or .ko, before it a C file where it needs one, and after -- flags"
            raise ScenarioError(Setting(given), " is for objects, and ", how) if given else ScenarioError(how)
        if harness is None:
            _refuse_compiling(path, self.cc, self.optimize, self.flags)
        sources = Sources(
            harness, self.cc, self.optimize or "-O2", (*change.configuration, *self.flags), [INCLUDE],
            dict(self.stub or ()), dict(self.arg or ()),
        )  # fmt: skip
        boot = Boot(self.cpu or (), self.static_key or (), self.patch or ())
        if self.kernel is not None and not Path(self.kernel).is_dir():
            raise ScenarioError(
                Setting("kernel", self.kernel),
                " is no build tree, and objects were named; name the directory they were built in, or leave them out",
            )
        target = self._target(*(Path(self.kernel or "") / one for one in paths))
        made = load_objects(paths, target, sources, boot=boot, tree=self.kernel, cache=cache)
        declared = declared_scenario(made.image)
        if made.preemption is not None and not declares_preemption(made.image):
            declared = replace(declared, preemption=made.preemption)
        scenario = change.apply(declared)
        made.image.entries = scenario.entries
        refuse_uncalled(made.image, _named(scenario))
        return Program(str(path), made.image, made.compiler, made.messages, declared, build=self)

    def _load_harness(self, path: Path, change: ScenarioChange, cache: Path | None) -> Program:
        from ctxrace.kernel.image.boot import Boot
        from ctxrace.kernel.image.harness import load_harness
        from ctxrace.kernel.image.uncalled import refuse_uncalled

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
            self._target(kernel),
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
        refuse_uncalled(made.image, _named(scenario))
        return Program(str(path), made.image, made.compiler, made.messages, declared, build=self)


def _named(scenario: Scenario) -> set[str]:
    """Return the functions and variables that a scenario names."""
    return {*scenario.entries, *(name for prop in scenario.properties for name in prop.subjects)}


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


def _arg(value: object) -> tuple[str, tuple[str, ...]]:
    """Return an entry and its arguments, from ``name=1,&table``."""
    entry, given, values = str(value).partition("=")
    words = tuple(word.strip() for word in values.split(","))
    if not _NAME.fullmatch(entry) or not given or not all(words) or len(words) > MOST_ARGUMENTS:
        raise ScenarioError(
            Setting("arg", str(value)), f" is not ENTRY=VALUE[,VALUE], with at most {MOST_ARGUMENTS} values"
        )
    return entry, words


BUILD = (
    Option("arch", "NAME", "the architecture; default: arm64", str,
           lambda arch: [] if arch == DEFAULT_ARCH else [arch]),
    Option("cc", "COMMAND", "the compiler; default: clang from pip", str),
    Option("optimize", "LEVEL", "0, 1, 2, 3, s, z or g; default: 2", _level,
           lambda level: [level.removeprefix("-O")], flag="-O"),
    Option("kernel", "VMLINUX|DIR", "the kernel image that has what FILE leaves undefined; or a build tree", str,
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
    Option("arg", "ENTRY=VALUE[,VALUE]", "what ENTRY of an object is given: numbers, 0..3 for any of these, variables",
           lambda words: tuple(map(_arg, words)), lambda args: [f"{name}={','.join(values)}" for name, values in args],
           repeated=True, in_claims=False, panel=_PANEL),
    Option("source", "DIR", "the kernel's source tree, whose lines are shown", _tree, in_claims=False, panel=_PANEL),
)  # fmt: skip
"""The options of `Build`, but for the flags, which stand at the end of a command line."""


OF_KERNELS = tuple(option.name for option in BUILD if option.panel == _PANEL)
"""The names of those that are about kernel images and objects."""


def is_source(path: str | Path) -> bool:
    """Return whether `path` is compiled; what is not is taken as machine code."""
    return Path(path).suffix in _SOURCES


def _refuse_compiling(path: Path, cc: str | None, optimize: str | None, flags: Sequence[str]) -> None:
    if cc or optimize or flags:
        given = Setting("cc", cc) if cc else Setting("optimize", optimize) if optimize else flags[0]
        raise ScenarioError(given, f" is for C files, and {path} is taken as machine code; leave it out")


@uncollected()
def load(
    path: str | Path,
    *,
    arch: str = "arm64",
    cc: str | None = None,
    optimize: str | None = None,
    flags: Sequence[str] = (),
    more: Sequence[Path] = (),
    more_flags: Sequence[str] = (),
    cache: Path | None = None,
) -> Program:
    """Compile and load a C file, or load an object file or a linked executable.

    cc: a compiler's command line, None for the clang that comes with ctxrace; optimize: ``-O0`` to ``-Os``,
    default ``-O2``; flags: more for the compiler; more: C or assembler files that are linked with a C file.
    more_flags: for these files alone. cache: where builds are kept, None for the user's cache.
    Raises `CtxraceError` for whatever cannot be compiled, linked or read.
    """
    path = Path(path)
    target = architecture(arch)
    if is_source(path):
        compiler = find_compiler(cc, target, cache=cache)
        with hinting(INCLUDE / "ctxrace" / "scenario.h"):
            build = compile_c(
                path,
                arch=target,
                compiler=compiler,
                optimize=optimize or "-O2",
                flags=flags,
                include=[INCLUDE],
                more=more,
                more_flags=more_flags,
                linker_script=linker_script(target),
                cache=cache,
            )
        made_by, messages, linked = f"{compiler.description} {build.optimize}", build.messages, build.path
    else:
        _refuse_compiling(path, cc, optimize, (*flags, *map(str, more)))
        made_by, messages, linked = "not known", "", path
        if path.suffix == ".o":
            build = link_object(path, target, linker_script(target), cache)
            messages, linked = build.messages, build.path
    image = load_image(linked, target, headers=(INCLUDE,), shown=path)
    image.name = str(path)
    return Program(str(path), image, made_by, messages, declared_scenario(image))
