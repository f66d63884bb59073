"""C in, a linked executable out: flags, errors, and the cache."""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.machine.linked import COMPILERS, SCRIPT

from ctxrace.core.errors import ImageError, ToolchainError
from ctxrace.machine import toolchain
from ctxrace.machine.arch.arm64 import ARM64
from ctxrace.machine.build.process import Processes
from ctxrace.machine.image import load_image
from ctxrace.machine.toolchain import Build, Compiler, compile_c, default_cache, find_compiler, link_object


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def bundled(shared: Path) -> Compiler:
    return find_compiler(None, ARM64, cache=shared)


@pytest.fixture
def build(shared: Path, bundled: Compiler) -> Callable[..., Build]:
    def run(text: str | bytes, name: str = "race.c", **options: Any) -> Build:  # noqa: ANN401
        Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
        given = {"arch": ARM64, "compiler": bundled, "linker_script": SCRIPT, "cache": shared, **options}
        return compile_c(Path(name), **given)

    return run


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Every program that ctxrace starts from here on."""
    real, commands = Processes.run, []

    def run(self: Processes, command: Sequence[str], what: str, **options: Any) -> tuple[int, str]:  # noqa: ANN401
        commands.append(list(command))
        return real(self, command, what, **options)

    monkeypatch.setattr(Processes, "run", run)
    return commands


@pytest.mark.parametrize("cc", COMPILERS)
@pytest.mark.parametrize("optimize", ["-O0", "-O2", "-O3", "-Os"])
@pytest.mark.usefixtures("project")
def test_every_compiler_links_at_every_level(build: Callable[..., Build], shared: Path, cc: str, optimize: str) -> None:
    compiler = find_compiler(cc, ARM64, cache=shared)
    built = build(
        "static int n; int f(void) { return __atomic_add_fetch(&n, 1, 5); }", compiler=compiler, optimize=optimize
    )
    image = load_image(built.path, ARM64)
    assert built.messages == ""
    assert built.optimize == optimize
    assert image.symbols["f"].address == 0xFFFF800080000000
    assert image.symbols["n"].kind == "object"


@pytest.mark.parametrize("cc", COMPILERS)
def test_description_names_the_version(shared: Path, cc: str | None) -> None:
    compiler = find_compiler(cc, ARM64, cache=shared)
    name, _, number = compiler.description.removesuffix(" (zig)").partition(" ")
    assert compiler.family == {None: "zig", "clang": "clang"}.get(cc, "gcc")
    assert name == ("gcc" if compiler.family == "gcc" else "clang")
    assert number[0].isdigit()


@pytest.mark.usefixtures("project")
def test_zig_keeps_the_optimisation_level(build: Callable[..., Build]) -> None:
    # `zig cc -O3` and `-O1` are -O2 and define NDEBUG.
    text = """#ifdef NDEBUG
#error
#endif
int a[64]; int f(void) { int s = 0; for (int i = 0; i < 64; i++) s += a[i] * i; return s; }
"""
    sizes = [load_image(build(text, optimize=level).path, ARM64).symbols["f"].size for level in ("-O1", "-O2", "-O3")]
    assert len(set(sizes)) > 1, sizes


@pytest.mark.usefixtures("project")
def test_flags_of_cc_and_of_the_user_win(build: Callable[..., Build]) -> None:
    assert build("int f(void) { return 0; }", flags=["-O1", "-DX=1"]).optimize == "-O1"
    assert toolchain._split("ccache clang-19 -O3 -DX='a b'") == (("ccache", "clang-19"), ("-O3", "-DX=a b"))


@pytest.mark.usefixtures("project")
def test_assembler_and_freestanding_headers(build: Callable[..., Build]) -> None:
    code = ".globl f\nf: nop\nret\n"
    for name in ("low.S", "low.s"):
        built = build(code, name)
        assert built.messages == ""
        assert load_image(built.path, ARM64).symbols["f"].size == 8
    build("#include <stdint.h>\n#include <stdatomic.h>\n#include <stdbool.h>\n#include <stddef.h>\nuint8_t v;")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.c", b"", "is empty; write"),
        ("a.c", b" \n\t\n", "is empty; write"),
        ("a.c", b"int a;\0", "NUL byte at offset 6"),
        ("a.c", b"\x7fELF\2\1\1", "is an ELF image, not C; rename it to end in .elf"),
        ("vmlinux", b"\x7fELF\2\1\1", "is an ELF image, not C; leave out cc and optimize"),
        ("a.cpp", b"int a;", "must end in one of .c .i .S .s; rename it"),
    ],
)
@pytest.mark.usefixtures("project")
def test_what_is_not_c_is_refused(build: Callable[..., Build], name: str, content: bytes, told: str) -> None:
    with pytest.raises(ToolchainError, match=told.replace("(", r"\(")):
        build(content, name)


@pytest.mark.usefixtures("project")
def test_missing_directory_unreadable(bundled: Compiler, shared: Path) -> None:
    def compile_path(path: Path) -> None:
        compile_c(path, arch=ARM64, compiler=bundled, linker_script=SCRIPT, cache=shared)

    with pytest.raises(ToolchainError, match=r"no file gone\.c; is the name spelled right"):
        compile_path(Path("gone.c"))
    Path("dir.c").mkdir()
    with pytest.raises(ToolchainError, match=r"dir\.c is a directory; name a file in it"):
        compile_path(Path("dir.c"))
    with pytest.raises(ToolchainError, match="cannot read"):
        compile_path(Path("nul\0.c"))
    Path("secret.c").write_text("int a;")
    Path("secret.c").chmod(0)
    if os.geteuid():  # root may read everything
        with pytest.raises(ToolchainError, match=r"cannot read secret\.c: Permission denied"):
            compile_path(Path("secret.c"))


@pytest.mark.parametrize("cc", COMPILERS)
@pytest.mark.usefixtures("project")
def test_compile_error_shows_the_compilers_own_words(build: Callable[..., Build], shared: Path, cc: str | None) -> None:
    compiler = find_compiler(cc, ARM64, cache=shared)
    with pytest.raises(ToolchainError) as caught:
        build("int f(void) { return oops; }", compiler=compiler)
    assert str(caught.value) == f"race.c does not compile with {compiler.description} (exit status 1)"
    assert "race.c:1:" in caught.value.output
    assert "oops" in caught.value.output


@pytest.mark.parametrize("cc", COMPILERS)
@pytest.mark.usefixtures("project")
def test_undefined_names_are_listed_with_places(build: Callable[..., Build], shared: Path, cc: str | None) -> None:
    text = "extern int gone; int call(int);\nint f(void) {\n return gone; }\nint g(void) {\n return call(1) + 1; }\n"
    with pytest.raises(ToolchainError) as caught:
        build(text, compiler=find_compiler(cc, ARM64, cache=shared))
    told = str(caught.value)
    assert "gone (referenced by race.c:3 in f)" in told
    assert "call (referenced by race.c:5 in g)" in told
    assert told.endswith("define them in race.c")
    assert "undefined symbol: gone" in caught.value.output


@pytest.mark.usefixtures("project")
def test_undefined_builtin_is_explained(build: Callable[..., Build]) -> None:
    text = "struct s { int a[99]; }; void f(struct s *a, struct s *b) { *a = *b; }"
    with pytest.raises(ToolchainError, match=r"memcpy \(referenced by .*define it in race\.c \(compilers call memcpy"):
        build(text)


@pytest.mark.parametrize(
    ("cc", "told"),
    [
        ("no-such-cc -O2", r"no compiler 'no-such-cc' in PATH; install it .*or leave out cc"),
        ("", "cc is empty"),
        ("'clang", "is not a command line"),
        ("true", "is neither clang nor gcc"),
        ("false", r"false --version fails \(exit status 1\)"),
    ],
)
def test_unusable_compilers(shared: Path, cc: str, told: str) -> None:
    with pytest.raises(ToolchainError, match=told):
        find_compiler(cc, ARM64, cache=shared)


def test_gcc_for_another_machine(shared: Path, tmp_path: Path) -> None:
    fake = tmp_path / "riscv-gcc"
    answer = (
        '#!/bin/sh\n[ "$1" = -dumpmachine ] && echo riscv64-linux-gnu || echo "g (D) 12.2.0 Free Software Foundation"\n'
    )
    fake.write_text(answer)
    fake.chmod(0o755)
    with pytest.raises(ToolchainError, match=rf"compiles for riscv64-linux-gnu, not for arm64; use {ARM64.gcc[0]}"):
        find_compiler(str(fake), ARM64, cache=shared)
    fake.write_text(answer.replace("riscv64", "aarch64") + "# changed, so asked again\n")
    assert find_compiler(str(fake), ARM64, cache=shared).description == "gcc 12.2.0"


def test_zig_itself_is_refused(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zig").write_text("#!/bin/sh\n")
    (tmp_path / "zig").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match=r"zig cc.* changes optimisation levels; leave it out"):
        find_compiler("zig cc", ARM64, cache=shared)


# Object files


@pytest.mark.usefixtures("project")
def test_objects_are_linked(bundled: Compiler, shared: Path, started: list[list[str]]) -> None:
    Path("a.c").write_text("int other(void); int f(void) { return other(); }")
    Path("b.c").write_text("int n; int f(void) { return n; }")
    for name in ("a", "b"):
        subprocess.run([*bundled.command, "-c", f"{name}.c", "-o", f"{name}.o"], check=True)
    first = link_object(Path("b.o"), ARM64, SCRIPT, shared)
    started.clear()
    assert link_object(Path("b.o"), ARM64, SCRIPT, shared) == first
    assert started == []
    assert "f" in load_image(first.path, ARM64).symbols
    assert (first.compiler, first.optimize) == (None, "")
    with pytest.raises(ToolchainError, match=r"a\.o uses functions or variables that nothing defines: other"):
        link_object(Path("a.o"), ARM64, SCRIPT, shared)
    with pytest.raises(ImageError, match="not a relocatable object"):
        link_object(first.path, ARM64, SCRIPT, shared)
    Path("bad.o").write_bytes(Path("b.o").read_bytes()[:200])
    with pytest.raises(ToolchainError, match=r"bad\.o does not link"):
        link_object(Path("bad.o"), ARM64, SCRIPT, shared)
    with pytest.raises(ToolchainError, match=r"no file gone\.o"):
        link_object(Path("gone.o"), ARM64, SCRIPT, shared)


# The cache

WARNS = '#include "h.h"\n#warning seen\nint f(void) { return H; }\n'


@pytest.mark.parametrize("cc", COMPILERS)
@pytest.mark.usefixtures("project")
def test_second_time_starts_nothing_and_repeats_warnings(
    build: Callable[..., Build], tmp_path: Path, started: list[list[str]], cc: str | None
) -> None:
    Path("h.h").write_text("#define H 1\n")
    cache = tmp_path / "cache"
    first = build(WARNS, compiler=find_compiler(cc, ARM64, cache=cache), cache=cache)
    assert "seen" in first.messages
    assert started
    started.clear()
    assert build(WARNS, compiler=find_compiler(cc, ARM64, cache=cache), cache=cache) == first
    assert started == []
    assert not list(cache.glob("build-*")) + list(cache.glob("new-*"))


@pytest.mark.usefixtures("project")
def test_whatever_changes_builds_again(build: Callable[..., Build], started: list[list[str]]) -> None:
    include = Path("my include")
    include.mkdir()
    header = include / "h #$1.h"
    header.write_text("#define H 1\n")
    text = '#include "h #$1.h"\nint f(void) { return H; }\n'

    def again(**options: Any) -> bool:  # noqa: ANN401
        started.clear()
        build(options.pop("text", text), **{"include": [include], **options})
        return bool(started)

    assert again()
    assert not again()
    header.write_text("#define H 2\n")
    assert again()
    assert not again()
    assert again(optimize="-O1")
    assert again(flags=["-DX"])
    assert again(linker_script=SCRIPT + "\n")
    assert again(text=text + "int more;")
    assert not again()
    header.unlink()
    with pytest.raises(ToolchainError, match="does not compile"):
        again()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"executable": "x"}', b'"\xff"', b"[" * 100_000])
@pytest.mark.usefixtures("project")
def test_damaged_cache_is_a_miss(build: Callable[..., Build], tmp_path: Path, damage: bytes) -> None:
    cache = tmp_path / "cache"
    first = build("int f(void) { return 1; }", cache=cache, compiler=find_compiler(None, ARM64, cache=cache))
    for file in cache.glob("*.json"):
        file.write_bytes(damage)
    find_compiler(None, ARM64, cache=cache)
    assert build("int f(void) { return 1; }", cache=cache) == first
    first.path.write_bytes(first.path.read_bytes()[:100])
    assert build("int f(void) { return 1; }", cache=cache) == first
    assert len(first.path.read_bytes()) > 100
    (manifest,) = [file for file in cache.glob("*.json") if b"executable" in file.read_bytes()]
    record = json.loads(manifest.read_bytes()) | {"dependencies": [["x"], 3]}
    manifest.write_text(json.dumps(record))
    assert build("int f(void) { return 1; }", cache=cache) == first


@pytest.mark.usefixtures("project")
def test_failures_are_not_remembered(build: Callable[..., Build], tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ToolchainError, match="does not compile"):
            build("int f(void) { return 1 }", cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.usefixtures("project")
def test_a_file_that_changes_meanwhile_is_not_remembered(
    build: Callable[..., Build], monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    Path("h.h").write_text("#define H 1\n")
    text = '#include "h.h"\nint f(void) { return H + 40; }\n'
    recorded = Processes.run

    def edited(self: Processes, command: Sequence[str], what: str, **options: Any) -> tuple[int, str]:  # noqa: ANN401
        done = recorded(self, command, what, **options)
        Path("h.h").write_text("#define H 2\n")
        return done

    with monkeypatch.context() as patch:
        patch.setattr(Processes, "run", edited)
        stale = build(text)
    started.clear()
    assert build(text).path != stale.path
    assert started


@pytest.mark.usefixtures("project")
def test_concurrent_builds_agree(bundled: Compiler, tmp_path: Path) -> None:
    Path("race.c").write_text("int f(void) { return 7; }")

    def one(_: int) -> Build:
        cache = tmp_path / "cache"
        return compile_c(Path("race.c"), arch=ARM64, compiler=bundled, linker_script=SCRIPT, cache=cache)

    with ThreadPoolExecutor(8) as pool:
        built = list(pool.map(one, range(8)))
    assert len(set(built)) == 1
    assert load_image(built[0].path, ARM64).symbols["f"]


@pytest.mark.usefixtures("project")
def test_unwritable_cache(build: Callable[..., Build], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ToolchainError, match=r"cannot write to the cache .*file/ctxrace: .*; set XDG_CACHE_HOME"):
        build("int a;", cache=blocked / "ctxrace")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    with pytest.raises(ToolchainError, match="cannot write to the cache"):
        find_compiler(None, ARM64)


@pytest.mark.usefixtures("project")
def test_what_the_compiler_does_not_report_is_not_remembered(
    build: Callable[..., Build], started: list[list[str]], shared: Path
) -> None:
    """An old verdict for new code is what a cache must never give."""

    def rebuilt(text: str, change: Callable[[], object], **options: Any) -> bool:  # noqa: ANN401
        before = build(text, **options).path
        change()
        return build(text, **options).path != before

    text = "#ifdef X\nint f(void) { return 1; }\n#else\nint f(void) { return 2; }\n#endif"
    flags, data = Path("flags.txt"), Path("data.bin")
    flags.write_text("-DX")
    assert rebuilt(text, lambda: flags.write_text("-DY"), flags=["@flags.txt"])
    flags.write_text("-DX")
    assert rebuilt(text, lambda: flags.write_text("-DY"), flags=[f"--config={flags.absolute()}"])
    flags.write_text("-DX")
    assert rebuilt(text, lambda: flags.write_text("-DY"), compiler=find_compiler(None, ARM64, cache=shared),
                   flags=["--config", f"{flags.absolute()}"])  # fmt: skip
    data.write_bytes(b"1234")
    assert rebuilt('asm(".data; .incbin \\"data.bin\\"");int a;', lambda: data.write_bytes(b"5678"))
    Path("part.s").write_text(".data; .long 1")
    Path("whole.s").write_text('.include "part.s"')
    assert rebuilt("int a;", lambda: Path("part.s").write_text(".data; .long 2"), more=[Path("whole.s")])
    Path("flags.h").write_text("")
    ordinary = ["-DX", "-D", "Y", "-I", ".", "-include", "flags.h", "-mgeneral-regs-only", "-fno-inline", "-Wall"]
    build(text, flags=ordinary)
    started.clear()
    build(text, flags=ordinary)
    assert not started


@pytest.mark.usefixtures("project")
def test_no_variable_steers_the_compiler_unseen(
    build: Callable[..., Build], started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "#if __has_include(<there.h>)\nint f(void) { return 1; }\n#else\nint f(void) { return 2; }\n#endif"
    before = build(text)
    monkeypatch.setenv("CCC_OVERRIDE_OPTIONS", "+-DX +-O0")  # clang's: nothing of it arrives
    started.clear()
    assert build(text) == before
    assert not started
    Path("more").mkdir()
    Path("more/there.h").write_text("")
    monkeypatch.setenv("CPATH", "more")
    assert build(text).path != before.path


@pytest.mark.usefixtures("project")
def test_a_cache_that_others_can_write_is_refused(build: Callable[..., Build], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    build("int a;", cache=cache)
    assert cache.stat().st_mode & 0o777 == 0o700
    for mode in (0o770, 0o707, 0o777):
        cache.chmod(mode)
        with pytest.raises(ToolchainError, match=r"cache .* can be written by other users.*; type: chmod go-w .*cache"):
            build("int a;", cache=cache)
        with pytest.raises(ToolchainError, match=r"can be written by other users"):
            find_compiler(None, ARM64, cache=cache)
    cache.chmod(0o755)
    build("int a;", cache=cache)


def test_default_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "ctxrace"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "ctxrace"


@pytest.mark.usefixtures("project")
def test_names_that_look_like_flags_and_foreign_modules(build: Callable[..., Build]) -> None:
    Path("ziglang.py").write_text("raise SystemExit(9)")  # nothing in the working directory may get in the way
    for name in ("-f x.c", "@x.c"):
        assert build("int f(void) { return 1; }", name).path.exists()


def test_several_files_are_linked_together(build: Callable[..., Build], project: Path) -> None:
    other = project / "race.S"  # the same stem: its object file must not replace the other one
    other.write_text('#include "value.h"\n.globl there\n.type there, %function\nthere: mov x0, #VALUE\nret\n')
    header = project / "value.h"
    header.write_text("#define VALUE 1\n")
    text = "long there(void); long here(void) { return there() + 1; }"
    first = build(text, more=[other])
    assert {"here", "there"} <= load_image(first.path, ARM64).symbols.keys()
    assert build(text, more=[other]).path == first.path  # remembered
    header.write_text("#define VALUE 2\n")
    assert build(text, more=[other]).path != first.path  # what any of them includes is noticed
    with pytest.raises(ToolchainError, match=r"nothing defines: there \(referenced by race.c:1.*define it in race.c"):
        build(text)
    other.write_text("nonsense\n")
    with pytest.raises(ToolchainError, match=r"race\.S does not compile"):
        build(text, more=[other])
    with pytest.raises(ToolchainError, match=r"no file .*missing\.S"):
        build(text, more=[project / "missing.S"])


def test_what_several_programs_are_linked_with_is_compiled_once(
    project: Path, build: Callable[..., Build], started: list[list[str]], tmp_path: Path
) -> None:
    other = project / "other.S"
    other.write_text(".globl g\ng: ret\n")
    cache = tmp_path / "cache"
    paths = {build(f"int a = {n}; void g(void); void f(void) {{ g(); }}", more=[other], cache=cache).path
             for n in range(3)}  # fmt: skip
    assert len(paths) == 3
    assert sum(command[-1] == str(other) for command in started) == 1
    other.write_text(".globl g\ng: nop\n ret\n")
    build("int a = 0; void g(void); void f(void) { g(); }", more=[other], cache=cache)
    assert sum(command[-1] == str(other) for command in started) == 2


def test_flags_for_what_is_linked_with_a_file_are_not_for_the_file_itself(
    project: Path, build: Callable[..., Build], started: list[list[str]], tmp_path: Path
) -> None:
    other = project / "other.S"
    other.write_text(".globl g\ng: mov x0, #KIND\n ret\n")
    text = "#ifdef KIND\n#error\n#endif\nvoid g(void); void f(void) { g(); }"

    def kind(number: int) -> Build:
        return build(text, more=[other], more_flags=[f"-DKIND={number}"], cache=tmp_path / "cache")

    first, second = kind(1), kind(2)
    assert first.path != second.path
    assert kind(1).path == first.path  # remembered
    codes = [load_image(found.path, ARM64).symbols["g"] for found in (first, second)]
    assert codes[0] == codes[1]  # only what it does differs
    assert sum(command[-1] == str(other) for command in started) == 2
    assert sum(command[-1].endswith("race.c") for command in started) == 1


def test_the_assembler_may_read_files_unnoticed_by_flags_of_its_own(
    project: Path, build: Callable[..., Build], started: list[list[str]], tmp_path: Path
) -> None:
    other, header = project / "other.S", project / "value"
    other.write_text(".globl g\ng: mov x0, #VALUE\n ret\n")
    header.write_text("#define VALUE 1\n")
    for _ in range(2):
        build("int a;", more=[other], more_flags=["-Wp,-include,value"], cache=tmp_path / "cache")
    assert sum(command[-1] == str(other) for command in started) == 2  # nothing tells that the header was read
