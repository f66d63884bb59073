"""What is wrong with a kernel image or its harness: the command line says what to do, and ends with status 2."""

from pathlib import Path

import pytest

from ctxrace.cli.main import main

from .small import HARNESS, build


def damaged(vmlinux: Path, how: str, folder: Path) -> Path:
    """Return a kernel image with something wrong; how: what, nothing for the right one."""
    data = vmlinux.read_bytes()
    match how:
        case "stripped":
            return build(folder, link=("--strip-all",))
        case "no BTF and no DWARF":
            return build(folder, btf=False, more=("-g0",))
        case "truncated":
            data = data[: len(data) // 2]
        case "a package":
            data = b"!<arch>\ndebian-binary   "
        case _:
            return vmlinux
    (folder / "image").write_bytes(data)
    return folder / "image"


@pytest.mark.parametrize(
    ("kernel", "options", "harness", "message"),
    [
        ("stripped", (), HARNESS, "has no symbol table (it is stripped); take the vmlinux of the package with debug"),
        ("no BTF and no DWARF", (), HARNESS, "has no BTF: the layout of its types cannot be known; build it with"),
        ("", ("--arch", "x86-64"), HARNESS, "not for x86-64"),
        ("truncated", (), HARNESS, "is truncated: its section headers lie outside of the file; fetch it again"),
        ("a package", (), HARNESS, "a package or an archive (dpkg-deb -x unpacks it): take the vmlinux"),
        ("", (), HARNESS + "u64 clok(void) { return 2; }\n", "clok(), which neither the kernel nor the harness"),
        ("", (), HARNESS + "struct task_struct { int other; };\n", "harness.c does not compile"),
    ],
)
def test_it_is_refused(
    vmlinux: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kernel: str,
    options: tuple[str, ...],
    harness: str,
    message: str,
) -> None:
    source = tmp_path / "harness.c"
    source.write_text(harness.replace("u64", "unsigned long"))
    with pytest.raises(SystemExit) as ended:
        main(["check", str(source), "--kernel", str(damaged(vmlinux, kernel, tmp_path)), *options])
    assert ended.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
