"""The verbs. Each parses, calls one function and prints one report."""

import typer

from ctxrace.cli import bpf, check, models, programs, replay, show, thread

__all__ = ["app"]

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
app.command(programs.CHECK, hidden=True)(programs.check_programs)
app.command(programs.REPLAY, hidden=True)(programs.replay_programs)
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
