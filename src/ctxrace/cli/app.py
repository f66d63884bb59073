"""The command line. Each verb parses, calls one function and prints one report."""

import sys

import typer

from ctxrace.cli import bpf, check, models, replay, show, thread
from ctxrace.core.errors import CtxraceError, ToolchainError

__all__ = ["app", "main"]

BAD_INPUT = 2
INTERRUPTED = 130  # as a shell reports SIGINT

app = typer.Typer(
    name="ctxrace",
    help="Decide whether a race between a CPU's contexts (tasks, softirqs, hardirqs, NMIs) can happen in machine code.",
    epilog="exit status: 0 all hold, 1 something is violated, 2 the input is bad, 3 incomplete",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("check", short_help="a proof for your code, or the interleaving that breaks it")(check.check)
app.command("replay", short_help="run the schedule of an interleaving again")(replay.replay)
app.command("show", short_help="the instructions, which of them are events, and why")(show.show)
bpf.app.command("models", short_help="the same on every kernel: preemption, RCU, CPUs")(models.models)
bpf.app.command("claims", short_help="what was said in the thread, and what is so")(thread.claims)
app.add_typer(bpf.app, name="bpf", short_help="BPF's recursion guards: what holds for which")


@app.callback(invoke_without_command=True)
def _options(
    version: bool = typer.Option(False, "--version", help="print the version and exit", is_eager=True),
) -> None:
    if version:
        from importlib.metadata import version as installed

        print(f"ctxrace {installed('ctxrace')}")
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the status that the verdicts call for."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        app(words, obj=words)
    except CtxraceError as error:
        if isinstance(error, ToolchainError) and error.output:
            sys.stderr.write(error.output.rstrip("\n") + "\n")
        print(f"ctxrace: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
