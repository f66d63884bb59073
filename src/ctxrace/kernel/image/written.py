"""C files that ctxrace writes beside a user's own: stubs, and what passes arguments to entries."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from pathlib import Path

from ctxrace.core.errors import ScenarioError
from ctxrace.core.setting import Setting
from ctxrace.machine.build.cache import digest, opened, store

__all__ = ["MOST_WAYS", "arguments_file", "name_of_start", "stubs_file", "ways"]

MOST_WAYS = 64
"""As many ways may an entry be called in: each multiplies the states."""

_WORD = 0xFFFF_FFFF_FFFF_FFFF

_VARIABLE = re.compile(r"&?([A-Za-z_]\w*)", re.ASCII)


def stubs_file(stubs: Mapping[str, int], cache: Path) -> Path:
    """Return a C file with functions that only return a number; their types are not those of the kernel."""
    text = "".join(
        f'unsigned long ctxrace_stub_{number}(void) __asm__("{name}");\n'
        f"unsigned long ctxrace_stub_{number}(void) {{ return {value:#x}ul; }}\n"
        for number, (name, value) in enumerate(sorted(stubs.items()))
    )
    return _stored("stubs", text, cache)


def ways(entry: str, arguments: Sequence[str]) -> list[tuple[str, ...]]:
    """Return all the arguments that `entry` may be given: where one is a range, as ``0..3``, each number in it.

    Raises `ScenarioError` for a range that is none, and for more than `MOST_WAYS`.
    """
    choices: list[list[str]] = []
    for argument in arguments:
        first, is_range, last = argument.partition("..")
        numbers = range(_number(entry, first), _number(entry, last) + 1) if is_range else range(1)
        length = numbers.stop - numbers.start  # len() is for 63 bits
        if length < 1:
            raise ScenarioError(Setting("arg", f"{entry}={argument}"), " is an empty range; write the lower end first")
        if length * prod(len(known) for known in choices) > MOST_WAYS:
            spelled = Setting("arg", f"{entry}={','.join(arguments)}")
            raise ScenarioError(spelled, f" stands for more than {MOST_WAYS} ways to call it; give smaller ranges")
        choices.append([str(number) for number in numbers] if is_range else [argument])
    return list(product(*choices))


def name_of_start(entry: str, way: int) -> str:
    """Return the name of the function that calls `entry` with the arguments of number `way` in `ways`."""
    return f"ctxrace_starts_{entry}_{way}"


def arguments_file(arguments: Mapping[str, tuple[str, ...]], cache: Path) -> Path:
    """Return a C file with a function for each of the `ways` in which an entry is called.

    arguments: numbers, ranges of numbers, or names of variables, whose addresses they are. Raises `ScenarioError` for
    what is none of these.
    """
    return _stored("arguments", "".join(_starts(arguments)), cache)


def _starts(arguments: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for number, (entry, given) in enumerate(sorted(arguments.items())):
        types = ", ".join(["unsigned long"] * len(given))
        yield f'extern void ctxrace_entry_{number}({types}) __asm__("{entry}");\n'
        for way, values in enumerate(ways(entry, given)):
            words = []
            for place, value in enumerate(values):
                variable = _VARIABLE.fullmatch(value)
                if variable is not None:
                    name = f"ctxrace_variable_{number}_{way}_{place}"
                    yield f'extern char {name}[] __asm__("{variable[1]}");\n'
                    words.append(f"(unsigned long){name}")
                else:
                    words.append(f"{_number(entry, value) & _WORD:#x}ul")
            start = f"ctxrace_start_{number}_{way}"
            yield f'void {start}(void) __asm__("{name_of_start(entry, way)}");\n'
            yield f"void {start}(void) {{ ctxrace_entry_{number}({', '.join(words)}); }}\n"


def _number(entry: str, value: str) -> int:
    try:
        number = int(value, 0)
    except ValueError:
        number = 1 << 64
    if not -(1 << 63) <= number < 1 << 64:
        spelled = Setting("arg", f"{entry}={value}")
        raise ScenarioError(spelled, " is neither a number of 64 bits, nor a range of them, nor the name of a variable")
    return number


def _stored(kind: str, text: str, cache: Path) -> Path:
    opened(cache)
    path = cache / f"{kind}-{digest(text)}.c"
    if not path.is_file():
        store(path, text.encode())
    return path
