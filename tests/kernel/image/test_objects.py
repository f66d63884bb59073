"""Objects and modules as they are: linked with one another, with a harness, and with models of what they call."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ctxrace.core.errors import CtxraceError
from ctxrace.core.verdict import Outcome, Result
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import check
from ctxrace.kernel.program import Build
from ctxrace.kernel.rules.preemption import Preemption

TARGETS = {"arm64": "aarch64-linux-none", "x86-64": "x86_64-linux-none"}

HEADER = """\
#ifdef __aarch64__
struct thread_info {
	unsigned long flags, ttbr0;
	union { unsigned long preempt_count; struct { unsigned int count, need_resched; } preempt; };
};
#else
struct thread_info { unsigned long flags; };
#endif
struct task_struct {
	struct thread_info thread_info;
	void *stack;
	int pid;
	unsigned short migration_disabled;
	int rcu_read_lock_nesting, softirq_disable_cnt;
};
#ifdef __aarch64__
static inline struct task_struct *get_current(void)
{
	struct task_struct *task;

	__asm__("mrs %0, sp_el0" : "=r" (task));
	return task;
}
#else
extern struct task_struct *const_current_task;
static inline struct task_struct *get_current(void)
{
	struct task_struct *task;

	__asm__("movq %%gs:const_current_task(%%rip), %0" : "=r" (task));
	return task;
}
#endif
#define barrier() __asm__ __volatile__("" : : : "memory")
#define noinline __attribute__((noinline))
"""

MODULE = HEADER + """\
extern unsigned long _raw_spin_lock_irqsave(void *lock);
extern void _raw_spin_unlock_irqrestore(void *lock, unsigned long flags);
extern void kfree(const void *object), _printk(const char *format, ...);
extern unsigned long jiffies;
static unsigned int lock;
volatile int count;
int pid(void) { return get_current()->pid; }
noinline void body(int by) { __asm__ __volatile__("" : : "r" (by) : "memory"); }
__attribute__((used)) static noinline void update(int by)
{
#ifndef UNLOCKED
	unsigned long flags = _raw_spin_lock_irqsave(&lock);
#endif
	count += by;
	body(by);
	count -= by;
#ifndef UNLOCKED
	_raw_spin_unlock_irqrestore(&lock, flags);
#endif
	if (by == 2)
		kfree((void *)&count);
	if (by == 3)
		count = jiffies;
	_printk("done");
}
#ifdef VERMAGIC
__attribute__((section(".modinfo"), used)) static const char vermagic[] = "vermagic=7.2.0 SMP " VERMAGIC "mod_unload";
#endif
"""


def compiled(folder: Path, *flags: str, text: str = MODULE, name: str = "module.o", arch: str = "arm64") -> Path:
    (folder / "module.c").write_text(text)
    compiler = [sys.executable, "-m", "ziglang", "clang", "-target", TARGETS[arch], "-ffreestanding", "-fno-pic"]
    machine = ["-mcmodel=kernel", "-mno-red-zone", "-mgeneral-regs-only"] if arch == "x86-64" else []
    command = [*compiler, *machine, "-O2", "-g", "-fno-sanitize=all", *flags, "-c", "module.c", "-o", name]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / name


def checked(file: Path, words: str, **build: Any) -> Result:  # noqa: ANN401 - as Build has them
    """Check `file` with the options in `words`."""
    given: dict[str, list[str]] = {}
    for option, value in zip(*[iter(shlex.split(words))] * 2, strict=True):
        given.setdefault(option.removeprefix("--"), []).append(value)
    single = {name: values[0] for name, values in given.items() if name in ("preemption", "attempts", "cpus")}
    change = ScenarioChange.read({**given, **single})
    program = Build(**build).load(file, change)
    return check(program, change.apply(program.scenario))


UPDATE = "--tasks 2:update --hardirq update --exclusive body --balanced count"
GIVEN = (("update", ("1",)),)


@pytest.mark.parametrize("arch", TARGETS)
@pytest.mark.parametrize(("flags", "outcome"), [((), Outcome.HOLDS), (("-DUNLOCKED",), Outcome.VIOLATED)])
def test_a_module_is_guarded_by_the_model_of_the_lock_that_it_takes(
    tmp_path: Path, arch: str, flags: tuple[str, ...], outcome: Outcome
) -> None:
    result = checked(compiled(tmp_path, *flags, name="module.ko", arch=arch), UPDATE, arg=GIVEN)
    assert result.verdicts[0].outcome is outcome
    assert result.setup.arch == arch  # as the file says


def test_a_lock_that_leaves_interrupts_on_hangs_under_a_handler(tmp_path: Path) -> None:
    text = MODULE.replace("_raw_spin_lock_irqsave(&lock)", "(_raw_spin_lock(&lock), 0)")
    text = text.replace("_raw_spin_unlock_irqrestore(&lock, flags)", "_raw_spin_unlock(&lock)")
    text = text.replace("static unsigned int lock", "extern void _raw_spin_lock(void *), _raw_spin_unlock(void *);\n"
                        "static unsigned int lock")  # fmt: skip
    result = checked(compiled(tmp_path, text=text), UPDATE, arg=GIVEN)
    assert result.hang is not None and result.hang.outcome is Outcome.VIOLATED
    tasks = UPDATE.replace("--hardirq update", "")
    assert checked(compiled(tmp_path, text=text), tasks, arg=GIVEN).outcome is Outcome.HOLDS


def test_what_nothing_defines_is_refused_with_how_it_is_reached_and_a_stub_stands_for_it(tmp_path: Path) -> None:
    file = compiled(tmp_path)
    called = r"nothing defines kfree, called through update; .*: define one of them .* or pass stub="
    with pytest.raises(CtxraceError, match=called):
        checked(file, UPDATE, arg=(("update", ("2",)),))
    assert checked(file, UPDATE, arg=(("update", ("2",)),), stub=(("kfree", 0),)).outcome is Outcome.HOLDS
    with pytest.raises(CtxraceError, match=r"accesses jiffies, which nothing defines; define it in a C file"):
        checked(file, UPDATE, arg=(("update", ("3",)),))


def test_a_harness_uses_static_functions_and_replaces_what_it_defines(tmp_path: Path) -> None:
    file = compiled(tmp_path)
    harness = tmp_path / "harness.c"
    text = """\
#include <ctxrace/kernel.h>
extern void update(int by);
unsigned long jiffies = 0;
extern int count;
void attempt(void) { update(3); }
void body(int by) { barrier(); }
CTXRACE_TASKS(2, attempt); CTXRACE_HARDIRQ(attempt); CTXRACE_BALANCED(count);
"""
    harness.write_text(text)
    assert checked(harness, "", objects=(str(file),)).outcome is Outcome.HOLDS
    # The harness's preempt_disable() changes the count where the object has it.
    harness.write_text(
        "#include <ctxrace/kernel.h>\nstatic int active;\nextern int pid(void);\n"
        "noinline void body(int by) { barrier(); }\n"
        "void attempt(void)\n{\n\tpreempt_disable();\n\tif (++active == 1)\n\t\tbody(pid());\n\t--active;\n"
        "\tpreempt_enable();\n}\nCTXRACE_TASKS(2, attempt); CTXRACE_EXCLUSIVE(body);\n"
    )
    assert checked(harness, "", objects=(str(file),)).outcome is Outcome.HOLDS
    without = harness.read_text().replace("preempt_disable", "barrier").replace("preempt_enable", "barrier")
    harness.write_text(without)
    assert checked(harness, "", objects=(str(file),)).outcome is Outcome.VIOLATED


def test_several_objects_are_one_program(tmp_path: Path) -> None:
    first = compiled(tmp_path, name="first.o")
    second = compiled(tmp_path, name="second.o", text=HEADER + "void kfree(void *it) { barrier(); }\n"
                      "int also(void) { return get_current()->pid; }\n")  # fmt: skip
    assert checked(first, UPDATE, arg=(("update", ("2",)),), objects=(str(second),)).outcome is Outcome.HOLDS
    with pytest.raises(CtxraceError, match=r"first\.o and .*first\.o both define body"):
        checked(first, UPDATE, objects=(str(first),), arg=GIVEN)
    text = (HEADER + "int also(void) { return get_current()->pid; }\n").replace("void *stack", "void *stack, *more")
    other = compiled(tmp_path, name="other.o", text=text)
    with pytest.raises(CtxraceError, match=r"first\.o and .*other\.o have different layouts of task_struct"):
        checked(first, UPDATE, objects=(str(other),), arg=GIVEN)
    foreign = compiled(tmp_path, name="foreign.o", arch="x86-64")
    with pytest.raises(CtxraceError, match=r"foreign\.o is code for EM_X86_64, not for arm64"):
        checked(first, UPDATE, objects=(str(foreign),), arg=GIVEN)


def test_a_model_needs_the_layout_of_tasks(tmp_path: Path) -> None:
    with pytest.raises(CtxraceError, match="accesses current's task_struct, and nothing says where"):
        checked(compiled(tmp_path, "-g0"), UPDATE, arg=GIVEN)


@pytest.mark.parametrize(
    ("words", "model"), [("", Preemption.VOLUNTARY), ("preempt ", Preemption.FULL), ("preempt_rt ", Preemption.RT)]
)
def test_a_module_says_which_preemption_it_was_built_for(tmp_path: Path, words: str, model: Preemption) -> None:
    file = compiled(tmp_path, f'-DVERMAGIC="{words}"', "-DUNLOCKED", name="module.ko")
    assert Build(arg=GIVEN).load(file).scenario.preemption is model
    if model is not Preemption.RT:
        outcome = Outcome.HOLDS if model is Preemption.VOLUNTARY else Outcome.VIOLATED
        assert checked(file, "--tasks 2:update --exclusive body", arg=GIVEN).outcome is outcome


def test_readers_of_rcu_and_migration_are_counted_where_the_objects_have_it(tmp_path: Path) -> None:
    text = HEADER + """\
extern void __rcu_read_lock(void), __rcu_read_unlock(void), migrate_disable(void), migrate_enable(void);
extern void __local_bh_disable_ip(unsigned long ip, unsigned int count);
extern void __local_bh_enable_ip(unsigned long ip, unsigned int count);
volatile int nested, pinned;
noinline void body(void) { barrier(); }
void attempt(void)
{
	__rcu_read_lock();
	migrate_disable();
	nested = get_current()->rcu_read_lock_nesting;
	pinned = get_current()->migration_disabled;
	__local_bh_disable_ip(0, 0x200);
	body();
	__local_bh_enable_ip(0, 0x200);
	migrate_enable();
	__rcu_read_unlock();
	nested = get_current()->rcu_read_lock_nesting + get_current()->migration_disabled;
	pinned = 0;
}
"""
    file = compiled(tmp_path, text=text)
    result = checked(file, "--tasks 1:attempt --softirq body --exclusive body --balanced nested --balanced pinned")
    assert result.outcome is Outcome.HOLDS  # bottom halves are off around body
    assert checked(file, "--tasks 1:attempt --hardirq body --exclusive body").outcome is Outcome.VIOLATED


@pytest.mark.parametrize(
    ("build", "message"),
    [
        ({}, r"the entry update takes 1 argument, .*, or pass arg="),
        ({"arg": (("update", ("1.5",)),)}, "is neither a number of 64 bits, nor a range of them"),
        ({"arg": GIVEN, "cpu": ("lse",)}, r"is no CPU feature .*: none, as .* does not say their numbers"),
        ({"arg": GIVEN, "static_key": (("lock", True),)}, "the kernel tests no static key of that name"),
        ({"arg": GIVEN, "arch": "x86-64"}, "code for EM_AARCH64, not for x86-64"),
        ({"arg": GIVEN, "cc": "gcc"}, "is for C files, and .* is taken as machine code"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, build: dict[str, Any], message: str) -> None:
    with pytest.raises(CtxraceError, match=message):
        checked(compiled(tmp_path), UPDATE, **build)


def test_a_damaged_object_is_refused(tmp_path: Path) -> None:
    file = compiled(tmp_path)
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(CtxraceError, match="is damaged"):
        checked(file, UPDATE, arg=GIVEN)


def test_an_undefined_name_does_not_become_a_part_of_the_linker_script(tmp_path: Path) -> None:
    name = "a = 1); } INCLUDE /etc/hostname SECTIONS { PROVIDE(b"
    file = compiled(tmp_path, text=f'extern int bad __asm__("{name}");\nvoid f(void) {{ bad++; }}\n')
    with pytest.raises(CtxraceError, match=r"module\.o leaves 'a = 1\); .* undefined, a name that no linker"):
        checked(file, "--tasks 2:f")


def test_a_function_of_a_harness_that_nobody_calls_is_named(tmp_path: Path) -> None:
    file = compiled(tmp_path)
    harness = tmp_path / "harness.c"
    text = "#include <ctxrace/kernel.h>\nextern void update(int by);\nvoid attempt(void) { update(1); }\n"
    text += "noinline static void helper(void) { barrier(); }\nvoid (*hook)(void) = helper;\n"
    text += "CTXRACE_TASKS(2, attempt); CTXRACE_EXCLUSIVE(update);\n"
    harness.write_text(text.replace("CTXRACE_EXCLUSIVE(update);", ""))
    assert checked(harness, "", objects=(str(file),)).outcome is Outcome.HOLDS
    harness.write_text(harness.read_text() + "void boddy(int by) { barrier(); }\n")
    with pytest.raises(CtxraceError, match=r"defines boddy\(\), which neither .* calls; is body meant\?"):
        checked(harness, "", objects=(str(file),))


@pytest.mark.parametrize("arch", TARGETS)
@pytest.mark.parametrize(("call", "outcome"), [("", Outcome.HOLDS), ("__cond_resched();", Outcome.VIOLATED)])
def test_a_task_loses_the_cpu_where_the_object_calls_the_scheduler(
    tmp_path: Path, arch: str, call: str, outcome: Outcome
) -> None:
    text = HEADER + f"""\
extern int __cond_resched(void);
int pid(void) {{ return get_current()->pid; }}
noinline void body(void) {{ barrier(); {call} }}
void attempt(void) {{ body(); barrier(); }}
__attribute__((section(".modinfo"), used)) static const char vermagic[] = "vermagic=7.2.0 SMP mod_unload";
"""
    result = checked(compiled(tmp_path, text=text, name="module.ko", arch=arch), "--tasks 2:attempt --exclusive body")
    assert result.setup.preemption == "voluntary" and result.verdicts[0].outcome is outcome
