"""Verbs that are imported when they are run, and ``--help`` in groups.

A verb is known by a row of a table until it runs: `ctxrace --help` imports none of them.
"""

from collections.abc import Iterable
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from ctxrace.cli.status import EPILOG

__all__ = ["Verb", "VerbCommand", "Verbs", "in_panels"]


class Verb(NamedTuple):
    """One row. module: where a function of the verb's name is, or an `app` with verbs of its own.

    panel: its heading in ``--help``; empty: it is not shown.
    """

    name: str
    module: str
    panel: str
    help: str

    def load(self) -> Any:  # noqa: ANN401 - a command of typer's
        """Import the verb, and return it as a command."""
        module = import_module(self.module)
        if hasattr(module, "app"):
            return typer.main.get_command(module.app)
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        function = getattr(module, self.name.replace("-", "_"))
        single.command(self.name, cls=VerbCommand, short_help=self.help, epilog=EPILOG)(function)
        return typer.main.get_command(single)

    def stub(self) -> TyperCommand:
        """Return a command that knows its name and its short help alone."""
        return TyperCommand(self.name, short_help=self.help, hidden=not self.panel)


def in_panels(command: Any, context: Any) -> list[tuple[str, list[tuple[str, str]]]]:  # noqa: ANN401
    """Return the options of `command` with their help, under the headings of their panels."""
    panels: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        if (record := parameter.get_help_record(context)) is not None:
            other = "Other"
            if parameter.param_type_name == "argument":  # typer also names its Python type
                other, record = "Arguments", (record[0].partition(" <")[0], record[1])
            panels.setdefault(getattr(parameter, "rich_help_panel", None) or other, []).append(record)
    panels["Other"] = panels.pop("Other", [])
    return [(panel, records) for panel, records in panels.items() if records]


def _write_options(command: Any, context: Any, formatter: Any) -> None:  # noqa: ANN401
    for panel, records in in_panels(command, context):
        with formatter.section(panel):
            formatter.write_dl(records)


class VerbCommand(TyperCommand):
    """A verb whose options ``--help`` shows in groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Write the options, each under its heading."""
        _write_options(self, ctx, formatter)


class Verbs(TyperGroup):
    """A group of verbs. rows: its table."""

    rows: ClassVar[tuple[Verb, ...]] = ()

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - what typer passes
        super().__init__(**attributes)
        self.epilog = EPILOG
        self._completing = False
        self.commands = {row.name: row.stub() for row in self.rows}

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        """Import a verb; None where there is none of this name."""
        del ctx
        if self._completing:
            return self.commands.get(cmd_name)
        return next((row.load() for row in self.rows if row.name == cmd_name), None)

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Write the verbs in groups, then the options."""
        for panel, rows in self._panels():
            with formatter.section(panel):
                formatter.write_dl([(row.name, row.help) for row in rows])
        _write_options(self, ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:  # noqa: ANN401
        """Complete the name of a verb, without importing any."""
        self._completing = True
        return super().shell_complete(ctx, incomplete)

    def _panels(self) -> Iterable[tuple[str, list[Verb]]]:
        panels: dict[str, list[Verb]] = {}
        for row in filter(lambda row: row.panel, self.rows):
            panels.setdefault(row.panel, []).append(row)
        return panels.items()
