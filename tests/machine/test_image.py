"""ELF images: bytes, symbols, source lines, names of places, and no traceback whatever the bytes are."""

import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.machine.linked import COMPILERS, SCRIPT

from ctxrace.core.errors import ImageError
from ctxrace.machine.arch.arm64 import ARM64
from ctxrace.machine.image import Image, load_image
from ctxrace.machine.layout import Layout, Member, spell
from ctxrace.machine.toolchain import Build, compile_c, find_compiler

CODE = """typedef unsigned char u8;
struct inner { int count; short pair[2]; };
struct stats {
	int hits; _Atomic int misses;
	union { u8 bytes[4]; unsigned word; } mixed;
	struct { int x, y; };
	unsigned low:3, high:5; unsigned alone:9;
	struct inner in; void *next; enum { A, B } kind;
};
struct tail { int length; struct inner items[]; };
u8 active[4]; const volatile int counter; static int hidden = 7, other;
struct stats stats; struct inner table[3]; int grid[2][3]; const char text[] = "abc";
union { u8 b; unsigned short h[2]; unsigned w; } mix;
struct tail tail = { 2, { { 1 }, { 2 } } };
__attribute__((section(".data..percpu"))) u8 percpu_active[4];
static int twice(int value)
{
	static int calls;
	calls++;
	return value * 2;
}
int enter(int value)
{
	active[1]++;
	hidden += value + other++;
	stats.misses = table[2].count;
	return twice(value) + grid[1][2] + percpu_active[0];
}
"""
PLACES = {
    ("active", 0, 1): "active[0]",
    ("active", 3, 1): "active[3]",
    ("active", 0, 4): "active",
    ("active", 0, 2): "active[0..1]",
    ("active", 2, 2): "active[2..3]",
    ("active", 4, 1): "active+4",
    ("active", -1, 1): "active-1",
    ("percpu_active", 2, 1): "percpu_active[2]",
    ("counter", 0, 4): "counter",
    ("counter", 2, 1): "counter+2:1",
    ("counter", 0, 1): "counter+0:1",
    ("hidden", 0, 4): "hidden",
    ("stats", 0, 4): "stats.hits",
    ("stats", 4, 4): "stats.misses",
    ("stats", 6, 1): "stats.misses+2:1",
    ("stats", 0, 8): "stats+0:8",
    ("stats", 8, 1): "stats.mixed.bytes[0]",
    ("stats", 8, 2): "stats.mixed.bytes[0..1]",
    ("stats", 8, 4): "stats.mixed",
    ("stats", 12, 4): "stats.x",
    ("stats", 16, 4): "stats.y",
    ("stats", 12, 8): "stats+12:8",
    ("stats", 20, 1): "stats+20:1",
    ("stats", 22, 1): "stats.alone",
    ("stats", 24, 4): "stats.in.count",
    ("stats", 30, 2): "stats.in.pair[1]",
    ("stats", 24, 8): "stats.in",
    ("stats", 32, 8): "stats.next",
    ("stats", 40, 4): "stats.kind",
    ("table", 16, 4): "table[2].count",
    ("table", 0, 24): "table",
    ("table", 8, 16): "table[1..2]",
    ("table", 12, 2): "table[1].pair[0]",
    ("grid", 20, 4): "grid[1][2]",
    ("grid", 12, 12): "grid[1]",
    ("grid", 12, 8): "grid[1][0..1]",
    ("text", 1, 1): "text[1]",
    ("mix", 0, 1): "mix.b",
    ("mix", 2, 2): "mix.h[1]",
    ("mix", 0, 4): "mix",
    ("mix", 1, 2): "mix.h+1:2",
    ("tail", 0, 4): "tail.length",
    ("tail", 12, 4): "tail.items[1].count",
    ("tail", 0, 20): "tail",
    ("enter", 8, 4): "enter+8",
    ("unknown", 0, 4): "unknown",
    ("unknown", 4, 4): "unknown+4",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("image")


@pytest.fixture
def build(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Build]:
    monkeypatch.chdir(shared)

    def run(cc: str | None = None, optimize: str = "-O2", text: str = CODE, name: str = "race.c") -> Build:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
        compiler = find_compiler(cc, ARM64, cache=shared)
        flags = ("-fno-inline",)
        return compile_c(
            Path(name),
            arch=ARM64,
            compiler=compiler,
            optimize=optimize,
            flags=flags,
            linker_script=SCRIPT,
            cache=shared,
        )

    return run


@pytest.fixture
def image(build: Callable[..., Build]) -> Image:
    return load_image(build().path, ARM64)


@pytest.mark.parametrize("cc", COMPILERS)
@pytest.mark.parametrize("optimize", ["-O0", "-O1", "-O2", "-O3"])
def test_places_and_lines(build: Callable[..., Build], cc: str | None, optimize: str) -> None:
    image = load_image(build(cc, optimize).path, ARM64)
    present = {key: told for key, told in PLACES.items() if key[0] in image.symbols or key[0] == "unknown"}
    assert {key: image.place(*key) for key in present} == present
    assert {"active", "stats", "table", "grid", "hidden", "percpu_active"} <= image.symbols.keys()

    enter = image.symbols["enter"]
    sources = [image.source(address) for address in range(enter.address, enter.address + enter.size, 4)]
    lines = CODE.split("\n")
    assert all(place is not None and place.file == "race.c" and 22 <= place.line <= 28 for place in sources)
    assert all(place is not None and place.text == lines[place.line - 1].strip() for place in sources)
    assert {24, 25, 26, 27} <= {place.line for place in sources if place is not None}
    assert image.source(enter.address - 0x100000) is None
    assert image.source(image.symbols["active"].address) is None


@pytest.mark.parametrize("cc", COMPILERS)
def test_static_in_a_function_has_its_name_in_c(build: Callable[..., Build], cc: str | None) -> None:
    image = load_image(build(cc).path, ARM64)
    (symbol,) = [symbol for symbol in image.all_symbols if "calls" in symbol.name]
    assert symbol.name in ("twice.calls", "calls.0")
    assert image.place(symbol.name, 0, 4) == image.place(symbol, 0, 4) == "calls"


@pytest.mark.parametrize("cc", COMPILERS)
def test_bit_fields(build: Callable[..., Build], cc: str | None) -> None:
    text = "struct { unsigned a:3, b:5; unsigned c:16; unsigned char d; } f; int g(void) { return f.a; }"
    image = load_image(build(cc, text=text, name="bits.c").path, ARM64)
    assert image.place("f", 0, 1) == "f+0:1"
    assert image.place("f", 1, 1) == image.place("f", 1, 2) == "f.c"
    assert image.place("f", 3, 1) == "f.d"
    assert image.place("f", 0, 4) == "f"


def test_spell_prefers_the_first_member_that_fits() -> None:
    byte, word = Layout(1), Layout(4)
    union = Layout(4, members=(Member("w", 0, word), Member("b", 0, Layout(4, element=byte, count=4))))
    assert spell("u", union, 1, 1) == "u.b[1]"
    assert spell("u", union, 1, 2) == "u.b[1..2]"
    record = Layout(8, members=(Member("only", 4, word, (0, 3)),))
    assert spell("r", record, 4, 4) == "r.only"
    assert spell("r", record, 0, 4) == "r+0:4"
    assert spell("z", Layout(0, element=Layout(0), count=None), 4, 4) == "z+4:4"


def test_sections_and_reading(image: Image) -> None:
    text, bss = image.section(".text"), image.section(".bss")
    assert text is not None and text.executable and not text.writable and text.address == 0xFFFF800080000000
    assert bss is not None and bss.writable and not any(bss.data)
    assert image.section(".debug_info") is None and image.section(".comment") is None
    assert image.read(image.symbols["text"].address, 4) == b"abc\0"
    assert image.read(image.symbols["hidden"].address, 4) == struct.pack("<i", 7)
    assert image.read(image.symbols["active"].address, 4) == bytes(4)
    assert image.read(bss.address + len(bss.data) - 1, 2) is None
    assert image.read(0, 1) is None and image.read(text.address, -1) is None
    assert image.read(text.address, len(text.data)) == text.data
    assert (image.arch, image.path.suffix) == (ARM64, ".elf")


def test_symbols_by_address(image: Image) -> None:
    enter, active = image.symbols["enter"], image.symbols["active"]
    assert (enter.kind, active.kind, active.size) == ("function", "object", 4)
    assert image.function_at(enter.address + enter.size - 4) == enter
    assert image.function_at(active.address) is None
    assert image.object_at(active.address + 3) == active
    assert image.object_at(enter.address) is None
    assert image.function_at(0) is None and image.object_at((1 << 64) - 1) is None
    assert not any(name.startswith("$") for name in image.symbols)


def test_assembler_functions_reach_to_the_next_symbol(build: Callable[..., Build]) -> None:
    text = ".globl a, b\na: nop\nnop\nb: nop\n.data\n.globl v\nv: .word 1\n"
    image = load_image(build(text=text, name="low.S").path, ARM64)
    assert (image.symbols["a"].size, image.symbols["b"].size) == (8, 4)
    assert image.function_at(image.symbols["a"].address + 4) == image.symbols["a"]
    assert image.symbols["v"].kind == "object"
    place = image.source(image.symbols["b"].address)
    assert place is not None and (place.file, place.line, place.text) == ("low.S", 4, "b: nop")


def test_merged_statics_keep_their_names(build: Callable[..., Build]) -> None:
    # clang -O3 merges small static variables and describes them as an offset into the merged one
    text = "static int a1, a2; int f(void) { a1++; a2 += a1; return a1; }"
    image = load_image(build(optimize="-O3", text=text, name="merged.c").path, ARM64)
    assert image.place("a2", 0, 4) == "a2"
    assert image.place("a2", 1, 1) == "a2+1:1"
    assert image.object_at(image.symbols["a2"].address) == image.symbols["a2"]


def test_source_paths(
    build: Callable[..., Build], shared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = '#include "deep/h.h"\nint f(int *p)\n{\n\treturn g(p);\n}\n'
    (shared / "sub/deep").mkdir(parents=True, exist_ok=True)
    (shared / "sub/deep/h.h").write_text("static inline __attribute__((always_inline)) int g(int *p)\n{ return *p; }\n")

    def files(path: Path) -> set[tuple[str, bool]]:
        image = load_image(path, ARM64)
        function = image.symbols["f"]
        places = [image.source(address) for address in range(function.address, function.address + function.size, 4)]
        return {(place.file, bool(place.text)) for place in places if place is not None}

    relative = build(text=text, name="sub/a.c").path
    absolute = build(text=text, name=str(shared / "sub/b.c")).path
    outside = build(text="int f(void) { return 0; }", name=str(tmp_path / "out/o.c")).path
    assert files(outside) == {("o.c", True)}
    assert files(relative) == {("sub/a.c", True), ("sub/deep/h.h", True)}
    assert files(absolute) == {("sub/b.c", True), ("sub/deep/h.h", True)}
    monkeypatch.chdir(tmp_path)
    assert files(relative) == {("sub/a.c", True), ("sub/deep/h.h", True)}
    assert files(outside) == {("out/o.c", True)}
    (shared / "sub/a.c").unlink()
    (shared / "sub/deep/h.h").write_bytes(b"\0binary")
    assert files(relative) == {("sub/a.c", False), ("sub/deep/h.h", False)}


INLINE = "static inline __attribute__((always_inline)) int"
KIT = {
    "kit/deep/low.h": f"""{INLINE} low_load(volatile int *p)
{{
	return *p;
}}
{INLINE} low_add(volatile int *p, int n)
{{
	*p += n; return low_load(p);
}}
static inline __attribute__((noinline, used)) int low_call(volatile int *p)
{{
	return low_add(p, 3);
}}
""",
    "kit/high.h": f"""#include "deep/low.h"
#define HIGH_SET(p, n) (*(p) = (n))
{INLINE} high_bump(volatile int *p)
{{
	if (low_load(p) > 100)
		HIGH_SET(p, 0);
	return low_add(p, 1) + low_add(p, 2);
}}
""",
    "mine.h": f"{INLINE} mine(volatile int *p) {{ return low_add(p, 5); }}\n",
}
CALLER = """#include "kit/high.h"
#include "mine.h"
volatile int counter;
int enter(int n)
{
	if (n)
		return high_bump(&counter);
	HIGH_SET(&counter, 9);
	n += mine(&counter);
	return n + low_call(&counter);
}
"""


@pytest.fixture
def lines_of(build: Callable[..., Build], shared: Path) -> Callable[..., set[tuple[str, int]]]:
    """Build a file that uses inline functions of a kit of headers; tell where a function's instructions come from."""

    def run(function: str, cc: str | None, optimize: str, *headers: str) -> set[tuple[str, int]]:
        for name, text in KIT.items():
            (shared / name).parent.mkdir(parents=True, exist_ok=True)
            (shared / name).write_text(text)
        path = build(cc, optimize, CALLER, "caller.c").path
        image = load_image(path, ARM64, headers=tuple(shared / header for header in headers))
        code = image.symbols[function]
        places = [image.source(address) for address in range(code.address, code.address + code.size, 4)]
        for place in places:
            assert place is not None
            assert place.text == Path(place.file).read_text().split("\n")[place.line - 1].strip()
        return {(place.file, place.line) for place in places if place is not None}

    return run


@pytest.mark.parametrize("cc", COMPILERS)
@pytest.mark.parametrize("optimize", ["-O0", "-O1", "-O2", "-O3", "-Os"])
def test_inline_functions_of_headers_are_shown_where_they_are_called(
    lines_of: Callable[..., set[tuple[str, int]]], cc: str | None, optimize: str
) -> None:
    inside = lines_of("enter", cc, optimize)
    assert {("kit/deep/low.h", 3), ("kit/deep/low.h", 7), ("caller.c", 8)} <= inside

    # Out of nested calls, out of macros, and no further than the first line of the user's own.
    seen = lines_of("enter", cc, optimize, "kit")
    assert {file for file, _ in seen} == {"caller.c", "mine.h"}
    assert {("caller.c", 7), ("caller.c", 8), ("mine.h", 1)} <= seen

    part = lines_of("enter", cc, optimize, "kit/deep")
    assert {file for file, _ in part} == {"caller.c", "mine.h", "kit/high.h"}
    assert {("kit/high.h", 5), ("kit/high.h", 7)} <= part
    both = lines_of("enter", cc, optimize, "kit/deep", "elsewhere/../kit")
    assert both == seen


@pytest.mark.parametrize("cc", COMPILERS)
@pytest.mark.parametrize("optimize", ["-O0", "-O2"])
def test_a_function_of_a_header_that_is_really_called_keeps_its_own_lines(
    lines_of: Callable[..., set[tuple[str, int]]], cc: str | None, optimize: str
) -> None:
    plain = lines_of("low_call", cc, optimize)
    assert {("kit/deep/low.h", 3), ("kit/deep/low.h", 7)} <= plain
    assert lines_of("low_call", cc, optimize, "kit") == plain


@pytest.mark.parametrize("cc", COMPILERS)
@pytest.mark.parametrize("version", ["-gdwarf-4", "-gdwarf-5"])
def test_call_sites_of_code_in_several_pieces(shared: Path, cc: str | None, version: str) -> None:
    for name, text in KIT.items():
        (shared / name).parent.mkdir(parents=True, exist_ok=True)
        (shared / name).write_text(text)
    (shared / "pieces.c").write_text(
        CALLER.replace("if (n)", "for (int i = 0; i < n; i++) mine(&counter);\n\tif (__builtin_expect(n == 7, 0))")
    )
    compiler = find_compiler(cc, ARM64, cache=shared)
    built = compile_c(
        shared / "pieces.c", arch=ARM64, compiler=compiler, optimize="-O3", flags=(version,), linker_script=SCRIPT,
        cache=shared,
    )  # fmt: skip
    image = load_image(built.path, ARM64, headers=(shared / "kit",))
    code = image.symbols["enter"]
    places = [image.source(address) for address in range(code.address, code.address + code.size, 4)]
    assert {place.file for place in places if place is not None} == {"pieces.c", "mine.h"}
    assert {8, 9, 11} <= {place.line for place in places if place is not None and place.file == "pieces.c"}


def test_without_debug_information(build: Callable[..., Build], tmp_path: Path) -> None:
    data = build().path.read_bytes().replace(b".debug_info", b".xebug_info").replace(b".debug_line\0", b".xebug_line\0")
    stripped = tmp_path / "stripped.elf"
    stripped.write_bytes(data)
    image = load_image(stripped, ARM64)
    assert image.source(image.symbols["enter"].address) is None
    assert image.place("active", 0, 4) == image.place("active", 0, 1) == "active"
    assert image.place("active", 1, 1) == "active+1"


# Errors


@pytest.mark.parametrize(
    ("patch", "told"),
    [
        ({0: b"\0"}, r"is not an ELF file \(it starts with 00 45 4c 46\)"),
        ({4: b"\1"}, "is 32 bit code; arm64 is 64 bit"),
        ({5: b"\2"}, "is big-endian; arm64 is little-endian"),
        ({18: b"\x3e\0"}, r"is code for EM_X86_64, not for arm64 \(EM_AARCH64\)"),
        ({18: b"\xee\xee"}, r"is code for machine 61166, not for arm64"),
        ({16: b"\1\0"}, "is a relocatable object: it must be linked first"),
        ({16: b"\4\0"}, r"is neither an executable nor a shared object \(ELF type 4\)"),
        ({40: b"\xff" * 8}, "is damaged: its sections or symbols cannot be read"),
    ],
)
def test_headers_that_are_refused(
    build: Callable[..., Build], tmp_path: Path, patch: dict[int, bytes], told: str
) -> None:
    data = bytearray(build().path.read_bytes())
    for offset, replacement in patch.items():
        data[offset : offset + len(replacement)] = replacement
    (tmp_path / "bad.elf").write_bytes(data)
    with pytest.raises(ImageError, match=rf"bad\.elf {told}"):
        load_image(tmp_path / "bad.elf", ARM64)


def test_files_that_are_refused(tmp_path: Path) -> None:
    for content, told in ((b"", "it starts with nothing"), (b"int", "is not an ELF"), (b"\x7fELF", "is truncated: 4")):
        (tmp_path / "f").write_bytes(content)
        with pytest.raises(ImageError, match=told):
            load_image(tmp_path / "f", ARM64)
    for path in (tmp_path / "gone", tmp_path, Path("nul\0")):
        with pytest.raises(ImageError, match=r"cannot read|no file .*gone|is a directory"):
            load_image(path, ARM64)


def ask_everything(path: Path) -> None:
    """Load an image and ask all it can be asked; only `ImageError` may come out."""
    try:
        image = load_image(path, ARM64, headers=(path.parent, Path("/")))
    except ImageError:
        return
    for question in (
        lambda: [image.source(address) for address in range(0xFFFF800080000000, 0xFFFF800080000100, 4)],
        lambda: [image.place(symbol, offset, 1) for symbol in image.all_symbols for offset in range(0, 48, 5)],
        lambda: [image.object_at(symbol.address) or image.function_at(symbol.address) for symbol in image.all_symbols],
        lambda: image.read(0xFFFF800080000000, 16),
    ):
        try:
            question()
        except ImageError as error:
            assert "is damaged" in str(error)


@pytest.fixture(scope="module")
def pristine(shared: Path) -> dict[str | None, bytes]:
    """One image for each compiler at hand, without the padding that no reader looks at."""
    found: dict[str | None, bytes] = {}
    inline = f"{INLINE} inner(int n) {{ other += n; return n * 3; }} {INLINE} outer(int n) {{ return inner(n) + n; }}"
    (shared / "fuzz.c").write_text(f"{CODE}{inline}\nint called(int n) {{ return outer(n) + inner(4); }}\n")
    for cc in (None, "clang", ARM64.gcc[0]):
        if cc is None or shutil.which(cc):
            script = SCRIPT.replace("4096", "64")
            compiler = find_compiler(cc, ARM64, cache=shared)
            built = compile_c(
                shared / "fuzz.c", arch=ARM64, compiler=compiler, linker_script=script, cache=shared, include=[]
            )
            found[cc] = built.path.read_bytes()
    return found


QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.mark.parametrize("cc", COMPILERS)
@QUICK
@given(data=st.data())
def test_truncated_images(
    pristine: dict[str | None, bytes], tmp_path: Path, cc: str | None, data: st.DataObject
) -> None:
    whole = pristine[cc]
    (tmp_path / "f").write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    ask_everything(tmp_path / "f")


@pytest.mark.parametrize("cc", COMPILERS)
@QUICK
@given(data=st.data())
def test_flipped_bytes(pristine: dict[str | None, bytes], tmp_path: Path, cc: str | None, data: st.DataObject) -> None:
    flipped = bytearray(pristine[cc])
    places = [index for index, byte in enumerate(flipped) if byte]
    for _ in range(data.draw(st.integers(1, 4))):
        flipped[data.draw(st.sampled_from(places))] = data.draw(st.integers(0, 255))
    (tmp_path / "f").write_bytes(flipped)
    ask_everything(tmp_path / "f")


def test_an_image_goes_to_another_process(image: Image) -> None:
    for _ in range(2):  # before its debug information was read, and after that
        again = pickle.loads(pickle.dumps(image))
        for address in (image.symbols["enter"].address, image.symbols["stats"].address):
            assert again.source(address) == image.source(address)
            assert again.debug.variable_at(address) == image.debug.variable_at(address)
    assert image.source(image.symbols["enter"].address) is not None
