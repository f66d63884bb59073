"""The evaluator's memory beside a CPU emulator: some code, and one data area that it may write."""

from typing import Literal

__all__ = ["Bus"]


class Bus:
    """`code` and `data` at their addresses. `undo` holds what the stores have overwritten."""

    def __init__(self, code_at: int, code: bytes, data_at: int, data: bytes, order: Literal["little", "big"]) -> None:
        self.code_at, self.code = code_at, code
        self.data_at, self.data = data_at, bytearray(data)
        self.undo: list[tuple[int, bytes]] = []
        self.monitor: int | None = None
        self._order = order

    def load(self, address: int, size: int) -> int:
        at = address - self.code_at
        if 0 <= at <= len(self.code) - size:
            return int.from_bytes(self.code[at : at + size], self._order)
        offset = self._offset(address, size)
        return int.from_bytes(self.data[offset : offset + size], self._order)

    def store(self, address: int, size: int, value: int) -> None:
        offset = self._offset(address, size)
        self.undo.append((offset, bytes(self.data[offset : offset + size])))
        self.data[offset : offset + size] = value.to_bytes(size, self._order)

    def arm_monitor(self, address: int, _size: int) -> None:
        self.monitor = address

    def pass_monitor(self, address: int) -> bool:
        passed, self.monitor = self.monitor == address, None
        return passed

    def clear_monitor(self) -> None:
        self.monitor = None

    def _offset(self, address: int, size: int) -> int:
        if not self.data_at <= address <= self.data_at + len(self.data) - size:
            raise IndexError(f"access to {address:#x}")
        return address - self.data_at
