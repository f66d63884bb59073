"""The sentences of a report on the programs of a BPF object."""

from collections.abc import Iterator

from ctxrace.core.meeting import Defect, Finding, ProgramsResult, Remedy
from ctxrace.core.verdict import Outcome
from ctxrace.report.layout import clean, listed
from ctxrace.report.sentences.met import met_sentence

__all__ = ["SHOWN", "answer", "counted", "finding_answer", "finding_remarks", "kernel_sentence",
           "remarks", "size_sentence"]  # fmt: skip

SHOWN = 6  # pairs that are named where there are more

_WHY = {
    "preempts": "the task may lose the CPU between any two instructions",
    "runs while the first sleeps": "the task gives up the CPU where it sleeps",
    "interrupts": "nothing keeps the {by} away",
}
_USELESS = {
    Remedy.PREEMPT_DISABLE: "bpf_preempt_disable(), which does not stop interrupts",
    Remedy.TASK_STORAGE: "task storage: an interrupt runs in the same task",
    Remedy.BUFFER_PER_CONTEXT: "a buffer for each context level: both are at one level",
}


def answer(result: ProgramsResult) -> str:
    """Return the answer: what is violated, in how many ways."""
    match result.outcome:
        case Outcome.VIOLATED:
            violated = [each for each in result.findings if each.outcome is Outcome.VIOLATED]
            kinds = dict.fromkeys(each.defect.value for each in violated)
            return f"{result.file}: violated: {', '.join(kinds)} ({counted(len(violated), 'cause')})"
        case Outcome.INCOMPLETE:
            return f"{result.file}: incomplete: nothing is known to be violated, and not everything is proved"
        case _ if result.ignored:
            return f"{result.file}: holds: nothing is violated but what is ignored"
        case _:
            return f"{result.file}: holds: no pair of programs mixes, loses or misses anything"


def finding_answer(finding: Finding) -> str:
    """Return the answer of a replay: what goes wrong, or that nothing does."""
    if finding.outcome is Outcome.HOLDS:
        return "nothing is violated"
    return f"{finding.outcome}: {finding.defect}: {met_sentence(finding.met)}"


def kernel_sentence(result: ProgramsResult) -> str:
    """Return which kernel it was asked of."""
    rcu = {"given": "as given", "config": "by the configuration", "distribution": f"as {result.distribution} builds it",
           "model": "which comes with the model"}.get(result.rcu_from, result.rcu_from)  # fmt: skip
    return f"kernel {result.kernel}, preemption {result.preemption}, RCU {result.rcu} ({rcu})"


def size_sentence(result: ProgramsResult) -> str:
    """Return how much was searched."""
    shares = "pair shares" if result.searched == 1 else "pairs share"
    return (
        f"{counted(result.programs, 'program')}, {counted(result.instructions, 'instruction')}; {result.searched:,} "
        f"{shares} memory and may meet; {counted(result.states, 'state')}; two invocations at a time on one CPU"
    )


def remarks(result: ProgramsResult) -> Iterator[str]:
    """Yield what was taken for granted: by the rules, as nobody read it in the kernel's sources, and of the object."""
    if result.relocations:
        adapted = f"adapted to the types in {clean(result.kernel_types)}"
        left = "left as compiled; --btf FILE adapts them to a kernel"
        yield f"CO-RE: {counted(result.relocations, 'instruction')} {adapted if result.kernel_types else left}"
    if result.assumed:
        names = listed([clean(name) for name in result.assumed], min(SHOWN, len(result.assumed)))
        yield f"assumed: a task calls the hooks of {names}, with nothing turned off; --context PROGRAM=LEVEL says where"
    if result.inferred:
        names = listed([clean(name) for name in result.inferred], min(SHOWN, len(result.inferred)))
        yield f"inferred: where {names} may run, as not every caller was read"


def counted(number: int, noun: str) -> str:
    """Return how many there are."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def finding_remarks(finding: Finding) -> Iterator[str]:
    """Yield why it can happen, what closes it and what does not, and what else it breaks."""
    mine, other = finding.programs
    why = _WHY.get(finding.how, finding.how).format(by=mine.level if finding.defect is Defect.MISSED else other.level)
    held = f", while {finding.guard} is held" if finding.guard else ""
    yield f"why: {why}{held} (rule: {finding.rule})"
    if finding.remedies:
        yield f"closed by: {', '.join(finding.remedies)}"
    for useless in finding.useless:
        if finding.defect is Defect.MISSED:
            yield "not closed by: bpf_preempt_disable(): the guard is taken before the program can call it"
        elif useless in _USELESS:
            yield f"not closed by: {_USELESS[useless]}"
    if finding.also:
        pairs = [f"{first} and {second}" for first, second in finding.also]
        yield f"the same: {listed([clean(pair) for pair in pairs], min(SHOWN, len(pairs)))}"
