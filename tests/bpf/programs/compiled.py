"""The C sources beside this file, compiled to BPF objects: each once for a run of the tests."""

import functools
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["EXAMPLES", "SOURCES", "compile_text", "compiled"]

SOURCES = Path(__file__).parent / "sources"
EXAMPLES = (("scratch",), ("guards", "-DNEST_PLAIN"), ("guards", "-DCLAIM"), ("counters", "-DPLAIN", "-DLOCKED"))
"""Sources and flags whose objects are damaged in every way that there is."""
_FOLDER = tempfile.TemporaryDirectory(prefix="ctxrace-bpf-")


@functools.cache
def compiled(name: str, *flags: str) -> Path:
    """The object of sources/`name`.bpf.c, compiled with `flags` by the clang that pip installs."""
    return _compile(SOURCES / f"{name}.bpf.c", flags)


@functools.cache
def compile_text(text: str, *flags: str) -> Path:
    """The object of a C text that includes program.h by itself."""
    source = Path(_FOLDER.name) / f"{abs(hash(text)):x}.bpf.c"
    source.write_text(text, encoding="utf-8")
    return _compile(source, flags)


def _compile(source: Path, flags: tuple[str, ...]) -> Path:
    path = Path(_FOLDER.name) / f"{source.name}{abs(hash(flags)):x}.o"
    words = [sys.executable, "-m", "ziglang", "cc", "-target", "bpfel-freestanding", "-O2", "-g", "-mcpu=v3",
             "-Wall", "-Werror", "-Wno-unused", f"-I{SOURCES}", "-c", str(source), "-o", str(path), *flags]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path
