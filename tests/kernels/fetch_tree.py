"""Make the build tree that `test_build_tree` checks: Debian's kernel sources, through apt, built for arm64.

python -m tests.kernels.fetch_tree DIRECTORY. It needs aarch64-linux-gnu-gcc, flex, bison, bc, and the headers of libssl
and libelf; only one object is built.
"""

import re
import subprocess
import sys
from pathlib import Path

from .fetch import numbers, output, settings_of_apt

OBJECT = "kernel/bpf/trampoline.o"
MAKE = ("make", "ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-")


def fetch_tree(folder: Path) -> None:
    """Put the tree into `folder`, unless it is there."""
    tree = folder / "tree"
    if (tree / OBJECT).exists():
        return
    apt = settings_of_apt(folder)
    subprocess.run(["apt-get", *apt, "-q", "update"], check=True)
    listed = output(["apt-cache", *apt, "pkgnames", "linux-source-"]).split()
    names = sorted(filter(re.compile(r"linux-source-7\.2").fullmatch, listed), key=numbers)
    if not names:
        sys.exit("no package is called linux-source-7.2; it has left the archive")
    subprocess.run(["apt-get", *apt, "-q", "download", names[-1]], check=True, cwd=folder)
    package = next(folder.glob(f"{names[-1]}_*.deb"))
    tree.mkdir(exist_ok=True)
    member = f"./usr/src/{names[-1]}.tar.xz"
    unpack = ["dpkg-deb", "--fsys-tarfile", str(package)]
    strip = ["tar", "-xJ", "--strip-components=1", "-C", str(tree)]
    with (
        subprocess.Popen(unpack, stdout=subprocess.PIPE) as deb,
        subprocess.Popen(["tar", "-xO", member], stdin=deb.stdout, stdout=subprocess.PIPE) as inner,
    ):
        subprocess.run(strip, stdin=inner.stdout, check=True)
    package.unlink()
    for target in ("defconfig", "prepare", OBJECT):
        subprocess.run([*MAKE, target], cwd=tree, check=True)


if __name__ == "__main__":
    directory = Path(sys.argv[1]).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    fetch_tree(directory)
