"""Where zig is, and what goes wrong where it is not there."""

import sys
from pathlib import Path

import pytest

from ctxrace.core.errors import ToolchainError
from ctxrace.machine.arch.arm64 import ARM64
from ctxrace.machine.build.programs import stamp, zig
from ctxrace.machine.toolchain import find_compiler


def test_missing_ziglang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ToolchainError, match=r"package ziglang is missing.*pip install ziglang"):
        find_compiler(None, ARM64, cache=tmp_path)


def test_a_module_in_the_working_directory_is_not_ziglang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = zig()
    (tmp_path / "ziglang").mkdir()
    (tmp_path / "ziglang" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    for here in ("", str(tmp_path)):
        monkeypatch.setattr(sys, "path", [here, *sys.path])
        assert zig() == installed


def test_ziglang_without_its_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ziglang").mkdir()
    (tmp_path / "ziglang" / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(ToolchainError, match=r"cannot read .*/zig: No such file.*; install its package again"):
        stamp(zig())
