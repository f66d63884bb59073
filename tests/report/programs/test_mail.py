"""Findings for mails: a golden file for the form, in ASCII of 72 columns whatever the names are."""

from collections.abc import Callable

from ctxrace.report.programs.mail import render_finding_mail, render_programs_mail

from .findings import INTERRUPTED, NOT_SURE, PREEMPTED, SKIPPED, hostile, programs


def test_form(golden: Callable[[str, str], None]) -> None:
    golden("mail.txt", render_programs_mail(programs(PREEMPTED, INTERRUPTED, SKIPPED, NOT_SURE)))


def test_hostile_names_stay_text() -> None:
    text = render_programs_mail(hostile())
    assert text.isascii() and text.replace("\n", "").isprintable()
    report, command, _ = text.rpartition("\nctxrace check")  # whose words are never broken
    assert command
    assert max(map(len, report.splitlines())) <= 72


def test_a_finding_alone() -> None:
    text = render_finding_mail(INTERRUPTED)
    assert text.startswith("violated: lost update\n\non_exec overwrites what on_packet stored to counters[0]")
    assert "task on_exec                       softirq on_packet\n" in text
    assert text in render_programs_mail(programs(INTERRUPTED))
