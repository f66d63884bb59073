"""``ctxrace bpf claims``: what was said in the thread, and what is so."""

import sys
from typing import Annotated

import typer

from ctxrace.bpf.decided import decide_thread
from ctxrace.cli import options as opt
from ctxrace.cli.progress import searching
from ctxrace.explore.search import Limits
from ctxrace.report.thread import render_thread, thread_to_json

__all__ = ["claims"]


def claims(
    max_states: opt.MaxStates = opt.DEFAULT_MAX_STATES,
    timeout: opt.Timeout = None,
    jobs: opt.Jobs = opt.DEFAULT_JOBS,
    mail: Annotated[bool, typer.Option("--mail", help="fit for a mail: ASCII, 72 columns; it always is")] = False,
    json: Annotated[bool, typer.Option("--json", help="print ctxrace-thread/1 instead of text")] = False,
) -> None:
    """Decide the statements of the thread about BPF's recursion guard, each with the command that shows it.

    Example: ctxrace bpf claims
    """
    del mail  # there is one layout
    with searching("deciding the thread"):
        statements = decide_thread(jobs, Limits(max_states, timeout))
    sys.stdout.write(thread_to_json(statements) if json else render_thread(statements))
    facts = [fact for statement in statements for fact in statement.facts]
    unlike, incomplete = any(fact.unlike for fact in facts), any(fact.incomplete for fact in facts)
    raise typer.Exit(1 if unlike else 3 if incomplete else 0)
