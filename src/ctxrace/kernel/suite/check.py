"""Check one file of a suite, in two parts: one needs the file and a compiler, the other only time and memory."""

import shlex
from collections.abc import Callable

from ctxrace.core.errors import CtxraceError, LimitReached
from ctxrace.core.setting import Setting
from ctxrace.core.suite.trial import Trial, trial_of
from ctxrace.explore.watch import Limits, Progress
from ctxrace.kernel.check import check
from ctxrace.kernel.option import command_words
from ctxrace.kernel.program import BUILD, Build, Program

__all__ = ["Spell", "check_loaded", "load_file"]

Spell = Callable[[Setting], str]
"""How an error spells a setting: as an option of a command line, or as a parameter of a function."""


def load_file(file: str, build: Build, spell: Spell = str) -> Program | Trial:
    """Return the program that `file` is, or the trial that says why there is none."""
    try:
        return build.load(file)
    except CtxraceError as error:
        return _failed(file, error, spell)


def check_loaded(
    loaded: Program | Trial, limits: Limits, progress: Progress | None = None, spell: Spell = str
) -> Trial:
    """Check a program against what its file expects; a trial is returned as it is."""
    if isinstance(loaded, Trial):
        return loaded
    words = [loaded.name, *command_words(BUILD, loaded.build or Build())]
    command, replay = shlex.join(["ctxrace", "check", *words]), shlex.join(["ctxrace", "replay", *words])
    try:
        result = check(loaded, limits=limits, progress=progress, command=command, replay=replay)
        return trial_of(loaded.name, result, loaded.scenario.expected)
    except CtxraceError as error:
        return _failed(loaded.name, error, spell)


def _failed(name: str, error: CtxraceError, spell: Spell) -> Trial:
    if isinstance(error, LimitReached):
        return Trial(name, error=f"incomplete: {error}")
    return Trial(name, error=error.spelled(spell), bad_input=True)
