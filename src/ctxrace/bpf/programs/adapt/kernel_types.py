"""The types of a kernel, from a file that has them, and those among them that a program may mean by one of its own."""

import re
from functools import cached_property
from pathlib import Path

from ctxrace.bpf.programs.elf.container import read_section
from ctxrace.core.errors import ImageError, ScenarioError
from ctxrace.machine.btf import MAGIC, Btf, TypeKind
from ctxrace.machine.inputs import contents

__all__ = ["KernelTypes", "essential", "kernel_types"]

MOST_BTF = 256 << 20  # bytes; a distribution's kernel has 6 MB
_FLAVOUR = re.compile(r"(.*[^_])___[^_]", re.DOTALL)
_ENUMS = (TypeKind.ENUM, TypeKind.ENUM64)


def essential(name: str) -> str:
    """Return a name without its flavour, which begins with three underscores: ``task_struct`` of ``task_struct___old``.

    Source: bpf_core_essential_name_len() in tools/lib/bpf/relo_core.c of Linux 7.0.
    """
    found = _FLAVOUR.match(name)
    return found[1] if found else name


def of_one_kind(first: TypeKind, second: TypeKind) -> bool:
    """Return whether two types are of one kind; enums of both widths are."""
    return first is second or (first in _ENUMS and second in _ENUMS)


class KernelTypes:
    """The types of the kernel in the file `path`."""

    def __init__(self, path: str, btf: Btf) -> None:
        self.path, self.btf = path, btf

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, name in self.btf.type_names():
            found.setdefault(essential(name), []).append(number)
        return found

    def candidates(self, name: str, kind: TypeKind) -> list[int]:
        """Return the types that a program may mean by its own type called `name`."""
        return [each for each in self._by_name.get(essential(name), ()) if of_one_kind(self.btf.kind(each), kind)]


def kernel_types(path: Path) -> KernelTypes:
    """Read the types from a kernel image, or from BTF itself, as /sys/kernel/btf/vmlinux has it.

    Raises `ScenarioError` where the file has none, or those of a module alone, which go on from those of the kernel.
    """
    data = read_section(path, ".BTF", ScenarioError)
    if data is None:
        data = contents(path, MOST_BTF, ScenarioError)
    elif not data:
        raise ScenarioError(f"{path} has no section .BTF; was the kernel built with CONFIG_DEBUG_INFO_BTF?")
    if not data.startswith(MAGIC.to_bytes(2, "little")):
        raise ScenarioError(
            f"{path} holds no kernel types: it is neither a kernel image nor BTF; name a vmlinux with a section .BTF, "
            "or a copy of /sys/kernel/btf/vmlinux"
        )
    try:
        found = Btf(data)
        if not found.string(0) == "":
            raise ImageError("its strings do not begin with an empty one")
    except ImageError as error:
        raise ScenarioError(f"{path}: {error}; the types of a module alone are not enough") from None
    return KernelTypes(str(path), found)
