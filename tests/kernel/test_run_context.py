"""current->bpf_ctx, which every entry saves and puts back: no event, as long as interrupts only do that.

Lengths are (switches, events). Where an interrupt looks at it, accesses to it are events.
"""

import pytest

from ctxrace.kernel.check import explore
from ctxrace.kernel.scenario import validate

from .cases import Cases, handlers

TASK = """
int x, y;
void e(void)
{
	void *old = current->bpf_ctx;

	current->bpf_ctx = &x;
	barrier();
	WRITE_ONCE(y, 1);
	barrier();
	ctxrace_check(current->bpf_ctx == &x);
	current->bpf_ctx = old;
}
"""


@pytest.mark.parametrize(
    "condition",
    ["current->bpf_ctx != &x", "!current->bpf_ctx", "(u32)(unsigned long)current->bpf_ctx != (u32)(unsigned long)&x",
     "((unsigned long)current->bpf_ctx ^ (unsigned long)&x)"],
)  # fmt: skip
def test_an_interrupt_that_looks_at_it_sees_it(cases: Cases, condition: str) -> None:
    # ldr bpf_ctx, str &x | nmi: ldr &x
    text = TASK + f"void h(void) {{ ctxrace_check({condition}); }} CTXRACE_TASKS(2, e);"
    assert cases.found(text, handlers=handlers(nmi="h")) == (1, 3)
    assert cases.found(text) is None


def test_an_interrupt_that_finds_it_late_sees_it(cases: Cases) -> None:
    # y tells when to look: the task has written it before. ldr bpf_ctx, str &x, str y | ldr y, ldr bpf_ctx
    text = TASK + "void h(void) { if (READ_ONCE(y)) ctxrace_check(current->bpf_ctx != &x); } CTXRACE_TASKS(2, e);"
    assert cases.found(text, handlers=handlers(hardirq="h")) == (1, 5)


def test_an_interrupt_sees_what_the_one_below_has_put_there(cases: Cases) -> None:
    # hardirq: ldr bpf_ctx, str &x | nmi: ldr &x
    text = TASK + "void h(void) { ctxrace_check(current->bpf_ctx != &x); } CTXRACE_HARDIRQ(e);"
    assert cases.found(text, handlers=handlers(hardirq="e", nmi="h")) == (2, 3)


SAVES = TASK + "CTXRACE_TASKS(2, e); CTXRACE_SOFTIRQ(e); CTXRACE_HARDIRQ(e); CTXRACE_NMI(e);"


def test_who_saves_it_and_puts_it_back_finds_its_own(cases: Cases) -> None:
    assert cases.found(SAVES) is None
    program = cases.program(SAVES)
    explored, _ = explore(program, validate(program.scenario, program.image))
    (system,) = explored.cpus
    assert (system.contexts.symmetric, system.contexts.blind) == (True, True)


def test_it_is_kept_while_its_task_sleeps(cases: Cases) -> None:
    text = TASK.replace("WRITE_ONCE(y, 1);", "WRITE_ONCE(y, 1); schedule();") + "CTXRACE_TASKS(2, e);"
    assert cases.found(text) is None
    wrong = text.replace("ctxrace_check(current->bpf_ctx == &x)", "ctxrace_check(current->bpf_ctx != &x)")
    assert cases.found(wrong) == (0, 2)  # str y, ret


@pytest.mark.parametrize("level", ["softirq", "hardirq", "nmi"])
def test_an_interrupt_that_does_not_put_it_back_is_found(cases: Cases, level: str) -> None:
    text = """
        int x, y;
        void e(void) { current->bpf_ctx = &x; WRITE_ONCE(y, 0); }
        CTXRACE_TASKS(1, e); CTXRACE_BALANCED(y);"""
    assert cases.found(text, "restored") == (0, 1)
    assert cases.found(text, "restored", tasks=(), handlers=handlers(**{level: "e"})) == (1, 1)
    empty = text.replace("= &x", "= NULL")  # as a task finds it; an interrupt may not take it for granted
    assert cases.found(empty, "restored") is None
