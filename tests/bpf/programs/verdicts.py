"""The answers about an object, in a form that tests can spell out by hand."""

from pathlib import Path

from ctxrace.bpf.programs.check import Placed, check_pair, place
from ctxrace.bpf.programs.elf.object import load_object
from ctxrace.bpf.programs.follow.operands import Code
from ctxrace.bpf.programs.meet.decide import Answer
from ctxrace.bpf.programs.rules import Kernel, placement
from ctxrace.core.verdict import Outcome, worst
from ctxrace.explore.search import Limits
from ctxrace.kernel.rules.preemption import Preemption

__all__ = ["LIMITS", "answers", "broken", "kernel", "outcome", "placed"]

LIMITS = Limits(max_states=200_000)


def kernel(version: str = "7.0", model: str = "full", *, rcu: bool = True) -> Kernel:
    """A kernel by its version and preemption model."""
    major, minor = version.split(".")
    return Kernel((int(major), int(minor)), Preemption(model), rcu)


def placed(path: Path, under: Kernel) -> tuple[Code, dict[str, Placed]]:
    """The programs of an object by name."""
    code = Code(load_object(path))
    functions = code.object.programs
    return code, {each.name: place(code, each, placement(each.section, under)) for each in functions}


def answers(path: Path, first: str, second: str, under: Kernel) -> list[Answer]:
    """All answers about two programs of an object."""
    code, programs = placed(path, under)
    return list(check_pair(code, programs[first], programs[second], LIMITS))


def broken(path: Path, first: str, second: str, under: Kernel) -> set[str]:
    """What is violated between two programs: the property and the memory."""
    found = answers(path, first, second, under)
    assert not any(answer.outcome is Outcome.INCOMPLETE for answer in found), found
    return {f"{a.question.topic} {a.question.region.name}" for a in found if a.outcome is Outcome.VIOLATED}


def outcome(path: Path, first: str, second: str, under: Kernel) -> Outcome:
    """The worst of all answers about two programs."""
    return worst(answer.outcome for answer in answers(path, first, second, under))
