"""The table of names in names.txt, and a C file for each."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

__all__ = ["NAMES", "Name", "all_in_one", "program"]


class Name(NamedTuple):
    """A name, the headers that a kernel file includes for it, what stands at file scope, and what in a function."""

    name: str
    headers: str
    scope: str
    use: str


def _names(text: str) -> tuple[Name, ...]:
    shared: dict[str, str] = {}
    found = []
    for line in text.splitlines():
        if " := " in line:
            key, _, value = line.partition(" := ")
            shared[key] = value
        elif line and not line.startswith("#"):
            columns = [column.strip() for column in re.split(r" \|(?= |$)", line)]
            columns += [""] * (4 - len(columns))
            spelled = (re.sub(r"\$([A-Z]+)", lambda m: shared[m[1]], column) for column in columns)
            found.append(Name(*spelled))
    return tuple(found)


NAMES = _names(Path(__file__).with_name("names.txt").read_text(encoding="utf-8"))


def program(name: Name) -> str:
    """Return a C file that includes what `name` needs, and uses it."""
    includes = "".join(f"#include <{header}>\n" for header in name.headers.split())
    return f"{includes}{name.scope}\nvoid use(void);\nvoid use(void)\n{{\n\t{name.use}\n}}\n"


def all_in_one(names: Iterable[Name]) -> str:
    """Return a C file with one function for each of `names`, and what it needs inside of it where that is possible."""
    names = tuple(names)
    headers = dict.fromkeys(header for name in names for header in name.headers.split())
    lines = [f"#include <{header}>" for header in headers]
    for number, name in enumerate(names):
        outside = ") { " in name.scope or "CTXRACE_" in name.scope
        before, inside = (name.scope, "") if outside else ("", name.scope)
        lines.append(f"{before}\nvoid use_{number}(void);\nvoid use_{number}(void) {{ {inside} {{ {name.use} }} }}")
    return "\n".join([*lines, ""])
