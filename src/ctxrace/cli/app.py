"""The verbs. Each parses, calls one function and prints one report."""

from typing import ClassVar

import typer

from ctxrace.cli.verbs import Verb, Verbs

__all__ = ["VERBS", "app"]

VERBS = (
    Verb("check", "ctxrace.cli.check", "Decide", "a proof for your code, or the interleaving that breaks it"),
    Verb("replay", "ctxrace.cli.replay", "Decide", "run a schedule again; or execute a claim's numbered steps"),
    Verb("check-programs", "ctxrace.cli.programs", "", "what the programs of a BPF object do to one another"),
    Verb("replay-programs", "ctxrace.cli.programs", "", "the interleaving of such a finding again"),
    Verb("test", "ctxrace.cli.test", "Decide", "files that say what is expected of them, as a suite"),
    Verb("show", "ctxrace.cli.show", "Look closer", "the instructions, which of them are events, and why"),
    Verb("bpf", "ctxrace.cli.bpf", "BPF", "BPF's recursion guards: what holds for which; bpf --help has more verbs"),
)


class _Root(Verbs):
    rows: ClassVar = VERBS


app = typer.Typer(
    name="ctxrace",
    cls=_Root,
    help="Decide whether a race between a CPU's contexts (tasks, softirqs, hardirqs, NMIs) can happen in machine code."
    "\n\nExample: ctxrace check guard.c",
    add_completion=True,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _options(
    version: bool = typer.Option(False, "--version", help="print the version and exit", is_eager=True),
    schema: bool = typer.Option(False, "--schema", help="print the JSON Schema of what --json prints and exit"),
) -> None:
    if version:
        from importlib.metadata import version as installed

        print(f"ctxrace {installed('ctxrace')}")
        raise typer.Exit
    if schema:
        from importlib.resources import files

        print(files("ctxrace.report").joinpath("schema.json").read_text(encoding="utf-8"), end="")
        raise typer.Exit
