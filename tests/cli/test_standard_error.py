"""Standard error may be closed or full: the report and the exit status stay what they are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RACE = """#include <ctxrace/kernel.h>
#warning look here
int x;
void e(void) { WRITE_ONCE(x, READ_ONCE(x) + 1); ctxrace_check(READ_ONCE(x) < 2); }
CTXRACE_TASKS(1, e);
"""


def typed(folder: Path, command: str, **more: str) -> tuple[int, str]:
    """Type `command`, where ctxrace is the module; return its exit status and its standard output."""
    (folder / "race.c").write_text(RACE)
    words = command.replace("ctxrace", f"{sys.executable} -m ctxrace", 1)
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder), **more}
    done = subprocess.run(["sh", "-c", words], cwd=folder, env=environment, stdout=subprocess.PIPE, check=False)
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_messages_that_cannot_be_written_change_nothing(tmp_path: Path, where: str) -> None:
    if "full" in where and not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    known = typed(tmp_path, "ctxrace check race.c 2>/dev/null")
    assert known[0] == 1
    assert "violated" in known[1]
    assert typed(tmp_path, f"ctxrace check race.c {where}") == known
    assert typed(tmp_path, f"ctxrace check race.c --verbose {where}")[0] == 1
    assert typed(tmp_path, f"ctxrace check nowhere.c {where}") == (2, "")
    assert typed(tmp_path, f"ctxrace check --nonsense {where}") == (2, "")
    status, out = typed(tmp_path, f"ctxrace check nowhere.c --json {where}")
    assert (status, json.loads(out)["status"]) == (2, 2)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_is_json_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    source = tmp_path / "é🧵.c"
    source.write_text(RACE)
    status, out = typed(tmp_path, f"ctxrace check '{source.name}' --json 2>/dev/null", PYTHONIOENCODING=encoding,
                        PYTHONUTF8="0")  # fmt: skip
    assert status == 1
    assert "é🧵.c" in json.loads(out)["results"][0]["command"]
