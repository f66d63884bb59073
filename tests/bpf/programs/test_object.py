"""Objects as clang writes them: programs, maps, relocations, lines; and files that are none."""

import re
from pathlib import Path

import pytest

from ctxrace.bpf.programs.elf.maps import MapType
from ctxrace.bpf.programs.elf.object import Reference, Target, load_object
from ctxrace.core.errors import ImageError

from .compiled import compile_text, compiled
from .real_objects import table

HEADER = '#include "program.h"\n'


def test_programs_and_subprograms() -> None:
    loaded = load_object(compiled("shapes"))
    assert {(each.name, each.section) for each in loaded.programs} >= {
        ("in_loop", "raw_tp/loop"),
        ("in_subprogram", "raw_tp/call"),
        ("in_callback", "raw_tp/bpf_loop"),
    }
    assert {name for name, each in loaded.functions.items() if not each.program} == {"fill", "turn", "on_timer"}


def test_maps() -> None:
    maps = load_object(compiled("shapes")).maps
    records, tails = maps["records"], maps["tails"]
    assert (records.type, records.key_size, records.value_size, records.entries) == (MapType.PERCPU_ARRAY, 4, 64, 1)
    assert (tails.type, tails.programs) == (MapType.PROG_ARRAY, ("on_tail",))
    assert maps["events"].type is MapType.RINGBUF


def test_what_instructions_refer_to() -> None:
    loaded = load_object(compiled("guards", "-DBUSY_ATOMIC", "-mcpu=v3"))
    section = loaded.functions["first"].section
    found = [reference for _, reference in sorted(loaded.references[section].items())]
    assert Reference(Target.MAP, "buffers") in found
    assert {(each.target, each.name) for each in found if each.target is Target.DATA} == {(Target.DATA, ".bss")}


def test_lines() -> None:
    loaded = load_object(compiled("scratch"))
    function = loaded.functions["on_exec"]
    source = loaded.source(function.section, 10)
    assert (Path(source.file).name, source.line, source.text) == ("scratch.bpf.c", 23, "event->type = type;")


def test_a_variable_by_its_name() -> None:
    from ctxrace.bpf.programs.elf.object import variable_at

    loaded = load_object(compiled("guards", "-DNEST_PLAIN"))
    assert {variable_at(loaded, ".bss", offset, 4) for offset in (0, 4)} == {"busy", "level"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not an ELF file; name what clang -target bpf -c -g wrote"),
        (b"\x7fELF\x02\x01\x01" + bytes(11) + b"\xb7\x00" + bytes(60), "is no little-endian BPF object"),
        (b"\x7fELF\x02\x01\x01" + bytes(11) + b"\xf7\x00" + bytes(60), "there is no program in it"),
    ],
)
def test_what_is_no_object(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "file.o"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=re.escape(message)) as error:
        load_object(path)
    assert str(path) in str(error.value)


def test_an_object_without_programs() -> None:
    with pytest.raises(ImageError, match="there is no program in it"):
        load_object(compile_text(f"{HEADER}int helper(void) {{ return 1; }}"))


def test_maps_need_type_information() -> None:
    text = f"""{HEADER}
struct {{ __uint(type, ARRAY); __type(key, __u32); __type(value, __u32); __uint(max_entries, 1); }} m SEC(".maps");
SEC("raw_tp/x") int p(void *c) {{ __u32 k = 0; return !!bpf_map_lookup_elem(&m, &k); }}
"""
    with pytest.raises(ImageError, match=r"it has no section \.BTF; compile with -g"):
        load_object(compile_text(text, "-g0"))


def test_the_table_of_real_objects() -> None:
    """Of this folder's own examples: the one that is no object is named."""
    found = table([compiled("scratch"), compiled("shapes"), Path(__file__)])
    objects, programs, *_ = found.splitlines()
    assert objects == "objects: {'loaded': 2, 'refused': 1}"
    assert programs == "programs: {'followed': 13, 'not followed': 0}"
    assert "is not an ELF file" in found
