"""Who calls a guard: nobody but the attempt itself, a trampoline, or a tracepoint; and how that is compiled."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.override import override
from ctxrace.kernel.program import configuration
from ctxrace.kernel.rules.contexts import INTERRUPT_NAMES
from ctxrace.kernel.scenario import RCU_FLAVOURS, Scenario
from ctxrace.machine.arch import architecture

__all__ = ["ALONE", "CALLERS", "DEFINES", "MUTANTS", "Caller", "trampolines_of"]

_DEFINE_OF = {"fentry": "BPF_FENTRY", "fexit": "BPF_FEXIT", "fmod_ret": "BPF_FMOD_RET", "raw_tp": "BPF_RAW_TP"}
_TRAMPOLINES = ("fentry", "fexit", "fmod_ret")

CALLERS = ("bare", *_DEFINE_OF)
"""What may call a guard. bare: enter, program and exit in one function; raw_tp: a tracepoint, without a trampoline."""

DEFINES = ("BPF_UNCHECKED", "BPF_NO_UNDO", "BPF_RECURSIVE", "BPF_STATS", "BPF_COUNT", "BPF_LEDGER", "BPF_RETURN",
           "BPF_NO_MIGRATE_DISABLE")  # fmt: skip
"""What system/attach.h understands besides, and no other option says."""

MUTANTS = {"no-exit": ("-DBPF_SKIP_EXIT",), "early-return": ("-DBPF_SKIP_EXIT",)}
"""The guards whose trampoline is wrong, and how: it is assembled apart from the guard's file, which says the same."""

_FOLDER = Path(__file__).parent / "trampolines"


@dataclass(frozen=True)
class Caller:
    """Say who calls the guard.

    programs: how many are attached, 1 or 2. sleepable: whether they block in their middle.
    interrupts: the levels whose handlers reach the guard, None for all of them where it is bare, else the NMI.
    defines: names of `DEFINES`, each with ``=VALUE`` if need be.
    """

    trampoline: str = "bare"
    programs: int = 1
    sleepable: bool = False
    rcu: str = RCU_FLAVOURS[0]
    interrupts: tuple[str, ...] | None = None
    defines: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = [] if self.trampoline == "bare" else [self.trampoline]
        words += ["x2"] if self.programs == 2 else []
        words += ["sleepable"] if self.sleepable else []
        return " ".join(words)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a report must say of it besides its name."""
        return (f"compiled with {', '.join(self.defines)}",) if self.defines else ()

    @property
    def options(self) -> list[str]:
        """What to type for it."""
        words = ["--trampoline", self.trampoline] if self != ALONE else []
        words += ["--programs", str(self.programs)] if self.programs != 1 else []
        words += ["--sleepable"] if self.sleepable else []
        words += ["--rcu", self.rcu] if self.rcu != RCU_FLAVOURS[0] else []
        words += ["--interrupts", ",".join(self.interrupts) or "none"] if self.interrupts is not None else []
        return words + [word for name in self.defines for word in ("-D", name)]

    def flags(self, guard: str) -> list[str]:
        """Return what the compiler is told."""
        flags = [f"-D{_DEFINE_OF[self.trampoline]}={self.programs}"] if self.trampoline != "bare" else []
        flags += ["-DBPF_SLEEPABLE"] if self.sleepable else []
        flags += configuration(rcu=self.rcu) if flags else ()
        flags += MUTANTS.get(guard, ()) if flags else ()
        return flags + [f"-D{name}" for name in self.defines]

    def sources(self, arch: str) -> list[Path]:
        """Return the files that are linked with the guard's."""
        return [_FOLDER / f"{architecture(arch).name}.S"] if self.trampoline in _TRAMPOLINES else []

    def scenario(self, declared: Scenario) -> Scenario:
        """Return `declared`, with the interrupts that reach the guard."""
        wanted: Sequence[str] = self.interrupts if self.interrupts is not None else ("nmi",)
        if (self.interrupts is None and self.trampoline == "bare") or self.sleepable:
            return declared
        masked = {level: ["none"] for level in INTERRUPT_NAMES if level not in wanted}
        return override(declared, **masked)  # type: ignore[arg-type]

    def check(self, arch: str) -> None:
        """Raise `ScenarioError`, with what exists, for what does not fit together."""
        known = [name for name in CALLERS if name not in _TRAMPOLINES or name in trampolines_of(arch)]
        if self.trampoline not in CALLERS:
            raise ScenarioError(f"no trampoline {self.trampoline!r}; ctxrace has: {', '.join(CALLERS)}")
        if self.trampoline not in known:
            raise ScenarioError(
                f"no trampoline {self.trampoline!r} on {arch}; it has: {', '.join(known)}; "
                f"trampolines exist for: {', '.join(sorted(path.stem for path in _FOLDER.glob('*.S')))}"
            )
        configuration(rcu=self.rcu)
        if self.programs not in (1, 2):
            raise ScenarioError(f"{self.programs} programs are not modelled; ctxrace has: 1, 2")
        if self.sleepable and self.trampoline not in _TRAMPOLINES:
            raise ScenarioError(
                f"--sleepable does not go with --trampoline {self.trampoline}: a trampoline calls such a program; "
                f"name one of: {', '.join(_TRAMPOLINES)}"
            )
        if self.sleepable and self.interrupts:
            raise ScenarioError(
                f"--interrupts {','.join(self.interrupts)} does not go with --sleepable: "
                "a program that sleeps is attached only to what may sleep; leave it out"
            )
        if self.trampoline == "bare" and (self.programs != 1 or self.rcu != RCU_FLAVOURS[0] or self.defines):
            given = "--programs 2" if self.programs != 1 else "--rcu" if self.rcu != RCU_FLAVOURS[0] else "-D"
            raise ScenarioError(
                f"{given} does not go with --trampoline bare, which is the guard by itself; name one of: "
                f"{', '.join(name for name in known if name != 'bare')}"
            )
        self._check_lists()

    def _check_lists(self) -> None:
        for level in self.interrupts or ():
            if level not in INTERRUPT_NAMES:
                raise ScenarioError(f"no interrupt {level!r}; ctxrace has: {', '.join(INTERRUPT_NAMES)}, or none")
        for define in self.defines:
            if define.partition("=")[0] not in DEFINES:
                raise ScenarioError(f"-D {define} means nothing to a trampoline; ctxrace has: {', '.join(DEFINES)}")


ALONE = Caller()
"""The guard by itself."""


def trampolines_of(arch: str) -> tuple[str, ...]:
    """Return the kinds of trampolines that exist on `arch`."""
    return _TRAMPOLINES if (_FOLDER / f"{architecture(arch).name}.S").exists() else ()
