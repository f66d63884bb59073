"""What is found of a BPF object, as text for a mail: ASCII, at most 72 columns, each interleaving drawn."""

from collections.abc import Iterator

from ctxrace.core.meeting import Finding, ProgramsResult
from ctxrace.core.verdict import Outcome
from ctxrace.report.layout import typed
from ctxrace.report.mail import mail_text, mail_wrapped, render_interleaving_mail
from ctxrace.report.programs.run import run_of
from ctxrace.report.programs.said import answer, finding_answer, finding_remarks, kernel_sentence, remarks
from ctxrace.report.sentences.reason import reason_sentence

__all__ = ["render_finding_mail", "render_programs_mail"]

_WIDTH = 72


def render_programs_mail(result: ProgramsResult) -> str:
    """Write the result: the answer, then each finding. Returns the text, with a newline at its end."""
    first = (answer(result), kernel_sentence(result), *remarks(result))
    lines = [line for text in first for line in mail_wrapped(text)]
    for finding in result.findings:
        lines += ["", *_finding(finding)]
    for name, why in result.unfollowed:
        lines += mail_wrapped(f"not followed: {name}: {why}")
    if result.command:
        lines += ["", *typed(result.command, _WIDTH)]
    return mail_text(lines)


def render_finding_mail(finding: Finding) -> str:
    """Write a finding that was replayed. Returns the text, with a newline at its end."""
    return mail_text(_finding(finding))


def _finding(finding: Finding) -> Iterator[str]:
    run = run_of(finding)
    told = run is not None and run.endings  # which the drawing begins with
    yield from mail_wrapped(f"{finding.outcome}: {finding.defect}" if told else finding_answer(finding))
    if run is not None:
        yield from ("", *render_interleaving_mail(run).splitlines(), "")
    if finding.outcome is not Outcome.HOLDS:
        for line in (*map(reason_sentence, finding.reasons), *finding_remarks(finding)):
            yield from mail_wrapped(line)
