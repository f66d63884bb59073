"""An image is not where the model puts tasks, stacks and per-CPU areas."""

from types import SimpleNamespace

import pytest

from ctxrace.core.errors import ImageError
from ctxrace.kernel.model.addresses import INTERRUPT_STACKS, TASKS, percpu_area, refuse_overlap
from ctxrace.machine.arch import architecture
from ctxrace.machine.elf.sections import Section
from ctxrace.machine.flow import EXIT


@pytest.mark.parametrize(
    ("address", "size", "free"),
    [
        (0xFFFF_8000_8000_0000, 16, True),
        (percpu_area(0) - 16, 16, True),
        (percpu_area(0) - 16, 17, False),
        (percpu_area(7), 1, False),
        (TASKS, 0, True),
        (TASKS, 8, False),
        (INTERRUPT_STACKS + 0x8000, 8, False),
        (EXIT - 4, 8, False),
        (EXIT + 1, 8, True),
    ],
)
def test_an_image_at_addresses_of_the_model_is_refused(address: int, size: int, *, free: bool) -> None:
    sections = (Section(".data", address, bytes(size), writable=True, executable=False),)
    image = SimpleNamespace(name="x.elf", sections=sections, arch=architecture("arm64"))
    if free:
        refuse_overlap(image)  # type: ignore[arg-type]
        return
    with pytest.raises(ImageError, match=rf"section \.data of x\.elf lies at {address:#x}, where ctxrace puts tasks"):
        refuse_overlap(image)  # type: ignore[arg-type]
