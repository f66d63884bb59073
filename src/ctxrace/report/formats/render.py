"""The formats that machines read, by name."""

from collections.abc import Callable, Sequence

from ctxrace.core.suite.trial import Trial
from ctxrace.report.formats.format import Format
from ctxrace.report.formats.github import render_github
from ctxrace.report.formats.junit import render_junit
from ctxrace.report.formats.ktap import render_ktap
from ctxrace.report.formats.sarif import render_sarif
from ctxrace.report.formats.sequence import render_mermaid, render_plantuml

__all__ = ["render"]


_RENDER: dict[Format, Callable[[Sequence[Trial]], str]] = {
    Format.KTAP: render_ktap,
    Format.JUNIT: render_junit,
    Format.GITHUB: render_github,
    Format.MERMAID: render_mermaid,
    Format.PLANTUML: render_plantuml,
}


def render(format: Format, found: Sequence[Trial], version: str) -> str:
    """Write what was tested in a format for machines; version: of ctxrace. Returns the text, with a newline at its end.

    Raises KeyError for text, which each verb writes in its own way.
    """
    return render_sarif(found, version) if format is Format.SARIF else _RENDER[format](found)
