"""Position-independent executables: the same verdict as of the same code linked to its place."""

import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from ctxrace.core.errors import ImageError
from ctxrace.core.verdict import Outcome
from ctxrace.kernel.check import check
from ctxrace.kernel.program import INCLUDE, load
from ctxrace.machine.arch import architecture
from ctxrace.machine.image import load_image
from ctxrace.machine.toolchain import FLAGS, LINK, find_compiler

SOURCE = """
#include <ctxrace/kernel.h>
int active;
extern int aliased __attribute__((alias("active")));
int *where = &active;
int *same = &aliased;
static noinline void body(void) { barrier(); }
void attempt(void)
{
	int *p = READ_ONCE(where);

	if (p) {
		if ((*p)++ == 0)
			body();
		barrier();
		(*READ_ONCE(same))--;
	} else {
		preempt_disable();
		body();
		preempt_enable();
	}
}
CTXRACE_TASKS(2, attempt);
CTXRACE_EXCLUSIVE(body);
"""


def linked(folder: Path, arch: str, flags: list[str], source: str = SOURCE) -> Path:
    """Compile and link as a user would who knows nothing of ctxrace's linker script."""
    target = architecture(arch)
    (folder / "case.c").write_text(source, encoding="utf-8")
    compiler = find_compiler(None, target, cache=folder)
    code = [flag for flag in (*FLAGS, *target.c_flags) if not flag.startswith(("-fno-pi", "-mcmodel"))]
    code += ["-fpic"] if "-shared" in flags else ["-fpie"] if "-pie" in flags else ["-fno-pie"]
    command = [*compiler.command, *code, "-O2", f"-I{INCLUDE}", "-c", "case.c", "-o", "case.o"]
    subprocess.run(command, cwd=folder, check=True)
    subprocess.run([compiler.command[0], *LINK, *flags, "case.o", "-o", "case.elf"], cwd=folder, check=True)
    return folder / "case.elf"


def relocations(path: Path) -> int:
    with path.open("rb") as file:
        names = (".rela.dyn", ".relr.dyn")
        return sum(section.num_relocations() for section in map(ELFFile(file).get_section_by_name, names) if section)


@pytest.mark.parametrize("arch", ["arm64", "x86-64", "riscv64"])
@pytest.mark.parametrize("flags", [["-pie"], ["-pie", "--pack-dyn-relocs=relr"], ["-shared"]], ids=str)
def test_addresses_are_filled_in(arch: str, flags: list[str], tmp_path: Path) -> None:
    path = linked(tmp_path, arch, flags)
    assert relocations(path) >= 2
    image = load_image(path, architecture(arch))
    for name in ("where", "same"):
        at = image.symbols[name].address
        assert int.from_bytes(image.read(at, 8) or b"", "little") == image.symbols["active"].address
    assert image.symbols["active"].address > architecture(arch).text
    found = image.source(image.symbols["attempt"].address)
    assert found is not None
    assert (found.line, found.text) == (SOURCE.split("\n").index("{") + 1, "{")
    assert image.place("active", 0, 4) == "active"
    assert image.is_signed("active", 0, 4)
    (verdict,) = check(load(path, arch=arch)).verdicts
    assert verdict.outcome is Outcome.VIOLATED


def test_the_verdict_is_that_of_the_same_code_linked_to_its_place(tmp_path: Path) -> None:
    results = []
    for flags in (["-pie"], ["-Ttext=0x10000000"]):
        (verdict,) = check(load(linked(tmp_path, "arm64", flags))).verdicts
        results.append((verdict.outcome, verdict.interleaving and len(verdict.interleaving.rows)))
    assert results[0] == results[1] == (Outcome.VIOLATED, results[0][1])


def test_what_only_a_loader_can_do_is_refused(tmp_path: Path) -> None:
    source = SOURCE + "extern int elsewhere; int *there = &elsewhere;"
    path = linked(tmp_path, "arm64", ["-shared"], source)
    with pytest.raises(ImageError, match=r"uses elsewhere, which nothing defines; link it with what does"):
        load_image(path, architecture("arm64"))
    data = bytearray(linked(tmp_path, "arm64", ["-pie"]).read_bytes())
    at = data.index((1027).to_bytes(8, "little"))
    data[at : at + 8] = (1032).to_bytes(8, "little")  # R_AARCH64_IRELATIVE: a function says where
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"has a relocation of type 1032 at 0x\w+, which only a loader can apply"):
        load_image(path, architecture("arm64"))
    data[at : at + 8] = (1027).to_bytes(8, "little")
    data[at - 8 : at] = (0x7FFF_0000).to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"a relocation is for 0x7fff0000, outside of all sections"):
        load_image(path, architecture("arm64"))
