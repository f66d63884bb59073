"""Kernels as distributions ship them, for the tests of `make kernels`."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ctxrace.kernel.image.plain.convert import installed_version

DIRECTORY = "CTXRACE_KERNELS"


@pytest.fixture(scope="session")
def shipped() -> Callable[[str, str], Path]:
    """Return the newest vmlinux of a version and an architecture below the directory that CTXRACE_KERNELS names."""
    return lambda version, arch: _newest("vmlinux", version, arch)


@pytest.fixture(scope="session")
def bootable() -> Callable[[str, str], Path]:
    """Return the same kernel's vmlinuz: an Image of arm64, a bzImage of x86-64."""
    if installed_version() is None:
        pytest.skip("the extra image is not installed; make kernels installs it")
    return lambda version, arch: _newest("vmlinuz", version, arch)


def _newest(name: str, version: str, arch: str) -> Path:
    folder = os.environ.get(DIRECTORY)
    if not folder:
        pytest.skip(f"{DIRECTORY} names no directory with kernels; make kernels fetches them")
    found = sorted(path for path in Path(folder).rglob(f"{name}-{version}.*-cloud-{arch}") if path.is_file())
    if not found:
        pytest.skip(f"no {name}-{version}.*-cloud-{arch} below {folder}")
    return found[-1]
