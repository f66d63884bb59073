"""The types of an ELF file that has DWARF and no BTF: pahole writes them as BTF, as it does when a kernel is built.

pahole (https://git.kernel.org/pub/scm/devel/pahole/pahole.git, Debian's package dwarves) is under the GPL: it runs as a
process of its own.
"""

import hashlib
import shutil
from pathlib import Path

from ctxrace.core.errors import ImageError
from ctxrace.machine.build.cache import Built, digest, remembered
from ctxrace.machine.build.process import Processes
from ctxrace.machine.build.programs import stamp
from ctxrace.machine.inputs import MOST_IMAGE, contents

__all__ = ["btf_of_dwarf", "installed_pahole"]

MOST_SECONDS = 600  # a distribution's kernel of 400 MB takes 8

_OPTIONS = ("--format_path=dwarf", "--btf_encode_force", "--btf_gen_floats", "--lang_exclude=rust")
"""As scripts/pahole-flags.sh of Linux v6.6 for pahole 1.24, but without -j, with which the order of types varies."""

_INSTEAD = "build the kernel with CONFIG_DEBUG_INFO_BTF=y"


def installed_pahole() -> str | None:
    """Return the path of pahole; None where there is none."""
    found = shutil.which("pahole")
    return str(Path(found).absolute()) if found else None


def btf_of_dwarf(path: Path, pahole: str, cache: Path) -> bytes:
    """Return as BTF what the DWARF of the ELF file `path` says of types.

    pahole: the program's path; cache: the directory where the types are remembered, by what `path` holds.
    Raises `ImageError` where pahole cannot tell them, `LimitReached`.
    """
    before, content = _content(path)

    def build(work: Path, processes: Processes) -> Built:
        command = [pahole, *_OPTIONS, "--btf_encode_detached=linked", str(path.absolute())]
        ended = processes.run_within(MOST_SECONDS, command, f"reading the types of {path}", cwd=work)
        if ended is None:
            raise ImageError(
                f"pahole does not end within {MOST_SECONDS} s on {path}; is the file damaged? Fetch it again, or "
                f"{_INSTEAD}"
            )
        status, printed = ended
        if status or not (work / "linked").is_file():
            last = printed.strip().rpartition("\n")[2][:200] or f"exit status {status}"
            raise ImageError(
                f"pahole finds no types in the DWARF of {path} ({last}); is it pahole 1.24 or later, and the file "
                f"undamaged? Otherwise {_INSTEAD}"
            )
        return Built("", [], again=_content(path) == (before, content))

    key = digest(content, "pahole", stamp(pahole), *_OPTIONS)
    return contents(remembered(key, cache, build)[0], MOST_IMAGE, ImageError)


def _content(path: Path) -> tuple[int, bytes]:
    """Return when the file was written, and a digest of what it holds."""
    try:
        with path.open("rb") as file:
            return path.stat().st_mtime_ns, hashlib.file_digest(file, "sha256").digest()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"cannot read {path}: {reason}; check the name and its permissions") from None
