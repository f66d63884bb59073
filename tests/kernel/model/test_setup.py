"""What ctxrace_setup() leaves is what contexts begin with. Lengths are (switches, events)."""

import pytest
from tests.kernel.cases import RT, Build, Cases, handlers, length

from ctxrace.core.errors import ScenarioError, ToolchainError
from ctxrace.kernel.check import check
from ctxrace.kernel.model.setup import memory_after_setup
from ctxrace.kernel.rules.preemption import Preemption

SETUP = """
int x, y;
void ctxrace_setup(void) { x = 5; }
void e(void) { %s }
CTXRACE_TASKS(2, e); CTXRACE_BALANCED(x);
"""

FREE_LIST = """
#include <linux/list.h>
#include <linux/percpu.h>
struct node { struct list_head list; };
static DEFINE_PER_CPU(struct list_head, free);
static struct node nodes[2];
void ctxrace_setup(void)
{
    int cpu;

    for_each_possible_cpu(cpu)
        INIT_LIST_HEAD(per_cpu_ptr(&free, cpu));
    list_add(&nodes[0].list, per_cpu_ptr(&free, 0));
    list_add(&nodes[1].list, per_cpu_ptr(&free, 0));
}
static noinline void check_links(struct list_head *list)
{
    struct list_head *at;

    list_for_each(at, list)
        ctxrace_check(at->next->prev == at);
}
void take_and_give(void)
{
    unsigned long flags;
    struct node *node;

    local_irq_save(flags);
    node = list_first_entry_or_null(this_cpu_ptr(&free), struct node, list);
    if (node)
        list_del(&node->list);
    local_irq_restore(flags);
    if (!node)
        return;
    %s
    list_add(&node->list, this_cpu_ptr(&free));
    check_links(this_cpu_ptr(&free));
    %s
}
CTXRACE_TASKS(1, take_and_give); CTXRACE_HARDIRQ(take_and_give);
"""


def test_memory_begins_with_what_it_leaves(cases: Cases) -> None:
    assert cases.found(SETUP % "ctxrace_check(READ_ONCE(x) == 5);") is None
    assert cases.found(SETUP % "ctxrace_check(READ_ONCE(x) == 0);") == (0, 1)  # ldr


def test_balanced_is_what_it_leaves(cases: Cases) -> None:
    assert cases.found(SETUP % "WRITE_ONCE(x, 5);", "balanced(x)") is None
    assert cases.found(SETUP % "WRITE_ONCE(x, 0);", "balanced(x)") == (0, 1)  # str


def test_a_statistic_reads_as_it_leaves_it(cases: Cases) -> None:
    text = SETUP % "WRITE_ONCE(y, 3); ctxrace_check(READ_ONCE(y) == 7);" + "CTXRACE_STATISTIC(y);"
    assert cases.found(text.replace("x = 5;", "y = 7;")) is None


def test_a_per_cpu_list_is_initialised(cases: Cases) -> None:
    # In a constant initialiser its address would be that of the section, which is nobody's.
    assert cases.found(FREE_LIST % ("local_irq_save(flags);", "local_irq_restore(flags);")) is None
    # The handler comes between the halves of list_add(): A takes with msr, ldr, ldp (two), str str, stp (two), msr, and
    # gives with ldr, str prev; hardirq takes the node whose prev that was, likewise nine, gives it with ldr str, stp
    # (two), str, and looks: ldr ldr ldr.
    assert cases.found(FREE_LIST % ("", "")) == (1, 28)


def test_each_cpu_finds_its_own(cases: Cases) -> None:
    text = """
        #include <linux/percpu.h>
        static DEFINE_PER_CPU(int, number);
        void ctxrace_setup(void) { int cpu; for_each_possible_cpu(cpu) per_cpu(number, cpu) = cpu + 1; }
        void e(void) { ctxrace_check(this_cpu_read(number) == %s); }
        CTXRACE_TASKS(1, e); CTXRACE_CPUS(2);"""
    head = "#define CTXRACE_SMP 1\n"
    found = {wanted: cases.found(text % wanted, head=head) is None for wanted in ("1", "3")}
    assert found == {"1": False, "3": False}
    assert cases.found(text.replace("== %s", "<= 2"), head=head) is None


def test_it_is_the_same_on_rt_and_with_interrupts(cases: Cases) -> None:
    text = SETUP % "ctxrace_check(READ_ONCE(x) == 5);"
    assert cases.found(text, head=RT, preemption=Preemption.RT, handlers=handlers(softirq="e")) is None
    assert cases.found(text, handlers=handlers(nmi="e")) is None


@pytest.mark.parametrize("arch", ["arm64", "arm64-be", "riscv64", "x86-64"])
def test_on_every_architecture(build: Build, arch: str) -> None:
    program = build(SETUP % "ctxrace_check(READ_ONCE(x) == 5);", arch=arch)
    assert length(check(program, program.scenario)) is None


def test_without_one_memory_is_the_images(cases: Cases) -> None:
    program = cases.program("int x = 3; void e(void) { ctxrace_check(READ_ONCE(x) == 3); } CTXRACE_TASKS(1, e);")
    assert memory_after_setup(program.image, program.scenario) is None
    assert length(check(program, program.scenario)) is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("BUG();", r"ctxrace_setup\(\) faults \(traps: .*\); it must run through, alone"),
        ("*(int *)16 = 1;", r"ctxrace_setup\(\) faults \(no memory: 0x10, ctxrace_setup.*\); it must run through"),
        ("ctxrace_check(x == 1);", r"ctxrace_setup\(\) fails: x == 1; it must run through, alone"),
        ("schedule();", r"ctxrace_setup\(\) sleeps in schedule\(\)"),
        ("while (!READ_ONCE(x)) cpu_relax();", r"ctxrace_setup\(\) does not end within 100,000 accesses to memory"),
    ],
)
def test_what_it_may_not_do(cases: Cases, body: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        cases.check((SETUP % "WRITE_ONCE(x, 0);").replace("x = 5;", body))


@pytest.mark.parametrize("definition", ["static void ctxrace_setup(void) { }", "void ctxrace_setup(int n) { }"])
def test_no_other_definition_compiles(cases: Cases, definition: str) -> None:
    with pytest.raises(ToolchainError):
        cases.program(f"{definition} int x; void e(void) {{ WRITE_ONCE(x, 0); }} CTXRACE_TASKS(1, e);")


def test_arguments_are_refused_where_no_header_declares_it(build: Build) -> None:
    text = """
        #undef ctxrace_setup
        int x;
        void ctxrace_setup(int n) { x = n; }
        void e(void) { WRITE_ONCE(x, 0); }
        CTXRACE_TASKS(1, e); CTXRACE_BALANCED(x);"""
    program = build(text, "#define ctxrace_setup ctxrace_declared")
    with pytest.raises(ScenarioError, match=r"ctxrace_setup\(\) takes arguments, which nobody passes; declare it void"):
        check(program, program.scenario)
