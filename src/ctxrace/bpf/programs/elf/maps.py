"""The maps of an object, as its BTF or an old-style section declares them."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from ctxrace.bpf.programs.elf.container import Container
from ctxrace.core.errors import ImageError
from ctxrace.machine.btf import Btf, Type, TypeKind

__all__ = ["Map", "MapType", "data_maps", "declared_maps", "legacy_maps"]


class MapType(StrEnum):
    """enum bpf_map_type in include/uapi/linux/bpf.h, Linux 7.0, in its order; and the sections of global data."""

    UNSPEC = "unspec"
    HASH = "hash"
    ARRAY = "array"
    PROG_ARRAY = "prog_array"
    PERF_EVENT_ARRAY = "perf_event_array"
    PERCPU_HASH = "percpu_hash"
    PERCPU_ARRAY = "percpu_array"
    STACK_TRACE = "stack_trace"
    CGROUP_ARRAY = "cgroup_array"
    LRU_HASH = "lru_hash"
    LRU_PERCPU_HASH = "lru_percpu_hash"
    LPM_TRIE = "lpm_trie"
    ARRAY_OF_MAPS = "array_of_maps"
    HASH_OF_MAPS = "hash_of_maps"
    DEVMAP = "devmap"
    SOCKMAP = "sockmap"
    CPUMAP = "cpumap"
    XSKMAP = "xskmap"
    SOCKHASH = "sockhash"
    CGROUP_STORAGE = "cgroup_storage"
    REUSEPORT_SOCKARRAY = "reuseport_sockarray"
    PERCPU_CGROUP_STORAGE = "percpu_cgroup_storage"
    QUEUE = "queue"
    STACK = "stack"
    SK_STORAGE = "sk_storage"
    DEVMAP_HASH = "devmap_hash"
    STRUCT_OPS = "struct_ops"
    RINGBUF = "ringbuf"
    INODE_STORAGE = "inode_storage"
    TASK_STORAGE = "task_storage"
    BLOOM_FILTER = "bloom_filter"
    USER_RINGBUF = "user_ringbuf"
    CGRP_STORAGE = "cgrp_storage"
    ARENA = "arena"
    INSN_ARRAY = "insn_array"
    DATA = "data"


_BY_NUMBER = list(MapType)[:-1]


@dataclass(frozen=True, slots=True)
class Map:
    """One map, or one section of global data.

    key_size, value_size: in bytes; entries: the most it holds. value: the BTF type of a value, 0 where unknown.
    inner: what a map of maps holds. initial: what global data begins as; programs: what a program array holds at first.
    read_only: whether programs cannot write it.
    """

    name: str
    type: MapType
    key_size: int = 0
    value_size: int = 0
    entries: int = 0
    value: int = 0
    inner: "Map | None" = None
    initial: bytes = b""
    programs: tuple[str, ...] = ()
    read_only: bool = False


def map_type(number: int, name: str) -> MapType:
    """Return the map type of a number. Raises `ImageError` for one that Linux 7.0 does not have."""
    if number >= len(_BY_NUMBER):
        raise ImageError(f"map {name} is of type {number}, which is not known; the known ones end at insn_array")
    return _BY_NUMBER[number]


def declared_maps(btf: Btf) -> Iterator[Map]:
    """Yield the maps that the section .maps declares."""
    for number in range(1, len(btf)):
        section = btf[number]
        if section.kind is TypeKind.DATASEC and section.name == ".maps":
            for entry in section.members:
                variable = btf[entry.type]
                yield _declared(btf, btf.resolve(variable.other), variable.name)


def _declared(btf: Btf, definition: Type, name: str, depth: int = 0) -> Map:
    """Read ``__uint(type, ...)``: a pointer to an array of so many elements; ``__type(key, T)``: a pointer to T."""
    found = Map(name, MapType.UNSPEC)
    for member in definition.members:
        if member.name == "values":
            pointer = btf.resolve(btf.resolve(member.type).other)
            inner = btf.resolve(pointer.other)
            if inner.kind is TypeKind.STRUCT and depth < 2:
                found = replace(found, inner=_declared(btf, inner, f"{name}.inner", depth + 1))
            continue
        target = btf.resolve(member.type).other
        number = btf.resolve(target).count
        match member.name:
            case "type":
                found = replace(found, type=map_type(number, name))
            case "key_size":
                found = replace(found, key_size=number)
            case "value_size":
                found = replace(found, value_size=number)
            case "max_entries":
                found = replace(found, entries=number)
            case "key":
                found = replace(found, key_size=btf.size(target))
            case "value":
                found = replace(found, value=target, value_size=btf.size(target))
            case _:
                pass
    return found


def legacy_maps(container: Container) -> Iterator[Map]:
    """Yield the maps of the old section ``maps``: a struct bpf_map_def of five numbers for each symbol."""
    for number, section in enumerate(container.sections):
        if section.name != "maps":
            continue
        for symbol in container.symbols:
            if symbol.section == number and symbol.name:
                if len(section.data) < symbol.value + 20:
                    raise ImageError(f"map {symbol.name} of section maps is shorter than struct bpf_map_def")
                kind, key, value, entries, _ = struct.unpack_from("<IIIII", section.data, symbol.value)
                yield Map(symbol.name, map_type(kind, symbol.name), key, value, entries)


_DATA = (".data", ".bss", ".rodata", ".kconfig")
_ARENA = ".addr_space."  # what clang calls the sections of variables in an arena


def data_maps(container: Container, btf: Btf | None) -> Iterator[Map]:
    """Yield the sections of global data, each a map of one element, as libbpf loads them."""
    numbers = range(1, len(btf)) if btf else ()
    types = {btf[n].name: n for n in numbers if btf and btf.kind(n) is TypeKind.DATASEC}
    for section in container.sections:
        if section.name.startswith(_ARENA):
            yield Map(section.name, MapType.ARENA)
        elif section.name.startswith(_DATA) and not section.executable and section.size:
            yield Map(
                section.name,
                MapType.DATA,
                4,
                section.size,
                1,
                types.get(section.name, 0),
                initial=section.data or bytes(min(section.size, 1 << 24)),
                read_only=section.name.startswith((".rodata", ".kconfig")),
            )
