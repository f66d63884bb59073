"""What BPF's operations compute, on whole numbers: the semantics of RFC 9669, sections 4.1 and 4.3.

Values are unsigned 64-bit numbers throughout.
"""

__all__ = ["MASK32", "MASK64", "compare", "operate", "sign_extend", "swap_bytes"]

MASK32, MASK64 = (1 << 32) - 1, (1 << 64) - 1


def sign_extend(value: int, bits: int) -> int:
    """Return the lowest `bits` of `value` as a signed number."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def operate(operation: str, bits: int, first: int, second: int) -> int:
    """Compute ``first operation second`` on `bits` (32 or 64), where the upper half of a 32-bit result is zero.

    Division by zero gives 0, a remainder by zero the dividend; shifts use the count modulo `bits`.
    """
    mask = (1 << bits) - 1
    first, second = first & mask, second & mask
    match operation:
        case "add":
            found = first + second
        case "sub":
            found = first - second
        case "mul":
            found = first * second
        case "div":
            found = first // second if second else 0
        case "mod":
            found = first % second if second else first
        case "sdiv" | "smod":
            found = _signed_division(operation, sign_extend(first, bits), sign_extend(second, bits))
        case "or":
            found = first | second
        case "and":
            found = first & second
        case "xor":
            found = first ^ second
        case "lsh":
            found = first << second % bits
        case "rsh":
            found = first >> second % bits
        case "arsh":
            found = sign_extend(first, bits) >> second % bits
        case "neg":
            found = -first
        case "mov":
            found = second
        case _:
            raise ValueError(f"no operation {operation}")
    return found & mask


def _signed_division(operation: str, first: int, second: int) -> int:
    """Divide towards zero, as C does; the remainder has the dividend's sign."""
    if not second:
        return 0 if operation == "sdiv" else first
    quotient = abs(first) // abs(second)
    quotient = -quotient if (first < 0) != (second < 0) else quotient
    return quotient if operation == "sdiv" else first - quotient * second


def swap_bytes(value: int, bits: int) -> int:
    """Return the lowest `bits` of `value` with their bytes in the opposite order."""
    return int.from_bytes((value & ((1 << bits) - 1)).to_bytes(bits // 8, "little"), "big")


def compare(operation: str, bits: int, first: int, second: int) -> bool:
    """Return whether a jump on `bits` (32 or 64) is taken."""
    mask = (1 << bits) - 1
    if operation.startswith("js") and operation != "jset":
        first, second = sign_extend(first, bits), sign_extend(second, bits)
        operation = f"j{operation[2:]}"
    else:
        first, second = first & mask, second & mask
    match operation:
        case "jeq":
            return first == second
        case "jne":
            return first != second
        case "jgt":
            return first > second
        case "jge":
            return first >= second
        case "jlt":
            return first < second
        case "jle":
            return first <= second
        case "jset":
            return first & second != 0
        case _:
            raise ValueError(f"no comparison {operation}")
