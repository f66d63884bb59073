"""What was read of a file and found out of its code before is what is found out now."""

from pathlib import Path

import pytest

from ctxrace.core.errors import ImageError
from ctxrace.machine import image as images
from ctxrace.machine.arch import architecture
from ctxrace.machine.findings import store
from ctxrace.machine.findings.code import analysed
from ctxrace.machine.image import Image, load_image
from ctxrace.machine.lift import Lifter
from ctxrace.machine.liveness import Liveness
from ctxrace.machine.toolchain import compile_c, find_compiler

TEXT = """
struct pair { signed char a; union { struct { int x:3, y:5; }; long z; }; };
struct pair table[3]; int counter, *place = &counter; static long hidden __attribute__((section(".data.own")));
static inline __attribute__((always_inline)) void bump(int by) { counter += by; }
unsigned short width(int a, long b) { return a + b; }
void entry(void) { bump(2); hidden = width(counter, 3); table[1].y = counter; if (counter > 3) bump(5); }
"""
SCRIPT = """SECTIONS {
    . = 0xffff800080000000; .text : { *(.text*) } .rodata : { *(.rodata*) } .data : { *(.data*) *(.bss*) }
}"""
ARCHES = ("arm64", "arm64-be", "riscv64", "x86-64")


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory where findings are kept."""
    monkeypatch.delenv(store.OFF, raising=False)
    monkeypatch.setattr(store, "default_cache", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "findings"


def built(folder: Path, arch: str) -> Path:
    source = folder / "case.c"
    source.write_text(TEXT)
    target = architecture(arch)
    return compile_c(source, arch=target, compiler=find_compiler(None, target), linker_script=SCRIPT, cache=None).path


def said(image: Image) -> list[object]:
    """All that an image can be asked."""
    debug = image.debug
    start = min(section.address for section in image.sections)
    code = range(start, start + 0x200, 2)
    return [
        image.sections, image.all_symbols, image.symbols, dict(image.notes), image.bias, image.files,
        [(debug.line_at(address), debug.calls_at(address), debug.signature_at(address)) for address in code],
        [debug.variable_at(symbol.address) for symbol in image.all_symbols],
        debug.structs("pair"), [image.source(address) for address in code], image.place("table", 16, 1),
        image.parameters("width"), image.result_size("width"), image.is_signed("table", 0, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("arch", ARCHES)
def test_an_image_that_is_recalled_says_the_same(
    arch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, target = built(tmp_path, arch), architecture(arch)
    first = said(load_image(path, target))
    assert first[-4:] == ["table[1].a", 2, 2, True]
    with monkeypatch.context() as patch:
        patch.setattr(images, "loaded_sections", None)  # is not called
        assert said(load_image(path, target)) == first
    monkeypatch.setenv(store.OFF, "1")
    assert said(load_image(path, target)) == first


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("results", [False, True])
def test_code_that_is_recalled_is_the_same(arch: str, results: bool, tmp_path: Path) -> None:
    image = load_image(built(tmp_path, arch), architecture(arch))
    starts = [image.symbols["entry"].address]
    analysed(image, starts, results=results)
    known, live = analysed(image, starts, results=results)
    code = Lifter(image)
    fresh = Liveness(code, starts, results=results)
    assert type(known) is not Lifter
    assert live.addresses == fresh.addresses
    assert len(live.addresses) > 10
    assert [live.at(address) for address in live.addresses] == [fresh.at(address) for address in live.addresses]
    assert (live.indirect, live.after_calls, live.branches) == (fresh.indirect, fresh.after_calls, fresh.branches)
    assert live.branches
    assert [known[address] for address in live.addresses] == [code[address] for address in live.addresses]
    width = image.symbols["width"].address
    assert known[width] == code[width]
    assert known.register_file_size == code.register_file_size
    for name in (image.arch.stack_pointer, image.arch.result, image.arch.interrupt_mask_register):
        assert known.register(name) == code.register(name)
    first = code[starts[0]]
    assert [known.register_name(node) for op in first.ops for node in op.inputs] == [
        code.register_name(node) for op in first.ops for node in op.inputs
    ]


def test_other_entries_are_another_key(tmp_path: Path, kept: Path) -> None:
    image = load_image(built(tmp_path, "arm64"), architecture("arm64"))
    whole = analysed(image, [image.symbols["entry"].address], results=False)[1]
    part = analysed(image, [image.symbols["width"].address], results=False)[1]
    assert len(whole.addresses) > len(part.addresses) > 0
    assert len(list(kept.iterdir())) == 3  # and the image


def test_a_damaged_image_is_refused_each_time(tmp_path: Path, kept: Path) -> None:
    data = built(tmp_path, "arm64").read_bytes()
    path = tmp_path / "damaged.elf"
    path.write_bytes(data[: len(data) - 100])  # its section headers are cut
    for _ in range(2):
        with pytest.raises(ImageError, match="damaged"):
            load_image(path, architecture("arm64"))
    assert not kept.exists() or not list(kept.iterdir())


def test_a_large_image_is_not_kept(tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_KNOWN", 10)
    load_image(built(tmp_path, "arm64"), architecture("arm64"))
    assert not kept.exists()
