"""Any result in any form: what a function of the Python API returns, as the command line would print it."""

from collections.abc import Callable, Sequence
from functools import partial

from ctxrace.core.claim import ClaimResult
from ctxrace.core.errors import CtxraceError
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.meeting import ProgramsResult
from ctxrace.core.statement import Statement
from ctxrace.core.suite.trial import Trial, trial_of
from ctxrace.core.verdict import Result
from ctxrace.report.claim import claim_to_json, render_claim, render_claim_mail
from ctxrace.report.formats.format import Format
from ctxrace.report.formats.render import render
from ctxrace.report.json import to_json
from ctxrace.report.mail import render_interleaving_mail, render_result_mail
from ctxrace.report.programs import render_programs
from ctxrace.report.programs_json import programs_to_json
from ctxrace.report.suite import render_suite, suite_to_json
from ctxrace.report.text import render_interleaving, render_result, render_table
from ctxrace.report.thread import render_thread, thread_to_json

__all__ = ["Reportable", "written"]

Reportable = (
    Result
    | ClaimResult
    | Interleaving
    | ProgramsResult
    | Sequence[Result]
    | Sequence[Trial]
    | Sequence[Statement]
)
"""What has a report."""


def written(value: Reportable, form: str, width: int, release: str) -> str:
    """Return the report of `value` in a form; raise `CtxraceError` where it has none.

    width: columns of ``text``. release: of ctxrace, which some formats name.
    """
    forms = _forms(value, width)
    if form in forms:
        return forms[form]()
    found = _trials(value)
    if found and form in list(Format):
        return render(Format(form), found, release)
    known = [*forms, *(list(Format)[1:] if found else [])]
    raise CtxraceError(f"no form {form!r} of a {type(value).__name__}; there are: {', '.join(map(str, known))}")


def _forms(value: Reportable, width: int) -> dict[str, Callable[[], str]]:
    match value:
        case Result():
            return {"text": partial(render_result, value, width), "json": partial(to_json, [value]),
                    "mail": partial(render_result_mail, value)}  # fmt: skip
        case ClaimResult():
            return {"text": partial(render_claim, value, width), "json": partial(claim_to_json, value),
                    "mail": partial(render_claim_mail, value)}  # fmt: skip
        case Interleaving():
            mail = partial(render_interleaving_mail, value)
            return {"text": partial(render_interleaving, value, width), "mail": mail}
        case ProgramsResult():
            return {"text": partial(render_programs, value), "json": partial(programs_to_json, value)}
    if all(isinstance(one, Trial) for one in value):
        trials = [one for one in value if isinstance(one, Trial)]
        return {"text": partial(render_suite, trials), "json": partial(suite_to_json, trials)}
    if all(isinstance(one, Statement) for one in value):
        statements = [one for one in value if isinstance(one, Statement)]
        return {"text": partial(render_thread, statements), "json": partial(thread_to_json, statements)}
    results = [one for one in value if isinstance(one, Result)]
    return {"text": partial(render_table, results, "case"), "json": partial(to_json, results)}


def _trials(value: Reportable) -> list[Trial]:
    """Return what is said of files and guards, for the formats that know nothing else."""
    if isinstance(value, Result):
        return [trial_of(value.case, value)]
    if isinstance(value, Sequence):
        found = [trial_of(one.command, one) if isinstance(one, Result) else one for one in value]
        return [one for one in found if isinstance(one, Trial)]
    return []
