"""The number that a CO-RE relocation puts into an instruction.

Source: tools/lib/bpf/relo_core.c of Linux 7.0.
"""

from dataclasses import dataclass

from ctxrace.bpf.programs.adapt.kernel_types import KernelTypes
from ctxrace.bpf.programs.adapt.matching import Pairing
from ctxrace.bpf.programs.adapt.places import Kind, Place, local_place, same_place
from ctxrace.bpf.programs.elf.extension import Relocation
from ctxrace.core.errors import ImageError
from ctxrace.machine.btf import Btf, TypeKind

__all__ = ["Change", "change_of", "spelled"]

_EXISTENCE = (Kind.FIELD_EXISTS, Kind.TYPE_EXISTS, Kind.TYPE_MATCHES, Kind.ENUM_VALUE_EXISTS)
_ENUMS = (TypeKind.ENUM, TypeKind.ENUM64)


@dataclass(frozen=True, slots=True)
class _Number:
    """A number. size, type: for the offset of a member, those of the member. checked: it was compiled so."""

    number: int
    checked: bool = True
    size: int = 0
    type: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of an instruction. before: what it holds as compiled, None for anything; after: what it is to hold.

    size: in bytes, of what a load or store is to access; 0: as compiled. accessible: False where one of that size does
    not access the same. resolved: False where the kernel has nothing like it.
    """

    before: int | None
    after: int = 0
    size: int = 0
    accessible: bool = True
    resolved: bool = True


def change_of(local: Btf, relocation: Relocation, kernel: KernelTypes) -> Change:
    """Return what a relocation does under a kernel. Raises `ImageError` where loaders refuse the object for it."""
    kind = _kind(relocation)
    place = local_place(local, kind, relocation.type, relocation.access)
    if kind is Kind.LOCAL_TYPE_ID:
        return Change(None, relocation.type)
    if not local[relocation.type].name:
        raise ImageError(f"a CO-RE relocation is about type {relocation.type}, which has no name; loaders refuse that")
    pairing = Pairing(local, kernel.btf)
    found: Change | None = None
    bit = 0
    for candidate in kernel.candidates(local[relocation.type].name, local[relocation.type].kind):
        there = same_place(pairing, kind, place, candidate)
        if there is None:
            continue
        change = _change(pairing, kind, place, there)
        if found is not None and (bit != there.bit or (found.resolved, found.after) != (change.resolved, change.after)):
            raise ImageError(
                f"{spelled(local, relocation)} is in several types of {kernel.path}, which say different things of it"
            )
        found, bit = found or change, there.bit
    return _change(pairing, kind, place, None) if found is None else found


def _kind(relocation: Relocation) -> Kind:
    try:
        return Kind(relocation.kind)
    except ValueError:
        raise ImageError(f"there is no CO-RE relocation of kind {relocation.kind}; the file is damaged") from None


def _change(pairing: Pairing, kind: Kind, local: Place, there: Place | None) -> Change:
    before = _number(pairing.local, kind, local)
    if there is None:
        if kind in _EXISTENCE or not (kind.of_field or kind.of_enum):
            return Change(before.number if before.checked else None, 0)
        return Change(None, resolved=False)
    after = _number(pairing.target, kind, there)
    resized = before.size != after.size
    return Change(
        before.number if before.checked else None,
        after.number,
        after.size if resized else 0,
        accessible=not resized or _may_be_resized(pairing, before, after),
    )


def _may_be_resized(pairing: Pairing, before: _Number, after: _Number) -> bool:
    """Return whether a load reads the same of a member of another size: pointers, and numbers without a sign."""
    mine, theirs = pairing.local.resolve(before.type), pairing.target.resolve(after.type)
    if mine.kind is not theirs.kind:
        return False
    return mine.kind is TypeKind.PTR or (mine.kind is TypeKind.INT and not mine.signed and not theirs.signed)


def _number(btf: Btf, kind: Kind, place: Place) -> _Number:
    match kind:
        case _ if kind in _EXISTENCE:
            return _Number(1)
        case Kind.TARGET_TYPE_ID:
            return _Number(place.root, checked=False)
        case Kind.TYPE_SIZE:
            return _Number(_size(btf, place.root))
        case Kind.ENUM_VALUE:
            step = place.steps[0]
            return _Number(btf[step.type].members[step.index].offset)
        case _:
            return _field(btf, kind, place)


def _field(btf: Btf, kind: Kind, place: Place) -> _Number:
    step = place.steps[-1]
    if not step.name:
        if kind is Kind.FIELD_OFFSET:
            return _Number(place.bit // 8, size=_size(btf, step.type), type=step.type)
        if kind is Kind.FIELD_SIZE:
            return _Number(_size(btf, step.type))
        raise ImageError("a CO-RE relocation asks of an array's element what loaders only say of members")
    member = btf[step.type].members[step.index]
    bits, at = member.bits, place.bit // 8
    size = _size(btf, member.type)
    if bits:
        size, at = _unit_of(place.bit, bits, size)
    match kind:
        case Kind.FIELD_OFFSET:
            return _Number(at, not bits, 0 if bits else size, 0 if bits else member.type)
        case Kind.FIELD_SIZE:
            return _Number(size, not bits)
        case Kind.FIELD_SIGNED:
            held = btf.resolve(member.type)
            return _Number(int(held.signed and held.kind in (TypeKind.INT, *_ENUMS)))
        case Kind.FIELD_LEFT_SHIFT:
            return _Number(64 - (place.bit + (bits or size * 8) - at * 8), checked=False)
        case _:
            return _Number(64 - (bits or size * 8))


def _unit_of(bit: int, bits: int, size: int) -> tuple[int, int]:
    """Return the size and the offset of the number, aligned to its size, that all of a bit field is in."""
    at = bit // 8 // size * size
    while bit + bits - at * 8 > size * 8:
        if size >= 8:
            raise ImageError("a CO-RE relocation is about a bit field that no single load reads; loaders refuse that")
        size *= 2
        at = bit // 8 // size * size
    return size, at


def _size(btf: Btf, number: int) -> int:
    found = btf.size(number)
    if not found and btf.resolve(number).kind not in (TypeKind.STRUCT, TypeKind.UNION, TypeKind.ARRAY):
        raise ImageError(f"a CO-RE relocation asks for the size of type {number}, which has none")
    return found


def spelled(local: Btf, relocation: Relocation) -> str:
    """Return how C spells what a relocation is about: ``struct task_struct.comm``."""
    kind = _kind(relocation)
    place = local_place(local, kind, relocation.type, relocation.access)
    root = local[relocation.type]
    word = {TypeKind.STRUCT: "struct ", TypeKind.UNION: "union ", TypeKind.ENUM: "enum ", TypeKind.ENUM64: "enum "}
    name = f"{word.get(root.kind, '')}{root.name or '(unnamed)'}"
    if kind.of_enum:
        return f"{name}: {place.steps[0].name}"
    return name + "".join(f".{each.name}" if each.name else f"[{each.index}]" for each in place.steps[1:])
