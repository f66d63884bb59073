"""What an interleaving of the kernel tells: signs, and a failing check with its own place."""

from pathlib import Path

from ctxrace.core.ending import CheckFalse
from ctxrace.core.interleaving import ValueKind
from ctxrace.core.note import NoteKind
from ctxrace.kernel.check import check
from ctxrace.kernel.program import load
from ctxrace.report.text import render_result

SOURCE = """#include <ctxrace/kernel.h>
static int number;
static unsigned int other;
__noipa void task(void)
{
    WRITE_ONCE(number, -1);
    WRITE_ONCE(other, -1);
    int seen = READ_ONCE(number);

    WARN_ON(seen != 1);
}
CTXRACE_TASKS(1, task);
"""


def test_signs_and_the_place_of_a_check(tmp_path: Path) -> None:
    path = tmp_path / "case.c"
    path.write_text(SOURCE)
    result = check(load(path, cache=tmp_path))
    (run,) = (verdict.interleaving for verdict in result.verdicts if verdict.interleaving)
    kinds = {access.name: access.value_kind for event in run.events for access in event.accesses}
    assert kinds == {"number": ValueKind.SIGNED, "other": ValueKind.UNSIGNED}
    (note,) = (note for event in run.events for note in event.notes if note.kind is NoteKind.CHECK_FAILS)
    assert note.source is not None
    assert (Path(note.source.file).name, note.source.line, note.source.text) == ("case.c", 10, "WARN_ON(seen != 1);")
    assert run.endings == (CheckFalse("!(seen != 1)", note.source),)
    text = render_result(result)
    assert "number 0 ➜ -1" in text
    assert "other 0 ➜ 0xffffffff" in text
    assert "=> case.c:10: WARN_ON(seen != 1): the condition is true" in text
