"""Files of findings: plain data in JSON, each under a digest of all that the finding depends on.

A file is its own SHA-256 digest and then the data. It is written whole or not at all, and a file that has not its
digest counts as none. Several processes may write the same one: each of them writes what is true, and the last one
stays. The directory has a bounded size; findings that were not used for the longest time are removed.
"""

import importlib.util
import json
import os
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path

from ctxrace.core.errors import ToolchainError
from ctxrace.machine.build.cache import default_cache, digest, opened, store
from ctxrace.machine.inputs import contents

__all__ = ["OFF", "directory", "keep", "key_of", "recall"]

OFF = "CTXRACE_NO_FINDINGS"
"""The environment variable that, where it is not empty, keeps findings from being kept and used."""

MOST_IN_FILE = 32 << 20
"""Bytes of one finding; a larger one is not kept."""
MOST_IN_ALL = 512 << 20
"""Bytes of all findings together, about: that is checked now and then."""

_BETWEEN_LOOKS = 64  # findings kept between two looks at how much there is
_DIGEST = 64  # hexadecimal digits
_ROOT = Path(__file__).parents[2]
_PARTS = ("core", "kernel", "machine")
_LIBRARIES = ("pypcode", "elftools")


def key_of(*parts: bytes | str) -> str:
    """Return the key of a finding that depends on `parts`, and on ctxrace itself, its libraries and Python."""
    return digest(_tool(), *parts)


def recall(key: str) -> object:
    """Return what was kept under `key`; None where nothing was, it is damaged, or findings are not used."""
    folder = directory()
    if folder is None:
        return None
    path = folder / f"{key}.json"
    try:
        data = contents(path, MOST_IN_FILE + _DIGEST, ToolchainError)
        if data[:_DIGEST] != sha256(data[_DIGEST:]).hexdigest().encode():
            return None
        found: object = json.loads(data[_DIGEST:])
        os.utime(path)  # it was used
    except (ToolchainError, OSError, ValueError, RecursionError):
        return None
    return found


def keep(key: str, found: object) -> None:
    """Keep `found`, which is made of lists, dicts, strings and numbers, under `key`, if that is possible."""
    folder = directory()
    if folder is None:
        return
    data = json.dumps(found, separators=(",", ":")).encode()
    if len(data) > MOST_IN_FILE:
        return
    try:
        store(folder / f"{key}.json", sha256(data).hexdigest().encode() + data)
        _kept.append(key)
        if len(_kept) % _BETWEEN_LOOKS == 1:
            _remove_oldest(folder)
    except (ToolchainError, OSError):
        pass  # a full disk costs time, and no answer


def directory() -> Path | None:
    """Return where findings lie; None where they are not used: they are turned off, or others could write them."""
    if os.environ.get(OFF):
        return None
    try:
        folder = default_cache() / "findings"
        if folder not in _opened:
            opened(folder.parent)
            opened(folder)
            _opened.add(folder)
    except (ToolchainError, OSError):
        return None
    return folder


_kept: list[str] = []
_opened: set[Path] = set()


def _remove_oldest(folder: Path) -> None:
    found = []
    for entry in os.scandir(folder):
        status = entry.stat(follow_symlinks=False)
        found.append((status.st_mtime_ns, status.st_size, entry.path))
    size = sum(each for _, each, _ in found)
    for _, each, path in sorted(found):
        if size <= MOST_IN_ALL:
            return
        Path(path).unlink(missing_ok=True)
        size -= each


@cache
def _tool() -> str:
    """Return a digest of what makes findings: the sources of ctxrace, the libraries that it asks, and Python."""
    parts: list[bytes | str] = [sys.version]
    for library in _LIBRARIES:
        found = importlib.util.find_spec(library)
        folder = Path(found.origin).parent if found is not None and found.origin else None
        for path in sorted(folder.iterdir()) if folder is not None else ():
            if path.is_file():
                data = path.read_bytes() if path.suffix == ".py" else b""
                parts += [path.name, data, str(path.stat().st_size)]
    for part in _PARTS:
        for path in sorted((_ROOT / part).rglob("*.py")):
            parts += [path.relative_to(_ROOT).as_posix(), path.read_bytes()]
    return digest(*parts)
