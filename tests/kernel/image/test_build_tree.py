"""Objects of a build tree: their flags and the tree's own headers. The tree is a miniature that the test makes."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ctxrace.core.errors import CtxraceError
from ctxrace.core.verdict import Outcome, Result
from ctxrace.kernel.check import check
from ctxrace.kernel.program import Build

FILES = {
    "include/generated/autoconf.h": "#define CONFIG_PREEMPTION 1\n#define CONFIG_SMP 1\n",
    "include/linux/kconfig.h": "#include <generated/autoconf.h>\n#define IS_ENABLED(option) option\n",
    "include/linux/compiler.h": """\
#pragma once
#define __used __attribute__((__used__))
#define __section(name) __attribute__((__section__(name)))
#define __aligned(size) __attribute__((__aligned__(size)))
#define __cold __attribute__((__cold__))
#define __maybe_unused __attribute__((__unused__))
#define noinline __attribute__((__noinline__))
#define likely(condition) __builtin_expect(!!(condition), 1)
#define barrier() __asm__ __volatile__("" : : : "memory")
""",
    "include/linux/sched.h": """\
#pragma once
#include <linux/compiler.h>
struct thread_info {
	unsigned long flags, more;
	union { unsigned long preempt_count; struct { unsigned int count, need_resched; } preempt; };
};
struct task_struct { struct thread_info thread_info; void *stack; int pid; unsigned short migration_disabled; };
static inline struct task_struct *get_current(void)
{
	struct task_struct *task;

	__asm__("mrs %0, sp_el0" : "=r" (task));
	return task;
}
#define preempt_disable() do { get_current()->thread_info.preempt.count++; barrier(); } while (0)
#define preempt_enable() do { barrier(); get_current()->thread_info.preempt.count--; } while (0)
""",
    "include/linux/guard.h": """\
#pragma once
#include <linux/sched.h>
extern volatile unsigned char active;
static inline int guard_enter(void)
{
	int entered;

	preempt_disable();
	entered = ++active == GUARD_LIMIT;
	preempt_enable();
	return entered;
}
static inline void guard_exit(void)
{
	preempt_disable();
	--active;
	preempt_enable();
}
""",
    "kernel/guard.c": """\
#include <linux/guard.h>
volatile unsigned char active;
__used static noinline int enter(void) { return guard_enter(); }
__used static noinline void leave(void) { guard_exit(); }
void guard_init(void) { extern void initcall(void); initcall(); }
""",
}
FLAGS = ("-Wp,-MMD,kernel/.guard.o.d -nostdinc -I./include -include ./include/linux/kconfig.h -D__KERNEL__ "
         "-DGUARD_LIMIT=1 -ffreestanding -O2 -mgeneral-regs-only -fno-PIE -Wall -g")  # fmt: skip
HARNESS = """\
#include <linux/guard.h>
extern int enter(void);
extern void leave(void);
noinline void body(void) { barrier(); }
void attempt(void)
{
	if (enter())
		body();
	leave();
}
CTXRACE_TASKS(2, attempt); CTXRACE_EXCLUSIVE(body); CTXRACE_BALANCED(active);
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a tree, with a compiler that is called clang."""
    compiler = tmp_path / "bin" / "clang"
    compiler.parent.mkdir()
    compiler.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ziglang clang "$@"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{compiler.parent}:/usr/bin:/bin")
    for name, text in FILES.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_text(text)
    make(tmp_path / "tree")
    return tmp_path / "tree"


def make(tree: Path, flags: str = FLAGS) -> None:
    command = f"clang --target=aarch64-linux-gnu {flags} -c -o kernel/guard.o kernel/guard.c"
    subprocess.run(shlex.split(command), cwd=tree, check=True, capture_output=True)
    record = f"savedcmd_kernel/guard.o := {command}\n\nsource_kernel/guard.o := kernel/guard.c\n"
    (tree / "kernel/.guard.o.cmd").write_text(record)


def checked(tree: Path, text: str = HARNESS, **build: Any) -> Result:  # noqa: ANN401 - as Build has them
    harness = tree.parent / "harness.c"
    harness.write_text(text)
    return check(Build(kernel=str(tree), **{"objects": ("kernel/guard.o",), **build}).load(harness))


def test_an_object_is_checked_with_the_flags_and_headers_of_its_tree(tree: Path) -> None:
    result = checked(tree)
    assert result.outcome is Outcome.HOLDS and len(result.verdicts) == 2
    assert (result.setup.preemption, result.setup.rcu) == ("full", "non-preemptible")


def test_two_lines_less_and_the_object_built_again_are_a_race_at_the_kernels_lines(tree: Path) -> None:
    header = tree / "include/linux/guard.h"
    lines = header.read_text().splitlines(keepends=True)
    header.write_text("".join(line for line in lines if "preempt_" not in line))
    assert checked(tree).outcome is Outcome.HOLDS  # the object is the old one
    make(tree)
    verdict = checked(tree).verdicts[0]
    assert verdict.outcome is Outcome.VIOLATED and verdict.interleaving is not None
    shown = {event.source.text for event in verdict.interleaving.events if event.source and event.accesses}
    assert "entered = ++active == GUARD_LIMIT;" in shown


def test_the_tree_says_which_preemption_it_is_configured_for(tree: Path) -> None:
    header = tree / "include/linux/guard.h"
    header.write_text(header.read_text().replace("preempt_", "// preempt_"))
    make(tree)
    assert checked(tree).outcome is Outcome.VIOLATED
    (tree / "include/generated/autoconf.h").write_text("#define CONFIG_SMP 1\n")
    assert checked(tree).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tree: (tree / "kernel/guard.o").unlink(), r"has no kernel/guard\.o; build it there: make "),
        (lambda tree: (tree / "kernel/.guard.o.cmd").unlink(), r"says no command for kernel/guard\.o \(it is in"),
        (lambda tree: make(tree, FLAGS + " -fcoverage-prefix-map=a=b"), "does not know that it is harmless"),
    ],
)
def test_a_tree_that_is_none_is_refused(tree: Path, change: Any, message: str) -> None:  # noqa: ANN401 - a function
    change(tree)
    with pytest.raises(CtxraceError, match=message):
        checked(tree)


def test_flags_that_run_programs_are_refused(tree: Path) -> None:
    record = tree / "kernel/.guard.o.cmd"
    for flag in ("-fplugin=./evil.so", "-wrapper", "@more", "-fpass-plugin=a.so", "-B.", "-specs=a", "-fuse-ld=./evil"):
        make(tree)
        record.write_text(record.read_text().replace("-nostdinc", f"-nostdinc {flag}"))
        with pytest.raises(CtxraceError, match=re.escape(f"compiles with '{flag}'")):
            checked(tree)


def test_objects_without_a_tree_or_a_harness_are_refused(tree: Path) -> None:
    with pytest.raises(CtxraceError, match="is no build tree, and objects were named"):
        check(Build(kernel=str(tree / "kernel/guard.o"), objects=("kernel/guard.o",)).load(tree.parent / "harness.c"))
    with pytest.raises(CtxraceError, match="needs a harness in C"):
        Build(kernel=str(tree)).load(tree / "kernel/guard.o")
    with pytest.raises(CtxraceError, match=r"uses what neither it nor .* define: nothing_there"):
        checked(tree, HARNESS + "extern void nothing_there(void);\nvoid more(void) { nothing_there(); }\n")
