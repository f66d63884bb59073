"""``ctxrace test``: check files that say what is expected of them, some at a time."""

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ctxrace.bpf.processes import Stop, each
from ctxrace.cli import options as opt
from ctxrace.cli.output import Output, deliver, tests_as, write
from ctxrace.cli.progress import searching
from ctxrace.cli.status import Status
from ctxrace.core.errors import CtxraceError, LimitReached, ScenarioError
from ctxrace.core.suite.trial import Trial, trial_of
from ctxrace.explore.watch import Limits
from ctxrace.kernel.check import check
from ctxrace.kernel.option import command_words
from ctxrace.kernel.program import BUILD, Build
from ctxrace.report.formats.render import Format
from ctxrace.report.suite import render_suite, suite_to_json

__all__ = ["PATTERN", "test"]

PATTERN = "*_race.c"
"""The files of a directory that are tested."""


@opt.with_groups
def test(
    paths: Annotated[list[str], typer.Argument(metavar="FILE|DIRECTORY", help=f"of a directory: {PATTERN}")],
    build: opt.BuildOptions,
    limits: opt.LimitOptions,
    jobs: opt.Jobs,
    output: Annotated[Output, opt.RESULTS_GROUP.but("verbose")],
) -> None:
    """Check files, and say where their properties are not what CTXRACE_EXPECT says, or do not hold where it is silent.

    Example: ctxrace test tests/ --format junit --output report.xml
    """
    files = _files(paths)
    with searching(f"testing {len(files)} files"):
        done = each(partial(_try, build, limits), files, jobs)
    late = "interrupted before it was searched"
    found = [one or Trial(file, error=late) for file, one in zip(files, done, strict=True)]
    if output.json:
        deliver(suite_to_json(found), output)
    elif output.format is Format.TEXT:
        write(render_suite(found), output)
    else:
        deliver(tests_as(output.format, found), output)
    raise typer.Exit(_status(found))


def _files(paths: Sequence[str]) -> list[str]:
    """Return the files to test, those of a directory in the order of their names; raise `ScenarioError` for none."""
    found: list[str] = []
    for path in paths:
        if not Path(path).is_dir():
            found.append(path)
            continue
        inside = sorted(str(file) for file in Path(path).rglob(PATTERN) if file.is_file())
        if not inside:
            raise ScenarioError(f"the directory {path} has no file {PATTERN}; name files to test those")
        found += inside
    return list(dict.fromkeys(found))


def _try(build: Build, limits: Limits, file: str, stop: Stop) -> Trial:
    words = [file, *command_words(BUILD, build)]
    command, replay = shlex.join(["ctxrace", "check", *words]), shlex.join(["ctxrace", "replay", *words])
    try:
        program = build.load(file)
        result = check(program, limits=limits, progress=stop, command=command, replay=replay)
        return trial_of(file, result, program.scenario.expected)
    except LimitReached as limit:
        return Trial(file, error=f"incomplete: {limit}")
    except CtxraceError as error:
        return Trial(file, error=error.spelled(opt.flag), bad_input=True)


def _status(found: Sequence[Trial]) -> Status:
    if any(one.unlike for one in found):
        return Status.VIOLATED
    if any(one.bad_input for one in found):
        return Status.BAD_INPUT
    return Status.HOLDS if all(one.as_expected for one in found) else Status.INCOMPLETE
