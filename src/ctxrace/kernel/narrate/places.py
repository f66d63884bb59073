"""What bytes of memory are called: the variable, the offset in it, and its spelling in C."""


from ctxrace.core.interleaving import Access, ValueKind
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.machine.memory import RegionKind, Touch

__all__ = ["access_of", "place_of"]


def access_of(system: KernelSystem, touch: Touch, found: bytes, identity: int) -> Access:
    """Return `touch` as an access of the memory that held `found`, while `identity` is current."""
    before = int.from_bytes(found, system.image.arch.byte_order) if touch.kind == "write" else None
    symbol, offset, name = place_of(system, touch.address, touch.size, identity)
    kind, at = system.layout.locate(touch.address, identity)
    counts = kind is RegionKind.OWN and at in system.layout.struct.preempt_count
    signed = bool(symbol) and kind is RegionKind.SHARED and system.image.is_signed(symbol, offset, touch.size)
    value_kind = ValueKind.PREEMPT_COUNT if counts else ValueKind.SIGNED if signed else ValueKind.UNSIGNED
    return Access(touch.kind, symbol, offset, touch.size, touch.value, before, name, value_kind)


def place_of(system: KernelSystem, address: int, size: int, identity: int) -> tuple[str, int, str]:
    """Return symbol, offset in it, and spelling in C of `size` bytes at `address`, while `identity` is current."""
    kind, at = system.layout.locate(address, identity)
    if kind is RegionKind.OWN and at < system.layout.struct.size:
        return "current", at, system.layout.struct.spell(at, size)
    address, cpu = system.layout.symbol_address(address)
    symbol = system.image.object_at(address)
    if symbol is None:
        return "", 0, f"{address:#x}"
    offset = address - symbol.address
    whose = "" if cpu is None or system.layout.cpus == 1 else f"CPU {cpu}'s "
    return symbol.name, offset, whose + system.image.place(symbol, offset, size)
