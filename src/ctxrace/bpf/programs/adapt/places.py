"""What a CO-RE relocation is about: a type, a member somewhere in it, or a value of an enum; and the same in a kernel.

Source: tools/lib/bpf/relo_core.c of Linux 7.0.
"""

from dataclasses import dataclass
from enum import IntEnum

from ctxrace.bpf.programs.adapt.kernel_types import essential
from ctxrace.bpf.programs.adapt.matching import Pairing
from ctxrace.core.errors import ImageError
from ctxrace.machine.btf import Btf, Type, TypeKind

__all__ = ["Kind", "Place", "local_place", "same_place"]

LONGEST = 64  # BPF_CORE_SPEC_MAX_LEN
_COMPOSITE = (TypeKind.STRUCT, TypeKind.UNION)
_ENUMS = (TypeKind.ENUM, TypeKind.ENUM64)


class Kind(IntEnum):
    """enum bpf_core_relo_kind in include/uapi/linux/bpf.h: what of it the instruction holds."""

    FIELD_OFFSET = 0
    FIELD_SIZE = 1
    FIELD_EXISTS = 2
    FIELD_SIGNED = 3
    FIELD_LEFT_SHIFT = 4
    FIELD_RIGHT_SHIFT = 5
    LOCAL_TYPE_ID = 6
    TARGET_TYPE_ID = 7
    TYPE_EXISTS = 8
    TYPE_SIZE = 9
    ENUM_VALUE_EXISTS = 10
    ENUM_VALUE = 11
    TYPE_MATCHES = 12

    @property
    def of_field(self) -> bool:
        """Whether it is about a member."""
        return self <= Kind.FIELD_RIGHT_SHIFT

    @property
    def of_enum(self) -> bool:
        """Whether it is about a value of an enum."""
        return self in (Kind.ENUM_VALUE_EXISTS, Kind.ENUM_VALUE)


@dataclass(frozen=True, slots=True)
class Step:
    """One step into a type: to the element `index` of an array, or, with a name, to that member of the type `type`."""

    type: int
    index: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A type, and the steps from it to a member; for an enum, its one step is to a value. bit: the member's offset."""

    root: int
    steps: tuple[Step, ...] = ()
    bit: int = 0


def local_place(btf: Btf, kind: Kind, root: int, access: str) -> Place:
    """Return what a relocation's type and access string, such as ``0:1:2``, mean in the program's own types.

    Raises `ImageError` where they mean nothing.
    """
    wrong = ImageError(f"a CO-RE relocation of type {root} has the access string {access[:40]!r}, which means nothing")
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in access.split(":")):
        raise wrong
    indices = [int(part) for part in access.split(":")]
    if len(indices) > LONGEST:
        raise wrong
    if kind.of_field:
        return _local_field(btf, root, indices, wrong)
    if kind.of_enum:
        found = btf.resolve(root)
        if len(indices) != 1 or found.kind not in _ENUMS or indices[0] >= len(found.members):
            raise wrong
        return Place(root, (Step(btf.resolve_id(root), indices[0], found.members[indices[0]].name),))
    if indices != [0]:
        raise wrong
    return Place(root)


def _local_field(btf: Btf, root: int, indices: list[int], wrong: ImageError) -> Place:
    at = btf.resolve_id(root)
    steps, bit = [Step(at, indices[0])], indices[0] * btf.size(at) * 8
    for index in indices[1:]:
        at = btf.resolve_id(at)
        found = btf[at]
        if found.kind in _COMPOSITE and index < len(found.members):
            member = found.members[index]
            bit += member.offset
            if member.name:
                steps.append(Step(at, index, member.name))
            at = member.type
        elif found.kind is TypeKind.ARRAY and (index < found.count or _is_flexible(btf, steps[-1], found)):
            at = btf.resolve_id(found.other)
            steps.append(Step(at, index))
            bit += index * btf.size(at) * 8
        else:
            raise wrong
    return Place(root, tuple(steps), bit)


def _is_flexible(btf: Btf, before: Step, array: Type) -> bool:
    """Return whether an array is the last member of a struct and has no length of its own."""
    return bool(before.name) and not array.count and before.index == len(btf[before.type].members) - 1


def same_place(pairing: Pairing, kind: Kind, local: Place, candidate: int) -> Place | None:
    """Return what a program's place is in a type of the kernel; None where that has nothing like it."""
    if kind.of_field:
        return _FieldSearch(pairing, candidate).run(local)
    if kind.of_enum:
        return _same_value(pairing.target, local, candidate)
    compare = pairing.match if kind is Kind.TYPE_MATCHES else pairing.roots_are_compatible
    return Place(candidate) if compare(local.root, candidate) else None


def _same_value(target: Btf, local: Place, candidate: int) -> Place | None:
    found = target.resolve(candidate)
    if found.kind not in _ENUMS:
        return None
    for index, value in enumerate(found.members):
        if essential(value.name) == essential(local.steps[0].name):
            return Place(candidate, (Step(target.resolve_id(candidate), index, value.name),))
    return None


class _FieldSearch:
    def __init__(self, pairing: Pairing, candidate: int) -> None:
        self.pairing, self.target, self.candidate = pairing, pairing.target, candidate
        self.steps: list[Step] = []
        self.depth = 0  # steps, those through members without a name included

    def run(self, local: Place) -> Place | None:
        at, bit = self.candidate, 0
        for number, step in enumerate(local.steps):
            if step.name:
                found = self.member(step, at, self.depth)
                if found is None:
                    return None
                at, bit = found[0], bit + found[1]
                continue
            self.deeper(self.depth)
            if number:
                array = self.target.resolve(at)
                if array.kind is not TypeKind.ARRAY:
                    return None
                if step.index >= array.count and not _is_flexible(self.target, self.steps[-1], array):
                    return None
                at = self.target.resolve_id(array.other)
            self.steps.append(Step(at, step.index))
            bit += step.index * self.target.size(at) * 8
        return Place(self.candidate, tuple(self.steps), bit)

    def member(self, step: Step, at: int, depth: int) -> tuple[int, int] | None:
        """Return the type of the compatible member of the same name and its offset in bits, as C finds it."""
        at = self.target.resolve_id(at)
        found = self.target[at]
        if found.kind not in _COMPOSITE:
            return None
        wanted = self.pairing.local[step.type].members[step.index].type
        for index, member in enumerate(found.members):
            self.deeper(depth)
            if not member.name:
                inner = self.member(step, member.type, depth + 1)
                if inner is not None:
                    return inner[0], inner[1] + member.offset
            elif member.name == step.name:
                if not self.pairing.fields_are_compatible(wanted, member.type):
                    return None
                self.steps.append(Step(at, index, member.name))
                return member.type, member.offset
        return None

    def deeper(self, depth: int) -> None:
        if depth >= LONGEST:
            raise ImageError(f"a type of the kernel is nested more than {LONGEST} deep, which no loader follows")
        self.depth = depth + 1
