"""Functions that a harness defines and nobody calls: most often a kernel function whose name is misspelled."""

from collections.abc import Container
from difflib import get_close_matches

from ctxrace.core.errors import ExecutionError, ScenarioError
from ctxrace.kernel.image.booted_image import BootedImage
from ctxrace.machine.image import Symbol
from ctxrace.machine.lift import Lifter

__all__ = ["refuse_uncalled"]

_PAGE = 0xFFF  # what adrp of arm64 leaves out of an address
_OWN = "ctxrace_"


def refuse_uncalled(image: BootedImage, known: Container[str]) -> None:
    """Raise `ScenarioError` for a function of the harness that replaces none, and that the harness does not use.

    known: the functions that the scenario names.
    """
    kernel = image.names
    mine = [symbol for symbol in image.all_symbols if symbol.kind == "function" and image.is_harness(symbol.address)]
    used = _used(image, mine)
    for symbol in mine:
        if symbol.name in known or symbol.name in kernel or symbol.name.startswith(_OWN) or used(symbol.address):
            continue
        close = get_close_matches(symbol.name, [name for name in kernel if name[:1] == symbol.name[:1]], 1)
        hint = f"; is {close[0]} meant?" if close else "; is the name spelled right?"
        raise ScenarioError(
            f"{image.name} defines {symbol.name}(), which neither the kernel nor the harness calls{hint}"
        )


class _Used:
    """The addresses that code and data of a harness name, and the pages of which arm64's adrp names one."""

    def __init__(self, exactly: frozenset[int], pages: frozenset[int]) -> None:
        self._exactly, self._pages = exactly, pages

    def __call__(self, address: int) -> bool:
        return address in self._exactly or address & ~_PAGE in self._pages


def _used(image: BootedImage, functions: list[Symbol]) -> _Used:
    lifter, exactly, pages = Lifter(image), set[int](), set[int]()
    for function in functions:
        at = function.address
        while at < function.address + function.size:
            try:
                instruction = lifter[at]
            except ExecutionError:  # padding, or data between functions
                break
            at = instruction.following
            values = {node.offset for op in instruction.ops for node in op.inputs if node.space in ("const", "ram")}
            exactly |= values - {function.address}  # that it calls itself says nothing
            pages |= values if instruction.mnemonic == "adrp" else set()
    for section in image.sections:
        if image.is_harness(section.address) and not section.executable:
            words = range(0, len(section.data) - 7, 8)
            exactly |= {int.from_bytes(section.data[word : word + 8], image.arch.byte_order) for word in words}
    return _Used(frozenset(exactly), frozenset(pages))
