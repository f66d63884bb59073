"""Whether a function can return without having called another one, whatever memory holds."""

from ctxrace.core.errors import ExecutionError
from ctxrace.machine.lift import Lifter
from ctxrace.machine.liveness import calls, successors

__all__ = ["can_avoid"]


def can_avoid(code: Lifter, entry: int, target: int) -> bool:
    """Return whether some path through the instructions from `entry` to its return does not reach `target`.

    Branches are taken both ways, so False is a proof; where an indirect branch leads away, the answer is True.
    """
    known = {entry: False}  # whether a function returns without `target`, as far as is found out
    changed = True
    while changed:
        changed = False
        for function in list(known):
            size = len(known)
            found = known[function] or _returns(code, function, target, known)
            changed |= found != known[function] or len(known) > size
            known[function] = found
    return known[entry]


def _returns(code: Lifter, entry: int, target: int, known: dict[int, bool]) -> bool:
    seen: set[int] = set()
    waiting = [entry]
    while waiting:
        address = waiting.pop()
        if address in seen or address == target:
            continue
        seen.add(address)
        try:
            instruction = code[address]
        except ExecutionError:
            return True
        nexts, returns, anywhere = successors(instruction)
        if returns or anywhere:
            return True
        if not calls(instruction):
            waiting += nexts
        elif any(known.setdefault(callee, False) and callee != target for callee in nexts):
            waiting.append(instruction.following)
    return False
