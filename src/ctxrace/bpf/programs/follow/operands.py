"""What an instruction works on: registers, the stack, read-only data, and through a `World` all that is shared.

Memory that other invocations can reach belongs to the world, which also decides wherever there are several ways to go
on. So the same code serves the analysis of a program alone and the search for what two of them do to one another.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol

from ctxrace.bpf.programs.elf.object import BpfObject, Reference
from ctxrace.bpf.programs.follow.state import STACK_SIZE, Env, Frame, Node, register
from ctxrace.bpf.programs.follow.values import (
    UNKNOWN,
    Lost,
    Pointer,
    Region,
    Scalar,
    Space,
    Spot,
    Value,
    constant,
    join,
)
from ctxrace.bpf.programs.isa.instruction import Instruction, Kind
from ctxrace.core.errors import ExecutionError

__all__ = ["Code", "Doubt", "Operands", "World"]

DEEPEST_CALL = 16  # MAX_CALL_FRAMES is 8, and a callback may begin anew

class Doubt(StrEnum):
    """Why a program is not followed to the end, so that nothing can be proved about it."""

    HELPER = "helper that is not known"
    KFUNC = "kfunc that is not known"
    ADDRESS = "address that is not followed"
    JUMP = "indirect jump"
    CALL = "call of a function pointer"
    ARENA = "arena memory"
    DYNPTR = "dynptr over map memory"
    DEPTH = "calls that are nested too deeply"
    UNRESOLVED = "CO-RE relocation that the kernel's types do not resolve"


class World(Protocol):
    """What an instruction asks of its surroundings. spots: the places that may be meant; None: not known any more."""

    def choose(self, options: int) -> int:
        """Return which of several ways to go on is taken."""
        ...

    def name(self, node: Node) -> Any:  # noqa: ANN401
        """Return what an unknown number that `node` brings is called; None for nothing."""
        ...

    def doubt(self, node: Node, why: Doubt, what: str) -> None:
        """Note that something is not followed."""
        ...

    def load(self, node: Node, spots: tuple[Spot, ...] | None, size: int) -> Value:
        """Return `size` bytes of shared memory."""
        ...

    def store(self, node: Node, spots: tuple[Spot, ...] | None, size: int, value: Value) -> None:
        """Store `size` bytes to shared memory."""
        ...

    def atomic(
        self, node: Node, spots: tuple[Spot, ...] | None, size: int, operation: str, operand: Value, expected: Value
    ) -> Value:  # fmt: skip
        """Execute an atomic operation on shared memory, and return what was there."""
        ...

    def copy(self, node: Node, kind: str, spots: tuple[Spot, ...] | None, low: int, high: int) -> None:
        """Let a helper touch from `low` to `high` bytes: ``r``, ``w``, ``p`` or ``s`` as in `helpers`."""
        ...

    def sleep(self, node: Node) -> None:
        """Note that the program may sleep here."""
        ...


class Code:
    """The code of an object, with the frames in which it is called.

    assumed: unknown helpers and kfuncs that are to be taken as touching nothing. rodata: what user space puts into the
    section .rodata; None where that is not known. tail_calls: the programs that a program array may hold, by its name.
    """

    def __init__(
        self,
        loaded: BpfObject,
        assumed: frozenset[str] = frozenset(),
        rodata: bytes | None = None,
        tail_calls: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self.object, self.assumed, self.rodata, self.tail_calls = loaded, assumed, rodata, tail_calls
        self.frames: list[Frame] = [Frame(0, 0, -1, "", -1)]
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._nodes: dict[Node, int] = {}
        self.nodes: list[Node] = []

    @cached_property
    def constants(self) -> frozenset[int]:
        """The numbers in the code, as far as registers of each width can hold them."""
        found = set()
        for instructions in self.object.code.values():
            for x in instructions.values():
                if x.form.kind is not Kind.CALL:
                    found |= {x.imm & ((1 << bits) - 1) for bits in (8, 16, 32, 64)}
        return frozenset(found)

    @cached_property
    def thresholds(self) -> list[int]:
        """Where ranges may end: the numbers that the code compares with, and those of the types."""
        found = {0, *((1 << bits) - 1 for bits in (7, 8, 15, 16, 31, 32, 63, 64))}
        for instructions in self.object.code.values():
            for x in instructions.values():
                if x.form.kind is Kind.BRANCH and not x.form.register and x.imm >= 0:
                    found |= {x.imm, x.imm + 1, max(x.imm - 1, 0)}
        return sorted(found)

    def same_kind(self, node: Node) -> list[str]:
        """Return the programs whose sections begin with the same word as that of `node`: what its array may hold."""
        prefix = node.section.lstrip("?").split("/")[0]
        return [each.name for each in self.object.programs if each.section.lstrip("?").split("/")[0] == prefix]

    def number(self, node: Node) -> int:
        """Return the number of a node."""
        found = self._nodes.get(node)
        if found is None:
            found = self._nodes[node] = len(self.nodes)
            self.nodes.append(node)
        return found

    def instruction(self, node: Node) -> Instruction:
        """Return the instruction of a node. Raises `ExecutionError` where execution runs off the end of a section."""
        found = self.object.code[node.section].get(node.slot)
        if found is None:
            raise ExecutionError(
                f"{self.object.path}: {node.section} goes on at slot {node.slot}, where there is no instruction; the "
                "verifier would not load it"
            )
        return found

    def reference(self, node: Node) -> Reference | None:
        """Return what the instruction's relocation refers to."""
        return self.object.references[node.section].get(node.slot)

    def call(self, node: Node, section: str, slot: int, callback: str = "") -> Frame:
        """Return the frame of a function that is called at `node`."""
        key = (node, section, slot, callback)
        if key not in self._numbers:
            depth = self.frames[node.frame].depth + 1
            back = node.slot + 1
            self._numbers[key] = len(self.frames)
            self.frames.append(Frame(len(self.frames), depth, node.frame, node.section, back, callback, slot))
        return self.frames[self._numbers[key]]


class Operands:
    """The instruction at `node`, on `env`; `world` is asked for all else."""

    def __init__(self, code: Code, node: Node, env: Env, world: World) -> None:
        self.code, self.node, self.env, self.world = code, node, env, world
        self.depth = code.frames[node.frame].depth
        self.x = code.instruction(node)

    # Registers

    def get(self, number: int) -> Value:
        """Return what a register holds."""
        if number == 10:
            return Pointer((Spot(Region(Space.STACK, str(self.depth)), 0, 0),))
        return self.env.get(register(self.depth, number))

    def set(self, number: int, value: Value) -> None:
        """Let a register hold `value`."""
        if value == UNKNOWN and self.env.missing == UNKNOWN:
            self.env.forget(register(self.depth, number))
        else:
            self.env.set(register(self.depth, number), value)

    def next(self, slots: int = 1) -> Node:
        """Return the node that stands behind this one."""
        frame, section, slot = self.node
        return Node(frame, section, slot + slots)

    def unknown(self, bits: int = 64) -> Scalar:
        """Return a number that nobody knows, under the name that the world gives it."""
        name = self.world.name(self.node)
        if name is not None:
            self.env.rename(name)  # what it was in an earlier turn of a loop is another number
        return Scalar(0, (1 << bits) - 1, name, frozenset((self.code.number(self.node),)))

    def second(self) -> Value:
        """Return the second operand."""
        if self.x.form.register:
            return self.get(self.x.src)
        adapted = self.code.object.adapted.get(self.node.section, {}).get(self.node.slot)
        if adapted is not None:  # the loader puts another number here
            return Scalar(0, (1 << 64) - 1, ("core", adapted.kind, adapted.type, adapted.access))
        return constant(self.x.imm)

    # Calls

    def enter(self, section: str, slot: int, callback: str = "", arguments: tuple[Value, ...] | None = None) -> Node:
        """Return the first node of a function that is called here. arguments: None for what r1 to r5 hold."""
        frame = self.code.call(self.node, section, slot, callback)
        if frame.depth > DEEPEST_CALL:
            self.world.doubt(self.node, Doubt.DEPTH, self.code.object.function_at(section, slot))
            self.clobber()
            return self.next()
        given = arguments if arguments is not None else tuple(self.get(number) for number in range(1, 6))
        for number, value in enumerate(given, 1):
            self.env.set(register(frame.depth, number), value)
        return Node(frame.number, section, slot)

    def leave(self) -> Node | None:
        """Return where an exit leads."""
        frame = self.code.frames[self.node.frame]
        if frame.caller < 0:
            return None
        if frame.callback:  # back to the call, which decides whether there is another turn
            self.env.leave(frame.depth)
            return Node(frame.caller, frame.section, frame.back - 1)
        result = self.get(0)
        self.env.leave(frame.depth)
        self.depth = frame.depth - 1
        self.clobber()
        self.set(0, result)
        return Node(frame.caller, frame.section, frame.back)

    def returns(self, value: Value) -> Node:
        """Let a routine that is called here return `value`."""
        self.clobber()
        self.set(0, value)
        return self.next()

    def clobber(self) -> None:
        """Forget r1 to r5, as a call does."""
        for number in range(1, 6):
            self.env.forget(register(self.depth, number))

    # Memory

    def shared(self, pointer: Value, off: int) -> tuple[Spot, ...] | None:
        """Return the spots of shared memory that a pointer may mean; None where that is not known any more."""
        if isinstance(pointer, Lost):
            return None
        if isinstance(pointer, Scalar):
            return ()
        found = []
        for region, low, high in pointer.spots:
            if self._is_shared(region):
                found.append(Spot(region, low + off, high + off))
        return tuple(found)

    def _is_shared(self, region: Region) -> bool:
        space = region.space
        return space is Space.ELEMENT or (space is Space.DATA and not self.code.object.maps[region.name].read_only)

    def read(self, pointer: Value, off: int, size: int) -> Value:
        """Return `size` bytes of what `pointer` points to."""
        spots = self.shared(pointer, off)
        found: Value | None = None
        if spots != ():
            found = self.world.load(self.node, spots, size)
        if isinstance(pointer, Pointer):
            for spot in pointer.spots:
                if not self._is_shared(spot.region):
                    value = self._read_private(spot, off, size)
                    found = value if found is None else join(found, value)
        return self.unknown(8 * size) if found is None else found

    def _read_private(self, spot: Spot, off: int, size: int) -> Value:
        low, high = spot.low + off, spot.high + off
        if spot.region.space is Space.STACK:
            depth, span = int(spot.region.name), self._on_stack(low, high, size)
            if span and low == high:
                return self.env.load(depth, low, size)
            for at in span:
                self.env.load(depth, at, 1)
        if spot.region.space is Space.DATA and low == high:
            return self._read_only(spot.region.name, low, size)
        return self.unknown(8 * size)

    def _on_stack(self, low: int, high: int, size: int) -> range:
        """Return the bytes of a stack that `size` bytes at an offset from `low` to `high` may be.

        The verifier lets nothing beyond a stack through. What a range covers there is left out; what is there for
        certain is a doubt.
        """
        span = range(max(low, -STACK_SIZE), min(high + size, 0))
        if not span or (low == high and len(span) < size):
            self.world.doubt(self.node, Doubt.ADDRESS, f"{self.x} is beyond the stack")
            return range(0)
        return span

    def _read_only(self, name: str, offset: int, size: int) -> Value:
        """Read-only data is set by user space before the program is loaded: a number that stays the same."""
        found = self.code.object.maps[name]
        if self.code.rodata is not None and name == ".rodata":
            return constant(int.from_bytes(self.code.rodata[offset : offset + size], "little"))
        if name.startswith(".rodata.str"):
            return constant(int.from_bytes(found.initial[offset : offset + size], "little"))
        return Scalar(0, (1 << 8 * size) - 1, ("rodata", name, offset, size))

    def write(self, pointer: Value, off: int, size: int, value: Value) -> None:
        """Store `size` bytes to what `pointer` points to."""
        spots = self.shared(pointer, off)
        if spots != ():
            self.world.store(self.node, spots, size, value)
        if isinstance(pointer, Pointer):
            for spot in pointer.spots:
                if spot.region.space is Space.STACK:
                    self._write_stack(spot, off, size, value, certain=len(pointer.spots) == 1)

    def _write_stack(self, spot: Spot, off: int, size: int, value: Value, *, certain: bool) -> None:
        low, high, depth = spot.low + off, spot.high + off, int(spot.region.name)
        span = self._on_stack(low, high, size)
        if span and low == high and certain:
            self.env.store(depth, low, size, value)
        elif span:
            self.env.smash(depth, span.start, len(span), certain=False)

    def copy(self, kind: str, pointer: Value, low: int, high: int) -> None:
        """Let a helper touch from `low` to `high` bytes: ``r``, ``w``, ``p`` or ``s`` as in `helpers`."""
        spots = self.shared(pointer, 0)
        if spots != ():
            self.world.copy(self.node, kind, spots, low, high)
        if isinstance(pointer, Pointer):
            for spot in pointer.spots:
                if spot.region.space is Space.STACK and kind in "wp" and high:
                    span = self._on_stack(spot.low, spot.high, min(high, STACK_SIZE if low < high else high))
                    exact = low == high and spot.low == spot.high and len(pointer.spots) == 1
                    if span:
                        depth = int(spot.region.name)
                        self.env.smash(depth, span.start, len(span), certain=kind == "w" and exact)
