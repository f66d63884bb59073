"""The recursion guard of a kernel image, without one: `make kernels` has those that have it."""

from pathlib import Path

import pytest
from tests.kernel.image.small import build

from ctxrace.bpf.kernel.check import HARNESS
from ctxrace.cli.main import main


def refused(*words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert ended.value.code == 2


def test_a_kernel_without_the_guard_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernel = build(tmp_path)
    refused("bpf", "--kernel", str(kernel))
    assert "has no __bpf_prog_enter_recur(): it has no trampolines (CONFIG_BPF_JIT)" in capsys.readouterr().err


def test_a_kernel_has_its_own_guard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused("bpf", "--kernel", str(tmp_path / "vmlinux"), "--guard", "arm64-v1")
    assert "has its own guard; leave the guard and its caller out" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--cpu", "lse"], ["--static-key", "a=on"], ["--patch", "10=00"]])
def test_what_is_for_kernels_is_not_ignored_without_one(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    refused("check", str(HARNESS), *words)
    assert "is for kernel images and for objects" in capsys.readouterr().err
