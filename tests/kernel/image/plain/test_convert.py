"""Kernels as boot loaders take them: recognised, and given to a process that writes an ELF file."""

import sys
from pathlib import Path

import pytest

from ctxrace.core.errors import CtxraceError, ImageError, LimitReached
from ctxrace.core.limits import Budget, within
from ctxrace.kernel.image.plain import convert
from ctxrace.kernel.image.vmlinux import Vmlinux
from ctxrace.machine.arch import architecture

from .plain import Plain

ARM64 = architecture("arm64")
IMAGE = bytes(0x38) + b"ARM\x64" + bytes(64)
FORMS = [
    ("Image", IMAGE, r"a kernel image as boot loaders take it \(Image\)"),
    ("bzImage", bytes(0x202) + b"HdrS" + bytes(64), r"a kernel image as boot loaders take it \(bzImage\)"),
    ("vmlinuz.efi", b"MZ\0\0zimg" + bytes(64), r"a compressed kernel image \(CONFIG_EFI_ZBOOT\)"),
    ("Image.gz", b"\x1f\x8b\x08\0", "a compressed file"),
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def converter(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> None:
    """Let `code` be what runs in the place of vmlinux-to-elf; its arguments are in sys.argv."""
    script = folder / "converter.py"
    script.write_text(f"import os, sys, time\n{code}\n")
    monkeypatch.setattr(convert, "COMMAND", (sys.executable, str(script)))
    monkeypatch.setattr(convert, "installed_version", lambda: "1")


@pytest.mark.parametrize(("name", "data", "what"), FORMS)
def test_without_the_extra_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes, what: str
) -> None:
    monkeypatch.setattr(convert, "installed_version", lambda: None)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImageError, match=rf"{name} is not an ELF file but {what}: .* pip install 'ctxrace\[image\]', "):
        Vmlinux(tmp_path / name, ARM64)


def test_a_package_is_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "linux-image.deb").write_bytes(b"!<arch>\ndebian-binary   ")
    with pytest.raises(ImageError, match=r"is not an ELF file but a package or an archive \(dpkg-deb -x unpacks it\)"):
        Vmlinux(tmp_path / "linux-image.deb", ARM64)


def test_the_form_may_tell_the_architecture(tmp_path: Path) -> None:
    found = []
    for name, data, _ in FORMS:
        (tmp_path / name).write_bytes(data)
        found.append(convert.architecture_of_bootable(tmp_path / name))
    assert found == [ARM64, architecture("x86-64"), None, None]
    assert convert.architecture_of_bootable(tmp_path / "nothing") is None


def test_what_is_written_is_read_and_remembered(
    vmlinux: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Plain.of(vmlinux).write(tmp_path / "made")
    runs = tmp_path / "runs"
    code = f"open({str(runs)!r}, 'a').write('run')\nos.link({str(made)!r}, sys.argv[2])"
    converter(monkeypatch, tmp_path, code + "\nassert open(sys.argv[1], 'rb').read(60)[-4:] == b'ARM\\x64'")
    (tmp_path / "Image").write_bytes(IMAGE)
    for _ in range(2):
        kernel = Vmlinux(tmp_path / "Image", ARM64)
        assert kernel.version == (7, 0) and kernel.elf.path == kernel.path == tmp_path / "Image"
    assert runs.read_text() == "run"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("sys.exit('ValueError: no version\\x1b[31m')", r"\(ValueError: no version.*\)"),
        ("sys.exit(3)", r"\(exit status 3\)"),
        ("", r"\(exit status 0\)"),
        ("print('first'); print('last')", r"\(last\)"),
    ],
)
def test_a_file_without_symbols_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, why: str
) -> None:
    converter(monkeypatch, tmp_path, code)
    (tmp_path / "Image").write_bytes(IMAGE)
    with pytest.raises(ImageError, match=rf"vmlinux-to-elf finds no symbols in .*Image, a kernel .* {why}; is it"):
        Vmlinux(tmp_path / "Image", ARM64)


def test_what_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converter(monkeypatch, tmp_path, "time.sleep(3600)")
    (tmp_path / "Image").write_bytes(IMAGE)
    with pytest.raises(LimitReached), within(Budget(0.1)):  # the user's own limit
        Vmlinux(tmp_path / "Image", ARM64)
    monkeypatch.setattr(convert, "MOST_SECONDS", 0.1)
    with pytest.raises(ImageError, match=r"vmlinux-to-elf does not end within 0\.1 s on"):
        Vmlinux(tmp_path / "Image", ARM64)


def test_a_converter_that_is_no_python_module_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converter(monkeypatch, tmp_path, "")
    monkeypatch.setattr(convert, "COMMAND", (str(tmp_path / "gone"),))
    (tmp_path / "Image").write_bytes(IMAGE)
    with pytest.raises(CtxraceError, match=r"cannot start .*gone"):
        Vmlinux(tmp_path / "Image", ARM64)
