"""Files that a user names: regular ones, and no larger than they need to be; and how a reader knows them."""

import os
import stat
from functools import lru_cache
from pathlib import Path

from ctxrace.core.errors import CtxraceError

__all__ = ["MOST_IMAGE", "MOST_SOURCE", "contents", "head", "resolved", "shortest"]

MOST_SOURCE = 16 << 20
"""Bytes of a C or assembler file, and of each file that it includes."""
MOST_IMAGE = 1 << 30
"""Bytes of an object file or an executable; a distribution's kernel with its debug information has half as many."""

_AT_ONCE = 1 << 24  # bytes of one read


def contents(path: Path, most: int, raised: type[CtxraceError]) -> bytes:
    """Return what the file `path` holds.

    most: the bytes that it may have; raised: the class of the error where it has more, is no regular file (a FIFO or
    a device may never end), or cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO without a writer would wait
        try:
            status = os.fstat(handle)
            if stat.S_ISDIR(status.st_mode):
                raise raised(f"{path} is a directory; name a file in it")
            if not stat.S_ISREG(status.st_mode):
                kind = "a FIFO" if stat.S_ISFIFO(status.st_mode) else "a device"
                raise raised(f"{path} is no regular file but {kind}; copy what it holds into one")
            if status.st_size > most:
                raise raised(f"{path} has {status.st_size:,} bytes, and at most {most:,} are read; name a smaller file")
            data = _read(handle, most + 1)
        finally:
            os.close(handle)
    except FileNotFoundError:
        raise raised(f"no file {path}; is the name spelled right, and relative to {Path.cwd()}?") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise raised(f"cannot read {path}: {reason}; check the name and its permissions") from None
    if len(data) > most:
        raise raised(f"{path} has grown beyond {most:,} bytes while it was read; name a file that stays as it is")
    return data


def head(path: Path, size: int) -> bytes:
    """Return the first `size` bytes of the file `path`; none where it cannot be read, or is no regular file.

    Who reads all of it says what is wrong with it.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # as above
        try:
            return _read(handle, size) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
        finally:
            os.close(handle)
    except (OSError, ValueError):
        return b""


def _read(handle: int, most: int) -> bytes:
    parts = []
    while most > 0 and (part := os.read(handle, min(most, _AT_ONCE))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def shortest(file: str) -> str:
    """Return how a reader knows a file: relative to the working directory when below it, else by its last part."""
    return _seen_from(os.getcwd(), file)  # noqa: PTH109 - a Path costs more than all the rest


@lru_cache(1024)
def _seen_from(directory: str, file: str) -> str:
    path, here = Path(file), Path(directory)
    if not path.is_absolute():
        return file
    return str(path.relative_to(here)) if path.is_relative_to(here) else path.name


def resolved(file: str) -> str:
    """Return where `file` lies, links followed; empty for a damaged name."""
    return _resolved(os.getcwd(), file)  # noqa: PTH109 - as above


@lru_cache(1024)
def _resolved(_directory: str, file: str) -> str:
    try:
        return os.path.realpath(file)
    except (OSError, ValueError):
        return ""
