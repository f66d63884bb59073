"""Whether a type of a program and one of the kernel are the same to CO-RE.

Source: tools/lib/bpf/relo_core.c of Linux 7.0. All of it looks through typedefs and qualifiers.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ctxrace.bpf.programs.adapt.kernel_types import essential, of_one_kind
from ctxrace.core.errors import ImageError
from ctxrace.machine.btf import Btf, Type, TypeKind

__all__ = ["Pairing"]

DEEPEST = 32  # as in relo_core.c
_COMPOSITE = (TypeKind.STRUCT, TypeKind.UNION)
_ENUMS = (TypeKind.ENUM, TypeKind.ENUM64)
_BY_KIND_ALONE = (TypeKind.VOID, *_COMPOSITE, *_ENUMS, TypeKind.FWD, TypeKind.INT)
_FOLLOWED = (TypeKind.PTR, TypeKind.ARRAY)

_Comparing = Callable[[int, int, int], bool]


@dataclass(frozen=True)
class Pairing:
    """The types of a program, and those of a kernel."""

    local: Btf
    target: Btf

    def _types(self, local: int, target: int) -> tuple[Type, Type]:
        return self.local.resolve(local), self.target.resolve(target)

    def fields_are_compatible(self, local: int, target: int, depth: int = 0) -> bool:
        """Return whether a member of one type can be read where a program expects one of the other: by kind."""
        mine, theirs = self._types(local, target)
        if mine.kind in _COMPOSITE and theirs.kind in _COMPOSITE:
            return True
        if not of_one_kind(mine.kind, theirs.kind):
            return False
        match mine.kind:
            case TypeKind.PTR | TypeKind.FLOAT | TypeKind.INT:
                return True
            case TypeKind.FWD | TypeKind.ENUM | TypeKind.ENUM64:
                return not mine.name or not theirs.name or essential(mine.name) == essential(theirs.name)
            case TypeKind.ARRAY:
                _bound(depth)
                return self.fields_are_compatible(mine.other, theirs.other, depth + 1)
            case _:
                return False

    def roots_are_compatible(self, local: int, target: int) -> bool:
        """Return whether a type of the kernel is there for one of a program: the name is known to be the same."""
        return of_one_kind(self.local[local].kind, self.target[target].kind) and self._compatible(local, target, 0)

    def _compatible(self, local: int, target: int, depth: int) -> bool:
        _bound(depth)
        mine, theirs = self._types(local, target)
        if not of_one_kind(mine.kind, theirs.kind):
            return False
        if mine.kind is TypeKind.FUNC_PROTO:
            return self._prototypes(mine, theirs, depth, self._compatible)
        if mine.kind in _FOLLOWED:
            return self._compatible(mine.other, theirs.other, depth + 1)
        return mine.kind in _BY_KIND_ALONE

    def _prototypes(self, mine: Type, theirs: Type, depth: int, compare: _Comparing) -> bool:
        return (
            len(mine.members) == len(theirs.members)
            and all(compare(a.type, b.type, depth + 1) for a, b in zip(mine.members, theirs.members, strict=True))
            and compare(mine.other, theirs.other, depth + 1)
        )

    def match(self, local: int, target: int, depth: int = 0, *, behind: bool = False) -> bool:
        """Return whether a program's type is a part of the kernel's, member by member. behind: behind a pointer."""
        _bound(depth)
        mine, theirs = self._types(local, target)
        if _name(mine) != _name(theirs):
            return False
        same = mine.kind is theirs.kind
        match mine.kind:
            case TypeKind.FWD:
                union = TypeKind.UNION if mine.flag else TypeKind.STRUCT
                return (same and mine.flag == theirs.flag) or (behind and theirs.kind is union)
            case TypeKind.ENUM | TypeKind.ENUM64:
                return theirs.kind in _ENUMS and mine.size == theirs.size and _has_names(mine, theirs)
            case TypeKind.STRUCT | TypeKind.UNION if behind:
                union_flag = mine.kind is TypeKind.UNION
                return same or (theirs.kind is TypeKind.FWD and theirs.flag == union_flag)
            case TypeKind.STRUCT | TypeKind.UNION:
                return same and self._members_match(mine, theirs, depth)
            case TypeKind.INT:
                return same and (mine.size, mine.signed) == (theirs.size, theirs.signed)
            case TypeKind.PTR:
                return same and self.match(mine.other, theirs.other, depth + 1, behind=True)
            case TypeKind.ARRAY:
                return (
                    same and mine.count == theirs.count
                    and self.match(mine.other, theirs.other, depth + 1, behind=behind)
                )  # fmt: skip
            case TypeKind.FUNC_PROTO:

                def compare(one: int, other: int, deeper: int) -> bool:
                    return self.match(one, other, deeper, behind=behind)

                return same and self._prototypes(mine, theirs, depth, compare)
            case _:
                return same and mine.kind is TypeKind.VOID

    def _members_match(self, mine: Type, theirs: Type, depth: int) -> bool:
        return len(mine.members) <= len(theirs.members) and all(
            any(
                essential(member.name) == essential(other.name) and self.match(member.type, other.type, depth + 1)
                for other in theirs.members
            )
            for member in mine.members
        )


def _name(found: Type) -> str:
    return "" if found.kind is TypeKind.VOID else essential(found.name)


def _has_names(mine: Type, theirs: Type) -> bool:
    return {essential(each.name) for each in mine.members} <= {essential(each.name) for each in theirs.members}


def _bound(depth: int) -> None:
    if depth > DEEPEST:
        raise ImageError(f"a type of a CO-RE relocation is nested more than {DEEPEST} deep, which no loader follows")
