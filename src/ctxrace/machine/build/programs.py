"""The programs that build: where zig is, and what tells one version of a program from another."""

import sys
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from ctxrace.core.errors import ToolchainError

__all__ = ["stamp", "zig"]


def zig() -> str:
    """Return the path of the zig that pip installs; raise `ToolchainError` where it is missing.

    The program itself: `python -m ziglang` starts it, too, and takes longer than most links do.
    """
    here = ("", str(Path.cwd()))  # nothing in the working directory may take its place
    return _zig_in(tuple(path for path in sys.path if path not in here))


@cache
def _zig_in(directories: tuple[str, ...]) -> str:
    spec = PathFinder.find_spec("ziglang", directories)
    if spec is None or not spec.submodule_search_locations:
        raise ToolchainError(
            "the Python package ziglang is missing, whose linker ctxrace needs; type: pip install ziglang"
        )
    return str(Path(spec.submodule_search_locations[0]) / ("zig.exe" if sys.platform == "win32" else "zig"))


def stamp(program: str) -> str:
    """Return what differs when `program`, a path, is replaced; raise `ToolchainError` where it cannot be read."""
    try:
        stat = Path(program).stat()
    except OSError as error:
        raise ToolchainError(f"cannot read {program}: {error.strerror}; install its package again") from None
    return f"{Path(program).resolve()} {stat.st_size} {stat.st_mtime_ns}"
