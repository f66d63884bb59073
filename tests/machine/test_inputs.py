"""What is read of files that users name."""

import os
from pathlib import Path

import pytest

from ctxrace.core.errors import ImageError, ToolchainError
from ctxrace.machine.inputs import contents, head, resolved, shortest
from ctxrace.machine.objects.relocatable import architecture_of


def test_contents(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert contents(file, 5, ImageError) == b"12345"
    with pytest.raises(ImageError, match=r"file has 5 bytes, and at most 4 are read; name a smaller file"):
        contents(file, 4, ImageError)
    link = tmp_path / "link"
    link.symlink_to(file)
    assert contents(link, 5, ImageError) == b"12345"


def test_what_never_ends_is_refused(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path, kind in ((fifo, "a FIFO"), (Path("/dev/zero"), "a device"), (Path("/dev/null"), "a device")):
        told = rf"^{path} is no regular file but {kind}; copy what it holds into one"
        with pytest.raises(ToolchainError, match=told):
            contents(path, 1 << 20, ToolchainError)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc")
def test_a_file_that_does_not_say_its_size_is_bounded() -> None:
    with pytest.raises(ImageError, match=r"^/proc/self/maps has grown beyond 100 bytes while it was read"):
        contents(Path("/proc/self/maps"), 100, ImageError)


def test_no_more_is_read_than_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file that goes on growing: one byte more than is allowed, in as many parts as it comes."""
    asked: list[int] = []

    def read(handle: int, size: int) -> bytes:
        del handle
        asked.append(size)
        return b"x" * min(size, 40)

    (tmp_path / "file").write_bytes(b"x")
    monkeypatch.setattr(os, "read", read)
    with pytest.raises(ImageError, match="has grown beyond 100 bytes"):
        contents(tmp_path / "file", 100, ImageError)
    assert asked == [101, 61, 21]


def test_what_comes_in_parts_is_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [b"12", b"345", b""]
    (tmp_path / "file").write_bytes(b"12345")
    monkeypatch.setattr(os, "read", lambda _handle, _size: parts.pop(0))
    assert contents(tmp_path / "file", 5, ImageError) == b"12345"
    assert not parts


def test_what_cannot_be_read(tmp_path: Path) -> None:
    for path, told in (
        (tmp_path / "gone", r"^no file .*gone; is the name spelled right, and relative to /"),
        (tmp_path, r"is a directory; name a file in it$"),
        (Path("nul\0"), r"^cannot read nul\0: embedded null byte; check the name"),
        (Path("x" * 5000), r"^cannot read x+: File name too long; check the name"),
    ):
        with pytest.raises(ImageError, match=told):
            contents(path, 100, ImageError)


def test_a_reader_knows_a_file_by_its_shortest_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From where the command runs, also where that changes."""
    below, beside = str(tmp_path / "here" / "below" / "case.c"), str(tmp_path / "case.c")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert [shortest(name) for name in (below, beside, "../case.c")] == ["below/case.c", "case.c", "../case.c"]
    monkeypatch.chdir(tmp_path)
    assert shortest(below) == "here/below/case.c"


def test_where_a_file_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "link.c").symlink_to("case.c")
    monkeypatch.chdir(tmp_path)
    root = os.path.realpath(tmp_path)
    assert resolved("link.c") == resolved("case.c") == f"{root}/case.c"
    monkeypatch.chdir(tmp_path / "here")
    assert resolved("link.c") == f"{root}/here/link.c"
    assert resolved("../link.c") == f"{root}/case.c"
    assert resolved("case\0.c") == ""


def test_the_head_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert (head(tmp_path / "file", 3), head(tmp_path / "file", 9)) == (b"123", b"12345")
    assert head(tmp_path, 3) == head(tmp_path / "gone", 3) == head(Path("nul\0"), 3) == b""


def test_nothing_waits_for_a_fifo(tmp_path: Path) -> None:
    """Nor is what somebody writes into it taken for the beginning of a file."""
    fifo = tmp_path / "fifo.o"
    os.mkfifo(fifo)
    handle = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    try:
        os.write(handle, b"\x7fELF\2\1\1" + bytes(9) + b"\1\0\xb7\0" + bytes(0x400))
        assert head(fifo, 4) == b""
        assert architecture_of(fifo) is None
    finally:
        os.close(handle)
