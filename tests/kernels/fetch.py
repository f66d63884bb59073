"""Fetch the kernels that the tests beside this file check: Debian's packages with debug symbols, through apt.

With them comes the file that boots, for the tests of plain images: vmlinuz beside vmlinux.
python -m tests.kernels.fetch DIRECTORY. The packages come from the mirror that this system's own apt uses for Debian.
apt gets a sources entry, lists and a cache of its own in DIRECTORY: nothing of the system's is changed.
"""

import re
import subprocess
import sys
from pathlib import Path

_SUITES = ("trixie", "sid")
_WANTED = (
    ("arm64", re.compile(r"linux-image-6\.12\.\d+\+deb\w+-cloud-arm64-dbg")),
    ("arm64", re.compile(r"linux-image-7\.2\.\d+\+deb\w+-cloud-arm64-dbg")),
    ("amd64", re.compile(r"linux-image-7\.2\.\d+\+deb\w+-cloud-amd64-dbg")),
)


def fetch(folder: Path) -> None:
    """Put the vmlinux and the vmlinuz of each wanted kernel into `folder`, unless they are there."""
    apt = settings_of_apt(folder)
    subprocess.run(["apt-get", *apt, "-q", "update"], check=True)
    listed = output(["apt-cache", *apt, "pkgnames", "linux-"]).split()
    for arch, wanted in _WANTED:
        names = sorted(filter(wanted.fullmatch, listed), key=numbers)
        if not names:
            print(f"no package is called {wanted.pattern}; its kernel has left the archive", file=sys.stderr)
            continue
        name = names[-1]
        version = name.removeprefix("linux-image-").removesuffix("-dbg")
        # Since Linux 7.2, what boots is in a package of its own, and linux-image only depends on it.
        boots = next(it for it in (f"linux-binary-{version}", f"linux-image-{version}") if it in listed)
        for package, file in ((name, "vmlinux"), (boots, "vmlinuz")):
            if not (folder / f"{file}-{version}").exists():
                subprocess.run(["apt-get", *apt, "-q", "download", f"{package}:{arch}"], check=True, cwd=folder)
                archive = next(folder.glob(f"{package}_*_{arch}.deb"))
                _unpack(archive, file, folder / f"{file}-{version}")
                archive.unlink()


def settings_of_apt(folder: Path) -> list[str]:
    """Return the options that make apt use `folder` alone."""
    for part in ("etc/apt.conf.d", "etc/preferences.d", "lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    sites = output(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)"]).splitlines()
    debian = [site for site in dict.fromkeys(line.split()[0] for line in sites) if site.endswith("/debian")]
    if not debian:
        sys.exit("apt on this system has no mirror of Debian, from which the kernels come; is this Debian?")
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    entry = f"Types: deb\nURIs: {debian[0]}\nSuites: {' '.join(_SUITES)}\nComponents: main\n"
    sources = folder / "etc" / "kernels.sources"
    sources.write_text(f"{entry}Architectures: arm64 amd64\nSigned-By: {keys}\n", encoding="utf-8")
    (folder / "status").touch()
    settings = {
        "Dir::Etc": folder / "etc", "Dir::Etc::sourcelist": sources, "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder / "lists", "Dir::State::status": folder / "status", "Dir::Cache": folder / "cache",
        "APT::Architecture": "arm64", "APT::Architectures": "arm64,amd64", "APT::Sandbox::User": "",
    }  # fmt: skip
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def numbers(name: str) -> list[int]:
    """Return the numbers in a package's name, to order by."""
    return [int(digits) for digits in re.findall(r"\d+", name)]


def output(command: list[str]) -> str:
    """Return what a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _unpack(package: Path, name: str, target: Path) -> None:
    """Take the file out of a package whose name begins with `name`; others are links to it."""
    listed = output(["dpkg-deb", "--contents", str(package)]).splitlines()
    member = next(line.split()[5] for line in listed if line[0] == "-" and f"/{name}" in line)
    partial = target.with_suffix(".partial")
    unpack = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with partial.open("wb") as file, subprocess.Popen(unpack, stdout=subprocess.PIPE) as tar:
        subprocess.run(["tar", "-xO", member], stdin=tar.stdout, stdout=file, check=True)
    partial.rename(target)


if __name__ == "__main__":
    directory = Path(sys.argv[1]).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    fetch(directory)
