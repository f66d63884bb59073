"""Edits of a kernel's machine code, found by what the instructions are: a guard without its preempt_disable()."""

from ctxrace.kernel.image.kernel_image import task_struct_of
from ctxrace.kernel.image.vmlinux import Vmlinux
from ctxrace.machine.btf import Btf

NOP = bytes.fromhex("1f2003d5")

_STORE_WORD = (0xFFC0_0000, 0xB900_0000)  # str w, [x, #offset]
_STORE_BYTE = (0xFFE0_0C00, 0x3820_0800)  # strb w, [x, x]: active[rctx]


def changes_of_preempt_count(kernel: Vmlinux, function: str) -> tuple[list[int], list[int]]:
    """Return where `function` of an arm64 kernel stores the preempt count: the guard's own pair, and the others.

    The guard's pair are the stores right before and right after the one to active[rctx].
    """
    symbol = kernel.elf.symbols[function][0]
    code = kernel.read(symbol.address, symbol.size)
    assert code is not None
    offset = task_struct_of(kernel, Btf(kernel.elf.contents(".BTF"))).preempt_count.start
    words = [int.from_bytes(code[at : at + 4], "little") for at in range(0, len(code), 4)]
    mask, value = _STORE_WORD
    wanted = value | offset // 4 << 10
    stores = [4 * number for number, word in enumerate(words) if word & (mask | 0x3F_FC00) == wanted]
    counted = [4 * number for number, word in enumerate(words) if word & _STORE_BYTE[0] == _STORE_BYTE[1]]
    assert len(counted) == 1, f"{function} stores a byte at {len(counted)} places"
    pair = [max(at for at in stores if at < counted[0]), min(at for at in stores if at > counted[0])]
    return [symbol.address + at for at in pair], [symbol.address + at for at in stores if at not in pair]


def without_preempt_disable(kernel: Vmlinux, *functions: str, rcu: bool = False) -> tuple[tuple[int, bytes], ...]:
    """Return the edits that take the guard's preempt_disable() out of `functions`; rcu: rcu_read_lock()'s, too."""
    found = [changes_of_preempt_count(kernel, function) for function in functions]
    places = [at for guard, others in found for at in (*guard, *(others if rcu else ()))]
    return tuple((at, NOP) for at in places)
