"""Memory as one context sees it during one step, and the line between private and shared.

Memory is a few blobs of bytes: what all contexts share, what belongs to the task that is `current`, and the
context's own stack. A step records what it read and wrote outside its stack; by that record the same step of the same
context is never evaluated twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Literal, NamedTuple

from ctxrace.core.errors import ExecutionError
from ctxrace.core.facts.fault import FaultKind, MachineFault

__all__ = ["Fault", "FirstWrite", "ForeignAccess", "Memory", "NotPrivate", "Read", "Region", "RegionKind", "Split",
           "Touch", "Write", "pieces", "wild"]  # fmt: skip


class RegionKind(IntEnum):
    """Who can reach a region."""

    CONSTANT = 0  # no context can write it
    SHARED = 1  # every context
    OWN = 2  # the running task and the interrupts over it
    STACK = 3  # this context alone
    GUARD = 4  # below a stack
    FOREIGN = 5  # another context's, unless an access shows that it is not
    UNWRITTEN = 7  # every context, but no context has written it in any run so far
    STATISTIC = 6  # reads as at the start, and forgets what is written: it affects no control flow


_REACHED_BY_OTHERS = frozenset({RegionKind.SHARED, RegionKind.OWN})  # an access there is an event, as a rule


class Region(NamedTuple):
    """`size` bytes at address `base`, kept from byte `start` of their kind's blob; `name` is for messages."""

    base: int
    size: int
    kind: RegionKind
    start: int
    name: str


def pieces(regions: Sequence[Region], address: int, size: int) -> Iterator[tuple[RegionKind, int, int]]:
    """Yield where `size` bytes at `address` are kept, in order: of what kind, from which byte of its blob, how many.

    Of two regions the first in `regions` counts. Raises `Fault` where no memory is.
    """
    while size > 0:
        region = next((it for it in regions if it.base <= address < it.base + it.size), None)
        if region is None:
            raise wild(address, size)
        ends = (it.base for it in regions if address < it.base)
        part = min(address + size, region.base + region.size, *ends) - address
        yield region.kind, address - region.base + region.start, part
        address, size = address + part, size - part


class Read(NamedTuple):
    """A read outside the stack: `value` is what memory held before the step."""

    kind: RegionKind
    offset: int
    size: int
    value: bytes


class Write(NamedTuple):
    """A write outside the stack."""

    kind: RegionKind
    offset: int
    data: bytes


class Touch(NamedTuple):
    """One access of the step's event, in order: for the report."""

    kind: str  # "read" or "write"
    address: int
    size: int
    value: int


class Fault(Exception):
    """The access or the instruction is a bug of the code under test."""

    def __init__(self, fault: MachineFault) -> None:
        super().__init__(fault)
        self.fault = fault


class NotPrivate(Exception):
    """The instruction is an event: a run of private steps ends before it."""


class Split(Exception):
    """The instruction makes another access of its own: that is a step of its own."""


class FirstWrite(Exception):
    """A run writes `size` bytes at `address` that were taken as constant, or reads across the end of such bytes."""

    def __init__(self, address: int, size: int) -> None:
        super().__init__(address, size)
        self.address, self.size = address, size


class ForeignAccess(Exception):
    """A context reaches `size` bytes at `address`, which were taken to be another one's own."""

    def __init__(self, address: int, size: int) -> None:
        super().__init__(address, size)
        self.address, self.size = address, size
        self.instruction, self.place = "", ""  # which one, and where: for messages


def wild(address: int, size: int) -> Fault:
    """Return the fault of an access to where no memory is."""
    return Fault(MachineFault(FaultKind.WILD, address, size))


class Memory:
    """The bus of one step. `constant`, `shared`, `own` and `stack` are the blobs that `regions` point into."""

    def __init__(
        self,
        regions: Iterable[Region],
        constant: bytes,
        shared: bytes,
        own: bytes,
        stack: bytes,
        quiet: frozenset[int],
        saved: frozenset[int] = frozenset(),
        byte_order: Literal["little", "big"] = "little",
    ) -> None:
        """Quiet bytes of `own` may be read without an event: no other context leaves them changed.

        Saved bytes of it may also be written without an event: an interrupt that changes them puts them back, and does
        not look at what they were.
        """
        self._order = byte_order
        self._regions = tuple(regions)
        self._quiet = quiet | saved
        self._saved = saved
        self._constant = constant
        self._before = {RegionKind.SHARED: shared, RegionKind.OWN: own}
        self._blobs = {RegionKind.SHARED: bytearray(shared), RegionKind.OWN: bytearray(own)}
        self.stack = bytearray(stack)
        self.monitor: tuple[int, ...] = ()
        self.reads: dict[Read, None] = {}
        self.writes: list[Write] = []
        self.touches: list[Touch] = []
        self.notes: list[tuple[str, str]] = []
        self.path: dict[int, None] = {}  # see `passes`
        self.begin(private=True)

    def passes(self, address: int, *, on: bool) -> None:
        """Take note that the instruction at `address` was executed.

        on: whether control goes on to the one behind it. Where it goes elsewhere, the complement is noted.
        """
        self.path[address if on else ~address] = None

    def begin(self, *, private: bool, atomic: bool = False, done: tuple[int, ...] = (), alignment: int = 0) -> None:
        """Prepare for one instruction of which the accesses `done` (their values) were steps before.

        alignment: the multiple of bytes at which its first access must be; 0: anywhere.
        """
        self._private, self._atomic, self._done, self._alignment = private, atomic, done, alignment
        self.made: list[int] = []  # the values of the accesses that are events
        self._count = 0  # how many those are
        self._unit: tuple[int, int] | None = None  # where the first one is, and its size
        self._touched: set[tuple[int, int]] = set()
        self.lowest = len(self.stack)  # the lowest byte of the stack that the instruction touches

    def load(self, address: int, size: int) -> int:
        """Return the bytes at `address`; raise `Fault` where the model knows no memory."""
        region = self._locate(address, size)
        offset = address - region.base + region.start
        quiet = region.kind is RegionKind.OWN and offset in self._quiet and offset + size - 1 in self._quiet
        event = not quiet and region.kind in _REACHED_BY_OTHERS
        if self._alignment and not (event and self._private):
            self._check_alignment(address, size)
        if region.kind in (RegionKind.CONSTANT, RegionKind.STATISTIC, RegionKind.UNWRITTEN):
            return int.from_bytes(self._constant[offset : offset + size], self._order)
        if region.kind is RegionKind.STACK:
            self.lowest = min(self.lowest, offset)
            return int.from_bytes(self.stack[offset : offset + size], self._order)
        if event:
            made = self._shared_access(address, size)
            if made is not None:
                return made
        value = int.from_bytes(self._blobs[region.kind][offset : offset + size], self._order)
        self.reads[Read(region.kind, offset, size, self._before[region.kind][offset : offset + size])] = None
        if event:
            self.made.append(value)
            if (address, size) not in self._touched:  # x86 p-code reads an operand each time that it needs it
                self.touches.append(Touch("read", address, size, value))
                self._touched.add((address, size))
        return value

    def store(self, address: int, size: int, value: int) -> None:
        """Write `value` to `address`; raise `Fault` where that is not possible."""
        region = self._locate(address, size)
        offset = address - region.base + region.start
        data = value.to_bytes(size, self._order)
        saved = region.kind is RegionKind.OWN and offset in self._saved and offset + size - 1 in self._saved
        event = not saved and region.kind in _REACHED_BY_OTHERS
        if self._alignment and not (event and self._private):
            self._check_alignment(address, size)
        if region.kind is RegionKind.STACK:
            self.lowest = min(self.lowest, offset)
            self.stack[offset : offset + size] = data
            return
        if region.kind is RegionKind.CONSTANT:
            raise Fault(MachineFault(FaultKind.READ_ONLY, address, size, region.name))
        if region.kind is RegionKind.UNWRITTEN:
            raise FirstWrite(address, size)
        if region.kind is RegionKind.STATISTIC:
            return
        if event and self._shared_access(address, size) is not None:
            return
        self._blobs[region.kind][offset : offset + size] = data
        self.writes.append(Write(region.kind, offset, data))
        if not event:
            return
        self.made.append(value)
        self.touches.append(Touch("write", address, size, value))
        self._touched.add((address, size))

    def push_return(self, place: int, address: int) -> None:
        """Put `address`, to which the entry returns, onto its empty stack at `place`, where calls push it.

        Stacks that contexts share have it there from the start, where nothing can overwrite it.
        """
        region = self._locate(place, 8)
        if region.kind is RegionKind.STACK:
            at = place - region.base + region.start
            self.stack[at : at + 8] = address.to_bytes(8, self._order)
        else:
            assert region.kind is RegionKind.CONSTANT, region
            assert self.return_address(place) == address, region

    def return_address(self, place: int) -> int:
        """Return the 8 bytes at `place` in the stack: where a function that was just called will return to.

        That is no access of its own: the call has made it.
        """
        region = self._locate(place, 8)
        at = place - region.base + region.start
        if region.kind is RegionKind.STACK:
            blob: bytes | bytearray = self.stack
        elif region.kind not in self._blobs:
            blob = self._constant
        else:
            blob = self._blobs[region.kind]
            self.reads[Read(region.kind, at, 8, self._before[region.kind][at : at + 8])] = None
        return int.from_bytes(blob[at : at + 8], self._order)

    def arm_monitor(self, address: int, size: int) -> None:
        """Remember that a load-exclusive read the `size` bytes at `address`."""
        self.monitor = tuple(range(address, address + size, 8))

    def pass_monitor(self, address: int) -> bool:
        """Return whether a store-exclusive to `address` succeeds, and disarm."""
        passed = self.monitor[:1] == (address,)
        if self._private:
            raise NotPrivate  # what it does depends on whether another context ran in between
        self.monitor = ()
        if not passed:
            self.notes.append(("fails", "the store fails: the exclusive monitor was cleared"))
        return passed

    def clear_monitor(self) -> None:
        """Disarm."""
        self.monitor = ()

    def _shared_access(self, address: int, size: int) -> int | None:
        # Returns the value of an access that an earlier step of this instruction has made.
        if self._private:
            raise NotPrivate
        index = self._count
        self._count += 1
        if index < len(self._done):
            return self._done[index]
        if self._unit is None:
            self._unit = (address, size)
        elif self._unit != (address, size) and not self._atomic:
            raise Split
        return None

    def _check_alignment(self, address: int, size: int) -> None:
        wanted, self._alignment = self._alignment, 0
        if address % wanted:
            raise Fault(MachineFault(FaultKind.MISALIGNED, address, size, alignment=wanted))

    def _locate(self, address: int, size: int) -> Region:
        for region in self._regions:
            if region.base <= address < region.base + region.size:
                break
        else:
            raise wild(address, size)
        if address + size > region.base + region.size:
            if any(it.kind is RegionKind.UNWRITTEN and it.base < address + size and address < it.base + it.size
                   for it in self._regions):  # fmt: skip
                raise FirstWrite(address, size)
            around = (it for it in self._regions if it.base <= address and address + size <= it.base + it.size)
            if region.kind is RegionKind.STATISTIC and any(around):
                raise ExecutionError(
                    f"{size} bytes are accessed at {address:#x}, {region.name} together with what follows it; "
                    f"{region.name} cannot be left out: do not declare it a statistic"
                )
            raise Fault(MachineFault(FaultKind.ACROSS_END, address, size, region.name))
        if region.kind is RegionKind.GUARD:
            raise ExecutionError(f"stack overflow in {region.name}: unlimited recursion, or frames too large")
        if region.kind is RegionKind.FOREIGN:
            raise ForeignAccess(address, size)
        return region
