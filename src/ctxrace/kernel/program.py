"""From a file to a program that can be checked: compiled the way the kernel compiles, linked, loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ctxrace.core.errors import ScenarioError, ToolchainError
from ctxrace.kernel.model.layout import linker_script
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.kernel.scenario import RCU_FLAVOURS, Scenario, declared_scenario
from ctxrace.machine.arch import architecture
from ctxrace.machine.image import Image, load_image
from ctxrace.machine.toolchain import compile_c, find_compiler, link_object

__all__ = ["INCLUDE", "Program", "configuration", "fits_together", "load"]

INCLUDE = Path(__file__).parent / "include"
"""The directory of ``<ctxrace/kernel.h>``."""


@dataclass(frozen=True)
class Program:
    """Hold what is checked.

    name: the file as the user spelled it; compiler: who made the machine code, and how hard it optimised.
    messages: what the compiler printed, unchanged; scenario: what the source declares.
    """

    name: str
    image: Image
    compiler: str
    messages: str
    scenario: Scenario


def configuration(
    *, preemption: str | None = None, rcu: str | None = None, cpus: str | None = None
) -> tuple[str, ...]:
    """Return the compiler's flags that make the headers those of a kernel that is configured so (ctxrace/config.h).

    None: what the source says. Raises `ScenarioError` for a flavour of RCU that does not exist.
    """
    flags = []
    if preemption == Preemption.RT:
        flags.append("-DCTXRACE_PREEMPT_RT=1")
    if rcu is not None:
        if rcu not in RCU_FLAVOURS:
            raise ScenarioError(f"unknown flavour of RCU {rcu!r} (--rcu); ctxrace has: {', '.join(RCU_FLAVOURS)}")
        fits_together(preemption, rcu)
        flags.append(f"-DCTXRACE_PREEMPT_RCU={int(rcu == RCU_FLAVOURS[0])}")
    if cpus is not None and cpus != "1":
        flags.append("-DCTXRACE_SMP=1")
    return tuple(flags)


def fits_together(preemption: str | None, rcu: str) -> None:
    """Raise `ScenarioError` for a preemption model that does not exist with a flavour of RCU."""
    if preemption == Preemption.RT and rcu != RCU_FLAVOURS[0]:
        raise ScenarioError(
            f"--preemption rt does not go with --rcu {rcu}: PREEMPT_RT has preemptible RCU only (kernel/rcu/Kconfig); "
            "leave out --rcu, or take another model (full)"
        )


def load(
    path: str | Path,
    *,
    arch: str = "arm64",
    cc: str | None = None,
    optimize: str | None = None,
    flags: Sequence[str] = (),
    more: Sequence[Path] = (),
    cache: Path | None = None,
) -> Program:
    """Compile and load a C file, or load an object file or a linked executable.

    cc: a compiler's command line, None for the clang that comes with ctxrace; optimize: ``-O0`` to ``-Os``,
    default ``-O2``; flags: more for the compiler; more: C or assembler files that are linked with a C file.
    cache: where builds are kept, None for the user's cache.
    Raises `CtxraceError` for whatever cannot be compiled, linked or read.
    """
    path = Path(path)
    target = architecture(arch)
    if path.suffix in (".c", ".i", ".S", ".s"):
        compiler = find_compiler(cc, target, cache=cache)
        build = compile_c(
            path,
            arch=target,
            compiler=compiler,
            optimize=optimize or "-O2",
            flags=flags,
            include=[INCLUDE],
            more=more,
            linker_script=linker_script(target),
            cache=cache,
        )
        made_by, messages, linked = f"{compiler.description} {build.optimize}", build.messages, build.path
    else:
        if cc or optimize or flags or more:
            given = "--cc" if cc else optimize or (*flags, *more)[0]
            raise ToolchainError(f"{given} is for C files, and {path} is taken as machine code; leave it out")
        made_by, messages, linked = "not known", "", path
        if path.suffix == ".o":
            build = link_object(path, target, linker_script(target), cache)
            messages, linked = build.messages, build.path
    image = load_image(linked, target, headers=(INCLUDE,))
    image.name = str(path)
    return Program(str(path), image, made_by, messages, declared_scenario(image))
