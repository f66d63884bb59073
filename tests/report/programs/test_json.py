"""What JSON about BPF programs spells, and how."""

import json
from dataclasses import replace

from ctxrace.report.programs.json import programs_to_json

from .test_text import HOLDS


def test_what_a_terminal_would_obey_is_escaped() -> None:
    name = "\x1b[31m\ufeff\u2028\udcff größer.bpf.o"
    text = programs_to_json(replace(HOLDS, file=name))
    assert text.replace("\n", "").isprintable()
    assert json.loads(text)["file"] == name
