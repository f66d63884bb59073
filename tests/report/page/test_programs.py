"""The page of a BPF object: golden content, links from the table to each finding, hostile names."""

from collections.abc import Callable
from dataclasses import replace

from ctxrace.core.meeting import Pair, ProgramsResult
from ctxrace.report.page.programs import page_of_finding, page_of_programs
from ctxrace.report.page.render import render_page
from ctxrace.report.page.steps import steps_of
from ctxrace.report.page.svg import render_svg
from ctxrace.report.programs.run import run_of

from ..programs.findings import INTERRUPTED, NOT_SURE, PREEMPTED, SKIPPED, hostile, programs
from .test_render import Read, assert_alone


def html(result: ProgramsResult) -> str:
    return render_page(page_of_programs(result), "1.2.3")


def test_content(golden: Callable[[str, str], None]) -> None:
    text = html(programs(PREEMPTED, INTERRUPTED, SKIPPED, NOT_SURE, unfollowed=(("on_timer", "calls helper 999"),)))
    golden("programs.html", text[text.index("<main>") : text.index("</main>") + len("</main>\n")])
    assert_alone(text, 3)
    page = Read(text)
    links = [one["href"] for one in page.all("a") if "-e" not in (one["href"] or "")]
    assert links == ["#f1", "#f2", "#f3", "#f4"]
    assert {one.get("id") for one in page.all("section")} >= {"f1", "f2", "f3", "f4"}


def test_nothing_that_was_given_is_markup() -> None:
    text = html(hostile())
    assert_alone(text, 1)
    assert [one for one in Read(text).texts if "alert(1)" in one]
    assert "\x1b" not in text and "\u202e" not in text
    run = run_of(hostile().findings[0])
    assert run is not None and "<script>" not in render_svg(run)


def test_what_memory_held_before_a_write_is_not_made_up() -> None:
    run = run_of(PREEMPTED)
    assert run is not None
    steps = steps_of(run)
    assert [steps["texts"][place] for place in steps["places"]] == ["scratch[0].type"]
    assert steps["initial"] == [-1]
    assert [steps["texts"][event[3]] for event in steps["events"] if len(event) > 2] == ["?", "7"]


def test_not_all_of_very_many_pairs_are_shown() -> None:
    many = replace(programs(), pairs=(Pair("a", "b", "runs", "preemptible task", ("m",)),) * 1000)
    text = html(many)
    assert text.count("<td>runs</td>") == 300
    assert "pairs that may meet: 1,000 of 1,000; 700 more are not shown" in text


def test_a_finding_that_was_replayed() -> None:
    text = render_page(page_of_finding(PREEMPTED, "a.bpf.o: violated", "ctxrace replay a.bpf.o"), "1.2.3")
    assert_alone(text, 1)
    assert "again: <code>ctxrace replay a.bpf.o</code>" in text
    assert "why: the task may lose the CPU" in text
