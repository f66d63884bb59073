"""Types out of DWARF: what pahole writes is remembered, and what it does wrong is an error that says what to do."""

import sys
from pathlib import Path

import pytest

from ctxrace.core.errors import CtxraceError, ImageError, LimitReached
from ctxrace.core.limits import Budget, within
from ctxrace.machine.build import pahole
from ctxrace.machine.build.pahole import btf_of_dwarf, installed_pahole

WRITES = """\
print("a type of Rust is not known")
(name,) = [word.partition("=")[2] for word in sys.argv if word.startswith("--btf_encode_detached=")]
open(name, "w").write("types of " + open(sys.argv[-1]).read())
"""


def program(folder: Path, code: str) -> str:
    """Write a program that runs `code` in the place of pahole, and return its path."""
    path = folder / "pahole"
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{code}\n")
    path.chmod(0o700)
    return str(path)


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    path = tmp_path / "vmlinux"
    path.write_text("a kernel")
    return path


def test_what_is_written_is_remembered_by_what_the_file_holds(kernel: Path, tmp_path: Path) -> None:
    cache, calls = tmp_path / "cache", tmp_path / "calls"
    found = program(tmp_path, f"{WRITES}\nopen({str(calls)!r}, 'a').write('x')")
    assert [btf_of_dwarf(kernel, found, cache) for _ in range(2)] == [b"types of a kernel"] * 2
    assert calls.read_text() == "x"
    copy = tmp_path / "-copy"
    copy.write_text("a kernel")
    assert btf_of_dwarf(copy, found, cache) == b"types of a kernel" and calls.read_text() == "x"
    kernel.write_text("another kernel")
    assert btf_of_dwarf(kernel, found, cache) == b"types of another kernel" and calls.read_text() == "xx"


def test_a_file_that_changes_meanwhile_is_not_remembered(kernel: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    btf_of_dwarf(kernel, program(tmp_path, f"{WRITES}\nopen(sys.argv[-1], 'w').write('another')"), cache)
    assert not list(cache.glob("*.json"))


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("sys.exit('unknown option')", r"\(unknown option\); is it pahole 1\.24 or later"),
        ("sys.exit(3)", r"\(exit status 3\)"),
        ("", r"\(exit status 0\)"),  # nothing is written
    ],
)
def test_what_pahole_cannot_read_is_refused(kernel: Path, tmp_path: Path, code: str, why: str) -> None:
    with pytest.raises(ImageError, match=f"pahole finds no types in the DWARF of .*vmlinux {why}"):
        btf_of_dwarf(kernel, program(tmp_path, code), tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_what_does_not_end_is_ended(kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = program(tmp_path, "time.sleep(3600)")
    with pytest.raises(LimitReached), within(Budget(0.1)):  # the user's own limit
        btf_of_dwarf(kernel, endless, tmp_path / "cache")
    monkeypatch.setattr(pahole, "MOST_SECONDS", 0.1)
    with pytest.raises(ImageError, match=r"pahole does not end within 0\.1 s on .*vmlinux"):
        btf_of_dwarf(kernel, endless, tmp_path / "cache")


def test_a_program_that_cannot_be_started_is_an_error(kernel: Path, tmp_path: Path) -> None:
    (tmp_path / "pahole").write_text("no program")
    with pytest.raises(CtxraceError, match=r"cannot start .*pahole"):
        btf_of_dwarf(kernel, str(tmp_path / "pahole"), tmp_path / "cache")


def test_it_is_looked_for_in_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installed_pahole() is None
    found = program(tmp_path, "")
    assert installed_pahole() == found
