"""C files that ctxrace writes beside a user's own: stubs, and what passes arguments to entries."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ctxrace.core.errors import ScenarioError
from ctxrace.core.setting import Setting
from ctxrace.machine.build.cache import digest, opened, store

__all__ = ["arguments_file", "stubs_file"]

_VARIABLE = re.compile(r"&?([A-Za-z_]\w*)", re.ASCII)


def stubs_file(stubs: Mapping[str, int], cache: Path) -> Path:
    """Return a C file with functions that only return a number; their types are not those of the kernel."""
    text = "".join(
        f'unsigned long ctxrace_stub_{number}(void) __asm__("{name}");\n'
        f"unsigned long ctxrace_stub_{number}(void) {{ return {value:#x}ul; }}\n"
        for number, (name, value) in enumerate(sorted(stubs.items()))
    )
    return _stored("stubs", text, cache)


def arguments_file(arguments: Mapping[str, tuple[str, ...]], cache: Path) -> Path:
    """Return a C file with a function ``ctxrace_starts_ENTRY()`` for each entry, which calls it with its arguments.

    arguments: numbers, or names of variables, whose addresses they are. Raises `ScenarioError` for what is neither.
    """
    return _stored("arguments", "".join(_starts(arguments)), cache)


def _starts(arguments: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for number, (entry, values) in enumerate(sorted(arguments.items())):
        words = []
        for place, value in enumerate(values):
            variable = _VARIABLE.fullmatch(value)
            if variable is not None:
                name = f"ctxrace_variable_{number}_{place}"
                yield f'extern char {name}[] __asm__("{variable[1]}");\n'
                words.append(f"(unsigned long){name}")
            else:
                words.append(f"{_number(entry, value):#x}ul")
        types = ", ".join(["unsigned long"] * len(values))
        yield f'extern void ctxrace_entry_{number}({types}) __asm__("{entry}");\n'
        yield f'void ctxrace_starts_{number}(void) __asm__("ctxrace_starts_{entry}");\n'
        yield f"void ctxrace_starts_{number}(void) {{ ctxrace_entry_{number}({', '.join(words)}); }}\n"


def _number(entry: str, value: str) -> int:
    try:
        number = int(value, 0)
    except ValueError:
        number = 1 << 64
    if not -(1 << 63) <= number < 1 << 64:
        spelled = Setting("arg", f"{entry}={value}")
        raise ScenarioError(spelled, " is neither a number of 64 bits nor the name of a variable")
    return number & 0xFFFF_FFFF_FFFF_FFFF


def _stored(kind: str, text: str, cache: Path) -> Path:
    opened(cache)
    path = cache / f"{kind}-{digest(text)}.c"
    if not path.is_file():
        store(path, text.encode())
    return path
