"""Builds are used again while what they were made of is unchanged, which is looked at each time."""

import os
from pathlib import Path

import pytest

from ctxrace.core.errors import ToolchainError
from ctxrace.machine.build import cache as builds
from ctxrace.machine.build.cache import Built, remembered
from ctxrace.machine.build.process import Processes


def rewritten(path: Path, text: str) -> None:
    """Write `text`, of the same length and with the same time of modification, in another tick of the clock."""
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:
        path.write_text(text)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@pytest.mark.parametrize("settled", [0, 1 << 62])
def test_a_header_is_looked_at_again(settled: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """settled: whether its digest is kept for the next build."""
    monkeypatch.setattr(builds, "_SETTLED", settled)
    monkeypatch.setattr(builds, "_digests", {})
    header = tmp_path / "header.h"
    header.write_text("1")
    os.utime(header, ns=(0, 0))
    built: list[str] = []

    def build(work: Path, _: Processes) -> Built:
        built.append(header.read_text())
        (work / "linked").write_text(f"made of {built[-1]}")
        return Built("", [header])

    def made() -> str:
        return remembered("key", tmp_path / "cache", build)[0].read_text()

    assert [made(), made(), made()] == ["made of 1"] * 3
    assert built == ["1"]
    assert len(builds._digests) == (0 if settled else 1)
    rewritten(header, "2")
    assert [made(), made()] == ["made of 2"] * 2
    assert built == ["1", "2"]
    header.unlink()
    with pytest.raises(FileNotFoundError):
        made()


def test_a_header_that_is_gone_when_the_build_is_over_is_named(tmp_path: Path) -> None:
    def build(work: Path, _: Processes) -> Built:
        (work / "linked").write_text("")
        return Built("", [tmp_path / "gone.h"])

    with pytest.raises(ToolchainError, match=r"no file .*gone\.h"):
        remembered("key", tmp_path / "cache", build)
