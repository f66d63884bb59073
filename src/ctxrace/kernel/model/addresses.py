"""The addresses of what the model adds to an image: per-CPU areas, tasks, stacks.

They are far apart, so that no arithmetic slip leads from one into another.
"""

from ctxrace.core.errors import ImageError
from ctxrace.machine.flow import EXIT
from ctxrace.machine.image import Image

__all__ = ["GUARD_SIZE", "HIDDEN", "INTERRUPT_STACKS", "SHARED_STACK_SIZE", "SPAN", "STACK_SIZE", "STACK_TOP", "STRIDE",
           "TASKS", "percpu_area", "refuse_overlap"]  # fmt: skip

_PERCPU_AREA = 0xFFFF_0001_0000_0000  # of the first CPU
_PERCPU_STRIDE = 0x1000_1000
TASKS = 0xFFFF_0002_0000_0000
INTERRUPT_STACKS = 0xFFFF_0003_0000_0000
_OURS = range(_PERCPU_AREA, 0xFFFF_0004_0000_0000)

SPAN = 0x1_0000
"""One task's addresses, or one interrupt stack's."""
STRIDE = SPAN + 0x1040
"""How far apart tasks are: they differ in low bits, too, down to a cache line's, as slab objects do."""

STACK_TOP = 0xC000
STACK_SIZE = 0x4000
"""THREAD_SIZE and IRQ_STACK_SIZE of arm64."""
SHARED_STACK_SIZE = 0x400
GUARD_SIZE = 0x1000

HIDDEN = 0xDEAD_0000_0000_0100
"""What an interrupt finds in bpf_ctx, whatever is there: it may only save it and put it back."""


def percpu_area(cpu: int) -> int:
    """Return the address of the per-CPU area of number `cpu`."""
    return _PERCPU_AREA + cpu * _PERCPU_STRIDE


def refuse_overlap(image: Image) -> None:
    """Raise `ImageError` where a section of `image` lies at addresses of the model's own."""
    for section in image.sections:
        held = range(section.address, section.address + len(section.data))
        if held and (held.start < _OURS.stop and _OURS.start < held.stop or EXIT in held or HIDDEN in held):
            raise ImageError(
                f"section {section.name} of {image.name} lies at {section.address:#x}, where ctxrace puts tasks and "
                f"stacks; link it elsewhere, for example to {image.arch.text:#x}"
            )
