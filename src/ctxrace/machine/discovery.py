"""What a run has found of an image that is too large to look at as a whole.

Of such an image only the functions that a run enters are analysed, an indirect branch leads only where it has led, and
memory is constant until something writes it. What is not known yet raises `Discovered` where a run first needs it;
what is known then includes it, and the search begins again. No run goes on past what it had not reckoned with.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

__all__ = ["Discovered", "Discovery"]

GRANULE = 16
"""As many bytes become shared at once, from a multiple of it on; no access is larger."""


class Discovered(Exception):
    """A run has found something new of the image; begin again with it."""


class Discovery:
    """Know what runs have found.

    function_at: returns where the function begins that holds an address. refused: by address, why what is there cannot
    run.
    """

    def __init__(self, function_at: Callable[[int], int], refused: Mapping[int, object] = MappingProxyType({})) -> None:
        self.refused = refused
        self._function_at = function_at
        self._functions: set[int] = set()
        self._targets: dict[int, set[int]] = {}
        self._written: set[int] = set()

    def follows(self, source: int, target: int) -> bool:
        """Return whether a branch or call from `source` to `target` stays in what runs have entered."""
        function = self._function_at(target)
        return function in self._functions or function == self._function_at(source)

    def targets(self, address: int) -> tuple[int, ...]:
        """Return where the indirect branch or call at `address` has led."""
        return tuple(sorted(self._targets.get(address, ())))

    def enter(self, address: int) -> None:
        """Take in the function that holds `address`, which a run has entered. Raises `Discovered`."""
        self._functions.add(self._function_at(address))
        raise Discovered

    def lead(self, address: int, target: int) -> None:
        """Take in that the indirect branch at `address` leads to `target`; raise `Discovered` if that is new."""
        known = self._targets.setdefault(address, set())
        if target not in known:
            known.add(target)
            self.enter(target)

    def write(self, address: int, size: int) -> None:
        """Take in that `size` bytes at `address` are written. Raises `Discovered`."""
        self._written.update(range(address // GRANULE, (address + size - 1) // GRANULE + 1))
        raise Discovered

    def written(self) -> Iterator[range]:
        """Return the addresses that something writes, as few ranges in order."""
        start = end = -1
        for granule in sorted(self._written):
            if granule != end:
                if end > start:
                    yield range(start * GRANULE, end * GRANULE)
                start = granule
            end = granule + 1
        if end > start:
            yield range(start * GRANULE, end * GRANULE)
