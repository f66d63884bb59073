"""Lines of claims: what is understood, and what is said of the rest."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ctxrace.claims.decide import decide
from ctxrace.claims.parse import FORMS, looks_like_a_claim, parse_claim
from ctxrace.claims.resolve import resolve
from ctxrace.claims.syntax import Act, Condition, Term, Value
from ctxrace.claims.system_line import load_system, options_of
from ctxrace.core.claim import Answer, ClaimResult, OutcomeFound
from ctxrace.core.errors import ScenarioError
from ctxrace.core.note import Note, NoteKind
from ctxrace.core.turn import Turn, TurnKind
from ctxrace.core.why import AlwaysCalled
from ctxrace.kernel.program import load

SYSTEM = "system x.c\n"
SOURCE = """
#include <ctxrace/kernel.h>
u8 x; struct { u8 a; u16 b; } pair; const int fixed = 3;
__noipa int half(int of) { return of / 2; }
void task(void) { if (half(READ_ONCE(x)) == 0) WRITE_ONCE(x, READ_ONCE(x) + 1); else x--; }
void irq(void) { WRITE_ONCE(pair.b, 7); WRITE_ONCE(pair.b, 0); }
CTXRACE_TASKS(2, task);
CTXRACE_NMI(irq);
CTXRACE_BALANCED(x);
"""


def said(text: str) -> object:
    return parse_claim(f"{SYSTEM}1. {text}").lines[0].says


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A: active[0] 0 -> 1", Act("write", "A", "active[0]", Value("1"), Value("0"))),
        ("A: active[0] ? -> 0x10", Act("write", "A", "active[0]", Value("0x10"), Value("?"))),
        ("A: writes s.count", Act("write", "A", "s.count")),
        ("A: writes x != 1", Act("write", "A", "x", Value("1", "!="))),
        ("nmi: reads x >= 2", Act("read", "nmi", "x", Value("2", ">="))),
        ("A: calls f", Act("call", "A", "f")),
        ("A: runs f", Act("call", "A", "f")),
        ("A: f returns", Act("return", "A", "f")),
        ("A: f returns -22", Act("return", "A", "f", Value("-22"))),
        ("A: f returns nonzero", Act("return", "A", "f", Value("nonzero"))),
        ("A: does not call f", Act("avoid", "A", "f")),
        ("A: never runs f", Act("avoid", "A", "f")),
        ("f is never called again", Act("avoid", "", "f")),
        ("A starts", Act("start", "A")),
        ("A finishes", Act("finish", "A")),
        ("switch to A", Act("switch", "A")),
        ("nmi arrives over A", Act("arrive", "nmi", over="A")),
        ("nmi returns", Act("leave", "nmi")),
        ("nmi starts", Act("arrive", "nmi")),
        ("softirq finishes", Act("leave", "softirq")),
        ("A: active[0] 0 ➜ 1", Act("write", "A", "active[0]", Value("1"), Value("0"))),
        ("idle and x == 2", Condition((Term("idle"), Term("value", "x", Value("2"))))),
        ("stuck x for ever", Condition((Term("stuck", "x"),))),
        ("idle and f never ran", Condition((Term("idle"), Term("never", "f")))),
    ],
)
def test_forms(text: str, expected: object) -> None:
    assert said(text) == expected


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("...", "strict") and "system" not in form])
def test_every_form_that_is_shown_is_understood(form: str) -> None:
    words = form.replace("VARIABLE", "x").replace("PROPERTY", "balanced")
    line = re.sub(r"FUNCTION|ENTRY|NAME", "f", words)
    head = line.startswith(("tasks", "call", "outcome"))
    parse_claim(f"{SYSTEM}{line if head else '1. ' + line}\n{'' if line.startswith('outcome') else '2. idle'}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1. A: reads x = 1", "c.txt:2: '1. A: reads x = 1' is not understood; the nearest form is: A: reads VARIABLE"),
        ("1. A: active[0] 0 => 1", "the nearest form is: A: VARIABLE 0 -> 1"),
        ("1. switching to B", "the nearest form is: switch to A"),
        ("outcome: stuk x", "the nearest form is: outcome: stuck VARIABLE"),
        ("2. idle\n1. idle", "c.txt:3: '1. idle': step 1 after step 2"),
        ("outcome: idle\n1. idle", "a step after the outcome"),
        ("tasks A, A\n1. idle", "the task A is named twice"),
        ("tasks A\ntasks B run f\n1. idle", "c.txt:3: 'tasks B run f': line 2 names tasks, too; write all names"),
        ("tasks A run f\ntasks B\n1. idle", "c.txt:3: 'tasks B': line 2 names tasks, too"),
        ("call go = f\ncall go = g\n1. idle", "c.txt:3: 'call go = g': line 2 says: call go = f"),
        ("1. switch to hardirq", "c.txt:2: '1. switch to hardirq': only tasks are switched to; write: hardirq arrives"),
        ("tasks nmi\n1. idle", "'nmi' is no name of a task"),
        ("tasks A", "c.txt claims nothing"),
        ("system y.c", "a second system"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_quoted(text: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(message)):
        parse_claim(SYSTEM + text, "c.txt")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("preemption none, preemption full", "'preemption full' contradicts 'preemption none'; leave one out"),
        ("-O2, -g, -O3", "'-O3' contradicts '-O2'"),
        ("-DA=1, -DB, -DA=2", "'-DA=2' contradicts '-DA=1'"),
        ("arch arm64, arch x86-64", "'arch x86-64' contradicts 'arch arm64'"),
    ],
)
def test_a_system_line_does_not_contradict_itself(options: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(f"c.txt:1: 'system x.c, {options}': {message}")):
        parse_claim(f"system x.c, {options}\n1. idle", "c.txt")
    first = options.partition(",")[0]
    assert parse_claim(f"system x.c, {first}, {first}\n1. idle").options == (first, first)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert looks_like_a_claim(f"\ufeff{SYSTEM}1. idle\n")
    assert parse_claim(f"\ufeff{SYSTEM}1. idle\n").system == "x.c"


def test_interrupts_are_none_or_some(tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text(SOURCE)
    for options in ("interrupts none, nmi irq", "nmi irq, interrupts none"):
        with pytest.raises(ScenarioError, match=r"c.txt: nmi none contradicts nmi irq"):
            load_system(parse_claim(f"system x.c, {options}\n1. idle", str(tmp_path / "c.txt")))
    _, scenario = load_system(parse_claim("system x.c, interrupts none, nmi none\n1. idle", str(tmp_path / "c.txt")))
    assert scenario.handlers == ()


def test_a_claim_is_told_from_a_c_file() -> None:
    assert looks_like_a_claim("# words\n\nsystem x.c\n1. idle\n")
    assert not looks_like_a_claim("#include <ctxrace/kernel.h>\nint system;\n")


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]  # noqa: ANN201
    path = tmp_path_factory.mktemp("claims") / "x.c"
    path.write_text(SOURCE)
    program = load(path)

    def decided(*lines: str, attempts: int | None = None) -> ClaimResult:
        claim = parse_claim(SYSTEM + "\n".join(lines), "c.txt")
        return decide(program, resolve(claim, program.image, replace(program.scenario, attempts=attempts)))

    return decided


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1. C: reads x", "there is no context 'C'; the contexts are: A, B, nmi"),
        ("1. softirq arrives", "there is no context 'softirq'"),
        ("1. A: reads y", "the program has no variable 'y'; it has: pair, x"),
        ("1. A: reads fixed", "the program has no variable 'fixed'"),
        ("1. A: reads pair.c", "pair has no part 'pair.c'; it has:"),
        ("1. A: calls gone", "the program has no function 'gone'; it has: half, irq, task. Where the compiler inlined"),
        ("tasks A, B, C run task\n1. idle", "3 tasks are named that run task, and the scenario has 2"),
        ("tasks A run gone\n1. idle", "no tasks run 'gone'"),
        ("call go = gone\n1. idle", "c.txt:2: 'call go = gone': the program has no function 'gone'; it has: go, half"),
        ("call irq = half\n1. idle", "c.txt:2: 'call irq = half': the program has such a function"),
        ("1. A: task returns 0", "task returns nothing; write: A: task returns"),
        ("1. A: half returns 4294967296", "4294967296 does not fit: what half returns has 4 bytes"),
        ("1. A: x 0 -> 256", "256 does not fit: x has 1 byte"),
        ("1. A: x -129 -> 0", "-129 does not fit: x has 1 byte"),
        ("1. nmi: reads pair.b < 65536", "65536 does not fit: pair.b has 2 bytes"),
        ("outcome: idle and pair.b == 0x10000", "0x10000 does not fit: pair.b has 2 bytes"),
        ("outcome: violates fair", "c.txt:2: 'violates fair': no such property; there are: balanced(x), check"),
    ],
)
def test_unknown_names_list_what_exists(judge, line: str, message: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    with pytest.raises(ScenarioError, match=re.escape(message)):
        judge(line)


def test_calls_and_results_may_come_later_than_the_event_before_them(judge) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    # A reads x; before it calls half, and again before half has returned, others run.
    result = judge("1. A: reads x == 0", "2. nmi arrives", "3. nmi returns", "4. A: calls half", "5. switch to B",
                   "6. switch to A", "7. A: half returns 0", "8. A: x 0 -> 1")  # fmt: skip
    assert result.answer is Answer.CONFIRMED
    turns = [row for row in result.interleaving.rows if isinstance(row, Turn)]
    assert [turn.notes for turn in turns if turn.kind is TurnKind.BETWEEN] == [
        (Note(NoteKind.CALLED, "half"), Note(NoteKind.IS_STEP, "4")),
        (Note(NoteKind.RETURNED, "half", "0"), Note(NoteKind.IS_STEP, "7")),
    ]


def test_an_interrupt_starts_and_finishes_as_it_arrives_and_returns(judge) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    for steps in (("nmi arrives", "nmi: pair.b 0 -> 7", "nmi returns"), ("nmi starts", "nmi finishes", "nmi starts")):
        result = judge(*(f"{number}. {said}" for number, said in enumerate(steps, 1)))
        assert result.answer is Answer.CONFIRMED
    assert judge("1. A: reads x == 000").answer is Answer.CONFIRMED  # decimal, as it looks


def test_strict_forbids_what_is_not_claimed(judge) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    assert judge("1. A starts", "2. A: reads x == 0", "3. A: x 0 -> 1").answer is Answer.CONFIRMED
    # A reads x twice before it writes: to decide, and to count.
    between = judge("strict", "1. A starts", "2. A: reads x == 0", "3. A: x 0 -> 1")
    assert (between.answer, between.failed) == (Answer.IMPOSSIBLE, "3")
    loose = judge("strict", "1. A starts", "2. A: reads x == 0", "...", "3. A: x 0 -> 1")
    assert loose.answer is Answer.CONFIRMED
    whole = judge("strict", "1. A starts", "2. A: reads x == 0", "3. A: reads x == 0", "4. A: x 0 -> 1")
    assert whole.answer is Answer.CONFIRMED


def test_one_attempt_each_unless_the_claim_begins_another(judge) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    assert judge("1. A: x 0 -> 1", "2. A: x 1 -> 2").failed == "2"
    assert judge("1. A: x 0 -> 1", "2. A starts", "3. A: x 1 -> 2").answer is Answer.CONFIRMED


def test_an_impossible_step_says_why_and_whether_the_outcome_is_reachable(judge) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    result = judge("1. A: x 0 -> 1", "2. A: does not call half", "outcome: idle and x == 2")
    assert (result.failed, result.outcome, result.status) == ("2", OutcomeFound.REACHABLE, 1)
    assert result.reasons == (AlwaysCalled(("task",), "half", "half"),)
    result = judge("1. A: reads x == 0", "2. A: half returns 1", "outcome: idle and pair.b == 7", attempts=1)
    assert (result.failed, result.outcome, result.status) == ("2", OutcomeFound.UNREACHABLE, 4)


@pytest.mark.parametrize(
    ("declared", "what"),
    [
        ("CTXRACE_CPUS(2);", "2 CPUs"),
        ("CTXRACE_ENTRY_WINDOW();", "the entry window"),
        ("CTXRACE_PREEMPTION(rt);", r"softirqs that are tasks \(preemption rt\)"),
    ],
)
def test_what_claims_cannot_follow_is_refused(tmp_path: Path, declared: str, what: str) -> None:
    source = "#include <ctxrace/kernel.h>\nint x; void task(void) { x++; }\nCTXRACE_TASKS(2, task);"
    rt = declared == "CTXRACE_PREEMPTION(rt);"
    head = f"#define CTXRACE_PREEMPT_RT {int(rt)}\n#define CTXRACE_SMP {int('CPUS' in declared)}\n"
    (tmp_path / "a.c").write_text(head + source + "CTXRACE_SOFTIRQ(task);" + declared + "\n")
    claim = parse_claim("system a.c\n1. A starts\n", str(tmp_path / "claim.txt"))
    program, scenario = load_system(claim)
    with pytest.raises(ScenarioError, match=f"claims do not follow {what} yet"):
        resolve(claim, program.image, scenario)


@pytest.mark.parametrize("arch", ["arm64", "arm64-be", "riscv64", "x86-64"])
def test_values_are_those_of_the_cpus_byte_order(tmp_path: Path, arch: str) -> None:
    (tmp_path / "word.c").write_text(
        "#include <ctxrace/kernel.h>\nint word = 1;\nvoid entry(void) { word++; }\nCTXRACE_TASKS(1, entry);"
    )
    steps = "tasks A\n1. A: reads word == 1\n2. A: word 1 -> 2\noutcome: idle and word == 2\n"
    claim = parse_claim(f"system word.c, arch {arch}\n{steps}", str(tmp_path / "claim.txt"))
    program, scenario = load_system(claim)
    assert decide(program, resolve(claim, program.image, scenario)).answer is Answer.CONFIRMED


@pytest.mark.parametrize(
    ("steps", "answer"),
    [
        ("1. A: word 1 -> 2\n2. body is never called again\n3. A finishes", Answer.CONFIRMED),
        ("1. body is never called again\n2. A: word 1 -> 2\n3. A finishes", Answer.IMPOSSIBLE),
        ("1. A starts\n2. body is never called again\n3. A: word 1 -> 2", Answer.IMPOSSIBLE),
    ],
)
def test_what_is_never_called_again_is_not_called_by_the_next_step(tmp_path: Path, steps: str, answer: Answer) -> None:
    (tmp_path / "body.c").write_text(
        "#include <ctxrace/kernel.h>\nint word = 1;\nnoinline void body(void) { barrier(); }\n"
        "void entry(void) { word++; body(); }\nCTXRACE_TASKS(1, entry);\nCTXRACE_ATTEMPTS(1);"
    )
    claim = parse_claim(f"system body.c\ntasks A\n{steps}\n", str(tmp_path / "claim.txt"))
    program, scenario = load_system(claim)
    assert decide(program, resolve(claim, program.image, scenario)).answer is answer


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("system guard.c, -D'foo\n1. A: reads x == 0", "no closing quotation"),
        (f"system guard.c\n{'1' * 5000}. A: reads x == 0", "has 5,017 characters"),
        (f"system guard.c\n1. A: reads x == {'1' * 900}", "does not fit"),
        (f"system guard.c\n{'1' * 900}. A: reads x == 0", "is not understood"),
    ],
)
def test_long_numbers_and_open_quotes_are_a_line(judge, text: str, message: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    with pytest.raises(ScenarioError, match=message):
        _, *lines = text.splitlines()
        options_of(parse_claim(text))
        judge(*lines)
