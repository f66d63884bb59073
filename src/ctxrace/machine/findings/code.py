"""Machine code that an earlier run has lifted and analysed: instructions, registers, and which of them are read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from json import dumps, loads
from typing import Any

from ctxrace.machine.findings.store import directory, keep, key_of, recall
from ctxrace.machine.image import Image
from ctxrace.machine.lift import Lifter
from ctxrace.machine.liveness import Analysis, Liveness
from ctxrace.machine.pcode import Instruction, Op, Varnode

__all__ = ["analysed", "content"]


def content(image: Image) -> Iterator[bytes | str]:
    """Return what of `image` decides what its code does, and how its instructions are spelled."""
    yield image.arch.name
    for section in image.sections:
        yield section.data
        yield repr(replace(section, data=b""))
    yield repr([(symbol.name, symbol.address, symbol.size, symbol.kind) for symbol in image.all_symbols])
    yield repr(sorted(image.starts.items()))


def analysed(image: Image, starts: Sequence[int], *, results: bool) -> tuple[Lifter, Liveness]:
    """Return what lifts the code of `image`, and its liveness from `starts` on; results: as in `Liveness`.

    Both are taken from an earlier run where one has found them.
    """
    if image.discovery is not None or directory() is None:  # of the former what is known changes
        code = Lifter(image)
        return code, Liveness(code, starts, results=results)
    key = key_of("code", *content(image), repr((starts, results)))
    match recall(key):
        case {"code": dict(rows), "registers": dict(registers), "size": int(size), "live": dict(live), "calls": calls}:
            code = _KnownLifter(image, rows, registers, size)
            return code, Liveness(code, starts, results=results, known=Analysis(_Live(live), *calls))
    code = Lifter(image)
    liveness = Liveness(code, starts, results=results)
    masks = {str(address): _ends(liveness.at(address)) for address in liveness.addresses}
    places = {name: code.register(name) for name in _names(image)}
    rows = {str(address): _row(code[address]) for address in liveness.addresses}
    calls = (liveness.indirect, sorted(liveness.after_calls))
    keep(key, {"code": rows, "registers": places, "size": code.register_file_size, "live": masks, "calls": calls})
    return code, liveness


def _names(image: Image) -> set[str]:
    """Return the names of the registers that are asked for each time."""
    arch = image.arch
    names = {arch.stack_pointer, arch.argument, arch.result, arch.interrupt_mask_register, *arch.identity_registers}
    return names | {name for name in (arch.link_register, arch.percpu_register, arch.task_register) if name}


class _KnownLifter(Lifter):
    def __init__(self, image: Image, rows: dict[str, str], registers: dict[str, Any], size: int) -> None:
        super().__init__(image)
        self._rows = rows
        self._registers, self._size = {name: Varnode(*place) for name, place in registers.items()}, size

    @property
    def register_file_size(self) -> int:
        return self._size

    def register(self, name: str) -> Varnode:
        return self._registers.get(name) or super().register(name)

    def _lift(self, address: int) -> Instruction:
        row = self._rows.get(str(address))
        return super()._lift(address) if row is None else _instruction(address, row)


class _Live(Mapping[int, int]):
    """The live bytes before each instruction, as bits of a number."""

    def __init__(self, rows: dict[str, list[int]]) -> None:
        self._rows = {int(address): row for address, row in rows.items()}

    def __getitem__(self, address: int) -> int:
        ends = self._rows[address]
        return sum((1 << stop) - (1 << start) for start, stop in zip(ends[::2], ends[1::2], strict=True))

    def __contains__(self, address: object) -> bool:
        return address in self._rows

    def __iter__(self) -> Iterator[int]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def _ends(mask: int) -> list[int]:
    """Return where each run of ones begins and ends."""
    changes = mask ^ mask << 1
    ends = []
    while changes:
        ends.append((changes & -changes).bit_length() - 1)
        changes &= changes - 1
    return ends


def _row(instruction: Instruction) -> str:
    # A text of its own: most are never asked for.
    return dumps([instruction.code.hex(), instruction.mnemonic, instruction.operands, instruction.ops])


def _instruction(address: int, row: str) -> Instruction:
    code, mnemonic, operands, rows = loads(row)
    ops = tuple(
        Op(opcode, None if output is None else Varnode(*output), tuple(Varnode(*node) for node in inputs), user)
        for opcode, output, inputs, user in rows
    )
    return Instruction(address, bytes.fromhex(code), mnemonic, operands, ops)
