"""The grid of results: what a cell says, which cells are shared, what is said once."""

from ctxrace.core.facts.reason import NotAsked
from ctxrace.core.facts.remark import AttemptsBounded, Remark
from ctxrace.core.property import Property
from ctxrace.core.setup import Setup
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.report.grid import render_grid

UNDECIDED = Verdict(Property("hang"), Outcome.INCOMPLETE, 1, 1, 0.0, None, NotAsked())


def result(case: str, *violated: str, incomplete: bool = False, notes: tuple[Remark, ...] = ()) -> Result:
    kinds = ("progress", "exclusive", "restored")
    rest = Outcome.INCOMPLETE if incomplete else Outcome.HOLDS
    verdicts = tuple(
        Verdict(Property(kind, (), ""), Outcome.VIOLATED if kind in violated else rest, 1, 1, 0.0) for kind in kinds
    )
    hang = UNDECIDED if "exclusive" in violated else None
    return Result(Setup(case, "arm64", "clang -O2", "full", 2, ()), verdicts, notes=notes, hang=hang)


def test_a_cell_says_what_is_violated_and_what_differs_between_its_results() -> None:
    one, two = ("arm64", "fentry"), ("arm64", "fexit")
    cells: dict[tuple[tuple[str, str], tuple[str, str]], list[Result | None]] = {
        (("v1", ""), one): [result("v1 fentry", "progress", "exclusive")] * 2,
        (("v1", ""), two): [result("v1 fexit"), result("v1 fexit x2", "restored", incomplete=True)],
        (("v1", "sleepable"), one): [result("v1 fentry sleepable", incomplete=True)],
        (("v1", "sleepable"), two): [None],  # interrupted before it began
        (("merged", ""), two): [result("merged fexit", notes=(AttemptsBounded(1),))],
    }
    assert render_grid(cells, "the system", ("guard", "program"), ["in full: ctxrace bpf"]) == (
        "the system: 2 holds, 3 violated, 2 incomplete\n"
        "clang -O2, preemption full\n"
        "\n"
        "                     arm64\n"
        "  guard   program    fentry      fexit\n"
        "  v1                 EP          holds / +restored\n"
        "          sleepable  incomplete  incomplete\n"
        "  merged             -           holds\n"
        "\n"
        "violated: E exclusive, P progress, +restored restored\n"
        "incomplete: no hang: interrupted before it was asked [v1]\n"
        "note: each context begins its entry at most once; nothing is claimed beyond that [merged]\n"
        "in full: ctxrace bpf\n"
    )


def test_where_nothing_was_begun_no_cell_says_otherwise() -> None:
    cells: dict[tuple[tuple[str, str], tuple[str, str]], list[Result | None]]
    cells = {(("v1", ""), ("arm64", "fentry")): [None, None]}
    assert render_grid(cells, "the system", ("guard", "program")).startswith("the system: 2 incomplete\n\n ")


def test_columns_that_do_not_fit_stand_below() -> None:
    columns = [("arm64", f"trampoline-{n}") for n in range(4)] + [("x86_64", "trampoline-4")]
    cells: dict[tuple[tuple[str, str], tuple[str, str]], list[Result | None]]
    cells = {(("v1", "sleepable"), column): [None] for column in columns}
    text = render_grid(cells, "the system", ("guard", "program"), width=60)
    assert text == (
        "the system: 5 incomplete\n"
        "\n"
        "                    arm64\n"
        "  guard  program    trampoline-0  trampoline-1  trampoline-2\n"
        "  v1     sleepable  incomplete    incomplete    incomplete\n"
        "\n"
        "                    arm64         x86_64\n"
        "  guard  program    trampoline-3  trampoline-4\n"
        "  v1     sleepable  incomplete    incomplete\n"
        "\n"
    )
    assert max(map(len, text.splitlines())) <= 60
