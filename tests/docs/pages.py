"""The examples in a page of Markdown: files that it shows, and commands with what they print.

A fenced block ```` ```c guard.c ```` is the content of a file; ```` ```console ```` has lines ``$ command``, each with
what it prints after it. All blocks of a page are carried out in one empty directory, in their order.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(?P<fence>```+)(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL)
SECONDS = 300


@dataclass(frozen=True)
class Block:
    """A fenced block. language, name: the first two words behind the fence; start, end: where its body is."""

    language: str
    name: str
    body: str
    start: int
    end: int


def blocks(text: str) -> Iterator[Block]:
    """Return the fenced blocks of a page."""
    for found in _FENCE.finditer(text):
        language, _, name = found["info"].strip().partition(" ")
        yield Block(language, name.strip(), found["body"], found.start("body"), found.end("body"))


def commands(body: str) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with what the page says that it prints."""
    found: list[tuple[str, str]] = []
    for line in body.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:].rstrip("\n"), ""))
        elif found and line.startswith("> ") and not found[-1][1]:
            found[-1] = (found[-1][0] + "\n" + line[2:].rstrip("\n"), "")
        elif found:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


def carried_out(text: str, folder: Path) -> str:
    """Return the page with every command's output as it is now."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                   "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}  # fmt: skip
    now, at = "", 0
    for block in blocks(text):
        if block.language == "console":
            now += text[at : block.start] + "".join(
                _spelled(command) + _run(command, folder, environment) for command, _ in commands(block.body)
            )
            at = block.end
        elif block.name:
            path = folder / block.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.body, encoding="utf-8")
    return now + text[at:]


def _spelled(command: str) -> str:
    return "$ " + command.replace("\n", "\n> ") + "\n"


def _run(command: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        check=False,
    )
    output = done.stdout.decode("utf-8", "replace")
    assert "Traceback" not in output, output
    return "\n".join(line.rstrip() for line in output.splitlines()) + "\n" * bool(output)
