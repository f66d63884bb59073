"""The names of the formats that reports have."""

from enum import StrEnum

__all__ = ["Format"]


class Format(StrEnum):
    """A format of reports, and who reads it."""

    TEXT = "text"
    KTAP = "ktap"  # the kernel's own tools: kselftest, KUnit
    JUNIT = "junit"  # CI servers
    SARIF = "sarif"  # code scanning, editors
    GITHUB = "github"  # GitHub Actions, which writes it beside the lines of a pull request
    MERMAID = "mermaid"  # Markdown that draws sequence diagrams: GitHub, GitLab
    PLANTUML = "plantuml"
