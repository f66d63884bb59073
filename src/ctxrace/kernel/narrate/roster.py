"""The tasks that do not run, by the state in which they are, for who tells a run: no look-up walks all of them."""

from bisect import bisect_left, insort

__all__ = ["Roster", "column"]


def column(name: str) -> tuple[int, str]:
    """Return what sorts names of contexts: A before B, Z before T26, T99 before T100."""
    return len(name), name


class Roster:
    """Names of tasks, each with the number of its state."""

    def __init__(self) -> None:
        self._states: dict[str, int] = {}
        self._names: dict[int, list[tuple[int, str]]] = {}

    def __len__(self) -> int:
        return len(self._states)

    def put(self, name: str, state: int) -> None:
        """Take in `name`, which is not here."""
        self._states[name] = state
        insort(self._names.setdefault(state, []), column(name))

    def take(self, name: str) -> None:
        """Let `name` go, if it is here."""
        state = self._states.pop(name, None)
        if state is not None:
            names = self._names[state]
            del names[bisect_left(names, column(name))]

    def names(self, state: int) -> list[str]:
        """Return the names that are in `state`, in order."""
        return [name for _, name in self._names.get(state, [])]

    def first(self, state: int, favourite: str = "") -> str | None:
        """Return the first name that is in `state`, or `favourite` if that is; None where there is none."""
        if self._states.get(favourite) == state:
            return favourite
        names = self._names.get(state)
        return names[0][1] if names else None
