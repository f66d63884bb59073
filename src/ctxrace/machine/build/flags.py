"""What a compiler's flags can do: which of them, given by an untrusted input, are harmless.

Flags are known one by one, and what is not known is not harmless: compilers have flags that run programs (`-wrapper`,
`-fplugin=`), read files (`@file`, `--config=`, `-specs=`) or write them (`-save-temps`, `-fprofile-arcs`).
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["names_files", "objection"]

_COMPILER = re.compile(r"([a-z0-9_]+-)*(gcc|clang)(-[0-9]+(\.[0-9]+)*)?")
_NUMBER = r"(=[0-9]+(,[0-9]+)?)?"
_CODE_GENERATION = (
    *("strict-aliasing", "strict-overflow", "wrapv", "trapv", "common", "builtin", "freestanding", "hosted", "inline"),
    *("inline-functions", "inline-small-functions", "inline-functions-called-once", "omit-frame-pointer"),
    *("optimize-sibling-calls", "stack-protector", "stack-protector-strong", "stack-protector-all", "unroll-loops"),
    *("delete-null-pointer-checks", "tree-vectorize", "vectorize", "slp-vectorize", "jump-tables", "short-enums"),
    *("signed-char", "unsigned-char", "pic", "pie", "PIC", "PIE", "function-sections", "data-sections"),
    *("merge-constants", "merge-all-constants", "ident", "stack-clash-protection", "conserve-stack", "unwind-tables"),
    *("allow-store-data-races", "reorder-blocks", "reorder-blocks-and-partition", "reorder-functions", "tree-sra"),
    *("asynchronous-unwind-tables", "partial-inlining", "if-conversion", "if-conversion2", "gcse", "ipa-sra"),
    *("schedule-insns", "schedule-insns2", "caller-saves", "ipa-cp", "ipa-cp-clone", "ipa-ra", "ipa-icf", "tree-ter"),
    *("crossjumping", "split-paths", "tree-loop-distribute-patterns", "math-errno", "trapping-math", "verbose-asm"),
    *("ms-extensions", "semantic-interposition", "plt", "exceptions", "addrsig", "strict-flex-arrays=[0-3]"),
    *("sanitize=shadow-call-stack", "fixed-[a-z0-9]+", "call-saved-[a-z0-9]+", "call-used-[a-z0-9]+"),
    *("cf-protection(=[a-z]+)?", "zero-call-used-regs=[a-z-]+", "trivial-auto-var-init=[a-z]+"),
    *(f"patchable-function-entry{_NUMBER}", f"inline-limit{_NUMBER}", f"align-[a-z]+{_NUMBER}"),
)
_HARMLESS = re.compile(
    "|".join(
        (
            r"-[DU][^\0]+",
            r"-O([0-3sgz]|fast)?",
            r"-g([0-3]|gdb[0-3]?|dwarf(-[2-5])?)?",
            r"-std=[a-z0-9]+",
            r"-W(no-)?(error=)?[a-z0-9+-]*(=[0-9]+)?",
            r"-w|-pedantic|-pedantic-errors|-ansi|-pipe|-undef|-nostdinc",
            r"-m(?!llvm)[a-z0-9.-]+(=[A-Za-z0-9+._,-]+)?",
            r"--param=[a-z0-9-]+=[0-9]+",
            r"-f(no-)?(" + "|".join(_CODE_GENERATION) + ")",
        )
    )
)
_DEFINES = frozenset({"-D", "-U"})  # they also stand before what they define
_DIRECTORIES = ("-isystem", "-iquote", "-idirafter", "-I")
_FILES = ("-include", "-imacros")


def objection(cc: str | None, flags: Sequence[str], inside: Path) -> str:
    """Return why a compiler and its flags are not harmless; nothing where they are.

    Harmless ones run no other program, write nothing but what is compiled, and read nothing outside of `inside` but the
    compiler's own files. Whether the C source includes other files is not asked here.
    cc: a compiler's name as it is found in PATH, None for the one that comes with ctxrace. Names are relative to the
    working directory.
    """
    if cc is not None and not _COMPILER.fullmatch(cc):
        return f"{cc!r} is not just the name of a gcc or clang in PATH"
    return _first(flags, lambda flag, name: _outside(flag, name, inside))


def names_files(flags: Sequence[str]) -> str:
    """Return the first flag that may make a compiler read a file which it does not report; nothing where none does."""
    return _first(flags, lambda _flag, _name: "")


def _first(flags: Sequence[str], judge: Callable[[str, str], str]) -> str:
    waiting = list(flags)
    while waiting:
        flag = waiting.pop(0)
        if flag in _DEFINES and waiting:
            waiting.pop(0)
        elif found := _file_of(flag, waiting):
            if reason := judge(*found):
                return reason
        elif not _HARMLESS.fullmatch(flag):
            return f"{flag!r} is not among the flags known to be harmless"
    return ""


def _file_of(flag: str, waiting: list[str]) -> tuple[str, str] | None:
    """Return a flag that names a file or directory that is reported as read, and that name; take it from `waiting`."""
    for known in (*_DIRECTORIES, *_FILES):
        if flag == known:
            return (known, waiting.pop(0)) if waiting else None
        if flag.startswith(known) and known not in _FILES:
            return known, flag.removeprefix(known)
    return None


def _outside(flag: str, name: str, inside: Path) -> str:
    # `=dir` is relative to the compiler's own directory. A loop of links and a NUL byte have no place at all.
    with suppress(OSError, ValueError, RuntimeError):
        if not name.startswith("=") and Path(name).resolve().is_relative_to(inside.resolve()):
            return ""
    return f"{flag} {name!r} is outside of {inside}"
