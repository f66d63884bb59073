"""``ctxrace bpf claims``: check each statement in the thread."""

from typing import Annotated

import typer

from ctxrace.bpf.thread.decide import decide_thread
from ctxrace.bpf.thread.statements import REMARKS
from ctxrace.cli import options as opt
from ctxrace.cli.output import deliver, write, write_pages
from ctxrace.cli.progress import searching
from ctxrace.report.page.thread import page_of_thread
from ctxrace.report.thread import render_thread, thread_to_json

__all__ = ["claims"]


@opt.with_groups
def claims(
    limits: opt.LimitOptions,
    jobs: opt.Jobs,
    output: opt.PagesOptions,
    mail: Annotated[bool, typer.Option("--mail", help="draw the interleavings, too, for a mail")] = False,
) -> None:
    """Check the statements of the thread about BPF's recursion guard, each with the command that shows it.

    Example: ctxrace bpf claims
    """
    with searching("deciding the thread") as shown:
        statements = decide_thread(jobs, limits, done=shown.done if shown else None)
    if output.json:
        deliver(thread_to_json(statements), output)
    else:
        write(render_thread(statements, REMARKS, drawn=mail), output)
    runs = (fact.interleaving for statement in statements for fact in statement.facts)
    write_pages(output, lambda: page_of_thread(statements, REMARKS), next(filter(None, runs), None))
    facts = [fact for statement in statements for fact in statement.facts]
    unlike, incomplete = any(fact.unlike for fact in facts), any(fact.incomplete for fact in facts)
    raise typer.Exit(1 if unlike else 3 if incomplete else 0)
