"""What a step of one context did, and the tree in which such outcomes are found by what the step read."""

from collections.abc import Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from ctxrace.core.facts.fault import MachineFault
from ctxrace.kernel.rules.contexts import ACCOUNTING, Level, starts_masked
from ctxrace.machine.memory import Read, RegionKind, Touch, Write

__all__ = ["NO_FLOW", "Outcome", "Role", "Tree", "after"]

NO_FLOW = -1
"""In the place of a flow's number: a fault has ended it."""

Leaf = TypeVar("Leaf")


class Role(NamedTuple):
    """What kind of context a flow belongs to.

    window: whether the preempt count does not say so yet, or no more. way: which of the entry's starts it began with.
    """

    level: Level
    entry: str
    window: bool = False
    way: int = 0

    @property
    def accounting(self) -> int:
        """What beginning it adds to the preempt count: nothing yet in the window before that is done."""
        return 0 if self.window else ACCOUNTING.get(self.level, 0)

    @property
    def masked(self) -> bool:
        """Whether it begins with interrupts off, as all that happens around the accounting does."""
        return self.window or starts_masked(self.level)


class Outcome(NamedTuple):
    """What one step did. `flow` numbers the state after it; `fault` says what went wrong, if anything.

    path: the addresses of the instructions executed, each once for each way on; see `Memory.passes`.
    """

    flow: int
    finished: bool
    masked: bool  # interrupts are off after it
    writes: tuple[Write, ...]
    address: int
    touches: tuple[Touch, ...]
    notes: tuple[tuple[str, str], ...]
    fault: MachineFault | None = None
    path: tuple[int, ...] = ()

    def apply(self, blob: bytes, kind: RegionKind) -> bytes:
        """Return `blob`, which is of `kind`, after the step's writes to it."""
        return after(self.writes_to(kind), blob)

    def writes_to(self, kind: RegionKind) -> tuple[Write, ...]:
        """Return the step's writes to memory of this kind."""
        return tuple(write for write in self.writes if write.kind is kind)


def after(writes: Sequence[Write], blob: bytes) -> bytes:
    """Return `blob` after `writes`, which are all to it."""
    for _, at, data in writes:
        blob = blob[:at] + data + blob[at + len(data) :]
    return blob


class _Branch(Generic[Leaf]):
    __slots__ = ("children", "offset", "shared", "stop")

    def __init__(self, read: Read) -> None:
        self.shared, self.offset, self.stop = read.kind is RegionKind.SHARED, read.offset, read.offset + read.size
        self.children: dict[bytes, _Branch[Leaf] | Leaf] = {}


class Tree(Generic[Leaf]):
    """What one step does, by the values that it reads: which it reads first, and which next where it read that."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root: _Branch[Leaf] | Leaf | None = None

    def find(self, shared: bytes, own: bytes) -> Leaf | None:
        """Return the leaf whose reads find what they found in this memory; None where there is none."""
        node = self._root
        while type(node) is _Branch:
            node = node.children.get((shared if node.shared else own)[node.offset : node.stop])
        return node  # type: ignore[return-value]

    def insert(self, reads: Sequence[Read], leaf: Leaf) -> None:
        """Put `leaf` where `reads` lead, in the order in which the step makes them."""
        if not reads:
            self._root = leaf
            return
        if self._root is None:
            self._root = _Branch(reads[0])
        node = self._root
        for read, following in zip(reads, [*reads[1:], None], strict=True):
            assert isinstance(node, _Branch)
            if following is None:
                node.children[read.value] = leaf
            else:
                node = node.children.setdefault(read.value, _Branch(following))

    def leaves(self) -> Iterator[Leaf]:
        """Return every leaf."""
        waiting: list[_Branch[Leaf] | Leaf] = [] if self._root is None else [self._root]
        while waiting:
            node = waiting.pop()
            if isinstance(node, _Branch):
                waiting.extend(node.children.values())
            else:
                yield node
