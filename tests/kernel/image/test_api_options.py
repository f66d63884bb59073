"""The Python API has what the command line has for kernel images and objects."""

from pathlib import Path

import pytest

import ctxrace
from ctxrace.api import KernelOptions
from ctxrace.kernel.program import OF_KERNELS

from .small import HARNESS, build
from .test_objects import compiled


def test_options_of_kernel_images(tmp_path: Path) -> None:
    kernel = build(tmp_path)
    source = tmp_path / "harness.c"
    source.write_text(HARNESS + "CTXRACE_PREEMPTION(full);\n")
    program = ctxrace.compile(source, kernel=kernel)
    assert ctxrace.check(program).outcome is ctxrace.Outcome.VIOLATED
    for given in ({"cpu": ["lse"]}, {"static_key": {"guard_key": True}}):
        program = ctxrace.compile(source, kernel=kernel, **given)
        result = ctxrace.check(program)
        assert result.outcome is ctxrace.Outcome.HOLDS
        assert f"--kernel {kernel}" in result.command


def test_options_of_objects(tmp_path: Path) -> None:
    file = compiled(tmp_path)
    program = ctxrace.compile(file, arg={"update": [2]}, stub={"kfree": 0})
    result = ctxrace.check(program, tasks="2:update", properties=[ctxrace.exclusive("body")])
    assert result.outcome is ctxrace.Outcome.HOLDS
    assert result.command == f"ctxrace check {file} --tasks 2:update --exclusive body --stub kfree=0x0 --arg update=2"
    with pytest.raises(ctxrace.CtxraceError, match="is neither a number of 64 bits, nor a range of them"):
        ctxrace.compile(file, arg={"update": ["1.5"]})


def test_every_option_of_the_command_line_is_there() -> None:
    assert set(KernelOptions.__annotations__) == {*OF_KERNELS, "objects"}
