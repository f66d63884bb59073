"""Code of a kernel as boot leaves it, of which only what runs is looked at."""

from collections.abc import Collection, Mapping
from typing import Any

from ctxrace.core.errors import ImageError
from ctxrace.kernel.image.task_struct import TaskStruct
from ctxrace.machine.discovery import Discovery
from ctxrace.machine.image import Image

__all__ = ["BootedImage", "after_boot"]


class BootedImage(Image):
    """Add to an image what its kernel says of tasks and of each CPU.

    task_struct: where its tasks have what; per_cpu: the addresses of per-CPU variables; refused: what says why an
    address must not be executed. entries: what contexts run, for messages. The other arguments are those of `Image`.
    """

    def __init__(
        self, *image: Any, task_struct: TaskStruct, per_cpu: tuple[range, ...], refused: Mapping[int, object]  # noqa: ANN401 - as `Image` has them
    ) -> None:
        super().__init__(*image)
        self.entries: tuple[str, ...] = ()
        self.names: Collection[str] = ()  # what the kernel has, or the objects
        self.harness: tuple[range, ...] = ()  # the addresses of what the user wrote
        self.task_struct, self.per_cpu = task_struct, per_cpu
        self.discovery = Discovery(self._function_start, dict(refused))

    def refuse(self, more: Mapping[int, object]) -> None:
        """Let also the addresses `more` not be executed; the values say why."""
        assert self.discovery is not None
        self.discovery.refused = {**self.discovery.refused, **more}

    def is_harness(self, address: int) -> bool:
        """Return whether `address` is of the harness, and not of the kernel."""
        return any(address in place for place in self.harness)

    def _function_start(self, address: int) -> int:
        found = self.function_at(address)
        return found.address if found is not None else address


def after_boot(data: bytes, address: int, patches: Mapping[int, bytes]) -> bytes:
    """Return `data`, which lies at `address`, with `patches`, the new bytes by address.

    Raises `ImageError` for one that ends behind `data`.
    """
    inside = [(at, new) for at, new in patches.items() if address <= at < address + len(data)]
    if not inside:
        return data
    changed = bytearray(data)
    for at, new in inside:
        if at + len(new) > address + len(data):
            raise ImageError(f"boot changes {len(new)} bytes at {at:#x}, where a section ends; is the file damaged?")
        changed[at - address : at - address + len(new)] = new
    return bytes(changed)
