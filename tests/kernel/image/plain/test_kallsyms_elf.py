"""What vmlinux-to-elf writes of a kernel without sections, against the vmlinux of the same kernel."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ctxrace.core.errors import CtxraceError
from ctxrace.core.facts.remark import LinesUnknown
from ctxrace.core.verdict import Outcome, Result
from ctxrace.kernel.check import check
from ctxrace.kernel.image.vmlinux import Vmlinux
from ctxrace.kernel.program import Build
from ctxrace.machine.arch import architecture

from ..small import HARNESS
from .plain import GUESSED, Plain, without_sizes

ARM64 = architecture("arm64")


@pytest.fixture
def plain(vmlinux: Path) -> Plain:
    return Plain.of(vmlinux)


def checked(kernel: Path, folder: Path, **options: Any) -> Result:  # noqa: ANN401 - of each its own type
    source = folder / "harness.c"
    source.write_text(HARNESS + "CTXRACE_PREEMPTION(full);\n")
    return check(Build(kernel=str(kernel), **options).load(source))


def test_the_verdicts_are_those_of_the_vmlinux(vmlinux: Path, plain: Plain, tmp_path: Path) -> None:
    image = plain.write(tmp_path / "Image.elf")
    for options, outcome in (
        ({}, Outcome.VIOLATED),
        ({"cpu": ("lse",)}, Outcome.HOLDS),
        ({"static_key": (("guard_key", True),)}, Outcome.HOLDS),
    ):
        one, other = checked(vmlinux, tmp_path, **options), checked(image, tmp_path, **options)
        assert one.outcome is other.outcome is outcome
        assert [verdict.states for verdict in one.verdicts] == [verdict.states for verdict in other.verdicts]
        assert (one.notes, other.notes) == ((), (LinesUnknown("Image.elf"),))


def test_the_interleaving_is_the_same_without_source_lines(vmlinux: Path, plain: Plain, tmp_path: Path) -> None:
    image = plain.write(tmp_path / "Image.elf")
    (one,), (other,) = checked(vmlinux, tmp_path).verdicts, checked(image, tmp_path).verdicts
    assert one.interleaving is not None and other.interleaving is not None
    assert {event.source for event in other.interleaving.events} == {None}
    assert [replace(event, source=None) for event in one.interleaving.events] == list(other.interleaving.events)


def test_everything_lies_where_the_vmlinux_has_it(vmlinux: Path, plain: Plain, tmp_path: Path) -> None:
    one, other = Vmlinux(vmlinux, ARM64), Vmlinux(plain.write(tmp_path / "Image.elf"), ARM64)
    assert (one.per_cpu, one.version, one.preemption) == (other.per_cpu, other.version, other.preemption)
    for section in one.elf.sections:
        if section.loaded and section.size:
            assert one.read(section.address, section.size) == other.read(section.address, section.size), section.name
    for name in (".BTF", ".altinstructions"):
        assert one.elf.contents(name) == other.elf.contents(name)
        assert one.elf.section(name).address == other.elf.section(name).address  # type: ignore[union-attr]
    for name, same in one.elf.symbols.items():
        (symbol,) = other.elf.symbols[name]
        assert (symbol.address, symbol.kind) == (same[0].address, same[0].kind) and symbol.size >= same[0].size, name


def test_the_size_of_a_per_cpu_variable_is_that_of_its_type(plain: Plain, tmp_path: Path) -> None:
    plain.symbols["__per_cpu_end"] = (plain.address("counter") + 8, False)
    for known, size in ((True, 4), (False, 8)):
        kernel = Vmlinux(plain.write(tmp_path / "Image.elf"), ARM64)
        assert kernel.elf.symbols["counter"][0].size == size, known
        plain.data = bytearray(bytes(plain.data).replace(b"\0counter\0", b"\0another\0"))  # in BTF, the only place


def test_addresses_that_boot_puts_in_are_in_the_relocations(plain: Plain, tmp_path: Path) -> None:
    rows, start = plain.relocations(), plain.place("__pi_rela_start")
    cut = replace(plain, cut=range(start, start + len(rows)))
    plain.data[start : start + len(rows)] = rows
    for image in (
        plain.write(tmp_path / "whole", plain.first),
        cut.write(tmp_path / "cut", plain.first, {".rela.dyn": rows}),
    ):
        kernel = Vmlinux(image, ARM64)
        assert kernel.number(plain.first + plain.lists()[0], 8) == plain.first + plain.lists()[0]
        assert checked(image, tmp_path).outcome is Outcome.VIOLATED
    for image in (plain.write(tmp_path / "whole"), cut.write(tmp_path / "cut", more={".rela.dyn": rows})):
        with pytest.raises(CtxraceError, match="does not tell for which addresses it was linked"):
            Vmlinux(image, ARM64)


def test_what_has_sections_keeps_them(vmlinux: Path, tmp_path: Path) -> None:
    bare = without_sizes(vmlinux, tmp_path / "bzImage.elf")
    one, other = Vmlinux(vmlinux, ARM64).elf, Vmlinux(bare, ARM64).elf
    assert one.sections == other.sections
    assert (one.address("guard_enter"), one.symbols["counter"]) == (
        other.address("guard_enter"), other.symbols["counter"])  # fmt: skip
    assert checked(bare, tmp_path).outcome is Outcome.VIOLATED
    assert checked(bare, tmp_path, cpu=("lse",)).outcome is Outcome.HOLDS


def test_symbols_that_are_not_where_the_code_is_are_refused(vmlinux: Path, tmp_path: Path) -> None:
    bare = without_sizes(vmlinux, tmp_path / "bzImage.elf", moved=16)
    with pytest.raises(CtxraceError, match=r"the symbols of .*bzImage\.elf are not where its code is"):
        Vmlinux(bare, ARM64)


def test_symbols_of_a_kernel_before_6_9_have_other_names(plain: Plain, tmp_path: Path) -> None:
    for name in ("__pi_rela_start", "__pi_rela_end"):
        plain.symbols[name.replace("pi_", "")] = plain.symbols.pop(name)
    assert checked(plain.write(tmp_path / "Image.elf"), tmp_path).outcome is Outcome.VIOLATED


def _without_variables(plain: Plain) -> None:
    del plain.symbols["init_task"]


def _too_old(plain: Plain) -> None:
    del plain.symbols["__pi_rela_end"]


def _truncated(plain: Plain) -> None:
    del plain.data[-64:]


def _in_no_order(plain: Plain) -> None:
    plain.symbols["_etext"], plain.symbols["_edata"] = plain.symbols["_edata"], plain.symbols["_etext"]


def _other_list(plain: Plain) -> None:
    plain.data[plain.lists()[1]] ^= 0x40


def _of_user_space(plain: Plain) -> None:
    for at in plain.lists():
        plain.data[at + 7] = 0


def _without_types(plain: Plain) -> None:
    plain.symbols["__stop_BTF"] = plain.symbols["__start_BTF"]


def _damaged_types(plain: Plain) -> None:
    plain.data[plain.place("__start_BTF")] ^= 1


def _table_outside(plain: Plain) -> None:
    plain.symbols["__alt_instructions_end"] = (plain.first + len(plain.data) + 8, False)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without_variables, "has no symbols of variables, such as init_task: it was built without CONFIG_KALLSYMS"),
        (_too_old, "has no symbol __pi_rela_end, which tells where its parts are: it is older than"),
        (_truncated, r"is truncated: \.data ends outside of the file"),
        (_in_no_order, "is damaged: .* are in no order"),
        (_other_list, "does not tell for which addresses it was linked: the lists of its init_task do not refer to"),
        (_of_user_space, "does not tell for which addresses it was linked"),
        (_without_types, "has no BTF: the layout of its types cannot be known"),
        (_damaged_types, "BTF"),
        (_table_outside, "is damaged: __alt_instructions and __alt_instructions_end are no place in the file"),
    ],
)
def test_what_cannot_be_is_refused(
    plain: Plain, tmp_path: Path, damage: Callable[[Plain], None], message: str
) -> None:
    damage(plain)
    with pytest.raises(CtxraceError, match=message) as raised:
        Vmlinux(plain.write(tmp_path / "Image.elf"), ARM64)
    assert "Image.elf" in str(raised.value) or damage is _damaged_types


def test_the_guess_is_not_where_the_kernel_was_linked(plain: Plain) -> None:
    assert plain.first != GUESSED
