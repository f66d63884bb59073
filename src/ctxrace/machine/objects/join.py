"""One program made of several objects: compiled with exactly these flags, and linked as one file."""

from collections.abc import Sequence
from pathlib import Path

from ctxrace.core.errors import ToolchainError
from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.build.cache import Built, digest, remembered
from ctxrace.machine.build.process import Processes, environment
from ctxrace.machine.build.programs import stamp, zig
from ctxrace.machine.inputs import MOST_IMAGE, contents
from ctxrace.machine.toolchain import Build, Compiler, compile_object, default_cache, run_linker

__all__ = ["compiled", "joined"]


def compiled(
    source: Path,
    compiler: Compiler,
    options: Sequence[str],
    *,
    directory: Path | None = None,
    cache: Path | None = None,
) -> Build:
    """Compile the C or assembler file `source` to an object file, with no other flags than `options`.

    directory: where the compiler runs, to which names in `options` are relative; None: the working directory.
    cache: where objects are remembered, None for the user's cache.
    Raises `ToolchainError` where it is unreadable or does not compile.
    """
    path, place = source.resolve() if directory is not None else source, directory or Path.cwd()
    around = [str(place), *(f"{name}={value}" for name, value in sorted(environment().items()))]
    text = contents(source, MOST_IMAGE, ToolchainError)
    key = digest(text, str(path), *around, compiler.identity, *compiler.command, *options, "object")

    def build(work: Path, processes: Processes) -> Built:
        messages, read = compile_object(processes, path, work / "linked", compiler, options, directory)
        return Built(messages, [path, *(place / one for one in read)])

    found, messages, _ = remembered(key, cache or default_cache(), build)
    return Build(found, messages, compiler, "")


def joined(
    objects: Sequence[Path], arch: Architecture, script: str, *, library: Sequence[Path] = (), cache: Path | None = None
) -> Build:
    """Link `objects` into one executable; of `library`, only those that define what is missing.

    script: the linker script's text. What several define is what the first one defines.
    Raises `ToolchainError` where something is undefined, or the linker refuses them.
    """
    data = [contents(path, MOST_IMAGE, ToolchainError) for path in (*objects, *library)]
    key = digest(*data, str(len(objects)), arch.name, script, stamp(zig()))

    def build(work: Path, processes: Processes) -> Built:
        names = [f"{number}-{path.stem.lstrip('-@')}.o" for number, path in enumerate((*objects, *library))]
        for name, content in zip(names, data, strict=True):
            (work / name).write_bytes(content)
        words = ["-z", "muldefs", *names[: len(objects)], "--start-lib", *names[len(objects) :], "--end-lib"]
        status, messages = run_linker(processes, words, work, arch, script)
        if status:
            raise ToolchainError(f"{objects[0]} does not link (exit status {status})", messages)
        return Built(messages, [])

    found, messages, _ = remembered(key, cache or default_cache(), build)
    return Build(found, messages, None, "")
