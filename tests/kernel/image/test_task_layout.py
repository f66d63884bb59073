"""Objects of a user's own: where their tasks have what, as their debug information says."""

import subprocess
import sys
from pathlib import Path

import pytest

from ctxrace.core.errors import CtxraceError, ImageError
from ctxrace.core.verdict import Outcome, Result
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import check
from ctxrace.kernel.image.task_layout import task_struct
from ctxrace.kernel.image.task_struct import HEADERS, UNKNOWN, TaskStruct
from ctxrace.kernel.program import INCLUDE, load
from ctxrace.kernel.scenario import exclusive

SOURCE = """\
struct thread_info {
	unsigned long flags, ttbr0;
	union { unsigned long preempt_count; struct { unsigned int count, need_resched; } preempt; };
};
struct task_struct { struct thread_info thread_info; void *stack; int pid; unsigned short migration_disabled; };
static inline struct task_struct *current(void)
{
	struct task_struct *task;

	__asm__("mrs %0, sp_el0" : "=r" (task));
	return task;
}
#define barrier() __asm__ __volatile__("" : : : "memory")
#ifdef GUARDED
# define preempt_disable() do { current()->thread_info.preempt.count++; barrier(); } while (0)
# define preempt_enable() do { barrier(); current()->thread_info.preempt.count--; } while (0)
#else
# define preempt_disable() barrier()
# define preempt_enable() barrier()
#endif
volatile unsigned char active;
__attribute__((noinline)) void body(void) { barrier(); }
void attempt(void)
{
	int entered;

	preempt_disable();
	entered = ++active == 1;
	preempt_enable();
	if (entered)
		body();
	preempt_disable();
	--active;
	preempt_enable();
}
"""


OURS = "#include <ctxrace/kernel.h>\nint f(void) { return current->pid; }\n"


def compiled(folder: Path, *flags: str, text: str = SOURCE, name: str = "guard") -> Path:
    (folder / f"{name}.c").write_text(text)
    compiler = [sys.executable, "-m", "ziglang", "clang", "-target", "aarch64-linux-none", "-ffreestanding"]
    command = [*compiler, "-O2", "-fno-sanitize=all", f"-I{INCLUDE}", *flags, "-c", f"{name}.c", "-o", f"{name}.o"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / f"{name}.o"


def checked(file: Path) -> Result:
    program = load(file)
    change = ScenarioChange.of(tasks="2:attempt", properties=[exclusive("body")])
    return check(program, change.apply(program.scenario))


@pytest.mark.parametrize(("flags", "outcome"), [(("-DGUARDED",), Outcome.HOLDS), ((), Outcome.VIOLATED)])
def test_an_object_has_the_layout_of_its_own_debug_information(
    tmp_path: Path, flags: tuple[str, ...], outcome: Outcome
) -> None:
    result = checked(compiled(tmp_path, "-g", *flags))
    assert result.verdicts[0].outcome is outcome


def test_the_members_are_where_dwarf_says(tmp_path: Path) -> None:
    found = task_struct(load(compiled(tmp_path, "-g", "-DGUARDED")).image)
    places = (found.preempt_count, found.pid, found.migration_disabled)
    assert (found.size, *places) == (40, range(16, 24), range(32, 36), range(36, 38))
    assert found.not_rescheduled == 1 << 32 and found.run_context.start >= found.size
    assert found.spell(24, 8) == "current->stack" and found.spell(16, 4) == "preempt_count"


def test_without_debug_information_current_is_refused_where_it_is_accessed(tmp_path: Path) -> None:
    remedy = r"guard.o has neither debug information .*compile it with -g, or include <ctxrace/kernel.h>"
    with pytest.raises(CtxraceError, match=rf"attempt\+0x\w+ accesses current's task_struct.*{remedy}"):
        checked(compiled(tmp_path, "-DGUARDED"))
    # What does not access it needs no layout.
    unguarded = compiled(tmp_path)
    assert task_struct(load(unguarded).image) is UNKNOWN
    assert checked(unguarded).verdicts[0].outcome is Outcome.VIOLATED


def test_an_object_that_includes_our_headers_has_their_layout(tmp_path: Path) -> None:
    code = SOURCE[SOURCE.index("volatile unsigned char") :].replace("((noinline))", "((__noinline__))")
    text = f"#include <ctxrace/kernel.h>\n{code}"
    assert task_struct(load(compiled(tmp_path, text=text)).image) is HEADERS
    assert checked(compiled(tmp_path, text=text)).outcome is Outcome.HOLDS


def test_the_layout_of_our_headers_is_the_one_that_dwarf_says(tmp_path: Path) -> None:
    (layout,) = load(compiled(tmp_path, "-g", text=OURS)).image.debug.structs("task_struct")
    members = {member.name: member for member in layout.members}
    assert members["pid"].offset == HEADERS.pid.start and members["bpf_ctx"].offset == HEADERS.run_context.start
    assert members["migration_disabled"].offset == HEADERS.migration_disabled.start
    assert members["softirq_disable_cnt"].offset == HEADERS.softirq_disable_count.start


def test_objects_of_different_layouts_are_refused(tmp_path: Path) -> None:
    ours = compiled(tmp_path, "-g", text=OURS, name="ours")
    unknown = "of which 1 include ctxrace's headers; .* compile all of them with -g"
    for flags, message in ((("-g",), "different layouts of task_struct"), ((), unknown)):
        joined = tmp_path / "joined.o"
        theirs = compiled(tmp_path, "-DGUARDED", *flags)
        link = [sys.executable, "-m", "ziglang", "ld.lld", "-r", "-o", str(joined), str(ours), str(theirs)]
        subprocess.run(link, check=True, capture_output=True)
        with pytest.raises(CtxraceError, match=message):
            checked(joined)


def test_a_task_struct_without_a_preempt_count_is_refused(tmp_path: Path) -> None:
    text = "struct task_struct { long state; };\nlong attempt(struct task_struct *task) { return task->state; }\n"
    with pytest.raises(CtxraceError, match=r"a task_struct without thread_info\.preempt_count"):
        task_struct(load(compiled(tmp_path, "-g", text=text)).image)


def test_preempt_rt_needs_the_member_that_counts_softirqs(tmp_path: Path) -> None:
    program = load(compiled(tmp_path, "-g", "-DGUARDED"))
    change = ScenarioChange.of(tasks="2:attempt", properties=[exclusive("body")], preemption="rt")
    with pytest.raises(CtxraceError, match="no task_struct with softirq_disable_cnt"):
        check(program, change.apply(program.scenario))


@pytest.mark.parametrize(
    ("size", "places", "told"),
    [
        (1 << 30, {}, "has a task_struct of 1,073,741,824 bytes, and at most"),
        (-8, {}, "has a task_struct of -8 bytes"),
        (64, {"pid": range(16, 24)}, "pid is 8 bytes at 16, in a task_struct of 64 bytes"),
        (64, {"pid": range(62, 66)}, "pid is 4 bytes at 62"),
        (64, {"preempt_count": range(-8, 0)}, "thread_info.preempt_count is 8 bytes at -8"),
        (64, {"migration_disabled": range(0, 1 << 40)}, "migration_disabled is 1,099,511,627,776 bytes at 0"),
    ],
)
def test_a_task_struct_that_none_can_be_is_refused(size: int, places: dict[str, range], told: str) -> None:
    with pytest.raises(ImageError, match=told):
        TaskStruct.of(size, places, "vmlinux")
