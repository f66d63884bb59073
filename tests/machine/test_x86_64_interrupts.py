"""x86-64: between which instructions a hard interrupt arrives, and what one instruction does as a whole."""

from pathlib import Path

import pytest

from ctxrace.core.verdict import Outcome, Verdict
from ctxrace.kernel.check import check
from ctxrace.kernel.program import load

HEAD = "#include <ctxrace/kernel.h>\n"
IRQ = "CTXRACE_TASKS(1, task);\nCTXRACE_HARDIRQ(irq);\n"


def decided(folder: Path, text: str, *, arch: str = "x86-64", **how: str) -> Verdict:
    """The verdict on the checks of a source file."""
    source = folder / "case.c"
    source.write_text(HEAD + text, encoding="utf-8")
    (verdict,) = check(load(source, arch=arch, cache=folder, **how)).verdicts  # type: ignore[arg-type]
    return verdict


def assembler(code: str) -> str:
    """A task that runs `code`, which sees `x`; the interrupt must never find 2 in it."""
    code = code.replace("\n", "\\n")
    return (
        f'int x;\nvoid task(void) {{ asm volatile("cli\\n{code}" ::: "memory"); }}\n'
        f"void irq(void) {{ ctxrace_check(x != 2); }}\n{IRQ}"
    )


SET, UNSET = "movl $2, x(%%rip)", "movl $0, x(%%rip)"


@pytest.mark.parametrize(
    ("code", "outcome", "states"),
    [
        # SDM vol. 2, STI: interrupts that were off come on after the instruction that follows.
        (f"{SET}\nsti\n{UNSET}", Outcome.HOLDS, 8),
        (f"{SET}\nsti\ncli\n{UNSET}\nsti", Outcome.HOLDS, 10),
        (f"{SET}\nsti\nnop\n{UNSET}", Outcome.VIOLATED, None),  # the shadow lasts one instruction, be it private
        (f"{SET}\nsti\nsti\n{UNSET}", Outcome.VIOLATED, None),  # the second finds them on
        (f"{SET}\npushq $0x202\npopfq\n{UNSET}", Outcome.VIOLATED, None),  # POPF has no shadow
        (f"sti\nnop\n{SET}\nsti\n{UNSET}", Outcome.VIOLATED, None),
    ],
)
def test_the_shadow_of_sti(code: str, outcome: Outcome, states: int | None, tmp_path: Path) -> None:
    verdict = decided(tmp_path, assembler(code))
    assert verdict.outcome is outcome
    assert states is None or verdict.states == states


def test_an_nmi_ends_the_shadow_of_sti(tmp_path: Path) -> None:
    """SDM vol. 2, STI: the inhibition ends after delivery of another event, or the next instruction."""
    text = assembler(f"{SET}\nsti\n{UNSET}")
    assert decided(tmp_path, text + "int seen; void nmi(void) { seen = 1; }\nCTXRACE_NMI(nmi);").outcome is (
        Outcome.VIOLATED
    )


COPY = """
static u64 a[2], b[2];
void task(void)
{{
	void *d = b, *s = a;
	unsigned long n = 2;

	asm volatile("{copy}" : "+D"(d), "+S"(s), "+c"(n) :: "memory");
	local_irq_disable();
	ctxrace_check({check});
	local_irq_enable();
}}
void irq(void) {{ {irq} }}
CTXRACE_ATTEMPTS(1);
"""
FIRST = "a[0] = 1; b[0] = 1;"


@pytest.mark.parametrize(
    ("copy", "check", "irq", "outcome"),
    [
        # One movs loads and stores: an interrupt comes before or after it.
        ("movsq", "a[0] == b[0]", FIRST, Outcome.HOLDS),
        ("pushq (%%rsi)\\npopq (%%rdi)", "a[0] == b[0]", FIRST, Outcome.VIOLATED),
        ("rep movsq", "a[0] == b[0]", FIRST, Outcome.HOLDS),
        # A repeated one is interrupted between two iterations: the second element is copied as it is then.
        ("rep movsq", "b[0] == b[1]", "a[0] = 1; a[1] = 1;", Outcome.VIOLATED),
        ("rep movsq", "b[0] <= b[1]", "a[0] = 1; a[1] = 1;", Outcome.HOLDS),
    ],
)
def test_an_interrupt_finds_whole_instructions(
    copy: str, check: str, irq: str, outcome: Outcome, tmp_path: Path
) -> None:
    assert decided(tmp_path, COPY.format(copy=copy, check=check, irq=irq) + IRQ).outcome is outcome


@pytest.mark.parametrize(
    ("source", "states"),
    [
        ("static atomic_t n;\nvoid task(void) { atomic_inc(&n); atomic_dec(&n); }\nCTXRACE_BALANCED(n);", 6),
        ("static u8 n = 4;\nvoid task(void) { n -= 2; barrier(); n += 2; }\nCTXRACE_BALANCED(n);", 6),
    ],
)
def test_what_is_stored_where_no_register_points_is_cut_to_its_size(source: str, states: int, tmp_path: Path) -> None:
    verdict = decided(tmp_path, source + "\nCTXRACE_TASKS(2, task);")
    assert (verdict.outcome, verdict.states) == (Outcome.HOLDS, states)


ON_STACK = """
static int *volatile waiter;
void task(void)
{{
	int done = 0, d;

	waiter = &done;
	barrier();
	d = READ_ONCE(done);
	waiter = 0;
	ctxrace_check({check});
}}
void irq(void) {{ int *w = waiter; if (w) WRITE_ONCE(*w, 1); }}
"""


@pytest.mark.parametrize(
    ("check", "outcome"), [("d == 0 || d == 1", Outcome.HOLDS), ("d == 0", Outcome.VIOLATED), ("d", Outcome.VIOLATED)]
)
def test_an_object_on_the_stack_that_an_interrupt_writes(check: str, outcome: Outcome, tmp_path: Path) -> None:
    assert decided(tmp_path, ON_STACK.format(check=check) + IRQ).outcome is outcome
