"""Check many cases, some at a time in processes of their own."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from ctxrace.bpf.caller import ALONE
from ctxrace.bpf.guards.case import Case
from ctxrace.core.errors import LimitReached
from ctxrace.core.facts.stop import Interrupted, StateLimit
from ctxrace.core.facts.stop import Stop as Ended
from ctxrace.core.limits import uncollected
from ctxrace.core.verdict import Outcome, Result
from ctxrace.explore.processes import Done, Stop, each

__all__ = ["Checked", "alone", "joined", "not_searched", "run"]


class Checked(NamedTuple):
    """What was found of many cases.

    results: of those that were searched, in their order. ended: why no more were; None where all of them were.
    """

    results: list[Result]
    ended: Ended | None = None


def run(wanted: Sequence[Case], jobs: int, done: Done | None = None) -> Checked:
    """Check the cases, `jobs` at a time in processes of their own.

    Ctrl-C ends the searches that run, as incomplete, and begins no others. So does a limit, in its process.
    done: is told now and then how much is done.
    """
    groups = [list(wanted)]
    if jobs > 1:
        groups = [list(group) for _, group in groupby(wanted, _shared)]
        if len(groups) < jobs:
            groups = [[case] for case in wanted]
    sizes = [len(group) for group in groups]
    return joined([found or Checked([], Interrupted()) for found in each(_check_all, groups, jobs, done, sizes)])


def _shared(case: Case) -> tuple[object, ...]:
    """Return what cases have in common that go to one process, as they may be the same machine code.

    A guard by itself is the same under each preemption model. Different guards may be, where one trampoline calls them.
    """
    return (case.arch, case.caller, case.guard if case.caller == ALONE else case.preemption)


def joined(parts: Sequence[Checked]) -> Checked:
    """Return what was found of all the cases; where they ended for several reasons, the first of them."""
    results = [result for part in parts for result in part.results]
    return Checked(results, next((part.ended for part in parts if part.ended), None))


def not_searched(wanted: Sequence[Case], results: Sequence[Result]) -> list[str]:
    """Return the commands of the cases that have no result, as Ctrl-C or a limit came before."""
    begun = {result.command for result in results}
    return [case.command for case in wanted if case.command not in begun]


def _check_all(wanted: Sequence[Case], stop: Stop) -> Checked:
    """Check the cases one after another, up to Ctrl-C or a limit.

    Cases that are the same machine code are searched once, where it holds.
    """
    known: dict[tuple[object, ...], Result] = {}
    results: list[Result] = []
    try:
        for case in wanted:
            stop.check()
            results.append(_check(case, stop, known))
    except KeyboardInterrupt:
        return Checked(results, Interrupted())  # what was found until then is as true as before
    except LimitReached as reached:
        return Checked(results, alone(reached))
    return Checked(results)


@uncollected()  # until its program is garbage: what is found to be in use is looked through again later
def _check(case: Case, stop: Stop, known: dict[tuple[object, ...], Result]) -> Result:
    """Check a case. known: what was found of machine code where everything holds."""
    program, scenario = case.load()
    loaded = tuple((s.address, s.data) for s in program.image.sections)
    key = (loaded, scenario, case.limits, case.arch, program.compiler)
    result = known.get(key) or case.decide(program, scenario, stop)
    if result.outcome is Outcome.HOLDS:  # an interleaving names the guard's own lines
        known[key] = result
    setup = replace(result.setup, case=case.label)
    return replace(result, setup=setup, command=case.command, replay=case.replay)


def alone(reached: LimitReached) -> Ended:
    """Return the limit without the phase that came to it: that is about another case than those not begun."""
    limit = reached.limit
    return limit if isinstance(limit, StateLimit) else replace(limit, doing="")
