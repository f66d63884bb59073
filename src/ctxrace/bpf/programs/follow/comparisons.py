"""What a branch says about the values that it compares."""

from ctxrace.bpf.programs.follow.values import Pointer, Scalar, Value
from ctxrace.bpf.programs.isa.arithmetic import MASK32, MASK64, compare, sign_extend

__all__ = ["Decision", "decide", "refine"]

OPPOSITE = {"jeq": "jne", "jne": "jeq", "jgt": "jle", "jle": "jgt", "jge": "jlt", "jlt": "jge",
            "jsgt": "jsle", "jsle": "jsgt", "jsge": "jslt", "jslt": "jsge"}  # fmt: skip
MIRRORED = {"jeq": "jeq", "jne": "jne", "jgt": "jlt", "jlt": "jgt", "jge": "jle", "jle": "jge",
            "jsgt": "jslt", "jslt": "jsgt", "jsge": "jsle", "jsle": "jsge"}  # fmt: skip

Decision = bool | None
"""Whether a branch is taken; None where it may be and may not be."""


def decide(operation: str, bits: int, first: Value, second: Value) -> Decision:
    """Return whether the branch is taken, as far as the values say."""
    if isinstance(first, Scalar) and isinstance(second, Scalar):
        if first.low == first.high and second.low == second.high:
            return compare(operation, bits, first.low, second.low)
        if first.name is not None and first.name == second.name and operation != "jset":
            return compare(operation, bits, 0, 0)
        taken = refine(operation, bits, first, second, taken=True) is not None
        missed = refine(operation, bits, first, second, taken=False) is not None
        return None if taken and missed else taken
    if isinstance(second, Pointer) and isinstance(first, Scalar):
        first, second = second, first
    if isinstance(first, Pointer) and isinstance(second, Scalar) and second.high == 0 and not first.null and bits == 64:
        return {"jeq": False, "jne": True}.get(operation)
    return None


def refine(operation: str, bits: int, first: Value, second: Value, *, taken: bool) -> Value | None:
    """Return what `first` may still be where the branch is `taken` or not; None where that cannot be."""
    if isinstance(first, Pointer) and isinstance(second, Scalar) and second.high == 0:
        equal = operation == ("jeq" if taken else "jne")
        if operation in ("jeq", "jne") and first.null:
            return Scalar(0, 0, None, first.origins) if equal else first._replace(null=False)
        return first
    if not (isinstance(first, Scalar) and isinstance(second, Scalar)) or second.low != second.high:
        return _refine_by_range(operation, bits, first, second, taken)
    if operation == "jset":
        return _refine_bits(first, second.low & (MASK32 if bits == 32 else MASK64), taken)
    wanted = operation if taken else OPPOSITE[operation]
    return _narrow(wanted, bits, first, second.low)


def _refine_bits(first: Scalar, mask: int, taken: bool) -> Scalar | None:
    if first.low == first.high:
        return first if (first.low & mask != 0) == taken else None
    if taken and first.low == 0:
        return first._replace(low=1)
    return first


def _refine_by_range(operation: str, bits: int, first: Value, second: Value, taken: bool) -> Value | None:
    """Use the ends of `second` where they bound `first`, and otherwise nothing."""
    if not (isinstance(first, Scalar) and isinstance(second, Scalar)) or operation == "jset" or bits == 32:
        return first
    wanted = operation if taken else OPPOSITE[operation]
    if wanted in ("jlt", "jle"):
        return _narrow(wanted, bits, first, second.high)
    if wanted in ("jgt", "jge"):
        return _narrow(wanted, bits, first, second.low)
    if wanted == "jeq":
        low, high = max(first.low, second.low), min(first.high, second.high)
        return first._replace(low=low, high=high) if low <= high else None
    return first


def _narrow(wanted: str, bits: int, first: Scalar, bound: int) -> Scalar | None:
    """Return the part of `first` for which the comparison with the number `bound` is true."""
    if bits == 32 and first.high > MASK32:
        return first  # what the upper half is, nobody knows
    bound &= MASK32 if bits == 32 else MASK64
    if wanted == "jeq":
        return first._replace(low=bound, high=bound) if first.low <= bound <= first.high else None
    if wanted == "jne":
        if first.low == first.high == bound:
            return None
        if first.low == bound:
            return first._replace(low=bound + 1)
        return first._replace(high=bound - 1) if first.high == bound else first
    if not wanted.startswith("js"):
        piece = _piece(wanted, first.low, first.high, bound)
        return None if piece is None else first._replace(low=piece[0], high=piece[1])
    # A signed comparison: the numbers without the sign bit, then those with it, each in their own order.
    half, whole = 1 << (bits - 1), 1 << bits
    limit, plain = sign_extend(bound, bits), f"j{wanted[2:]}"
    pieces = []
    for low, high, shift in ((first.low, min(first.high, half - 1), 0), (max(first.low, half), first.high, whole)):
        if low <= high and (piece := _piece(plain, low - shift, high - shift, limit)) is not None:
            pieces.append((piece[0] + shift, piece[1] + shift))
    return first._replace(low=pieces[0][0], high=pieces[-1][1]) if pieces else None


def _piece(wanted: str, low: int, high: int, bound: int) -> tuple[int, int] | None:
    match wanted:
        case "jgt":
            low = max(low, bound + 1)
        case "jge":
            low = max(low, bound)
        case "jlt":
            high = min(high, bound - 1)
        case _:
            high = min(high, bound)
    return (low, high) if low <= high else None


def mirrored(operation: str) -> str | None:
    """Return the comparison that says the same with its operands exchanged."""
    return MIRRORED.get(operation)


__all__ += ["mirrored"]
