"""A kernel as boot loaders take it, made into an ELF file that has the symbols of the kernel's own table (kallsyms).

vmlinux-to-elf does that (https://github.com/marin-m/vmlinux-to-elf). It is under the GPL: it is an extra, and runs as a
process of its own.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from ctxrace.core.errors import ImageError
from ctxrace.machine.arch import Architecture, architecture
from ctxrace.machine.build.cache import Built, digest, remembered
from ctxrace.machine.build.process import Processes
from ctxrace.machine.inputs import MOST_IMAGE, contents, head

__all__ = ["Form", "architecture_of_bootable", "form_of", "installed_version", "with_symbols"]

COMMAND = (sys.executable, "-P", "-m", "vmlinux_to_elf.scripts.vmlinux_to_elf")
MOST_SECONDS = 600  # a distribution's kernel of 60 MB takes 25
_HEAD = 0x206
_INSTEAD = (
    "take the vmlinux of the package with debug symbols, or of the directory in which the kernel was built"
)


@dataclass(frozen=True, slots=True)
class Form:
    """What a file is that is no ELF file.

    what: in words. arch: the name of the only architecture that has this form, empty where several have it.
    kernel: whether a kernel may be in it.
    """

    what: str
    arch: str = ""
    kernel: bool = True


_FORMS = (
    (0x38, b"ARM\x64", Form("a kernel image as boot loaders take it (Image)", "arm64")),  # arch/arm64/booting.rst
    (0x202, b"HdrS", Form("a kernel image as boot loaders take it (bzImage)", "x86-64")),  # arch/x86/boot.rst
    (4, b"zimg", Form("a compressed kernel image (CONFIG_EFI_ZBOOT)")),
    (0, b"\x1f\x8b", Form("a compressed file")),
    (0, b"\x28\xb5\x2f\xfd", Form("a compressed file")),
    (0, b"!<arch>", Form("a package or an archive (dpkg-deb -x unpacks it)", kernel=False)),
)
"""By the bytes at an offset; Documentation/ says those of kernels."""


def form_of(path: Path) -> Form | None:
    """Return what the file `path` is; None: an ELF file, or nothing that is known, or not readable."""
    begin = head(path, _HEAD)
    if begin.startswith(b"\x7fELF"):
        return None
    return next((form for at, magic, form in _FORMS if begin[at : at + len(magic)] == magic), None)


def architecture_of_bootable(path: Path) -> Architecture | None:
    """Return the architecture of a kernel image that is no ELF file; None where its form does not tell."""
    form = form_of(path)
    return architecture(form.arch) if form is not None and form.arch else None


def with_symbols(path: Path, form: Form, cache: Path) -> Path:
    """Return an ELF file in `cache` with the kernel of `path` and its symbols.

    Raises `ImageError`: no kernel, without its table of symbols, or the extra is missing; `LimitReached`.
    """
    if not form.kernel:
        raise ImageError(f"{path} is not an ELF file but {form.what}: {_INSTEAD}")
    version = installed_version()
    if version is None:
        raise ImageError(
            f"{path} is not an ELF file but {form.what}: reading the symbols out of it needs the extra image; type: "
            f"pip install 'ctxrace[image]', or {_INSTEAD}"
        )
    data = contents(path, MOST_IMAGE, ImageError)

    def build(work: Path, processes: Processes) -> Built:
        (work / "kernel").write_bytes(data)
        command = [*COMMAND, "kernel", "linked"]
        ended = processes.run_within(MOST_SECONDS, command, f"reading the symbols of {path}", cwd=work)
        if ended is None:
            raise ImageError(
                f"vmlinux-to-elf does not end within {MOST_SECONDS} s on {path}; is the file damaged? {_INSTEAD}"
            )
        status, printed = ended
        if status or not (work / "linked").is_file():
            last = printed.strip().rpartition("\n")[2][:200] or f"exit status {status}"
            raise ImageError(
                f"vmlinux-to-elf finds no symbols in {path}, {form.what} ({last}); is it a whole kernel, with "
                f"CONFIG_KALLSYMS_ALL? {_INSTEAD}"
            )
        return Built("", [])

    return remembered(digest(data, "vmlinux-to-elf", version), cache, build)[0]


def installed_version() -> str | None:
    """Return the version of vmlinux-to-elf beside this Python, None where there is none."""
    import importlib.metadata  # takes a while, and most files are none of that kind

    try:
        return importlib.metadata.version("vmlinux-to-elf")
    except importlib.metadata.PackageNotFoundError:
        return None
