"""Execute a claim file, and print what is found."""

import re
from dataclasses import replace
from pathlib import Path

from ctxrace.bpf.claims import prepare, with_guard
from ctxrace.claims.decide import decide
from ctxrace.claims.parse import looks_like_a_claim, parse_claim
from ctxrace.cli.output import Output, deliver, report_width, tests_as, write, write_pages
from ctxrace.cli.progress import searching
from ctxrace.cli.status import say
from ctxrace.core.errors import ScenarioError
from ctxrace.explore.search import Limits
from ctxrace.report.claim import claim_to_json, render_claim, render_claim_mail
from ctxrace.report.formats.claimed import trial_of_claim
from ctxrace.report.formats.format import Format
from ctxrace.report.page.claim import page_of_claim

__all__ = ["replay_claim"]

_MOST = 1 << 20  # bytes of a claim
_OPEN = re.compile(r"/dev/(stdin|fd/\d+)")


def replay_claim(
    file: str, guard: str | None, limits: Limits, command: str, *, mail: bool, trust: bool, output: Output
) -> int:
    """Print what is found of the claim in `file`, and return the exit status."""
    text = _read(file)
    if not looks_like_a_claim(text):
        raise ScenarioError(
            f"{file} is no claim: one begins with a line like 'system guard.c'; to replay a schedule on it, add "
            "--schedule"
        )
    claim = replace(parse_claim(text, file), trusted=trust)
    if guard is not None:
        claim = with_guard(claim, guard)
    program, resolved = prepare(claim)
    say(program.messages)
    with searching(f"executing {file}") as shown:
        result = decide(program, resolved, limits=limits, progress=shown, command=command)
    if output.json:
        deliver(claim_to_json(result), output)
    elif output.format is not Format.TEXT:
        deliver(tests_as(output.format, [trial_of_claim(result)]), output)
    elif mail:
        write(render_claim_mail(result), output)
    else:
        write(render_claim(result, report_width()), output)
    write_pages(output, lambda: page_of_claim(result), result.outcome_interleaving or result.interleaving)
    return result.status


def _read(file: str) -> str:
    """Return the text of the claim in `file`, which is a regular file, or an open one such as standard input."""
    why = ""
    try:
        if not _OPEN.fullmatch(file) and Path(file).exists() and not Path(file).is_file():
            why = "it is no regular file"
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(_MOST + 1)
            if len(data) <= _MOST:
                return data.decode("utf-8")
            why = f"it has more than {_MOST:,} bytes"
    except OSError as error:
        why = error.strerror or "it cannot be opened"
    except UnicodeDecodeError as error:
        why = f"line {error.object[: error.start].count(10) + 1} is no UTF-8 text"
    raise ScenarioError(f"cannot read the claim {file}: {why}; to replay a schedule, add --schedule")
