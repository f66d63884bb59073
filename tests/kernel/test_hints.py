"""A newcomer's first mistakes: a header that ctxrace does not have, and a line of a scenario that does not exist."""

from pathlib import Path

import pytest

from ctxrace.core.errors import ToolchainError
from ctxrace.kernel.program import load

ENTRY = "#include <ctxrace/kernel.h>\nvoid f(void) {}\n"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("#include <linux/fs.h>\n", "ctxrace has no <linux/fs.h>: leave the include out, and declare what you need"),
        (f"{ENTRY}CTXRACE_TASK(2, f);\n", "there is no CTXRACE_TASK; did you mean CTXRACE_TASKS?"),
        (f"{ENTRY}CTXRACE_TASKS(2, g);\n", ""),
        (f"{ENTRY}CTXRACE_TASKS(2, f);\nCTXRACE_EXCLUSIVE(f);\n", "must stay calls: mark it noinline, as in static"),
        (f"{ENTRY}void g(void) {{ spin_lock(0); }}\n", "spin_lock is in <linux/spinlock.h>; include that"),
        (f"{ENTRY}int g(void) {{ return DEFINE_SPINLOCK(l); }}\n", "DEFINE_SPINLOCK is in <linux/spinlock.h>; include"),
        (f"{ENTRY}void g(void) {{ nobody_declares_this(); }}\n", ""),
        ('#include "mine.h"\n', ""),
        ("no C\n", ""),
    ],
)  # fmt: skip
def test_what_to_do_is_said_where_it_is_known(text: str, hint: str, tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "new.c"
    path.write_text(text)
    with pytest.raises(ToolchainError) as caught:
        load(path, cache=cache)
    assert str(caught.value).startswith(f"{path} does not compile with")
    assert hint in str(caught.value)
    assert (";" in str(caught.value)) is bool(hint)
    assert "error:" in caught.value.output
