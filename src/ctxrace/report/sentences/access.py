"""What an access read or wrote, in a few words."""

from collections.abc import Iterable, Iterator

from ctxrace.core.interleaving import Access, ValueKind
from ctxrace.report.layout import clean

__all__ = ["access_phrase", "access_phrases", "number", "place_name", "value_of"]

_DECIMAL = 4096  # larger numbers are hexadecimal
_COUNTS = (("NMI", 20, 4), ("hardirq", 16, 4), ("softirq", 8, 8), ("preempt", 0, 8))
"""Names, shifts and widths of the counts in a preempt count (Linux v6.19 include/linux/preempt.h)."""


def access_phrases(accesses: Iterable[Access]) -> Iterator[str]:
    """Yield a phrase for each access, but none for a read that the write after it repeats."""
    rest = list(accesses)
    for index, access in enumerate(rest):
        if access.kind == "write" or not any(_replaces(later, access) for later in rest[index + 1 :]):
            yield access_phrase(access)


def access_phrase(access: Access) -> str:
    """Return ``x is 1`` for a read, ``x 0 ➜ 1`` for a write; where no number is known ``reads x``, ``writes x``."""
    if access.value_kind is ValueKind.UNKNOWN:
        return f"{access.kind}s {place_name(access)}"
    name, value = place_name(access), value_of(access, access.value)
    if access.kind == "read":
        return f"{name} is {value}"
    before = "" if access.before is None else f"{value_of(access, access.before)} "
    return f"{name} {before}➜ {value}"


def place_name(access: Access) -> str:
    """Return the place as C spells it, or as an offset."""
    if access.name:
        return clean(access.name)
    where = f"{clean(access.symbol)}+{access.offset:#x}" if access.symbol else f"[{access.offset:#x}]"
    return f"{where} ({access.size} bytes)"


def value_of(access: Access, value: int) -> str:
    """Return `value`, which `access` read or wrote, as its type is read."""
    match access.value_kind:
        case ValueKind.SIGNED:
            sign = 1 << (8 * access.size - 1)
            return number((value ^ sign) - sign)
        case ValueKind.UNKNOWN:
            return "?"
        case ValueKind.PREEMPT_COUNT:
            return _preempt_count(value)
        case _:
            return number(value)


def number(value: int) -> str:
    """Return `value` in decimal digits, a large one in hexadecimal."""
    return str(value) if -_DECIMAL < value < _DECIMAL else hex(value)


def _preempt_count(value: int) -> str:
    """Return the counts in `value`: a number alone is that of preempt_disable()."""
    if value < 1 << 8:
        return str(value)
    counts = [(name, value >> shift & (1 << width) - 1) for name, shift, width in _COUNTS]
    return f"({', '.join(f'{name} {count}' for name, count in counts if count)})"


def _replaces(write: Access, read: Access) -> bool:
    """Return whether `write` tells what `read` found, as the value that it replaces."""
    return (
        write.kind == "write"
        and (write.symbol, write.offset, write.size, write.name) == (read.symbol, read.offset, read.size, read.name)
        and write.before == read.value
    )
