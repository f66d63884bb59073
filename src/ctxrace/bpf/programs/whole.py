"""Check a whole object: place and follow its programs, find who may meet on what, and search every such pair."""

import gc
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ctxrace.bpf.programs.alike import Likeness
from ctxrace.bpf.programs.check import PairCheck, Placed, place
from ctxrace.bpf.programs.elf.object import BpfObject, Function
from ctxrace.bpf.programs.findings import finding_of, grouped, missed
from ctxrace.bpf.programs.follow.operands import Code
from ctxrace.bpf.programs.follow.values import Region
from ctxrace.bpf.programs.meet.prepare import LookedAt
from ctxrace.bpf.programs.meet.telling import memory_name
from ctxrace.bpf.programs.request import Request
from ctxrace.bpf.programs.rules import meeting, placement
from ctxrace.bpf.programs.rules.meeting import How, Meeting
from ctxrace.bpf.programs.rules.placement import Certainty, Placement
from ctxrace.bpf.programs.schedule import code_mark
from ctxrace.core.errors import CtxraceError, LimitReached, ScenarioError
from ctxrace.core.limits import current, spend, within
from ctxrace.core.meeting import Defect, Finding, Ignored, Pair, Partner, ProgramsResult
from ctxrace.core.verdict import Outcome, worst
from ctxrace.explore import processes
from ctxrace.explore.watch import Limits

MOST_NAMED = 5  # pairs that are not decided; of more, their number is told

__all__ = ["check_object", "find", "placed_programs"]


@dataclass
class _Found:
    """The programs of an object that can be followed, and what keeps the others from it."""

    code: Code
    programs: list[Placed]
    unfollowed: list[tuple[str, str]]


def placed_programs(loaded: BpfObject, request: Request) -> _Found:
    """Place and follow the programs, and what their timers and workqueues call.

    Raises `ScenarioError` where the request names a program that the object does not have.
    """
    _check_names(loaded, request)
    code = Code(loaded, request.assumed, request.rodata)
    found = _Found(code, [], [])
    waiting: list[tuple[Function, str, str]] = [
        (each, each.section, "") for each in loaded.programs if not request.programs or each.name in request.programs
    ]
    known = {(each.section, each.start) for each, _, _ in waiting}
    for function, section, holder in waiting:  # grows while it is walked: callbacks are programs, too
        try:
            where = _placement(function, section, request)
            program = place(code, function, where, holder)
        except CtxraceError as error:
            found.unfollowed.append((function.name, str(error)))
            continue
        found.programs.append(program)
        found.unfollowed += [(function.name, f"{why}: {what}") for why, what in program.graph.doubts]
        for kind, in_section, slot, map_name in program.graph.callbacks:
            if (in_section, slot) not in known:
                known.add((in_section, slot))
                name = loaded.function_at(in_section, slot)
                waiting.append((Function(name, in_section, slot, slot + 1, program=True), kind, map_name))
    return found


def _placement(function: Function, section: str, request: Request) -> Placement:
    name = function.name
    return placement(section, request.kernel, context=request.contexts.get(name), attach=request.attach.get(name))


def _check_names(loaded: BpfObject, request: Request) -> None:
    named = {*request.programs, *request.contexts, *request.attach, *(name for pair in request.apart for name in pair)}
    for name in sorted(named):
        if name not in loaded.functions:
            there = ", ".join(each.name for each in loaded.programs)
            raise ScenarioError(f"{loaded.path} has no program {name}; its programs are {there}")


def find(programs: Sequence[Placed], request: Request) -> Iterator[tuple[int, int, tuple[Region, ...]]]:
    """Yield the pairs of programs, by their numbers, with the memory that both reach and one writes."""
    reached = [_reached(each) for each in programs]
    for first, mine in enumerate(reached):
        for second in range(first, len(programs)):
            names = frozenset((programs[first].function.name, programs[second].function.name))
            if names in request.apart:
                continue
            other = reached[second]
            both = [key for key in mine if key in other and (mine[key][1] or other[key][1])]
            yield first, second, tuple(mine[key][0] for key in both)


def _reached(program: Placed) -> dict[str, tuple[Region, bool]]:
    """Return by map or section what a program touches, and whether it writes it."""
    found: dict[str, tuple[Region, bool]] = {}
    for facts in program.graph.facts.values():
        for access in facts.accesses:
            known = found.get(access.region.name)
            found[access.region.name] = access.region, access.writes or bool(known and known[1])
    return found


def check_object(
    path: Path, request: Request, *, limits: Limits, jobs: int = 1, pairs_only: bool = False,
    done: processes.Done | None = None,
) -> ProgramsResult:  # fmt: skip
    """Check every pair of programs of an object.

    pairs_only: only say which may meet, and on what. done: is told now and then how many pairs are decided.
    """
    found = placed_programs(request.load(path), request)
    programs = found.programs
    pairs, findings, work = _meetings(programs, request)
    states = 0
    if not pairs_only:
        searched = _searched(found, work, limits, jobs, done)
        for one in searched:
            findings += one.findings
            states += one.states
        found.unfollowed += _undecided(programs, work, searched)
    groups = grouped(each for each in findings if not request.ignores(each))
    outcomes = [each.outcome for each in groups]
    if found.unfollowed or not programs:
        outcomes.append(Outcome.INCOMPLETE)
    kernel = request.kernel
    return ProgramsResult(
        file=str(path),
        kernel=f"{kernel.version[0]}.{kernel.version[1]}",
        preemption=str(kernel.preemption),
        rcu="preemptible" if kernel.preemptible_rcu else "non-preemptible",
        rcu_from=kernel.basis.value,
        programs=len(programs),
        instructions=sum(len(code) for code in found.code.object.code.values()),
        outcome=worst(outcomes),
        findings=groups,
        pairs=tuple(pairs),
        searched=0 if pairs_only else len(work),
        states=states,
        unfollowed=tuple(dict.fromkeys(found.unfollowed)),
        distribution=kernel.name,
        relocations=found.code.object.relocated,
        kernel_types=found.code.object.kernel_types,
        assumed=tuple(each.function.name for each in programs if each.placement.certainty is Certainty.ASSUMED),
        inferred=tuple(each.function.name for each in programs if each.placement.inferred),
        ignored=tuple(
            Ignored(defect, len(grouped(each for each in findings if each.defect is defect)))
            for defect in Defect
            if defect in request.ignored
        ),
    )


def _meetings(
    programs: Sequence[Placed], request: Request
) -> tuple[list[Pair], list[Finding], list[tuple[int, int]]]:  # fmt: skip
    """Return the ordered pairs, what the kernel's guards make them miss, and the numbers of those to search."""
    pairs: list[Pair] = []
    findings: list[Finding] = []
    work: list[tuple[int, int]] = []
    for first, second, memory in find(programs, request):
        ways = [(first, second)] if first == second else [(first, second), (second, first)]
        met = False
        for over, by in ways:
            a, b = programs[over], programs[by]
            rules = meeting(a.placement, b.placement, same_program=over == by)
            pairs.append(_pair(a, b, rules, memory))
            findings += missed(a, b, rules)
            met = met or bool(rules.runs)
        if met and memory:
            work.append((first, second))
    return pairs, findings, work


def _pair(first: Placed, second: Placed, rules: Meeting, memory: Sequence[Region]) -> Pair:
    decisive = rules.decisive
    return Pair(
        first.function.name,
        second.function.name,
        rules.outcome.value,
        decisive.rule.value,
        tuple(map(memory_name, memory)),
        inferred=first.placement.inferred or second.placement.inferred,
        sure=decisive.how is How.NEVER or decisive.certainty is not Certainty.POSSIBLE,
    )


@dataclass(frozen=True)
class _Searched:
    """What the searches of a pair found. ended: what ended them early, empty where nothing did.

    looked_at: by program, what they have looked at; nothing where they ended early.
    """

    findings: tuple[Finding, ...] = ()
    states: int = 0
    ended: str = ""
    looked_at: tuple[LookedAt, LookedAt] | None = None


_INTERRUPTED = _Searched(ended="interrupted before they were decided")


def _searched(
    found: _Found, work: Sequence[tuple[int, int]], limits: Limits, jobs: int, done: processes.Done | None
) -> list[_Searched]:
    """Return what the search of each pair finds, in the order of the pairs. Of pairs that are alike one is searched."""
    likeness = Likeness(found.code, found.programs)
    first: dict[object, tuple[int, int]] = {}
    models = {pair: first.setdefault(likeness.kind(pair), pair) for pair in work}
    half = len(first) < len(work)  # of the time, so that something is left for those that are not alike
    with within(current().share(0.5 if half else 1.0)):
        searched = _search_each(found, list(first.values()), limits, jobs, _counted(done, 0, len(work)))
    left: list[tuple[int, int]] = []
    for pair in work:
        model = searched[models[pair]]
        if pair in searched:
            continue
        if model.looked_at is not None and likeness.same(models[pair], pair, model.looked_at):
            searched[pair] = _as_of(model, found.programs, models[pair], pair)
        else:
            left.append(pair)
    if any(each is _INTERRUPTED for each in searched.values()):
        searched |= dict.fromkeys(left, _INTERRUPTED)
    else:
        searched |= _search_each(found, left, limits, jobs, _counted(done, len(searched), len(work)))
    return [searched[pair] for pair in work]


def _as_of(
    model: _Searched, programs: Sequence[Placed], searched: tuple[int, int], pair: tuple[int, int]
) -> _Searched:  # fmt: skip
    """Return what a search has found, told of another pair. Its runs remain those of the pair that was searched."""
    other = {
        programs[mine].function.name: (programs[theirs].function.name, programs[theirs].placement.section.name)
        for mine, theirs in zip(searched, pair, strict=True)
    }

    def told(partner: Partner) -> Partner:
        name, section = other[partner.name]
        return replace(partner, name=name, section=section)

    findings = tuple(
        replace(each, programs=(told(each.programs[0]), told(each.programs[1]))) for each in model.findings
    )
    return replace(model, findings=findings)


def _counted(done: processes.Done | None, before: int, of: int) -> processes.Done | None:
    """Return what tells `done` how many are decided of all, `before` some of them."""
    if done is None:
        return None
    tell = done
    return lambda amount: tell(amount._replace(done=before + amount.done, of=of))


def _undecided(
    programs: Sequence[Placed], work: Sequence[tuple[int, int]], searched: Sequence[_Searched]
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """Yield the pairs whose search has ended early, with what ended it; where these are many, how many they are."""
    ended = [(pair, one) for pair, one in zip(work, searched, strict=True) if one.ended]
    shown = ended if len(ended) <= MOST_NAMED else ()
    for (first, second), one in shown:
        names = f"{programs[first].function.name} with {programs[second].function.name}"
        yield names, f"{one.ended}, after {one.states:,} states"
    if ended and not shown:
        most = max((one for _, one in ended), key=lambda one: one.states)
        yield f"{len(ended)} of {len(work)} pairs", most.ended


def _search_each(
    found: _Found, work: Sequence[tuple[int, int]], limits: Limits, jobs: int, done: processes.Done | None
) -> dict[tuple[int, int], _Searched]:  # fmt: skip
    _SHARED.append(_Searching(found, limits, work, jobs))  # which the processes inherit
    gc.freeze()  # the collector need not walk the programs again and again
    try:
        forks = multiprocessing.get_start_method() == "fork"
        results = processes.each(_search_shared, work, jobs if forks else 1, done)
        return {pair: one or _INTERRUPTED for pair, one in zip(work, results, strict=True)}
    finally:
        gc.unfreeze()
        _SHARED.pop()


class _Searching:
    """Searches each pair of `work`, within its equal share of the time that is left when its search begins."""

    def __init__(self, found: _Found, limits: Limits, work: Sequence[tuple[int, int]], jobs: int) -> None:
        self.found, self.limits = found, limits
        self.mark = code_mark(found.code)
        self.shares = {pair: min(1.0, jobs / (len(work) - done)) for done, pair in enumerate(work)}

    def __call__(self, pair: tuple[int, int], stop: processes.Stop) -> _Searched:
        with within(current().share(self.shares[pair])):
            return self.search(pair, stop)

    def search(self, pair: tuple[int, int], stop: processes.Stop) -> _Searched:
        first, second = (self.found.programs[number] for number in pair)
        findings, states = list[Finding](), 0
        running = PairCheck(self.found.code, (first, second), self.limits)
        try:
            for answer in running.answers():
                spend("searching pairs of programs")
                stop.count(answer.states)
                states += answer.states
                finding = finding_of(self.found.code, (first, second), answer, self.mark)
                if finding is not None:
                    findings.append(finding)
            spend("searching pairs of programs")  # of which the last search may have been ended
        except LimitReached as limit:
            return _Searched(tuple(findings), states, f"its share of the time or memory is used up: {limit}")
        return _Searched(tuple(findings), states, looked_at=running.looked_at())


_SHARED: list[_Searching] = []


def _search_shared(pair: tuple[int, int], stop: processes.Stop) -> _Searched:
    return _SHARED[-1](pair, stop)
