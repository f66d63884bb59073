"""An object as a loader adapts it to a kernel."""

from dataclasses import replace

from ctxrace.bpf.programs.adapt.kernel_types import KernelTypes
from ctxrace.bpf.programs.adapt.values import Change, change_of, spelled
from ctxrace.bpf.programs.elf.object import BpfObject
from ctxrace.bpf.programs.isa.instruction import FORMS, POISON, SIZE, Form, Instruction, Kind
from ctxrace.core.errors import ImageError

__all__ = ["adapted_to"]

_FARTHEST = (1 << 15) - 1  # SHRT_MAX
_CALL = FORMS[0x85]
_BY_SHAPE = {form: form for form in FORMS.values()}


def adapted_to(loaded: BpfObject, kernel: KernelTypes) -> BpfObject:
    """Return the object with its CO-RE relocations applied.

    An instruction whose relocation has no target becomes a call of a helper that does not exist, as libbpf makes it:
    the verifier refuses a program that may come to it. Raises `ImageError` where loaders refuse the whole object.
    """
    if loaded.btf is None:
        return replace(loaded, kernel_types=kernel.path)
    code = {section: dict(instructions) for section, instructions in loaded.code.items()}
    unresolved: dict[str, dict[int, str]] = {}
    try:
        for section, rows in loaded.adapted.items():
            for slot, relocation in rows.items():
                x = code.get(section, {}).get(slot)
                if x is None:
                    raise ImageError(f"{section}+{slot * SIZE:#x} has a CO-RE relocation and is no instruction")
                change = change_of(loaded.btf, relocation, kernel)
                code[section][slot] = adapted = _changed(x, change, f"{section}+{slot * SIZE:#x}")
                if adapted.imm == POISON and adapted.form is _CALL:
                    unresolved.setdefault(section, {})[slot] = spelled(loaded.btf, relocation)
    except ImageError as error:
        raise ImageError(f"{loaded.path}: {error}") from None
    return replace(loaded, code=code, adapted={}, unresolved=unresolved, kernel_types=kernel.path)


def _changed(x: Instruction, change: Change, where: str) -> Instruction:
    kind, after = x.form.kind, change.after
    if not change.resolved or (kind in (Kind.LOAD, Kind.STORE) and not change.accessible):
        return Instruction(x.index, _CALL, 0, 0, 0, POISON)
    if kind in (Kind.LOAD, Kind.STORE):
        _check(x.off, change, where)
        if after > _FARTHEST:
            raise ImageError(f"{where}: offset {after} does not fit into the instruction, and loaders refuse that")
        return replace(x, off=after, form=_resized(x.form, change.size, where))
    if kind is Kind.ALU and not x.form.register:
        _check(x.imm, change, where)
        return replace(x, imm=_signed(after))
    if kind is Kind.CONSTANT:
        _check(x.imm, change, where)
        return replace(x, imm=after & (1 << 64) - 1)
    raise ImageError(f"{where}: {x} has a CO-RE relocation, and has no room for what it brings")


def _check(held: int, change: Change, where: str) -> None:
    if change.before is not None and (held - change.before) % (1 << 32):
        raise ImageError(
            f"{where} holds {held}, and its CO-RE relocation says that it was compiled as {change.before}; the file is "
            "damaged"
        )


def _resized(form: Form, size: int, where: str) -> Form:
    if not size:
        return form
    found = _BY_SHAPE.get(form._replace(bits=8 * size))
    if found is None:
        raise ImageError(f"{where}: no load or store has {size} bytes")
    return found


def _signed(number: int) -> int:
    """Return the lowest 32 bits of a number with their sign, as an instruction's immediate is read."""
    number &= (1 << 32) - 1
    return number - (1 << 32) if number >> 31 else number
