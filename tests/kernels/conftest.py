"""Kernels as distributions ship them, for the tests of `make kernels`."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

DIRECTORY = "CTXRACE_KERNELS"


@pytest.fixture(scope="session")
def shipped() -> Callable[[str, str], Path]:
    """Return the newest vmlinux of a version and an architecture below the directory that CTXRACE_KERNELS names."""

    def find(version: str, arch: str) -> Path:
        folder = os.environ.get(DIRECTORY)
        if not folder:
            pytest.skip(f"{DIRECTORY} names no directory with kernels; make kernels fetches them")
        found = sorted(path for path in Path(folder).rglob(f"vmlinux-{version}.*-cloud-{arch}") if path.is_file())
        if not found:
            pytest.skip(f"no vmlinux-{version}.*-cloud-{arch} below {folder}")
        return found[-1]

    return find
