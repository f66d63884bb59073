"""A directory of files remembered by content, shared by any number of processes.

A build is two files: KEY.json (messages, dependencies and their digests) and the executable that it names. Both
are written whole or not at all, the executable first. A build is used again only while its source, every header
it read, all flags and the compiler are unchanged, and its executable has the digest that is its name.
Two things escape that: a new header that now shadows another one, and files read by ``.incbin``.
"""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ctxrace.core.errors import ToolchainError

__all__ = ["digest", "load", "remembered", "store"]

FORMAT = "1"  # of what the cache holds; a new number makes every old entry a miss


def remembered(key: str, cache: Path, build: Callable[[Path], tuple[str, list[Path]]]) -> tuple[Path, str]:
    """Return the executable called `key` and its messages, from the cache or by building it.

    key: a digest of everything known before the build; cache: the directory.
    build: gets an empty directory, leaves the executable in it as ``linked``, returns messages and dependencies.
    Raises `ToolchainError`: the cache cannot be written. What `build` raises is passed on and not remembered.
    """
    manifest = cache / f"{key}.json"
    if known := _hit(manifest):
        return known
    with _writing(cache):
        cache.mkdir(parents=True, exist_ok=True)
        work = tempfile.TemporaryDirectory(dir=cache, prefix="build-", ignore_cleanup_errors=True)
    with work as name:
        began = time.time_ns()
        with _writing(cache):
            messages, dependencies = build(Path(name))
            linked = (Path(name) / "linked").read_bytes()
            digests = [[str(path), digest(path.read_bytes())] for path in dependencies]
            settled = all(path.stat().st_mtime_ns < began for path in dependencies)
        path = cache / f"{digest(linked)}.elf"
        store(path, linked)
    record = {"executable": path.name, "messages": messages, "dependencies": digests}
    if settled:  # a file written meanwhile may have been read half
        store(manifest, json.dumps(record).encode())
    return path, messages


def _hit(manifest: Path) -> tuple[Path, str] | None:
    match load(manifest):
        case {"executable": str(name), "messages": str(messages), "dependencies": list(dependencies)}:
            path = manifest.parent / name
        case _:
            return None
    try:
        fresh = path.name == f"{digest(path.read_bytes())}.elf" and all(
            digest(Path(dependency).read_bytes()) == known for dependency, known in dependencies
        )
    except (OSError, TypeError, ValueError):  # damaged, or a header is gone: build again
        return None
    return (path, messages) if fresh else None


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
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def store(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that nobody ever sees half of it; raise `ToolchainError` if that is impossible."""
    with _writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix="new-")
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
