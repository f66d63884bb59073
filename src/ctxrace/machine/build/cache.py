"""A directory of files remembered by content, shared by any number of processes of one user.

A build is two files: KEY.json (messages, dependencies and their digests) and the executable that it names. Both
are written whole or not at all, the executable first. A build is used again only while its source, every header
it read, all flags, the environment and the compiler are unchanged, and its executable has the digest that is its name.
One thing escapes that: a new header that now shadows another one. A build that read files of which the compiler does
not tell is not remembered.
"""

import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ctxrace.core.errors import ToolchainError
from ctxrace.machine.build.process import Processes
from ctxrace.machine.inputs import MOST_IMAGE, MOST_SOURCE, contents

__all__ = ["Built", "Remembered", "default_cache", "digest", "load", "opened", "remembered", "store"]

FORMAT = "2"  # of what the cache holds; a new number makes every old entry a miss


class Built(NamedTuple):
    """What a build reports, beside the executable that it leaves in its directory as ``linked``.

    messages: what compiler and linker printed; dependencies: the files that they read.
    again: whether the same files give the same executable, so that it may be remembered.
    """

    messages: str
    dependencies: list[Path]
    again: bool = True


class Remembered(NamedTuple):
    """What was built, now or before. path: the executable; messages, dependencies: as in `Built`."""

    path: Path
    messages: str
    dependencies: list[Path]


def default_cache() -> Path:
    """Return the directory for what is remembered: ctxrace in $XDG_CACHE_HOME, else in ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():  # the XDG specification: a relative path is to be ignored
        return Path(base) / "ctxrace"
    try:
        return Path.home() / ".cache" / "ctxrace"
    except RuntimeError:
        raise ToolchainError("no home directory to keep builds in; set XDG_CACHE_HOME to a directory") from None


def remembered(key: str, cache: Path, build: Callable[[Path, Processes], Built]) -> Remembered:
    """Return the executable called `key`, with its messages and dependencies, from the cache or by building it.

    key: a digest of everything known before the build; cache: the directory.
    build: gets an empty directory, and what runs processes that do not outlive it.
    Raises `ToolchainError`: the cache cannot be written, or others can write it. What `build` raises is passed on and
    not remembered.
    """
    opened(cache)
    manifest = cache / f"{key}.json"
    if known := _hit(manifest):
        return known
    work = cache / f"build-{secrets.token_hex(8)}"
    with Processes(remove=work) as processes, _directory(work):
        began = time.time_ns()
        built = build(work, processes)
        linked = contents(work / "linked", MOST_IMAGE, ToolchainError)
        digests = [[str(path), _digest_of(str(path))] for path in built.dependencies]
        settled = all(path.stat().st_mtime_ns < began for path in built.dependencies)
        path = cache / f"{digest(linked)}.elf"
        store(path, linked, work)
        record = {"executable": path.name, "messages": built.messages, "dependencies": digests}
        if settled and built.again:  # a file written meanwhile may have been read half
            store(manifest, json.dumps(record).encode(), work)
    return Remembered(path, built.messages, built.dependencies)


def opened(cache: Path) -> None:
    """Make the directory `cache` where it is missing; raise `ToolchainError` where another user can write to it."""
    with _writing(cache):
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = cache.stat()
    if status.st_mode & 0o022 or (hasattr(os, "geteuid") and status.st_uid != os.geteuid()):
        raise ToolchainError(
            f"the cache {cache} can be written by other users, who could put any program into it; "
            f"type: chmod go-w {cache}, or set XDG_CACHE_HOME to a directory of your own"
        )


@contextmanager
def _directory(path: Path) -> Iterator[None]:
    with _writing(path.parent):
        path.mkdir(mode=0o700)
    try:
        yield
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _hit(manifest: Path) -> Remembered | None:
    match load(manifest):
        case {"executable": str(name), "messages": str(messages), "dependencies": list(dependencies)}:
            path = manifest.parent / name
        case _:
            return None
    try:
        fresh = path.name == f"{digest(contents(path, MOST_IMAGE, ToolchainError))}.elf" and all(
            _digest_of(dependency) == known for dependency, known in dependencies
        )
    except (ToolchainError, OSError, TypeError, ValueError):  # damaged, or a header is gone: build again
        return None
    return Remembered(path, messages, [Path(file) for file, _ in dependencies]) if fresh else None


def _digest_of(file: str) -> str:
    """Return the digest of what `file` holds; in one process many builds depend on the same headers."""
    try:
        status = os.stat(file)  # noqa: PTH116 - a Path costs more than that
    except OSError:
        return digest(contents(Path(file), MOST_SOURCE, ToolchainError))  # says what is wrong with it
    what = (file, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    found = _digests.get(what)
    if found is None:
        found = digest(contents(Path(file), MOST_SOURCE, ToolchainError))
        if time.time_ns() - status.st_ctime_ns > _SETTLED:
            _digests[what] = found
    return found


_digests: dict[tuple[str | int, ...], str] = {}
_SETTLED = 2_000_000_000  # nanoseconds: what changed since then may change again without a sign (see git's "racy git")


def digest(*parts: bytes | str) -> str:
    """Return 32 hexadecimal digits that differ whenever any of `parts` does."""
    state = hashlib.sha256(FORMAT.encode())
    for part in parts:
        data = part.encode(errors="surrogateescape") if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little") + data)  # lengths keep ("ab", "c") and ("a", "bc") apart
    return state.hexdigest()[:32]


def load(path: Path) -> object:
    """Return what the JSON file `path` holds, or None where it is missing or damaged."""
    try:
        return json.loads(contents(path, MOST_IMAGE, ToolchainError))
    except (ToolchainError, ValueError, RecursionError):
        return None


def store(path: Path, data: bytes, work: Path | None = None) -> None:
    """Write `data` to `path` so that no reader ever sees half of it; raise `ToolchainError` if that is impossible.

    work: the directory for what is not written whole yet, on the same file system; None: that of `path`.
    """
    with _writing(path.parent):
        handle, name = tempfile.mkstemp(dir=work or path.parent, prefix="new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextmanager
def _writing(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ToolchainError(
            f"cannot write to the cache {cache}: {error.strerror}; set XDG_CACHE_HOME to a directory you may write to"
        ) from None
