"""Machine code that an earlier run has lifted and analysed: instructions, registers, and which of them are read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
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
        case {"code": dict(known), "registers": dict(registers), "size": int(size), "live": dict(live), "rest": rest}:
            code = _KnownLifter(image, known, registers, size)
            return code, Liveness(code, starts, results=results, known=Analysis(_Live(live), dict(rest[0]), *rest[1:]))
    code = Lifter(image)
    liveness = Liveness(code, starts, results=results)
    masks = {str(address): _ends(liveness.at(address)) for address in liveness.addresses}
    places = {name: code.register(name) for name in _names(image)}
    known = _known(code[address] for address in liveness.addresses)
    rest = (sorted(liveness.branches.items()), liveness.indirect, sorted(liveness.after_calls))
    keep(key, {"code": known, "registers": places, "size": code.register_file_size, "live": masks, "rest": rest})
    return code, liveness


def _names(image: Image) -> set[str]:
    """Return the names of the registers that are asked for each time."""
    arch = image.arch
    names = {arch.stack_pointer, arch.argument, arch.result, arch.interrupt_mask_register, *arch.identity_registers}
    return names | {name for name in (arch.link_register, arch.percpu_register, arch.task_register) if name}


class _KnownLifter(Lifter):
    """Answer from what `_known` has returned; only what it does not have is lifted."""

    def __init__(self, image: Image, known: dict[str, Any], registers: dict[str, Any], size: int) -> None:
        super().__init__(image)
        self._rows = known["rows"]
        self._registers, self._size = {name: Varnode(*place) for name, place in registers.items()}, size
        self._nodes = [None, *(Varnode(*node) for node in known["nodes"])]
        self._ops = known["ops"]
        self._made: list[Op | None] = [None] * len(self._ops)

    @property
    def register_file_size(self) -> int:
        return self._size

    def register(self, name: str) -> Varnode:
        return self._registers.get(name) or super().register(name)

    def _lift(self, address: int) -> Instruction:
        row = self._rows.get(str(address))
        if row is None:
            return super()._lift(address)
        code, mnemonic, operands, numbers = row
        return Instruction(address, bytes.fromhex(code), mnemonic, operands, tuple(map(self._op, numbers)))

    def _op(self, number: int) -> Op:
        made = self._made[number]
        if made is None:
            opcode, output, inputs, user = self._ops[number]
            nodes: Any = self._nodes
            made = self._made[number] = Op(opcode, nodes[output], tuple(nodes[node] for node in inputs), user)
        return made


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


def _known(code: Iterable[Instruction]) -> dict[str, Any]:
    """Return instructions as lists: what they have in common, varnodes and operations, each once and by its number."""
    nodes: dict[Varnode | None, int] = {None: 0}
    ops: dict[Op, int] = {}
    rows = {
        str(address): [data.hex(), mnemonic, operands, [ops.setdefault(op, len(ops)) for op in parts]]
        for address, data, mnemonic, operands, parts in code
    }

    def number(node: Varnode | None) -> int:
        return nodes.setdefault(node, len(nodes))

    spelled = [[opcode, number(output), [*map(number, inputs)], user] for opcode, output, inputs, user in ops]
    return {"rows": rows, "ops": spelled, "nodes": [*nodes][1:]}
