"""Check the recursion guard of a kernel image: of programs that may sleep or may not, alone and under interrupts."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ctxrace.bpf.guards.run import Checked, alone, joined
from ctxrace.core.errors import LimitReached, ScenarioError
from ctxrace.core.facts.stop import Interrupted
from ctxrace.core.verdict import Result
from ctxrace.explore.processes import Done, Stop, each
from ctxrace.explore.watch import Limits
from ctxrace.kernel.change import SCENARIO, ScenarioChange
from ctxrace.kernel.check import check
from ctxrace.kernel.image.plain.convert import architecture_of_bootable
from ctxrace.kernel.image.vmlinux import Vmlinux
from ctxrace.kernel.option import command_words
from ctxrace.kernel.program import BUILD, Build
from ctxrace.machine.arch import architecture
from ctxrace.machine.objects.relocatable import architecture_of

__all__ = ["KernelCase", "kernel_cases", "run_kernel"]

HARNESS = Path(__file__).parent / "recursion.c"
_ENTRY = ("attempt",)
_READERS = "rcu_tasks_trace_srcu_struct_srcu_data"  # since v7.0: kernel/rcu/tasks.h, and SRCU counts on each CPU


@dataclass(frozen=True, slots=True)
class KernelCase:
    """One row of the table. label: what it is called; change: of the harness's scenario."""

    label: str
    build: Build
    change: ScenarioChange
    limits: Limits

    @property
    def words(self) -> str:
        """What to type after the verb to see this case alone."""
        flags = ["--", *self.build.flags] if self.build.flags else []
        words = [str(HARNESS), *command_words(SCENARIO, self.change), *command_words(BUILD, self.build), *flags]
        return shlex.join(words)

    def check(self, stop: Stop) -> Result:
        """Decide the case; raise `CtxraceError` where the kernel has no such guard."""
        program = self.build.load(HARNESS, self.change)
        scenario = self.change.apply(program.scenario)
        command, replay = f"ctxrace check {self.words}", f"ctxrace replay {self.words}"
        result = check(program, scenario, limits=self.limits, progress=stop, command=command, replay=replay)
        return replace(result, setup=replace(result.setup, case=self.label))


def kernel_cases(build: Build, change: ScenarioChange, limits: Limits) -> list[KernelCase]:
    """Return the rows for the kernel image of `build`.

    change: of each row's scenario. Raises `CtxraceError`: no kernel image, or one without that guard.
    """
    assert build.kernel is not None
    path = Path(build.kernel)
    path = path / "vmlinux" if path.is_dir() else path
    known = architecture_of(path) or architecture_of_bootable(path)
    arch = architecture(build.arch) if build.arch is not None else known
    kernel = Vmlinux(path, arch or architecture(build.architecture))
    if "__bpf_prog_enter_recur" not in kernel.elf.symbols:
        raise ScenarioError(
            f"{path} has no __bpf_prog_enter_recur(): it has no trampolines (CONFIG_BPF_JIT), or is older than v5.15"
        )
    return list(_cases(kernel, build, change, limits))


def _cases(kernel: Vmlinux, build: Build, change: ScenarioChange, limits: Limits) -> Iterator[KernelCase]:
    version = ".".join(map(str, kernel.version))
    for sleepable in (False, True):
        flags = ["-DSLEEPABLE"] if sleepable else []
        flags += [f"-DREADERS={_READERS}"] if sleepable and _READERS in kernel.elf.symbols else []
        made = replace(build, flags=(*flags, *build.flags))
        if sleepable and "__bpf_prog_enter_sleepable_recur" not in kernel.elf.symbols:
            continue  # before v6.1 (e384c7b7b46d) they were not guarded
        label = f"{version}{' sleepable' if sleepable else ''}"
        yield KernelCase(label, made, change, limits)
        everywhere = replace(change, softirq=_ENTRY, hardirq=_ENTRY, nmi=_ENTRY)
        yield KernelCase(f"{label} interrupted", made, everywhere, limits)


def run_kernel(cases: list[KernelCase], jobs: int, done: Done | None = None) -> Checked:
    """Check the cases, `jobs` at a time in processes of their own.

    Ctrl-C and a limit of the whole command end the searches. done: is told now and then how much is done.
    """
    return joined([found or Checked([], Interrupted()) for found in each(_check, cases, jobs, done)])


def _check(case: KernelCase, stop: Stop) -> Checked:
    try:
        return Checked([case.check(stop)])
    except KeyboardInterrupt:
        return Checked([], Interrupted())
    except LimitReached as reached:
        return Checked([], alone(reached))
