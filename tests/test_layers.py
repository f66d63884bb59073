"""Imports point downwards only, each library has its place, and nothing grows too long.

    core  <  explore | machine  <  kernel  <  claims  <  bpf | report  <  cli, api, __init__ and __main__ of ctxrace

Siblings never import each other, and of ours report imports core alone. No modules import one another in a circle. An
import counts wherever it stands: in a function, under `if TYPE_CHECKING`, or as a call of `import_module` with the name
spelled out.
"""

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src"

BELOW = {
    "core": set(),
    "explore": {"core"},
    "machine": {"core"},
    "kernel": {"core", "explore", "machine"},
    "claims": {"core", "explore", "machine", "kernel"},
    "bpf": {"core", "explore", "machine", "kernel", "claims"},
    "report": {"core"},
    "top": {"core", "explore", "machine", "kernel", "claims", "bpf", "report"},
}
"""What each layer may import besides itself."""
TOP = {"cli", "api", "pytest_plugin", "__init__", "__main__"}

LIBRARIES = {
    "pypcode": {"machine/lift.py"},
    "elftools": {
        *("machine/image.py", "machine/dwarf.py", "machine/dwarf_types.py"),
        *(f"machine/elf/{name}.py" for name in ("header", "relocation", "sections", "symbols")),
        "bpf/programs/elf/container.py", "machine/large_dwarf.py", "machine/objects/relocatable.py",
        "machine/findings/debug.py"},
    "distributed": {"explore/cluster.py"},
    "pytest": {"pytest_plugin.py"},
    "typer": {"cli"},
    "rich": {"cli", "report"},
    "jinja2": {"report/page/render.py"},
    "markupsafe": {"report/page/render.py", "report/page/svg.py"},
}
"""Where each library may be imported: a file, or a whole package. Any other library: nowhere."""

MAX_MODULE, MAX_FUNCTION, MAX_FOLDER = 400, 60, 20
EXCUSE = "long because"


def imported(tree: ast.Module, package: list[str]) -> Iterator[tuple[int, str, str]]:
    """The line, the module and the name taken from it ("" for the module itself) of every import in `tree`.

    package: the names that a relative import starts from.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, module, alias.name
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node.lineno, argument.value, ""


def layer(parts: list[str]) -> str:
    """The layer of what is called `parts` below ctxrace; the package itself and what is not known are the top."""
    return parts[0] if parts and parts[0] in BELOW else "top"


def wrong_imports(src: Path) -> list[str]:
    """Every import below `src`/ctxrace that breaks a rule, with its place."""
    wrong = []
    root = src / "ctxrace"
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        names = [*inside.parts[:-1], inside.stem]
        mine = layer(names)
        if mine == "top" and names[0] not in TOP:
            wrong.append(f"{inside}: {names[0]} is no layer")
        for line, module, name in imported(ast.parse(path.read_text(encoding="utf-8")), ["ctxrace", *names[:-1]]):
            library, *parts = module.split(".")
            if library == "ctxrace":
                theirs = layer(parts or [name])
                if theirs != mine and theirs not in BELOW[mine]:
                    wrong.append(f"{inside}:{line}: {mine} imports {theirs} ({module})")
            elif library not in sys.stdlib_module_names:
                places = LIBRARIES.get(library, set())
                if not places & {inside.as_posix(), names[0]}:
                    wrong.append(f"{inside}:{line}: {library} does not belong here")
    return wrong


def circles(src: Path) -> list[str]:
    """The modules below `src`/ctxrace that import one another, each circle as one line."""
    names = {}
    for path in sorted((src / "ctxrace").rglob("*.py")):
        parts = path.relative_to(src).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    needs: dict[str, set[str]] = {}
    for name, path in names.items():
        package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
        found = imported(ast.parse(path.read_text(encoding="utf-8")), package)
        wanted = (f"{module}.{taken}" if f"{module}.{taken}" in names else module for _, module, taken in found)
        needs[name] = {other for other in wanted if other in names and other != name}
    reached = {name: _reached(needs, name) for name in names}
    rings = {tuple(other for other in names if other in reached[name] and name in reached[other]) for name in names}
    return sorted(" <-> ".join(ring) for ring in rings if ring)


def _reached(needs: dict[str, set[str]], name: str) -> set[str]:
    """What `name` imports, what that imports, and so on."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        new = needs[waiting.pop()] - reached
        reached |= new
        waiting += new
    return reached


def crowded(src: Path) -> list[str]:
    """The folders below `src`/ctxrace with more modules than allowed."""
    counts: dict[Path, int] = {}
    for path in sorted((src / "ctxrace").rglob("*.py")):
        counts[path.parent] = counts.get(path.parent, 0) + (path.stem != "__init__")
    return [f"{folder.relative_to(src).as_posix()}: {count}" for folder, count in counts.items() if count > MAX_FOLDER]


def too_long(source: str) -> list[str]:
    """What in `source` is longer than allowed, without a comment at its top that says why.

    The top of a module or function ends where its first statement after the docstring begins; the top of a
    function begins with the comment lines right above it.
    """
    lines = source.splitlines()
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    excuses = {token.start[0] for token in tokens if token.type == tokenize.COMMENT and EXCUSE in token.string}
    tree = ast.parse(source)
    long = []
    if len(lines) > MAX_MODULE and not any(line < _first_statement(tree) for line in excuses):
        long.append(f"the module has {len(lines)} lines")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            top = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            length = (node.end_lineno or top) - top + 1
            while top > 1 and lines[top - 2].lstrip().startswith("#"):
                top -= 1
            if length > MAX_FUNCTION and not any(top <= line < _first_statement(node) for line in excuses):
                long.append(f"{node.name} has {length} lines")
    return long


def _first_statement(node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The line on which the body begins, its docstring apart; beyond all lines where there is nothing else."""
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return body[0].lineno if body else sys.maxsize


# What is there


def test_imports() -> None:
    assert not wrong_imports(SRC)


def test_no_circles() -> None:
    assert not circles(SRC)


def test_no_crowded_folders() -> None:
    assert not crowded(SRC)


MODULES = sorted(path.relative_to(SRC).as_posix() for path in SRC.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_length(module: str) -> None:
    assert not too_long((SRC / module).read_text(encoding="utf-8"))


def test_all_layers_exist() -> None:
    """Or else a renamed package would be checked by nothing."""
    assert {name.split("/")[1].removesuffix(".py") for name in MODULES} >= {*BELOW, "cli", "__init__"} - {"top"}


# That it would be noticed


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("core/a", "from ctxrace.explore.search import search"),
        ("core/a", "import ctxrace.machine.image as image"),
        ("core/a", "import ctxrace"),
        ("core/a", "from ctxrace import check"),
        ("core/a", "from ctxrace import kernel"),
        ("core/a", "from ..explore import search"),
        ("core/deep/a", "from ...explore.search import search"),
        ("core/a", "def f():\n    from ctxrace.bpf import guards"),
        ("core/a", "class C:\n    def f(self):\n        import os, ctxrace.cli.main"),
        ("core/a", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ctxrace.kernel import check"),
        ("core/a", "try:\n    import rich\nexcept ImportError:\n    pass"),
        ("core/a", "import importlib\nimportlib.import_module('ctxrace.kernel')"),
        ("core/a", "__import__('rich')"),
        ("explore/a", "from ctxrace.machine.image import Image"),
        ("machine/a", "from ctxrace.explore.search import search"),
        ("machine/arch/a", "from ctxrace.kernel.rules.contexts import Level"),
        ("kernel/a", "from ctxrace.bpf import guards"),
        ("kernel/a", "from ctxrace.report.text import render"),
        ("bpf/a", "from ctxrace.report.text import render"),
        ("bpf/a", "import ctxrace.cli"),
        ("report/a", "from ctxrace.bpf import guards"),
        ("report/a", "from ctxrace.kernel.rules.contexts import Level"),
        ("report/a", "from ctxrace.explore.search import search"),
        ("report/a", "from ctxrace import explore"),
        ("machine/pcode", "import pypcode"),
        ("machine/arch/lift", "import pypcode"),
        ("kernel/a", "import pypcode"),
        ("machine/flow", "from elftools.elf.elffile import ELFFile"),
        ("kernel/image", "import elftools"),
        ("report/a", "import typer"),
        ("__init__", "import typer"),
        ("bpf/a", "from rich.console import Console"),
        ("machine/lift", "import unicorn"),
        ("cli/a", "import unicorn"),
        ("cli/a", "import hypothesis"),
        ("extra/a", "import os"),
        ("extra", "import os"),
    ],
)
def test_wrong_imports_are_found(tmp_path: Path, where: str, line: str) -> None:
    write(tmp_path, where, line)
    (found,) = wrong_imports(tmp_path)
    assert found.startswith(f"{where}.py:")


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("core/a", "import os, sys, collections.abc\nfrom importlib.resources import files"),
        ("core/a", "from ctxrace import core"),
        ("core/a", "from . import b\nfrom .b import c\nfrom ..core import b"),
        ("core/deep/a", "from .. import b\nfrom ..b import c"),
        ("explore/a", "from ctxrace.core.system import System"),
        ("machine/arch/a", "from ctxrace.machine.pcode import Op\nfrom ctxrace.core import errors"),
        ("machine/lift", "import pypcode"),
        ("machine/image", "from elftools.elf.elffile import ELFFile"),
        ("machine/dwarf", "import elftools.dwarf.die"),
        ("kernel/a", "from ctxrace.machine.flow import Machine\nfrom ctxrace.explore.search import search"),
        ("kernel/a", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ctxrace.kernel.b import B"),
        ("bpf/a", "from ctxrace.kernel.check import check\nimport ctxrace.explore.search"),
        ("report/a", "from ctxrace.core.verdict import Result\nfrom rich.cells import cell_len"),
        ("cli/a", "import ctxrace, typer, rich\nfrom ctxrace.bpf import guards\nfrom ctxrace import check"),
        ("__init__", "from ctxrace.kernel.check import check"),
        ("__main__", "from ctxrace.cli.main import main"),
        ("core/a", "'import unicorn'  # import unicorn"),
    ],
)
def test_right_imports_pass(tmp_path: Path, where: str, line: str) -> None:
    write(tmp_path, where, line)
    assert wrong_imports(tmp_path) == []


@pytest.mark.parametrize(
    ("modules", "found"),
    [
        ({"core/a": "from ctxrace.core import b", "core/b": "import os"}, []),
        ({"core/a": "from ctxrace.core.a import x"}, []),
        ({"core/a": "from ctxrace.core.b import x", "core/b": "from ctxrace.core.a import y"}, ["core.a <-> core.b"]),
        ({"core/a": "from . import b", "core/b": "def f():\n    from . import a"}, ["core.a <-> core.b"]),
        (
            {
                "core/a": "from ctxrace.core.b import x",
                "core/b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import ctxrace.core.a",
            },
            ["core.a <-> core.b"],
        ),
        (
            {
                "core/a": "import ctxrace.core.b",
                "core/b": "import ctxrace.core.c",
                "core/c": "import ctxrace.core.a",
                "core/d": "import ctxrace.core.a",
            },
            ["core.a <-> core.b <-> core.c"],
        ),
        (
            {"core/__init__": "from ctxrace.core.a import x", "core/a": "from ctxrace.core import y"},
            ["core <-> core.a"],
        ),
        (
            {"core/a": "from . import b", "core/b": "from . import a", "x": "from . import y", "y": "import ctxrace.x"},
            ["core.a <-> core.b", "x <-> y"],
        ),
    ],
)
def test_circles_are_found(tmp_path: Path, modules: dict[str, str], found: list[str]) -> None:
    for where, text in modules.items():
        write(tmp_path, where, text)
    assert [ring.replace("ctxrace.", "") for ring in circles(tmp_path)] == found


@pytest.mark.parametrize(("count", "found"), [(MAX_FOLDER, []), (MAX_FOLDER + 1, [f"ctxrace/core: {MAX_FOLDER + 1}"])])
def test_crowded_folders_are_found(tmp_path: Path, count: int, found: list[str]) -> None:
    for name in ["__init__", *(f"m{number}" for number in range(count)), "deep/m"]:
        write(tmp_path, f"core/{name}", "")
    assert crowded(tmp_path) == found


def write(src: Path, where: str, text: str) -> None:
    path = src / "ctxrace" / f"{where}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def function(lines: int, first: str = "") -> str:
    """A function of so many lines, `first` among them."""
    return "\n".join(["def f():", *([first] if first else []), *["    pass"] * (lines - 1 - bool(first))])


WHY = "# long because it is one loop"


@pytest.mark.parametrize(
    ("source", "long"),
    [
        (function(60), []),
        (function(61), ["f has 61 lines"]),
        ("async " + function(61), ["f has 61 lines"]),
        ("@g\n" + function(60), ["f has 61 lines"]),
        (function(61, f"    {WHY}"), []),
        (function(61, f'    """What it does.""" {WHY}'), []),
        (f"{WHY}\n" + function(61), []),
        (f"{WHY}\n@g\n" + function(61), []),
        (f"{WHY}\n\n" + function(61), ["f has 61 lines"]),
        (function(61, '    """# long because I say so"""'), ["f has 61 lines"]),
        (function(61) + f"\n    {WHY}\n    pass", ["f has 63 lines"]),
        ("x = 1\n" * 400, []),
        ("x = 1\n" * 401, ["the module has 401 lines"]),
        (f"{WHY}\n" + "x = 1\n" * 401, []),
        (f'"""What it is."""\n\n{WHY}\n' + "x = 1\n" * 401, []),
        ("x = 1\n" * 401 + f"{WHY}\n", ["the module has 402 lines"]),
        ("# nothing but words\n" * 401, ["the module has 401 lines"]),
    ],
)
def test_long_is_found(source: str, long: list[str]) -> None:
    assert too_long(source) == long
