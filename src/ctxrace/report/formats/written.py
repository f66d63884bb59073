"""Any result in any form: what a function of the Python API returns, as the command line would print it."""

from collections.abc import Callable, Sequence
from functools import partial

from ctxrace.core.claim import ClaimResult
from ctxrace.core.errors import CtxraceError
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.meeting import Finding as ProgramsFinding
from ctxrace.core.meeting import ProgramsResult
from ctxrace.core.statement import Statement
from ctxrace.core.suite.trial import Trial, shown, trial_of
from ctxrace.core.verdict import Result
from ctxrace.report.claim import claim_to_json, render_claim, render_claim_mail
from ctxrace.report.formats.claimed import trial_of_claim
from ctxrace.report.formats.format import Format
from ctxrace.report.formats.render import render
from ctxrace.report.json import to_json
from ctxrace.report.mail import render_interleaving_mail, render_result_mail
from ctxrace.report.page.claim import page_of_claim
from ctxrace.report.page.parts import Page
from ctxrace.report.page.programs import page_of_finding, page_of_programs
from ctxrace.report.page.results import page_of_results, page_of_run
from ctxrace.report.page.svg import render_svg
from ctxrace.report.page.thread import page_of_thread
from ctxrace.report.programs.json import programs_to_json
from ctxrace.report.programs.mail import render_finding_mail, render_programs_mail
from ctxrace.report.programs.run import run_of
from ctxrace.report.programs.said import finding_answer
from ctxrace.report.programs.text import render_programs, render_replay
from ctxrace.report.programs.trial import trial_of_finding, trial_of_programs
from ctxrace.report.suite import render_suite, suite_to_json
from ctxrace.report.text import render_interleaving, render_result, render_table
from ctxrace.report.thread import render_thread, thread_to_json

__all__ = ["Reportable", "written"]

Reportable = (
    Result
    | ClaimResult
    | Interleaving
    | ProgramsResult
    | ProgramsFinding
    | Sequence[Result]
    | Sequence[Trial]
    | Sequence[Statement]
)
"""What has a report."""

_Forms = dict[str, Callable[[], str]]


def written(value: Reportable, form: str, width: int, release: str) -> str:
    """Return the report of `value` in a form; raise `CtxraceError` where it has none.

    width: columns of ``text``. release: of ctxrace, which some formats name.
    """
    forms = _forms(value, width) | _drawn(value, release)
    if form in forms:
        return forms[form]()
    found = _trials(value)
    if found and form in list(Format):
        return render(Format(form), found, release)
    known = [*forms, *(list(Format)[1:] if found else [])]
    raise CtxraceError(f"no form {form!r} of a {type(value).__name__}; there are: {', '.join(map(str, known))}")


def _forms(value: Reportable, width: int) -> _Forms:
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
            return {"text": partial(render_programs, value), "json": partial(programs_to_json, value),
                    "mail": partial(render_programs_mail, value)}  # fmt: skip
        case ProgramsFinding():
            return {"text": partial(render_replay, value), "mail": partial(render_finding_mail, value)}
    if all(isinstance(one, Trial) for one in value):
        trials = [one for one in value if isinstance(one, Trial)]
        return {"text": partial(render_suite, trials), "json": partial(suite_to_json, trials)}
    if all(isinstance(one, Statement) for one in value):
        statements = [one for one in value if isinstance(one, Statement)]
        return {"text": partial(render_thread, statements), "json": partial(thread_to_json, statements)}
    results = [one for one in value if isinstance(one, Result)]
    return {"text": partial(render_table, results, "case"), "json": partial(to_json, results)}


def _drawn(value: Reportable, release: str) -> _Forms:
    """Return the page, and the picture of the first interleaving, of what has them."""
    page, run = _page(value), _run(value)
    forms: _Forms = {} if page is None else {"html": lambda: _html(page(), release)}
    return forms if run is None else {**forms, "svg": partial(render_svg, run)}


def _html(page: Page, release: str) -> str:
    from ctxrace.report.page.render import render_page  # takes a while, and few ask for it

    return render_page(page, release)


def _page(value: Reportable) -> Callable[[], Page] | None:
    match value:
        case Result():
            return partial(page_of_results, [value])
        case ClaimResult():
            return partial(page_of_claim, value)
        case Interleaving():
            return partial(page_of_run, value, (), "an interleaving", "")
        case ProgramsResult():
            return partial(page_of_programs, value)
        case ProgramsFinding():
            return partial(page_of_finding, value, finding_answer(value), "")
    results = [one for one in value if isinstance(one, Result)]
    statements = [one for one in value if isinstance(one, Statement)]
    if statements:
        return partial(page_of_thread, statements)
    return partial(page_of_results, results, "case") if results else None


def _run(value: Reportable) -> Interleaving | None:
    match value:
        case Interleaving():
            return value
        case ClaimResult():
            return value.outcome_interleaving or value.interleaving
        case ProgramsResult():
            return next(filter(None, map(run_of, value.findings)), None)
        case ProgramsFinding():
            return run_of(value)
    several = [value] if isinstance(value, Result) else value
    results = [one if isinstance(one, Result) else one.result for one in several if isinstance(one, Result | Trial)]
    runs = (verdict.interleaving for result in results if result for verdict in result.verdicts)
    facts = (fact.interleaving for one in several if isinstance(one, Statement) for fact in one.facts)
    return next(filter(None, (*runs, *facts)), None)


def _trials(value: Reportable) -> list[Trial]:
    """Return what is said of it, for the formats that know nothing else."""
    match value:
        case Result():
            return [trial_of(value.case, value)]
        case ClaimResult():
            return [trial_of_claim(value)]
        case Interleaving():
            return [Trial("an interleaving", checks=(shown(value),))]
        case ProgramsResult():
            return [trial_of_programs(value)]
        case ProgramsFinding():
            return [trial_of_finding(value, value.met.program)]
    found = [trial_of(one.command, one) if isinstance(one, Result) else one for one in value]
    return [one for one in found if isinstance(one, Trial)]
