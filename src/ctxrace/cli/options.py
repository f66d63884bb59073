"""The command line's options, made from the tables of the values that they set.

A verb has one parameter for a group of options: `Change`, `BuildOptions`, `LimitOptions`, ... In its place,
`with_groups` shows typer each option of the group, and hands the verb the one value that they make.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args

import typer

from ctxrace.cli.output import Color, Output
from ctxrace.cli.status import say
from ctxrace.core.errors import ScenarioError
from ctxrace.core.limits import DEFAULT_MAX_STATES, Budget, default_memory, within
from ctxrace.core.setting import Setting
from ctxrace.explore.watch import Engine, Limits
from ctxrace.kernel.change import SCENARIO, ScenarioChange
from ctxrace.kernel.option import Option, as_flag
from ctxrace.kernel.program import BUILD, OBJECTS, Build, Program
from ctxrace.kernel.scenario import parse_number
from ctxrace.report.formats.format import Format

__all__ = ["DEFAULT_MAX_STATES", "Bounds", "BuildOptions", "Change", "File", "Flags", "Group", "Jobs",
           "LimitOptions", "PagesOptions", "ResultsOptions", "Strict", "announced", "bounds_of", "compiled", "flag",
           "with_groups", "without"]  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Options that make one value. panel: their heading in ``--help``, where an option has none of its own."""

    panel: str
    options: tuple[Option, ...]
    make: Callable[[Mapping[str, Any]], Any]

    def but(self, *names: str) -> "Group":
        """Return the group without the options of these names."""
        return replace(self, options=tuple(option for option in self.options if option.name not in names))

    def each(self, name: str) -> "Group":
        """Return the group of this option alone, given as often as one likes: its value is all of theirs."""
        (option,) = (option for option in self.options if option.name == name)
        repeated = replace(option, repeated=True)
        return Group(self.panel, (repeated,), lambda given: tuple(map(option.read, given.get(name, ()))))

    def parameters(self) -> list[Parameter]:
        """Return its options as parameters of a function that typer reads."""
        return [_parameter(option, option.panel or self.panel) for option in self.options]

    def value(self, words: dict[str, Any]) -> Any:  # noqa: ANN401 - what `make` returns
        """Take its options out of `words`, and return what they make; raise `ScenarioError` for a wrong word."""
        given = {option.name: words.pop(option.name) for option in self.options}
        return self.make({name: word for name, word in given.items() if word is not None and word != []})


def _parameter(option: Option, panel: str) -> Parameter:
    typed = f"{option.typed}/{option.off}" if option.off else option.typed
    kind: Any = list[str] | None if option.repeated else str | None if option.metavar else bool | None
    shown = typer.Option(typed, metavar=option.metavar or None, help=option.help, rich_help_panel=panel)
    return Parameter(option.name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, shown])


class Bounds(NamedTuple):
    """Where a search ends, and what the whole command may use."""

    limits: Limits
    budget: Budget


def with_groups(verb: Callable[..., None]) -> Callable[..., None]:
    """Return `verb` with the options of each `Group` in the place of the parameter that it annotates.

    Typer reads options off a function's signature, so that is what changes.
    """
    groups: dict[str, Group] = {}
    parameters: list[Parameter] = []
    for one in signature(verb, eval_str=True).parameters.values():
        group = next((each for each in get_args(one.annotation) if isinstance(each, Group)), None)
        if group is None:
            parameters.append(one.replace(kind=Parameter.KEYWORD_ONLY))
        else:
            groups[one.name] = group
            parameters += group.parameters()

    def with_options(**words: Any) -> None:  # noqa: ANN401 - of each option its own type
        values = {name: group.value(words) for name, group in groups.items()}
        bounds = [value for value in values.values() if isinstance(value, Bounds)]
        inside = {name: value.limits if isinstance(value, Bounds) else value for name, value in values.items()}
        with within(bounds[0].budget) if bounds else nullcontext():
            verb(**inside, **words)

    with_options.__doc__, with_options.__name__ = verb.__doc__, verb.__name__
    with_options.__annotations__ = {one.name: one.annotation for one in parameters}
    with_options.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return with_options


# The groups


def values_of(options: Sequence[Option], given: Mapping[str, Any]) -> dict[str, Any]:
    return {one.field or one.name: one.read(given[one.name]) for one in options if one.name in given}


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ScenarioError(Setting("timeout", text), " is no number of seconds")
    return seconds


def _states(text: str) -> int:
    return parse_number("states", text, Setting("max_states"), digits=18)


def _engine(text: str) -> Engine:
    try:
        return Engine(text)
    except ValueError:
        raise ScenarioError(Setting("engine", text), f" is unknown; ctxrace has: {', '.join(Engine)}") from None


def _bytes(text: str) -> int:
    number, factor = (text[:-1], _FACTORS[text[-1].upper()]) if text[-1:].upper() in _FACTORS else (text, 1)
    return parse_number("bytes", number, Setting("max_memory"), digits=18) * factor


_FACTORS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}

MAX_STATES = Option("max_states", "N", "stop after so many states; default: 3,000,000, about 2 GB", _states)
TIMEOUT = Option("timeout", "SECONDS", "stop after so long, whatever is being done", _seconds)
MAX_MEMORY = Option(
    "max_memory", "SIZE", "stop where a process uses more, as 4G; default: three quarters of what there is", _bytes
)
LIMITS = (
    MAX_STATES,
    TIMEOUT,
    MAX_MEMORY,
    Option("engine", "NAME", "summaries (default): sum up interrupts; or reference: visit every state", _engine),
)
"""The options of `Bounds`."""


_SEARCH = ("max_states", "timeout", "engine")


def bounds_of(given: Mapping[str, Any]) -> Bounds:
    """Return the bounds that `given` spells by the names of `LIMITS`."""
    read = values_of(LIMITS, given)
    timeout, memory = read.get("timeout"), read.get("max_memory") or default_memory()
    limits = Limits(**({"max_states": DEFAULT_MAX_STATES} | {name: read[name] for name in _SEARCH if name in read}))
    return Bounds(limits, Budget(timeout, memory))


def _jobs(text: str) -> int:
    return parse_number("processes", text, Setting("jobs"))


JOBS = Option("jobs", "N", "processes; default: one for each CPU", _jobs)


def _color(text: str) -> Color:
    try:
        return Color(text)
    except ValueError:
        raise ScenarioError(Setting("color", text), f" is none of {', '.join(Color)}") from None


def _format(text: str) -> Format:
    try:
        return Format(text)
    except ValueError:
        raise ScenarioError(Setting("format", text), f" is none of {', '.join(Format)}") from None


def writable(text: str, setting: Setting) -> str:
    """Return the name of a file that may be written; an error is raised before the search."""
    path = Path(text)
    try:
        is_directory, has_parent = not text or path.is_dir(), path.parent.is_dir()
    except OSError as error:
        raise ScenarioError(setting, f": {error.strerror}") from None
    if is_directory:
        raise ScenarioError(setting, " is a directory; name a file")
    if not has_parent:
        raise ScenarioError(setting, f": there is no directory {path.parent}; make it first")
    return text


def _file(option: str) -> Callable[[str], str]:
    return lambda text: writable(text, Setting(option, text))


def _output(given: Mapping[str, Any]) -> Output:
    output = Output(**values_of(OUTPUT, given))
    if output.json and output.format is not Format.TEXT:
        raise ScenarioError(Setting("format", str(output.format)), " and JSON are two formats; leave one of them out")
    named = [file for file in (output.file, output.html, output.svg) if file]
    if len({os.path.realpath(file) for file in named}) < len(named):
        raise ScenarioError(f"two of --output, --html and --svg name the file {named[-1]}; give each its own")
    return output


OUTPUT = (
    Option("json", "", "print JSON instead of text, errors too", bool),
    Option("quiet", "", "print the answer alone", bool),
    Option("verbose", "", "say on standard error what it took, and where an internal error happened", bool),
    Option("color", "WHEN", "auto (on a terminal without NO_COLOR), always or never", _color),
    Option("format", "NAME", "text (default), or for machines and diagrams: " + ", ".join(list(Format)[1:]), _format),
    Option("output", "FILE", "write the report to FILE, whole or not at all", _file("output"), field="file"),
    Option("html", "FILE", "also write a page to FILE: interleavings to step through, coverage", _file("html")),
    Option("svg", "FILE", "also draw the lanes of the first interleaving to FILE", _file("svg")),
)
"""The options of `Output`."""
MAIL = Option("mail", "", "print plain text for a mail or a commit message", bool)
"""As `OUTPUT`, of verbs that draw interleavings: commands in reports leave it out, too."""
STRICT = Option("strict", "", "what holds only if memory is sequentially consistent between CPUs is incomplete", bool)

CHANGE_GROUP = Group("Scenario", SCENARIO, ScenarioChange.read)
BUILD_GROUP = Group("Compiler", BUILD, lambda given: Build(**values_of(BUILD, given)))
RESULTS_GROUP = Group("Output", OUTPUT, _output)
JOBS_GROUP = Group("Limits", (JOBS,), lambda given: values_of((JOBS,), given).get("jobs", os.cpu_count() or 1))
PAGES_GROUP = RESULTS_GROUP.but("format")
OUTPUT_GROUP = PAGES_GROUP.but("output", "html", "svg")

Change = Annotated[ScenarioChange, CHANGE_GROUP]
BuildOptions = Annotated[Build, BUILD_GROUP]
LimitOptions = Annotated[Limits, Group("Limits", LIMITS, bounds_of)]
Jobs = Annotated[int, JOBS_GROUP]
Strict = Annotated[bool, Group("Limits", (STRICT,), lambda given: bool(given.get("strict")))]
PagesOptions = Annotated[Output, PAGES_GROUP]
ResultsOptions = Annotated[Output, RESULTS_GROUP]

File = Annotated[str, typer.Argument(metavar="FILE", help="a C file, an object file or a linked ELF executable")]
Flags = Annotated[list[str] | None, typer.Argument(metavar="FLAG...", help="after --: more flags for the compiler")]


# What verbs make of them


def compiled(context: typer.Context, build: Build, flags: Sequence[str] | None) -> Build:
    """Return `build` with the objects that stand before ``--``, and the flags that stand after it.

    Raises `ScenarioError` for another kind of file.
    """
    flags = flags or ()
    words: Sequence[str] = context.obj
    behind = words[words.index("--") + 1 :] if "--" in words else []
    objects = tuple(flags[: max(len(flags) - len(behind), 0)])
    for name in objects:
        if not name.endswith(OBJECTS):
            raise ScenarioError(
                f"{name!r} is a second file, and only objects and modules (.o, .ko) may follow the first; run the "
                "command once for each file, or write flags for the compiler after --"
            )
    return replace(build, objects=objects, flags=tuple(flags[len(objects) :]))


def announced(program: Program) -> Program:
    """Hand the compiler's own messages on to the user, and return `program`."""
    say(program.messages)
    return program


def without(words: Sequence[str], options: Sequence[Option]) -> list[str]:
    """Return the words of a command line without `options` and their values; what stands after ``--`` stays."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            return [*kept, word, *rest]
        option = next((one for one in options if word.partition("=")[0] in (one.typed, one.off)), None)
        if option is None:
            kept.append(word)
        elif option.metavar and "=" not in word:
            next(rest, None)
    return kept


def flag(setting: Setting) -> str:
    """Return `setting` as it is typed."""
    # Only a message needs every verb's options.
    from ctxrace.bpf.caller import CALLER
    from ctxrace.bpf.programs.request import REQUEST

    return as_flag(setting, (*SCENARIO, *BUILD, *CALLER, *LIMITS, JOBS, STRICT, *OUTPUT, *REQUEST))
