"""``ctxrace test``: check files that say what is expected of them, some at a time."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from ctxrace.cli import options as opt
from ctxrace.cli.output import Output, deliver, tests_as, write
from ctxrace.cli.progress import searching
from ctxrace.cli.status import Status, say
from ctxrace.core.setting import Setting
from ctxrace.core.suite.trial import Trial, not_searched
from ctxrace.explore.cluster import each_on_cluster
from ctxrace.explore.processes import Done, Stop, each
from ctxrace.explore.watch import Limits
from ctxrace.kernel.program import Build, Program
from ctxrace.kernel.suite.check import check_loaded, load_file
from ctxrace.kernel.suite.files import PATTERN, suite_files
from ctxrace.kernel.suite.update import bring_up_to_date
from ctxrace.report.formats.format import Format
from ctxrace.report.suite import render_suite, suite_to_json

__all__ = ["test"]


@opt.with_groups
def test(
    paths: Annotated[list[str], typer.Argument(metavar="FILE|DIRECTORY", help=f"of a directory: {PATTERN}")],
    build: opt.BuildOptions,
    limits: opt.LimitOptions,
    jobs: opt.Jobs,
    output: Annotated[Output, opt.RESULTS_GROUP.but("verbose", "html", "svg")],
    update: Annotated[
        bool, typer.Option("--update", help="let CTXRACE_EXPECT in the C files say what was found")
    ] = False,
    junit: Annotated[
        str | None,
        typer.Option("--junit", metavar="FILE", help="also write JUnit XML to FILE", rich_help_panel="Output"),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option("--dask", metavar="ADDRESS", help="search on this Dask cluster", rich_help_panel="Limits"),
    ] = None,
) -> None:
    """Check files, and say where their properties are not what CTXRACE_EXPECT says, or do not hold where it is silent.

    Example: ctxrace test tests/ --junit report.xml
    """
    extra = None if junit is None else Output(format=Format.JUNIT, file=opt.writable(junit, Setting("junit", junit)))
    files = suite_files(paths)
    with searching("testing files") as shown:
        found = _tested(files, build, limits, jobs, dask, shown.done if shown else None)
    if update:
        found = [_updated(one, build) for one in found]
    if extra:
        deliver(tests_as(extra.format, found), extra)
    if output.json:
        deliver(suite_to_json(found), output)
    elif output.format is Format.TEXT:
        write(render_suite(found), output)
    else:
        deliver(tests_as(output.format, found), output)
    raise typer.Exit(_status(found))


def _tested(
    files: Sequence[str], build: Build, limits: Limits, jobs: int, dask: str | None, done: Done | None
) -> list[Trial]:
    if dask is None:
        found = each(partial(_try, build, limits), files, jobs, done)
    else:
        loaded = each(partial(_load, build), files, jobs)
        begun = [not_searched(file) if one is None else one for file, one in zip(files, loaded, strict=True)]
        found = each_on_cluster(partial(_check, limits), begun, dask, lost=_lost, done=done)
    return [one or not_searched(file) for file, one in zip(files, found, strict=True)]


def _try(build: Build, limits: Limits, file: str, stop: Stop) -> Trial:
    return _check(limits, _load(build, file, stop), stop)


def _load(build: Build, file: str, stop: Stop) -> Program | Trial:
    stop.check()
    return load_file(file, build, opt.flag)


def _check(limits: Limits, loaded: Program | Trial, stop: Stop) -> Trial:
    return check_loaded(loaded, limits, stop, opt.flag)


def _lost(loaded: Program | Trial, why: str) -> Trial:
    return Trial(loaded.name, error=f"incomplete: {why}; where memory is short, pass --max-states or --max-memory")


def _updated(trial: Trial, build: Build) -> Trial:
    found, changed = bring_up_to_date(trial, build, opt.flag)
    if changed:
        say(f"ctxrace: updated {trial.name}\n")
    return found


def _status(found: Sequence[Trial]) -> Status:
    if any(one.unlike for one in found):
        return Status.VIOLATED
    if any(one.bad_input for one in found):
        return Status.BAD_INPUT
    return Status.HOLDS if all(one.as_expected for one in found) else Status.INCOMPLETE
