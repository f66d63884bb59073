"""What a file expects is changed where it stands, or added; nothing else in the file changes, and nothing undecided."""

from pathlib import Path

import pytest

from ctxrace.core.errors import ScenarioError
from ctxrace.core.suite.trial import Trial
from ctxrace.explore.watch import Limits
from ctxrace.kernel.program import Build
from ctxrace.kernel.suite.check import check_loaded, load_file
from ctxrace.kernel.suite.update import updated

BUILD = Build()
RACY = """\
#include <ctxrace/kernel.h>
DEFINE_PER_CPU(int, active);
noinline void body(void) { barrier(); }
noinline void other(void) { barrier(); }
void attempt(void)
{
	if (__this_cpu_inc_return(active) == 1) body();
	preempt_disable();
	other();
	preempt_enable();
	__this_cpu_dec(active);
}
CTXRACE_TASKS(2, attempt);
CTXRACE_PREEMPTION(full);
CTXRACE_ATTEMPTS(1);
CTXRACE_EXCLUSIVE(body);
"""
SAFE = RACY.replace("__this_cpu", "this_cpu")
VIOLATED, HOLDS = "CTXRACE_EXPECT(exclusive(body), violated);\n", "CTXRACE_EXPECT(exclusive, holds);\n"


def trial(file: Path, max_states: int | None = None) -> Trial:
    return check_loaded(load_file(str(file), BUILD), Limits(max_states))


def change(folder: Path, text: str, max_states: int | None = None) -> str | None:
    """What becomes of a file with this text; None where it stays as it is."""
    file = folder / "a_race.c"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    new = updated(trial(file, max_states), BUILD)
    assert sorted(path.name for path in folder.iterdir()) == ["a_race.c"]
    if new is None:
        return None
    file.write_bytes(new)
    assert trial(file).as_expected
    return new.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("text", "new"),
    [
        (RACY, RACY + VIOLATED),
        (RACY.rstrip("\n"), RACY + VIOLATED),
        (RACY.replace("\n", "\r\n"), (RACY + VIOLATED).replace("\n", "\r\n")),
        (RACY + VIOLATED, None),
        (SAFE, None),
        (RACY + HOLDS, RACY + HOLDS.replace("holds", "violated")),
        (SAFE + VIOLATED, SAFE + VIOLATED.replace("violated", "holds")),
        (SAFE + " CTXRACE_EXPECT( exclusive ( body ) ,\tviolated ) ; // why \udcff\n",
         SAFE + " CTXRACE_EXPECT( exclusive ( body ) ,\tholds ) ; // why \udcff\n"),
        (RACY + "CTXRACE_RECOVERS(attempt, body);\nCTXRACE_EXPECT(exclusive, violated);\n",
         RACY + "CTXRACE_RECOVERS(attempt, body);\nCTXRACE_EXPECT(exclusive, violated);\n"
         "CTXRACE_EXPECT(recovers(attempt, body), violated);\n"),
        # One word for two properties, of which only one is as it says:
        (RACY + "CTXRACE_EXCLUSIVE(other);\nCTXRACE_EXPECT(exclusive, holds);\n",
         RACY + "CTXRACE_EXCLUSIVE(other);\nCTXRACE_EXPECT(exclusive, holds);\n" + VIOLATED),
    ],
)  # fmt: skip
def test_expectations_change_where_they_stand(tmp_path: Path, text: str, new: str | None) -> None:
    assert change(tmp_path, text) == new


def test_what_is_not_decided_changes_nothing(tmp_path: Path) -> None:
    assert change(tmp_path, SAFE + VIOLATED, max_states=3) is None
    assert change(tmp_path, "no C") is None


@pytest.mark.parametrize(
    "where",
    ["#define WRONG CTXRACE_EXPECT(exclusive(body), violated)\nWRONG;\n", '#include "wrong.h"\n'],
)
def test_what_cannot_be_changed_is_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "wrong.h").write_text(VIOLATED)
    file = tmp_path / "a_race.c"
    file.write_text(SAFE + where)
    with pytest.raises(ScenarioError, match=r"cannot be brought up to .* exclusive\(body\): the expectation is in"):
        updated(trial(file), BUILD)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_race.c", "wrong.h"]
