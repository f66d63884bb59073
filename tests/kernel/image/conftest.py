"""The small kernel, built once."""

from pathlib import Path

import pytest

from .small import build


@pytest.fixture(scope="session")
def vmlinux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("kernel"))
