"""Findings are kept whole, trusted only where nobody else can write them, and never more than fit."""

import os
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

import pytest

from ctxrace.machine.findings import store
from ctxrace.machine.findings.store import keep, key_of, recall

FOUND = {"steps": [1, 2, [3, "four"]], "more": "x" * 100}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where findings are kept."""
    monkeypatch.delenv(store.OFF, raising=False)
    monkeypatch.setattr(store, "default_cache", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "findings"


def test_what_is_kept_is_recalled() -> None:
    assert recall(key_of("a")) is None
    keep(key_of("a"), FOUND)
    assert recall(key_of("a")) == FOUND
    assert recall(key_of("b")) is None


def test_the_key_says_what_was_kept() -> None:
    assert key_of("a", "b") != key_of("ab")
    assert key_of("a", b"b") == key_of("a", "b")


def test_another_tool_finds_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keep(key_of("a"), FOUND)
    source = tmp_path / "machine" / "evaluate.py"
    source.parent.mkdir()
    source.write_text("x = 1")
    monkeypatch.setattr(store, "_ROOT", tmp_path)
    keys = []
    for text in ("x = 1", "x = 2"):
        source.write_text(text)
        store._tool.cache_clear()
        keys.append(key_of("a"))
        assert recall(keys[-1]) is None
    store._tool.cache_clear()
    assert keys[0] != keys[1]


@pytest.mark.parametrize("at", [0, 63, 64, 70, -1])
def test_a_flipped_bit_is_noticed(folder: Path, at: int) -> None:
    keep(key_of("a"), FOUND)
    path = folder / f"{key_of('a')}.json"
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert recall(key_of("a")) is None
    keep(key_of("a"), FOUND)
    assert recall(key_of("a")) == FOUND


@pytest.mark.parametrize("length", [0, 10, 64, 100])
def test_half_a_file_is_noticed(folder: Path, length: int) -> None:
    keep(key_of("a"), FOUND)
    path = folder / f"{key_of('a')}.json"
    path.write_bytes(path.read_bytes()[:length])
    assert recall(key_of("a")) is None


def test_what_is_no_json_is_noticed(folder: Path) -> None:
    keep(key_of("a"), FOUND)
    data = b"\x80pickle"
    (folder / f"{key_of('a')}.json").write_bytes(sha256(data).hexdigest().encode() + data)
    assert recall(key_of("a")) is None


def test_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    keep(key_of("a"), FOUND)
    monkeypatch.setenv(store.OFF, "1")
    assert recall(key_of("a")) is None
    keep(key_of("b"), FOUND)
    monkeypatch.delenv(store.OFF)
    assert recall(key_of("b")) is None


@pytest.mark.parametrize("which", ["cache", "cache/findings"])
def test_what_others_can_write_is_not_used(which: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(key_of("a"), FOUND)
    (folder.parents[1] / which).chmod(0o777)
    monkeypatch.setattr(store, "_opened", set())
    assert recall(key_of("a")) is None
    keep(key_of("b"), FOUND)
    assert len(list(folder.iterdir())) == 1


def test_a_cache_that_cannot_be_made_is_none(folder: Path) -> None:
    folder.parent.write_text("a file")
    keep(key_of("a"), FOUND)
    assert recall(key_of("a")) is None


def test_too_large_a_finding_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_IN_FILE", 100)
    keep(key_of("a"), FOUND)
    assert recall(key_of("a")) is None


def test_the_oldest_make_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        keep(key_of(str(number)), FOUND)
        os.utime(folder / f"{key_of(str(number))}.json", (number, number))
    assert recall(key_of("0")) == FOUND  # and now it is the youngest
    size = (folder / f"{key_of('0')}.json").stat().st_size
    monkeypatch.setattr(store, "MOST_IN_ALL", 2 * size)
    store._remove_oldest(folder)
    left = [number for number in range(4) if recall(key_of(str(number))) is not None]
    assert left == [0, 3]


def test_room_is_made_now_and_then(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_IN_ALL", 0)
    monkeypatch.setattr(store, "_kept", [])
    for number in range(store._BETWEEN_LOOKS):
        keep(key_of(str(number)), FOUND)
    assert len(list(folder.iterdir())) == store._BETWEEN_LOOKS - 1  # the first one was removed
    keep(key_of("last"), FOUND)
    assert not list(folder.iterdir())


def test_two_writers_do_no_harm() -> None:
    """Whatever is recalled meanwhile is whole, of the one or of the other."""
    wanted = [{"of": name, "much": [name] * 20_000} for name in ("one", "other")]
    keep(key_of("a"), wanted[0])
    writers = [get_context("fork").Process(target=_keep_often, args=(found,)) for found in wanted]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert recall(key_of("a")) in wanted
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0


def _keep_often(found: object) -> None:
    for _ in range(20):
        keep(key_of("a"), found)
