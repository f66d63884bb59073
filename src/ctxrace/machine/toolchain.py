"""C in, a linked ELF executable out: finds a compiler, compiles, links, and remembers the result by content.

The compiler that pip installs with ziglang is clang; it is started as ``zig clang`` because ``zig cc`` replaces
-O1 and -O3 by -O2, -Og by -O0, and defines NDEBUG. Its lld links the objects of every compiler.
"""

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctxrace.core.errors import ToolchainError
from ctxrace.core.setting import Setting
from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.build.cache import Built, Remembered, default_cache, digest, load, opened, remembered, store
from ctxrace.machine.build.flags import names_files
from ctxrace.machine.build.process import Processes, environment
from ctxrace.machine.build.programs import stamp, zig
from ctxrace.machine.elf.header import ELF_MAGIC, check_header
from ctxrace.machine.inputs import MOST_IMAGE, MOST_SOURCE, contents

__all__ = ["FLAGS", "MACHINE_FLAGS", "Build", "Compiler", "UndefinedError", "compile_c", "compile_object",
           "default_cache", "find_compiler", "link_object", "run_linker"]  # fmt: skip

LINK = ("ld.lld", "--build-id=none", "--error-limit=0", "-z", "norelro", "-e", "0")
SUFFIXES = (".c", ".i", ".S", ".s")
_READS_UNREPORTED = (b"incbin", b".include")
CLANG_VERSION = r"clang version (\S+)"
BUILTINS = frozenset({"memcpy", "memmove", "memset", "memcmp"})  # compilers call them for plain C, too

FLAGS = (
    *("-std=gnu11", "-g", "-ffreestanding", "-nostdlib", "-fno-pic", "-fno-pie"),
    *("-fno-stack-protector", "-fno-strict-aliasing", "-fno-strict-overflow", "-fno-common"),
    *("-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-fno-delete-null-pointer-checks"),
)
# Calls to out-of-line atomics go to libgcc, which is not there; the flag exists on this machine only.
MACHINE_FLAGS = {"EM_AARCH64": ("-mno-outline-atomics",)}


@dataclass(frozen=True)
class Compiler:
    """Say how to start one compiler for one architecture.

    command: program and the arguments that come first; flags: the user's, which come after ctxrace's own.
    family: ``zig``, ``clang`` or ``gcc``; description: name and version for readers.
    identity: differs whenever the compiler may produce different code.
    configured: whether a configuration file of the machine steers it, of which the identity knows nothing.
    """

    command: tuple[str, ...]
    family: str
    description: str
    identity: str
    flags: tuple[str, ...] = ()
    configured: bool = False


class UndefinedError(ToolchainError):
    """What is linked uses names that nothing defines; missing: where each is used."""

    def __init__(self, message: str, output: str, missing: Mapping[str, str]) -> None:
        super().__init__(message, output=output)
        self.missing = missing

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.output, self.missing)


@dataclass(frozen=True)
class Build:
    """Hold one linked executable.

    path: the ELF file in the cache; messages: what compiler and linker printed, unchanged (warnings).
    compiler: what compiled it, None for an object file; optimize: the optimisation flag in effect.
    """

    path: Path
    messages: str
    compiler: Compiler | None
    optimize: str


def find_compiler(cc: str | None, arch: Architecture, *, cache: Path | None = None) -> Compiler:
    """Find the compiler to use for `arch`.

    cc: a command line (``clang-19 -O3``), or None for the clang that comes with ziglang.
    cache: where versions are remembered, so that only the first call starts the compiler.
    Raises `ToolchainError`: no such compiler, an unknown kind of compiler, or a GCC for another machine.
    """
    cache = cache or default_cache()
    if cc is None:
        return _bundled(arch, cache)
    command, flags = _split(cc)
    program = shutil.which(command[0])
    if program is None:
        raise ToolchainError(
            f"no compiler {command[0]!r} in PATH; install it (for {arch.name}: clang, {', '.join(arch.gcc)}), "
            "or leave out ", Setting("cc"), " to use the clang that comes with ctxrace"
        )  # fmt: skip
    if Path(program).stem in ("zig", "python-zig"):
        raise ToolchainError(Setting("cc", cc), " changes optimisation levels; leave it out to use zig's clang itself")
    identity = stamp(program)
    key = [identity, *command]
    version = _version(key, cache, lambda: _ask(command, "--version"))
    if "clang version" in version:
        family, number = "clang", _number(CLANG_VERSION, version)
        command = (*command, f"--target={arch.targets['clang']}")
    elif "Free Software Foundation" in version and (machine := _machine(command, key, cache)):
        family, number = "gcc", _number(r"\) (\d[\d.]*)", version)
        _check_gcc(cc, machine, arch)
    else:
        first = version.strip().partition("\n")[0]
        raise ToolchainError(
            Setting("cc", cc), f" is neither clang nor gcc (--version says {first!r}); name one of those"
        )
    whole = "\0".join([identity, version, *command, *flags])
    return Compiler(command, family, f"{family} {number}", whole, flags, "Configuration file:" in version)


def compile_c(
    source: Path,
    *,
    arch: Architecture,
    compiler: Compiler,
    optimize: str = "-O2",
    flags: Sequence[str] = (),
    include: Sequence[Path] = (),
    more: Sequence[Path] = (),
    more_flags: Sequence[str] = (),
    linker_script: str,
    cache: Path | None,
) -> Build:
    """Compile one C or assembler file, or several, and link them. Of several, each object file is remembered, too.

    source: the file; its path is what debug information and messages show.
    optimize: the optimisation flag; flags: the user's, last so that they win; include: header directories.
    more: files that are compiled with the same flags, and with `more_flags`, and linked behind it.
    linker_script: the script's text; cache: where builds are remembered, None for `default_cache()`.
    Raises `ToolchainError`: a file is unreadable, is not source code, does not compile, or a definition is missing.
    """
    cache = cache or default_cache()
    sources = [source, *more]
    texts = [part for path in sources for part in (_source(path), _spelled(path))]
    options = [*FLAGS, *MACHINE_FLAGS.get(arch.elf_machine, ()), *arch.c_flags, *(f"-I{path}" for path in include)]
    options += [optimize, *compiler.flags, *flags]
    effective = [flag for flag in options if flag.startswith("-O")][-1]
    # The path and the working directory are in the debug information, so they are part of what is built.
    around = [str(Path.cwd()), *(f"{name}={value}" for name, value in sorted(environment().items()))]
    known = (*around, compiler.identity, *compiler.command, *options, arch.name, stamp(zig()))
    reported = not compiler.configured and not names_files([*compiler.flags, *flags, *more_flags])

    def built(messages: str, read: list[Path]) -> Built:
        return Built(messages, read, reported and not any(map(_reads_more, read)))

    def alone(path: Path, further: Sequence[str]) -> Remembered:
        """Compile one file for all that it is linked with; further: its own flags."""

        def build(work: Path, processes: Processes) -> Built:
            printed, read = compile_object(processes, path, work / "linked", compiler, [*options, *further])
            return built(printed, [path, *read])

        key = digest("object", _source(path), _spelled(path), *known, digest(*further))
        return remembered(key, cache, build)

    def build(work: Path, processes: Processes) -> Built:
        target = work / _object_name(source)
        if not more:
            messages, read = compile_object(processes, source, target, compiler, options)
            return built(messages + _link(processes, [target], work, arch, linker_script, str(source)), [source, *read])
        objects = [alone(source, ()), *(alone(path, more_flags) for path in more)]
        targets = [target, *(work / f"{number}-{_object_name(path)}" for number, path in enumerate(more, 1))]
        for found, copy in zip(objects, targets, strict=True):
            shutil.copyfile(found.path, copy)
        messages = "".join(found.messages for found in objects)
        messages += _link(processes, targets, work, arch, linker_script, str(source))
        return built(messages, [path for found in objects for path in found.dependencies])

    path, messages, _ = remembered(digest(*texts, linker_script, *known, digest(*more_flags)), cache, build)
    return Build(path, messages, compiler, effective)


def link_object(path: Path, arch: Architecture, linker_script: str, cache: Path | None) -> Build:
    """Link one relocatable object file.

    linker_script: the script's text; cache: where builds are remembered, None for `default_cache()`.
    Raises `ToolchainError`: unreadable, or a name is undefined; `ImageError`: not an object file of `arch`.
    """
    data = contents(path, MOST_IMAGE, ToolchainError)
    check_header(data, path, arch, linked=False)
    key = digest(data, path.stem, arch.name, linker_script, stamp(zig()))

    def build(work: Path, processes: Processes) -> Built:
        target = work / _object_name(path)
        target.write_bytes(data)
        return Built(_link(processes, [target], work, arch, linker_script, "the file that it is compiled from"), [])

    linked, messages, _ = remembered(key, cache or default_cache(), build)
    return Build(linked, messages, None, "")


# Compilers


def _bundled(arch: Architecture, cache: Path) -> Compiler:
    identity = stamp(zig())
    version = _version(["ziglang", identity], cache, lambda: _ask([zig(), "clang"], "--version"))
    description = f"clang {_number(CLANG_VERSION, version)} (zig)"
    headers = Path(zig()).parent / "lib" / "include"  # stdint.h and the like; not where clang looks for them
    command = (zig(), "clang", f"--target={arch.targets['zig']}", "-nostdinc", "-isystem", str(headers))
    return Compiler(command, "zig", description, "\0".join(["ziglang", identity, *command]))


def _split(cc: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        words = shlex.split(cc)
    except ValueError as error:
        raise ToolchainError(Setting("cc", cc), f" is not a command line ({error}); quote it as in a shell") from None
    if not words:
        raise ToolchainError(Setting("cc"), " is empty; name a compiler, or leave it out")
    flags = next((index for index, word in enumerate(words) if index and word.startswith("-")), len(words))
    return tuple(words[:flags]), tuple(words[flags:])


def _machine(command: Sequence[str], key: Sequence[str], cache: Path) -> str:
    # Other GNU programs answer --version much like GCC, but do not know -dumpmachine.
    try:
        return _version(["machine", *key], cache, lambda: _ask(command, "-dumpmachine")).strip()
    except ToolchainError:
        return ""


def _check_gcc(cc: str, machine: str, arch: Architecture) -> None:
    if machine.partition("-")[0] not in {name.partition("-")[0] for name in arch.gcc}:
        raise ToolchainError(
            Setting("cc", cc), f" compiles for {machine}, not for {arch.name}; "
            f"use {' or '.join(arch.gcc)}, or leave it out to use the clang that comes with ctxrace"
        )  # fmt: skip


def _number(pattern: str, version: str) -> str:
    found = re.search(pattern, version)
    return found[1] if found else "of unknown version"


def _version(key: Sequence[str], cache: Path, ask: Callable[[], str]) -> str:
    opened(cache)
    file = cache / f"{digest('version', *key)}.json"
    known = load(file)
    if isinstance(known, str):
        return known
    version = ask()
    store(file, json.dumps(version).encode())
    return version


def _ask(command: Sequence[str], question: str) -> str:
    with Processes() as processes:
        status, output = processes.run([*command, question], f"asking {command[0]} {question}", more={"LC_ALL": "C"})
    if status:
        asked = shlex.join([*command, question])
        raise ToolchainError(f"{asked} fails ({_ended(status)}); is it a compiler?", output=output)
    return output


# Running


def _ended(status: int) -> str:
    return f"exit status {status}" if status > 0 else f"killed by signal {-status}"


def _object_name(path: Path) -> str:
    return path.stem.lstrip("-@") + ".o"  # lld would take those for a flag and a file of arguments


def compile_object(
    processes: Processes,
    source: Path,
    target: Path,
    compiler: Compiler,
    options: Sequence[str],
    directory: Path | None = None,
) -> tuple[str, list[Path]]:
    """Compile `source` to the object file `target`; return the messages, and the files that it includes.

    directory: where the compiler runs, None for the working directory. Raises `ToolchainError` where it fails.
    """
    makefile = target.with_suffix(".d")
    # Of assembler without a preprocessor clang would say that it does not use this and that flag.
    quiet = ["-Qunused-arguments"] if source.suffix == ".s" and compiler.family != "gcc" else []
    wanted = ["-MD", "-MT", "object", "-MF", str(makefile), "-c", "-o", str(target), _spelled(source)]
    command = [*compiler.command, *quiet, *options, *wanted]
    status, messages = processes.run(command, f"compiling {source}", cwd=directory)
    if status:
        raise ToolchainError(
            f"{source} does not compile with {compiler.description} ({_ended(status)})", output=messages
        )
    return messages, list(_dependencies(makefile))


def _spelled(source: Path) -> str:
    return f"./{source}" if str(source).startswith(("-", "@")) else str(source)


def _link(
    processes: Processes, targets: Sequence[Path], work: Path, arch: Architecture, script: str, source: str
) -> str:
    names = [target.name for target in targets]
    status, messages = run_linker(processes, names, work, arch, script)
    if not status:
        return messages
    missing = _undefined(messages)
    if not missing:
        raise ToolchainError(f"{names[0]} does not link ({_ended(status)})", output=messages)
    uses = ", ".join(f"{name} (referenced by {where})" for name, where in missing.items())
    them = "it" if len(missing) == 1 else "them"
    hint = f"define {them} in {source}"
    if BUILTINS & missing.keys():
        hint += " (compilers call memcpy and its kin for plain C, too)"
    text = f"{names[0]} uses functions or variables that nothing defines: {uses}; {hint}"
    raise UndefinedError(text, messages, missing)


def run_linker(
    processes: Processes, words: Sequence[str], work: Path, arch: Architecture, script: str
) -> tuple[int, str]:
    """Link the files `words` of the directory `work` to ``linked`` there; return the status and the messages."""
    (work / "script").write_text(script)
    # In its directory, so that lld's messages name `race.o` and not a place in the cache.
    command = [zig(), *LINK, *arch.link_flags, "-T", "script", "-o", "linked", *words]
    return processes.run(command, f"linking {words[-1]}", cwd=work)


def _undefined(messages: str) -> dict[str, str]:
    # ld.lld: error: undefined symbol: f / >>> referenced by race.c:9 / >>>               race.o:(g)
    missing: dict[str, str] = {}
    for part in re.split(r"^(?=ld\.lld: )", messages, flags=re.MULTILINE):
        if found := re.match(r"ld\.lld: error: undefined (?:\w+ )?symbol: (.+)", part):
            places = re.findall(r"^>>> referenced by (.+?)(?: \(.*\))?\n(?:>>> +\S+?:\((.*)\))?", part, re.MULTILINE)
            spelled = [f"{place} in {function}" if function else place for place, function in places]
            missing[found[1]] = ", ".join(dict.fromkeys(spelled))
    return missing


# Files


def _reads_more(path: Path) -> bool:
    # The assembler's .incbin and .include read files of which compilers do not tell.
    text = contents(path, MOST_SOURCE, ToolchainError)
    return any(word in text for word in _READS_UNREPORTED)


def _source(path: Path) -> bytes:
    text = contents(path, MOST_SOURCE, ToolchainError)
    if text.startswith(ELF_MAGIC):
        how = "rename it to end in .elf (.o for an object file), and " if path.suffix in SUFFIXES else ""
        raise ToolchainError(
            f"{path} is an ELF image, not C; {how}leave out ", Setting("cc"), " and ", Setting("optimize"),
            " to check it as an image"
        )  # fmt: skip
    if path.suffix not in SUFFIXES:
        raise ToolchainError(f"{path} is not C: its name must end in one of {' '.join(SUFFIXES)}; rename it")
    if not text.strip():
        raise ToolchainError(f"{path} is empty; write the C to check into it")
    if b"\0" in text:
        raise ToolchainError(f"{path} is not C: it has a NUL byte at offset {text.index(0)}; is it a binary file?")
    return text


def _dependencies(makefile: Path) -> Iterator[Path]:
    if not makefile.exists():  # assembler without a preprocessor reads no headers
        return
    text = makefile.read_text(errors="surrogateescape").replace("\\\n", " ").partition(": ")[2]
    for word in re.findall(r"(?:\\.|[^\s\\])+", text):
        yield Path(re.sub(r"\\([ #\\])", r"\1", word).replace("$$", "$"))
