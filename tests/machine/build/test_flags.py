"""Which flags of an untrusted claim are harmless."""

from pathlib import Path

import pytest

from ctxrace.machine.build.flags import names_files, objection

HARMLESS = [
    "-DX", "-DX=1", "-D X", "-U X", "-UX", "-O2", "-Os", "-O0", "-g", "-g0", "-gdwarf-5", "-std=gnu11", "-Wall",
    "-Wno-unused-variable", "-Werror=return-type", "-Wframe-larger-than=1024", "-w", "-fno-inline", "-fwrapv",
    "-fno-strict-aliasing", "-ffixed-x18", "-fsanitize=shadow-call-stack", "-fpatchable-function-entry=4,2",
    "-mcmodel=kernel", "-march=armv8.2-a+lse", "-mno-red-zone", "-mgeneral-regs-only", "--param=max-inline-insns=4",
    "-I include", "-Iinclude", "-isystem include", "-include include/a.h", "-iquote .",
]  # fmt: skip
HARMFUL = [
    # programs
    "-fplugin=x.so", "-fplugin=include/x.so", "-fpass-plugin=x.so", "-wrapper sh", "-specs=x", "--specs=x", "-Bbin",
    "-B bin", "-fno-integrated-as", "-fuse-ld=x", "-Xclang -load", "-mllvm -load=x", "-mllvm", "-fcompare-debug",
    # files that are read
    "@file", "--config=x", "--config x", "-fprofile-use", "-fprofile-use=x", "-fauto-profile", "-Wa,-I/etc", "-T x",
    "-Wl,-T,x", "-Wp,-include,x", "-Xpreprocessor x", "-Xassembler x", "-lx", "-L/", "x.c", "/etc/passwd", "-",
    "-I/etc", "-I /etc", "-I ..", "-I include/../..", "-include /etc/passwd", "-isystem /", "-isystem", "-I", "-I=x",
    "-imacros ../x", "-isysroot /", "--sysroot=/", "-iprefix x", "-iwithprefix x", "-I link", "-include link/x",
    # files that are written
    "-o x", "-ox", "-save-temps", "-save-temps=obj", "-MD", "-MF x", "-MMD", "-fprofile-arcs", "-ftest-coverage",
    "--coverage", "-fdump-tree-all", "-fstack-usage", "-ftime-trace=x", "-ftime-trace", "-gsplit-dwarf", "-fmodules",
    "-fcrash-diagnostics-dir=x", "-fsave-optimization-record", "-dumpdir x", "-E", "-S", "-c", "-x c", "-###",
]  # fmt: skip


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "claim"
    (directory / "include").mkdir(parents=True)
    (directory / "link").symlink_to("/etc")
    monkeypatch.chdir(directory)
    return directory


@pytest.mark.parametrize("flags", HARMLESS)
def test_harmless(flags: str, inside: Path) -> None:
    assert objection(None, flags.split(), inside) == ""
    assert objection("gcc", ["-O1", *flags.split(), "-DY"], inside) == ""
    assert names_files(flags.split()) == ""


@pytest.mark.parametrize("flags", HARMFUL)
def test_harmful(flags: str, inside: Path) -> None:
    words = flags.split()
    assert words[0][:2] in objection(None, words, inside)
    assert objection(None, ["-O1", *words], inside)
    assert objection(None, ["-D", "X", *words], inside)


def test_what_an_argument_hides(inside: Path) -> None:
    """Where a flag takes the next word, what follows it is no flag; and the last word is not missed."""
    assert objection(None, ["-D", "-fplugin=x.so"], inside) == ""
    assert objection(None, ["-D"], inside)
    assert objection(None, ["-DX", "-D", "@file", "@file"], inside) == (
        "'@file' is not among the flags known to be harmless"
    )
    assert objection(None, ["-I", "/etc"], inside) == f"-I '/etc' is outside of {inside}"
    (inside / "loop").symlink_to("loop")
    for name in ("a\0b", "=include", "loop/x"):
        assert objection(None, ["-I", name], inside) == f"-I {name!r} is outside of {inside}"


def test_no_place_is_inside_where_the_working_directory_is_gone(inside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (inside / "gone").mkdir()
    monkeypatch.chdir(inside / "gone")
    (inside / "gone").rmdir()
    assert objection(None, ["-I", "x"], inside) == f"-I 'x' is outside of {inside}"
    monkeypatch.chdir(inside)


@pytest.mark.parametrize("cc", ["gcc", "clang", "clang-19", "aarch64-linux-gnu-gcc-14", "x86_64-linux-gnu-gcc-12.2"])
def test_compilers(cc: str, inside: Path) -> None:
    assert objection(cc, [], inside) == ""


@pytest.mark.parametrize(
    "cc", ["", "sh", "./gcc", "/usr/bin/gcc", "gcc -fplugin=x", "a/gcc", "ccache gcc", "gcc;x", "gcc\n", "xgcc/", "tcc"]
)
def test_other_programs(cc: str, inside: Path) -> None:
    assert objection(cc, [], inside) == f"{cc!r} is not just the name of a gcc or clang in PATH"
