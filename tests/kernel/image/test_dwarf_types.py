"""A kernel with DWARF and without BTF: pahole tells the types, and verdicts and layouts are those of the BTF."""

import re
from pathlib import Path

import pytest

from ctxrace.core.errors import ImageError
from ctxrace.core.verdict import Outcome, Result
from ctxrace.kernel.check import check
from ctxrace.kernel.image.kernel_image import task_struct_of
from ctxrace.kernel.image.vmlinux import Vmlinux
from ctxrace.kernel.program import Build
from ctxrace.machine.arch import architecture
from ctxrace.machine.btf import Btf, TypeKind
from ctxrace.machine.build.pahole import btf_of_dwarf, installed_pahole

from .small import HARNESS, build


@pytest.fixture(scope="module")
def pahole() -> str:
    found = installed_pahole()
    if found is None:
        pytest.skip("pahole is not installed; install Debian's package dwarves")
    return found


@pytest.fixture(scope="module")
def without_btf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("kernel"), btf=False)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def checked(kernel: Path, folder: Path, *cpu: str) -> Result:
    source = folder / "harness.c"
    source.write_text(HARNESS + "CTXRACE_PREEMPTION(full);\n")
    return check(Build(kernel=str(kernel), cpu=cpu).load(source))


@pytest.mark.usefixtures("pahole")
def test_the_verdicts_and_the_interleaving_are_the_same(vmlinux: Path, without_btf: Path, tmp_path: Path) -> None:
    assert checked(without_btf, tmp_path, "lse").outcome is Outcome.HOLDS
    (one,), (other,) = (checked(kernel, tmp_path).verdicts for kernel in (vmlinux, without_btf))
    assert one.outcome is other.outcome is Outcome.VIOLATED
    assert one.interleaving is not None and other.interleaving is not None
    assert (other.interleaving.switches, len(other.interleaving.events)) == (2, 4)
    assert other.interleaving.events == one.interleaving.events


def test_the_layouts_are_the_same(vmlinux: Path, without_btf: Path, pahole: str, tmp_path: Path) -> None:
    kernels = [Vmlinux(path, architecture("arm64")) for path in (vmlinux, without_btf)]
    assert without_btf.exists() and not kernels[1].elf.contents(".BTF")
    one, other = Btf(kernels[0].elf.contents(".BTF")), Btf(btf_of_dwarf(without_btf, pahole, tmp_path / "cache"))
    assert task_struct_of(kernels[0], one) == task_struct_of(kernels[1], other)
    compared = 0
    for name in ("thread_info", "task_struct", "list_head", "arm64_cpu_capabilities"):
        number = one.named(name, TypeKind.STRUCT)
        assert number is not None
        for member in one[number].members:
            assert other.member(name, member.name) == one.member(name, member.name) is not None
            compared += 1
    assert compared == 14
    assert other.named("counter", TypeKind.VAR) is not None


def test_without_pahole_the_remedy_is_named(without_btf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    remedy = "install pahole, which reads it from the DWARF (type: apt-get install dwarves), or build the kernel with"
    message = f"vmlinux has no BTF: the layout of its types cannot be known; {remedy} CONFIG_DEBUG_INFO_BTF=y"
    with pytest.raises(ImageError, match=re.escape(message)):
        checked(without_btf, tmp_path)


def test_what_pahole_writes_is_not_believed(without_btf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pahole"
    program.write_text("#!/bin/sh\necho no types > linked\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match=r"section \.BTF"):
        checked(without_btf, tmp_path)
