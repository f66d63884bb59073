"""A kernel's build tree: the flags that an object was compiled with, and the tree's own headers for a harness.

Kbuild leaves the command of each object beside it, in ``.NAME.o.cmd`` (scripts/basic/fixdep.c, scripts/Kbuild.include).
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from ctxrace.core.errors import ImageError, ScenarioError, ToolchainError
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.machine.arch import Architecture
from ctxrace.machine.build.cache import digest, opened, store
from ctxrace.machine.inputs import MOST_SOURCE, contents
from ctxrace.machine.layout import Layout
from ctxrace.machine.objects.join import compiled
from ctxrace.machine.objects.relocatable import read_object
from ctxrace.machine.toolchain import Compiler, find_compiler

__all__ = ["BuildTree"]

_COMMAND = re.compile(r"^(?:saved)?cmd_\S+ := (.*)$", re.MULTILINE)
_LEFT_OUT = re.compile(r"-W.*|-c|-femit-struct-debug-baseonly|-fno-var-tracking|-g.*|-D__?KBUILD_.*|-DKBUILD_.*")
_WITH_A_WORD = ("-o", "-include", "-I", "-isystem", "-iquote", "-idirafter", "-D", "-U", "--param", "-x")
_NAMED = re.compile(r"-(I|isystem|iquote|idirafter|D|U).+")
_HARMLESS = re.compile(
    r"-O[0-3sgz]?|-std=[a-z0-9]+|-nostdinc|-pipe|-pg|-ansi|-m[a-z0-9.-]+(=[A-Za-z0-9+._,-]+)?|--param=[a-z0-9-]+=[0-9]+"
    r"|--target=[a-z0-9_.-]+|-Wa,-march=[a-z0-9.+-]+"
    r"|-f(?!.*(plugin|profile|dump|save|lto|pass-|compare|crash|stack-usage|record|module|embed|use-ld|file))"
    r"[A-Za-z0-9-]+(=[A-Za-z0-9,.-]+)?"
)
"""Flags that run no other program, and write nothing but what is compiled."""
_CONFIGURED = re.compile(r"^#define (CONFIG_\w+) 1$", re.MULTILINE)
_CAPABILITY = re.compile(r"^#define (ARM64_\w+)\s+(\d+)$", re.MULTILINE)
_FEATURES = {"lse": "ARM64_HAS_LSE_ATOMICS"}

_PROBE = "#include <linux/sched.h>\nstruct task_struct ctxrace_probe;\n"
_COMPILER = """\
#ifndef CTXRACE_TREE_COMPILER_H
#define CTXRACE_TREE_COMPILER_H
#include <linux/compiler.h>
#ifndef __noipa
# ifdef __clang__
#  define __noipa noinline
# else
#  define __noipa __attribute__((__noipa__))
# endif
#endif
#endif
"""
_CONFIG = """\
#ifndef CTXRACE_TREE_CONFIG_H
#define CTXRACE_TREE_CONFIG_H
#include <linux/kconfig.h>
#define CTXRACE_PREEMPT_RT IS_ENABLED(CONFIG_PREEMPT_RT)
#define CTXRACE_PREEMPT_RCU IS_ENABLED(CONFIG_PREEMPT_RCU)
#define CTXRACE_SMP IS_ENABLED(CONFIG_SMP)
#endif
"""


class BuildTree:
    """Read what Kbuild left in `path`, the directory in which a kernel was built.

    objects: as the user names them, by their place in the tree; arch: what they are for; cc: a compiler instead of the
    tree's own; cache: where what is written is kept. Raises `CtxraceError` where an object was not built there.
    """

    def __init__(self, path: Path, objects: Sequence[str], arch: Architecture, cc: str | None, cache: Path) -> None:
        self.path, self.arch, self._cc, self._cache = path.resolve(), arch, cc, cache
        self.objects = [path / name for name in objects]
        for name, file in zip(objects, self.objects, strict=True):
            if not file.is_file():
                raise ScenarioError(f"{path} has no {name}; build it there: make {name}")
        first = self.objects[0]
        self._record = first.with_name(f".{first.name}.cmd")
        record = contents(self._record, MOST_SOURCE, ImageError) if self._record.is_file() else b""
        found = _COMMAND.search(record.decode("utf-8", "replace"))
        if found is None:
            raise ImageError(
                f"{path} says no command for {objects[0]} (it is in {self._record.name}): is {path} the directory in "
                "which the kernel was built?"
            )
        try:
            self._words = shlex.split(found[1].partition(" ; ")[0].partition("; ")[0])
        except ValueError as error:
            raise ImageError(f"{self._record} is damaged: its command is none of a shell ({error})") from None

    @cached_property
    def compiler(self) -> Compiler:
        """The compiler that the tree was built with, or the one that was asked for."""
        words = self._words[: next((at for at, word in enumerate(self._words) if word.startswith("-")), 1)]
        try:
            return find_compiler(self._cc or shlex.join(words), self.arch, cache=self._cache)
        except ToolchainError as error:
            raise ToolchainError(f"{self.path} was built with {shlex.join(words)}: {error}", error.output) from None

    @cached_property
    def flags(self) -> list[str]:
        """The flags that change what the compiler makes of the tree's headers.

        Raises `ScenarioError` for one of which ctxrace does not know that it is harmless.
        """
        kept: list[str] = []
        rest = iter(self._words[1:])
        for word in rest:
            if word in _WITH_A_WORD:
                value = next(rest, "")
                kept += [word, value] if word not in ("-o", "-x") else []
            elif _LEFT_OUT.fullmatch(word) and not word.startswith("-Wa,"):
                continue
            elif _NAMED.fullmatch(word) or _HARMLESS.fullmatch(word):
                kept.append(word)
            elif word.startswith(("-", "@")):
                raise ScenarioError(
                    f"{self._record} compiles with {word!r}, of which ctxrace does not know that it is harmless; build "
                    "the kernel without it"
                )
        names = ['-DKBUILD_MODNAME="harness"', '-DKBUILD_BASENAME="harness"', '-DKBUILD_MODFILE="harness"']
        return [*kept, "-g", "-w", "-Werror=implicit-function-declaration", *names, "-D__KBUILD_MODNAME=harness"]

    def harness(self, source: Path, include: Path, more: Sequence[str]) -> tuple[Path, str]:
        """Compile the C file `source` with the tree's headers; return the object, and what the compiler printed.

        include: the directory of our headers, of which a harness sees only those that declare scenarios.
        more: the user's flags.
        """
        scenario = contents(include / "ctxrace" / "scenario.h", MOST_SOURCE, ImageError)
        files = {"scenario.h": scenario, "compiler.h": _COMPILER.encode(), "config.h": _CONFIG.encode()}
        folder = self._cache / f"tree-{digest(*files.values())}"
        opened(self._cache)
        for name, text in files.items():
            if not (folder / "ctxrace" / name).is_file():
                (folder / "ctxrace").mkdir(mode=0o700, parents=True, exist_ok=True)
                store(folder / "ctxrace" / name, text)
        options = [*self.flags, f"-I{folder}", "-include", "ctxrace/scenario.h", *more]
        built = compiled(source, self.compiler, options, directory=self.path, cache=self._cache)
        return built.path, built.messages

    @cached_property
    def task_struct(self) -> Layout:
        """The layout of the tree's struct task_struct: as its headers have it, with its configuration."""
        opened(self._cache)
        probe = self._cache / f"probe-{digest(_PROBE)}.c"
        if not probe.is_file():
            store(probe, _PROBE.encode())
        built = compiled(probe, self.compiler, self.flags, directory=self.path, cache=self._cache)
        layouts = read_object(built.path, self.arch).structs("task_struct")
        if not layouts:
            raise ImageError(f"{self.path}: its compiler says nothing of struct task_struct with -g; pass another --cc")
        return layouts[0]

    @cached_property
    def _configured(self) -> frozenset[str]:
        file = self.path / "include" / "generated" / "autoconf.h"
        text = contents(file, MOST_SOURCE, ImageError).decode("utf-8", "replace")
        return frozenset(_CONFIGURED.findall(text))

    @property
    def preemption(self) -> Preemption:
        """The model that the kernel is configured for (kernel/Kconfig.preempt)."""
        if "CONFIG_PREEMPT_RT" in self._configured:
            return Preemption.RT
        return Preemption.FULL if "CONFIG_PREEMPTION" in self._configured else Preemption.VOLUNTARY

    @property
    def preemptible_rcu(self) -> bool:
        """Whether the kernel is configured with CONFIG_PREEMPT_RCU."""
        return "CONFIG_PREEMPT_RCU" in self._configured

    @property
    def capabilities(self) -> Mapping[str, int]:
        """The numbers of CPU features by name (arch/arm64/tools/gen-cpucaps.awk makes the header)."""
        file = self.path / "arch" / "arm64" / "include" / "generated" / "asm" / "cpucap-defs.h"
        if self.arch.elf_machine != "EM_AARCH64" or not file.is_file():
            return {}
        numbers = dict(_CAPABILITY.findall(contents(file, MOST_SOURCE, ImageError).decode("utf-8", "replace")))
        return {name: int(numbers[known]) for name, known in _FEATURES.items() if known in numbers}

