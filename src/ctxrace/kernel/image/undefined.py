"""What objects call and nothing defines, and through which functions their entries may come there."""

from collections.abc import Callable, Mapping, Sequence

from ctxrace.core.errors import ExecutionError
from ctxrace.machine.image import Image
from ctxrace.machine.lift import Lifter
from ctxrace.machine.liveness import calls, successors

__all__ = ["Undefined", "undefined_callees"]

_MOST_FUNCTIONS = 2000  # of those that are looked at, nearest to the entries first
_MOST_NAMED = 12


def undefined_callees(image: Image, entries: Sequence[str], slots: Mapping[int, str]) -> dict[str, tuple[str, ...]]:
    """Return what `entries` may call and nothing defines, with the functions through which the call comes.

    slots: the addresses of what nothing defines, by which it is called. Only direct calls and jumps are followed, on
    both sides of each branch; the shortest way is told.
    """
    lifter, found = Lifter(image), dict[str, tuple[str, ...]]()
    waiting: list[tuple[int, tuple[str, ...]]] = []
    known = [entry for entry in entries if entry in image.symbols]
    waiting += [(start.address, (entry,)) for entry in known for start in image.starts_of(entry)]
    seen = {address for address, _ in waiting}
    for address, path in waiting:  # it grows meanwhile
        if len(seen) > _MOST_FUNCTIONS:
            break
        for target in sorted(_calls(lifter, image, address)):
            if target in slots:
                found.setdefault(slots[target], path)
            elif target not in seen:
                seen.add(target)
                function = image.function_at(target)
                name = function.name if function is not None else f"{target:#x}"
                waiting.append((target, path if name in path else (*path, name)))
    return found


def _calls(lifter: Lifter, image: Image, start: int) -> set[int]:
    """Return where the function at `start` calls or jumps to, outside of itself."""
    function = image.function_at(start)
    inside = range(function.address, function.address + function.size) if function is not None else range(0)
    found, seen, waiting = set[int](), set[int](), [start]
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        try:
            instruction = lifter[address]
        except ExecutionError:  # not code, or unknown: an error only if a run gets there
            continue
        nexts, _, _ = successors(instruction)
        called = calls(instruction)
        waiting += [instruction.following] if called else []
        for target in nexts:
            if called and target != instruction.following or target not in inside:
                found.add(target)
            else:
                waiting.append(target)
    return found


class Undefined:
    """Why the address of `name` is not executed, spelled out when a run comes to it.

    others: what else is called and not defined, with the functions through which.
    """

    def __init__(self, name: str, others: Callable[[], Mapping[str, tuple[str, ...]]]) -> None:
        self._name, self._others = name, others

    def __str__(self) -> str:
        found = dict(self._others())
        through = found.pop(self._name, ())
        text = f"nothing defines {self._name}" + (f", called through {' ➜ '.join(through)}" if through else "")
        named = [f"{name} ({' ➜ '.join(path)})" for name, path in list(found.items())[:_MOST_NAMED]]
        more = f", and {len(found) - len(named)} more" if len(found) > len(named) else ""
        return f"{text}; the entries may also call, and nothing defines: {', '.join(named)}{more}" if named else text
