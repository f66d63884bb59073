"""The functions and classes of `import ctxrace`.

Whatever changes a scenario is a keyword of `check`, `replay` and `show`: the fields of `ScenarioChange`, with the
shorter forms that `Changes` lists.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict, Unpack

from ctxrace.bpf.caller import ALONE, Caller
from ctxrace.bpf.claims import prepare, with_guard
from ctxrace.bpf.guards.case import MODELS, Case, cases
from ctxrace.bpf.guards.run import run
from ctxrace.bpf.models import model_cases
from ctxrace.bpf.programs.replay import replay_finding
from ctxrace.bpf.programs.request import REQUEST, request_of
from ctxrace.bpf.programs.whole import check_object
from ctxrace.bpf.thread.decide import decide_thread
from ctxrace.bpf.thread.statements import REMARKS
from ctxrace.claims.decide import decide
from ctxrace.claims.export import claim_of
from ctxrace.claims.parse import parse_claim
from ctxrace.cli.system_line import system_line
from ctxrace.core.claim import Answer, ClaimResult
from ctxrace.core.errors import CtxraceError
from ctxrace.core.interleaving import Event, Interleaving
from ctxrace.core.limits import DEFAULT_MAX_STATES
from ctxrace.core.meeting import Finding as ProgramsFinding
from ctxrace.core.meeting import ProgramsResult
from ctxrace.core.property import Property
from ctxrace.core.schedule import Schedule
from ctxrace.core.statement import Statement
from ctxrace.core.suite.trial import Trial, not_searched
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.explore.processes import Stop, each
from ctxrace.explore.search import Limits
from ctxrace.kernel.change import SCENARIO, Changes, ScenarioChange, TaskCount
from ctxrace.kernel.check import check as _check
from ctxrace.kernel.check import explore
from ctxrace.kernel.narrate.listing import listing
from ctxrace.kernel.option import command_words
from ctxrace.kernel.program import BUILD, DEFAULT_ARCH, Build, Program
from ctxrace.kernel.replay import replay as _replay
from ctxrace.kernel.rules.preemption import Preemption, Rcu
from ctxrace.kernel.scenario import balanced, exclusive, progress, recovers, validate
from ctxrace.kernel.suite.check import check_loaded, load_file
from ctxrace.kernel.suite.files import suite_files
from ctxrace.kernel.suite.update import bring_up_to_date
from ctxrace.report.formats.notebook import notebook_html
from ctxrace.report.formats.written import Reportable, written
from ctxrace.report.thread import render_thread

__all__ = ["Answer", "Caller", "Changes", "ClaimResult", "CtxraceError", "Event", "Interleaving", "Limits", "Outcome",
           "Preemption", "Program", "ProgramsFinding", "ProgramsOptions", "ProgramsResult", "Property", "Rcu",
           "Result", "Statement", "TaskCount", "Trial", "Verdict", "balanced", "check", "claim", "claim_text",
           "compile", "exclusive", "guards", "models", "programs", "progress", "recovers", "render", "replay",
           "replay_programs", "show", "suite", "thread"]  # fmt: skip


LIMITS = Limits(DEFAULT_MAX_STATES)
"""Where a search stops unless something else is given; `Limits()` never stops it."""

class KernelOptions(TypedDict, total=False):
    """What `compile` takes of a kernel image or of objects; None: nothing.

    kernel: a vmlinux, or a build tree. objects: object files and modules that are linked with the file; of a build
    tree, relative to it.
    cpu: features of the CPU; static_key: whether a static key is on; patch: other bytes by address;
    stub: what functions return that only return it; arg: what entries are given, numbers or variables' names;
    source: the kernel's sources, whose lines are shown.
    """

    kernel: str | Path | None
    objects: Sequence[str | Path] | None
    cpu: Sequence[str] | None
    static_key: Mapping[str, bool] | None
    patch: Mapping[int, bytes] | None
    stub: Mapping[str, int] | None
    arg: Mapping[str, Sequence[int | str]] | None
    source: str | Path | None


_ENOUGH = Limits(100_000)  # what is an event is seen early
_OF_EACH_QUESTION = Limits(10_000)

for _kind in (Result, ClaimResult, Interleaving, ProgramsResult, Trial):
    _kind._repr_html_ = notebook_html  # type: ignore[union-attr]  # what Jupyter asks for; the core knows no reports


def compile(
    path: str | Path, *, arch: str | None = None, cc: str | None = None, optimize: str | None = None,
    flags: Sequence[str] = (), preemption: Preemption | str | None = None, rcu: Rcu | str | None = None,
    cpus: int | None = None, **kernel: Unpack[KernelOptions],
) -> Program:  # fmt: skip
    """Compile and load a C file (or load an object file, a module, or an ELF executable).

    cc: a compiler's command line, None for the clang that comes with ctxrace; optimize: ``-O0`` to ``-Os``;
    flags: more for the compiler. preemption, rcu, cpus: of the kernel that it is compiled for, None for what the file
    declares; its scenario has them, too. kernel: the kernel image that it is a harness for, or the objects.
    Raises `CtxraceError`.
    """
    change = ScenarioChange.of(preemption=preemption, rcu=rcu, cpus=cpus)
    program = _build(arch, cc, optimize, flags, **kernel).load(path, change)
    return replace(program, scenario=change.apply(program.scenario), change=change)


def check(program: Program, *, limits: Limits = LIMITS, **changes: Unpack[Changes]) -> Result:
    """Decide the properties of the program's scenario, changed by what is given; limits: where to stop.

    Raises `CtxraceError` where program and scenario do not fit.
    """
    change = ScenarioChange.of(**changes)
    words = _words(program, change)
    command, again = shlex.join(["ctxrace", "check", *words]), shlex.join(["ctxrace", "replay", *words])
    return _check(program, change.apply(program.scenario), limits=limits, command=command, replay=again)


def replay(program: Program, schedule: str, **changes: Unpack[Changes]) -> tuple[Interleaving, tuple[Property, ...]]:
    """Run a schedule again: return its interleaving, and the properties that its last step violates.

    schedule: `Interleaving.schedule`. Raises `CtxraceError` where it was made for other code or another scenario.
    """
    return _replay(program, Schedule.parse(schedule), ScenarioChange.of(**changes).apply(program.scenario))


def claim_text(program: Program, schedule: str, **changes: Unpack[Changes]) -> str:
    """Return the interleaving of a schedule as a claim, whose steps `claim` executes.

    schedule: `Interleaving.schedule`. Raises `CtxraceError` as `replay` does, and for what claims do not follow.
    """
    change = ScenarioChange.of(**changes)
    about = system_line(program.name, None, _both(program, change), program.build or Build())
    return claim_of(program, Schedule.parse(schedule), change.apply(program.scenario), about)


def show(program: Program, *, limits: Limits = _ENOUGH, **changes: Unpack[Changes]) -> list[Event]:
    """Return the instructions that the program's contexts can reach; the notes of each say why it is an event.

    Empty notes: it is none, in the states that `limits` allows to visit.
    """
    scenario = validate(ScenarioChange.of(**changes).apply(program.scenario), program.image)
    system, _ = explore(program, scenario, limits, everything=True)
    return listing(system.cpus[0])


def claim(
    path: str | Path, *, guard: str | None = None, limits: Limits = LIMITS, trust: bool = False
) -> ClaimResult:
    """Execute the claim in the file `path`, of `guard` in the place of the one that it names.

    trust: whether its system line may choose any compiler, flags and files.

    Raises `CtxraceError` for a claim that cannot be read or executed.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CtxraceError(f"cannot read the claim {path}: {error}") from error
    asked = replace(parse_claim(text, str(path)), trusted=trust)
    return decide(*prepare(asked if guard is None else with_guard(asked, guard)), limits=limits)


def guards(
    *names: str, callers: Sequence[Caller] = (ALONE,), preemptions: Sequence[Preemption | str] = MODELS,
    arch: str = DEFAULT_ARCH, cc: str | None = None, optimize: str | None = None,
    limits: Limits = LIMITS, jobs: int = 1, **changes: Unpack[Changes],
) -> list[Result]:  # fmt: skip
    """Decide BPF's recursion guards, all of the architecture where none is named.

    callers: who calls them; preemptions: under which models. jobs: how many at a time, in processes of their own.
    Raises `CtxraceError` for what does not exist, or does not fit together.
    """
    wanted = [Preemption(model) for model in preemptions]
    build = _build(arch, cc, optimize, ())
    change = ScenarioChange.of(**changes)
    return run(cases(names, wanted, change, callers=callers, build=build, limits=limits), jobs).results


def models(
    *names: str, cc: str | None = None, optimize: str | None = None, limits: Limits = LIMITS, jobs: int = 1
) -> dict[Case, Result]:
    """Decide BPF's recursion guards under every preemption model and RCU flavour, on one CPU and on two (arm64)."""
    wanted = list(model_cases(names, build=_build(DEFAULT_ARCH, cc, optimize, ()), limits=limits))
    results = {result.command: result for result in run(wanted, jobs).results}
    return {case: results[case.command] for case in wanted if case.command in results}


def suite(
    *paths: str, arch: str = DEFAULT_ARCH, cc: str | None = None, optimize: str | None = None,
    limits: Limits = LIMITS, jobs: int = 1, update: bool = False,
) -> list[Trial]:  # fmt: skip
    """Check files against what CTXRACE_EXPECT says in them; of a directory, those called ``*_race.c``.

    jobs: how many at a time, in processes of their own. update: let the files say what was found; what was not decided
    changes nothing. A file that cannot be checked, or brought up to date, is a trial that says why. Raises
    `CtxraceError` for a directory without such a file, and where a file cannot be written.
    """
    files, build = suite_files(paths), _build(arch, cc, optimize, ())
    tried = each(partial(_try, build, limits), files, jobs)
    found = [one or not_searched(file) for file, one in zip(files, tried, strict=True)]
    return [bring_up_to_date(one, build)[0] for one in found] if update else found


def _try(build: Build, limits: Limits, file: str, stop: Stop) -> Trial:
    return check_loaded(load_file(file, build), limits, stop)


class ProgramsOptions(TypedDict, total=False):
    """What `programs` takes besides limits.

    kernel: a version, or a distribution's; preemption, rcu, config: what it does not say. only: these programs.
    contexts, attach: of programs whose section does not say it. not_together: pairs that user space never loads both.
    assume_harmless: helpers that touch nothing; rodata: a file with what user space puts there; ignore: kinds that are
    no finding.
    """

    kernel: str
    preemption: Preemption | str
    rcu: Rcu | str
    config: str | Path
    only: Sequence[str]
    contexts: Mapping[str, str]
    attach: Mapping[str, str]
    not_together: Sequence[tuple[str, str]]
    assume_harmless: Sequence[str]
    rodata: str | Path
    ignore: Sequence[str]


def programs(
    path: str | Path, *, pairs_only: bool = False, limits: Limits = _OF_EACH_QUESTION, jobs: int = 1,
    **options: Unpack[ProgramsOptions],
) -> ProgramsResult:  # fmt: skip
    """Decide what the programs of a BPF object do to one another on a CPU.

    pairs_only: only say which may meet. limits: of each question. options: `ProgramsOptions`. Raises `CtxraceError`.
    """
    words = _spelled(options)
    result = check_object(Path(path), request_of(words), limits=limits, jobs=jobs, pairs_only=pairs_only)
    command = ["ctxrace", "check", str(path), *_typed(words, ())]
    again = ["ctxrace", "replay", str(path), *_typed(words, ("program", "ignore"))]
    return replace(result, command=shlex.join(command), replay=shlex.join(again))


def replay_programs(path: str | Path, schedule: str, **options: Unpack[ProgramsOptions]) -> ProgramsFinding:
    """Run the schedule of a finding of `programs` again, under the same options; return it as the finding that it is.

    Raises `CtxraceError` where it was made for other code or another question.
    """
    return replay_finding(Path(path), request_of(_spelled(options)), Schedule.parse(schedule))


def _spelled(options: ProgramsOptions) -> dict[str, str | list[str]]:
    """Return the options by the names of `REQUEST`, as words."""
    given: dict[str, str | list[str]] = {}
    for name, value in options.items():
        word = {"only": "program", "contexts": "level"}.get(name, name)
        if isinstance(value, str | Path):
            given[word] = str(value)
        elif isinstance(value, Mapping):
            given[word] = [f"{key}={each}" for key, each in value.items()]
        elif isinstance(value, Sequence):
            given[word] = [",".join(each) if isinstance(each, tuple) else str(each) for each in value]
    return {name: value for name, value in given.items() if value}


def _typed(words: Mapping[str, str | list[str]], left_out: Sequence[str]) -> list[str]:
    """Return the options of a `Request` as the command line has them, but for those whose names are left out."""
    typed: list[str] = []
    for option in REQUEST:
        value = [] if option.name in left_out else words.get(option.name, [])
        for word in [value] if isinstance(value, str) else value:
            typed += [option.typed, word]
    return typed


def render(value: Reportable, form: str = "text", *, width: int = 100) -> str:
    """Return the report of a result, as the command line prints it.

    value: what one of these functions returns, or a list of such. form: ``text``, ``json``, ``mail``, or one of the
    formats for machines: ``ktap``, ``junit``, ``sarif``, ``github``. width: columns of text. Raises `CtxraceError`
    for a form that the value does not have.
    """
    if form == "text" and isinstance(value, Sequence) and value and isinstance(value[0], Statement):
        return render_thread([one for one in value if isinstance(one, Statement)], REMARKS)
    return written(value, form, width, version("ctxrace"))


def thread(*, limits: Limits = LIMITS, jobs: int = 1) -> list[Statement]:
    """Check the statements of the thread about BPF's recursion guard."""
    return decide_thread(jobs, limits)


def _build(
    arch: str | None, cc: str | None, optimize: str | None, flags: Sequence[str], **kernel: Unpack[KernelOptions]
) -> Build:
    texts: dict[str, object] = {
        "static_key": [f"{name}={'on' if on else 'off'}" for name, on in (kernel.get("static_key") or {}).items()],
        "patch": [f"{at:#x}={new.hex()}" for at, new in (kernel.get("patch") or {}).items()],
        "stub": [f"{name}={value:#x}" for name, value in (kernel.get("stub") or {}).items()],
        "arg": [f"{name}={','.join(map(str, values))}" for name, values in (kernel.get("arg") or {}).items()],
        "cpu": list(kernel.get("cpu") or ()),
    }
    given: dict[str, object] = {"arch": arch, "cc": cc, "optimize": optimize}
    given |= {name: str(value) for name in ("kernel", "source") if (value := kernel.get(name)) is not None}
    given |= {name: text for name, text in texts.items() if text}
    read = {one.name: one.read(value) for one in BUILD if (value := given.get(one.name)) is not None}
    return Build(**read, flags=tuple(flags), objects=tuple(map(str, kernel.get("objects") or ())))


def _words(program: Program, change: ScenarioChange) -> list[str]:
    """Return what to type after ``ctxrace check`` for `program`, its scenario changed."""
    build = program.build or Build()
    flags = ["--", *build.flags] if build.flags else []
    changed = _both(program, change)
    return [program.name, *build.objects, *command_words(SCENARIO, changed), *command_words(BUILD, build), *flags]


def _both(program: Program, change: ScenarioChange) -> ScenarioChange:
    """Return what `program` was compiled for, and `change`."""
    given = {name: value for name in ScenarioChange.__slots__ if (value := getattr(change, name)) is not None}
    return replace(program.change, **given)
