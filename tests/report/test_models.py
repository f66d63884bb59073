"""The tables of one system on many kernels: what was not found, and what is too wide."""

from ctxrace.core.property import Property
from ctxrace.core.setup import Setup
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.report.models import render_models

SETUP = Setup("v1", "arm64", "clang -O2", "full", 2, ())
HOLDS = Result(SETUP, (Verdict(Property("a", (), ""), Outcome.HOLDS, 1, 1, 0.0),))
ROWS = ("non-sleepable, preemptible", "non-sleepable, non-preemptible")


def test_a_result_that_is_not_there_is_incomplete_and_a_cell_that_is_not_there_a_dash() -> None:
    cells = {(("v1", ROWS[0]), "none"): HOLDS, (("v1", ROWS[0]), "rt"): None, (("v1", ROWS[1]), "none"): None}
    assert render_models({"1 CPU": cells}, "kernels", ("guard", "program, RCU")) == (
        "kernels: 1 holds, 2 incomplete\n"
        "arm64, clang -O2\n"
        "\n"
        "1 CPU\n"
        "  guard  program, RCU                    none        rt\n"
        "  v1     non-sleepable, preemptible      holds       incomplete\n"
        "         non-sleepable, non-preemptible  incomplete  -\n"
        "\n"
    )


def test_a_table_that_is_too_wide_has_its_guards_above_their_rows() -> None:
    columns = ("none", "voluntary", "full", "lazy", "rt")
    rows = [(guard, row) for guard in ("arm64-v1", "arm64-merged") for row in ROWS]
    cells = {(row, column): None for row in rows for column in columns}
    words = "incomplete  " * 4 + "incomplete\n"
    assert render_models({"1 CPU": cells}, "kernels", ("guard", "program, RCU")) == (
        "kernels: 20 incomplete\n"
        "\n"
        "1 CPU\n"
        "  guard, program, RCU               none        voluntary   full        lazy        rt\n"
        "  arm64-v1\n"
        f"    non-sleepable, preemptible      {words}"
        f"    non-sleepable, non-preemptible  {words}"
        "  arm64-merged\n"
        f"    non-sleepable, preemptible      {words}"
        f"    non-sleepable, non-preemptible  {words}"
        "\n"
    )


def test_columns_that_do_not_fit_stand_below() -> None:
    columns = ("none", "voluntary", "full", "lazy", "rt")
    cells = {(("arm64-v1", ROWS[0]), column): None for column in columns}
    assert render_models({"1 CPU": cells}, "kernels", ("guard", "program, RCU"), width=60) == (
        "kernels: 5 incomplete\n"
        "\n"
        "1 CPU\n"
        "  guard, program, RCU           none        voluntary\n"
        "  arm64-v1\n"
        "    non-sleepable, preemptible  incomplete  incomplete\n"
        "\n"
        "  guard, program, RCU           full        lazy\n"
        "  arm64-v1\n"
        "    non-sleepable, preemptible  incomplete  incomplete\n"
        "\n"
        "  guard, program, RCU           rt\n"
        "  arm64-v1\n"
        "    non-sleepable, preemptible  incomplete\n"
        "\n"
    )
