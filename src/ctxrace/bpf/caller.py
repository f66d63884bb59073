"""The caller of a guard: the attempt itself, a trampoline, or a tracepoint; and how that is compiled."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ctxrace.core.errors import ScenarioError
from ctxrace.core.facts.remark import CompiledWith, Remark
from ctxrace.core.setting import Setting
from ctxrace.kernel.change import ScenarioChange, read_rcu
from ctxrace.kernel.option import Option, command_words
from ctxrace.kernel.rules.contexts import INTERRUPT_NAMES
from ctxrace.kernel.rules.preemption import Rcu
from ctxrace.kernel.scenario import Scenario
from ctxrace.machine.arch import architecture

__all__ = ["ALONE", "CALLER", "CALLERS", "DEFINES", "MUTANTS", "Caller", "trampolines_of"]

_KIND_OF = {"fentry": "BPF_FENTRY", "fexit": "BPF_FEXIT", "fmod_ret": "BPF_FMOD_RET"}
_TRAMPOLINES = tuple(_KIND_OF)

CALLERS = ("bare", *_TRAMPOLINES, "raw_tp")
"""What may call a guard. bare: enter, program and exit in one function; raw_tp: a tracepoint, without a trampoline."""

DEFINES = ("BPF_UNCHECKED", "BPF_NO_UNDO", "BPF_RECURSIVE", "BPF_STATS", "BPF_COUNT", "BPF_LEDGER", "BPF_RETURN",
           "BPF_NO_MIGRATE_DISABLE")  # fmt: skip
"""The extra BPF_* defines of system/attach.h, which no other option stands for."""

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
    rcu: Rcu = Rcu.PREEMPTIBLE
    interrupts: tuple[str, ...] | None = None
    defines: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = [] if self.trampoline == "bare" else [self.trampoline]
        words += ["x2"] if self.programs == 2 else []
        words += ["sleepable"] if self.sleepable else []
        return " ".join(words)

    @property
    def notes(self) -> tuple[Remark, ...]:
        """What a report must say of it besides its name."""
        return (CompiledWith(self.defines),) if self.defines else ()

    @property
    def options(self) -> list[str]:
        """What to type for it; nothing for the guard by itself."""
        return [] if self == ALONE else list(command_words(CALLER, self))

    def flags(self, guard: str) -> list[str]:
        """Return the flags of the compiler, for the guard and for what is linked with it."""
        attached = "BPF_TRAMPOLINE" if self.trampoline in _TRAMPOLINES else "BPF_RAW_TP"
        flags = [f"-D{attached}={self.programs}"] if self.trampoline != "bare" else []
        flags += ["-DBPF_SLEEPABLE"] if self.sleepable else []
        flags += ScenarioChange(rcu=self.rcu).configuration if flags else ()
        flags += MUTANTS.get(guard, ()) if flags else ()
        return flags + [f"-D{name}" for name in self.defines]

    def sources(self, arch: str) -> list[Path]:
        """Return the files that are linked with the guard's."""
        return [_FOLDER / f"{architecture(arch).name}.S"] if self.trampoline in _TRAMPOLINES else []

    @property
    def assembler_flags(self) -> list[str]:
        """The further flags of `sources`: what kind of trampoline it is. A guard is the same for every kind."""
        return [f"-D{_KIND_OF[self.trampoline]}"] if self.trampoline in _TRAMPOLINES else []

    def scenario(self, declared: Scenario) -> Scenario:
        """Return `declared`, with the interrupts that reach the guard."""
        wanted: Sequence[str] = self.interrupts if self.interrupts is not None else ("nmi",)
        if (self.interrupts is None and self.trampoline == "bare") or self.sleepable:
            return declared
        return replace(declared, handlers=tuple(one for one in declared.handlers if str(one.level) in wanted))

    def check(self, arch: str) -> None:
        """Raise `ScenarioError`, with what exists, for what does not fit together."""
        known = [name for name in CALLERS if name not in _TRAMPOLINES or name in trampolines_of(arch)]
        _trampoline(self.trampoline)
        _programs(self.programs)
        read_rcu(self.rcu)
        _interrupts(self.interrupts or ("none",))
        _defines(self.defines)
        if self.trampoline not in known:
            raise ScenarioError(
                f"no trampoline {self.trampoline!r} on {arch}; it has: {', '.join(known)}; "
                f"trampolines exist for: {', '.join(sorted(path.stem for path in _FOLDER.glob('*.S')))}"
            )
        trampoline = Setting("trampoline", self.trampoline)
        if self.sleepable and self.trampoline not in _TRAMPOLINES:
            raise ScenarioError(
                Setting("sleepable"), " does not go with ", trampoline, ": a trampoline calls such a program; "
                f"name one of: {', '.join(_TRAMPOLINES)}"
            )  # fmt: skip
        if self.sleepable and self.interrupts:
            raise ScenarioError(
                Setting("interrupts", ",".join(self.interrupts)), " does not go with ", Setting("sleepable"),
                ": a program that sleeps is attached only to what may sleep; leave it out"
            )  # fmt: skip
        if self.trampoline == "bare" and (self.programs != 1 or self.rcu != Rcu.PREEMPTIBLE or self.defines):
            given = Setting("programs", 2) if self.programs != 1 else Setting("define" if self.defines else "rcu")
            raise ScenarioError(
                given, " does not go with ", trampoline, ", which is the guard by itself; name one of: "
                f"{', '.join(name for name in known if name != 'bare')}"
            )  # fmt: skip


ALONE = Caller()
"""The guard by itself."""


def trampolines_of(arch: str) -> tuple[str, ...]:
    """Return the kinds of trampolines that exist on `arch`."""
    return _TRAMPOLINES if (_FOLDER / f"{architecture(arch).name}.S").exists() else ()


def _trampoline(name: object) -> str:
    if name not in CALLERS:
        raise ScenarioError(f"no trampoline {name!r}; ctxrace has: {', '.join(CALLERS)}")
    return str(name)


def _programs(value: object) -> int:
    if str(value) not in ("1", "2"):
        raise ScenarioError(f"the number of programs is {value!r} (", Setting("programs"), "); it must be 1 or 2")
    return int(str(value))


def _interrupts(value: str | Sequence[str]) -> tuple[str, ...]:
    levels = re.split(r"[\s,]+", value.strip()) if isinstance(value, str) else list(value)
    if levels == ["none"]:
        return ()
    for level in levels:
        if level not in INTERRUPT_NAMES:
            raise ScenarioError(f"no interrupt {level!r}; ctxrace has: {', '.join(INTERRUPT_NAMES)}, or none")
    return tuple(dict.fromkeys(levels))


def _defines(value: str | Sequence[str]) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    for name in names:
        if name.partition("=")[0] not in DEFINES:
            raise ScenarioError(Setting("define", name), f" is not known; ctxrace has: {', '.join(DEFINES)}")
    return names


CALLER = (
    Option("trampoline", "NAME", f"who calls the guard: {', '.join(CALLERS)}", _trampoline),
    Option("programs", "1|2", "how many programs are attached; default: 1", _programs,
           lambda number: [number] if number != 1 else []),
    Option("sleepable", "", "the programs block in their middle", bool,
           lambda sleepable: [True] if sleepable else [], off="--non-sleepable"),
    Option("rcu", "FLAVOUR", "preemptible or non-preemptible; default: preemptible", read_rcu,
           lambda rcu: [rcu] if rcu != Rcu.PREEMPTIBLE else []),
    Option("interrupts", "LIST|none", "whose handlers reach the guard: softirq,hardirq,nmi", _interrupts,
           lambda levels: [levels or ("none",)]),
    Option("define", "NAME", f"one more thing about the call: {', '.join(DEFINES)}", _defines, list, field="defines",
           flag="-D", repeated=True),
)  # fmt: skip
"""The options of `Caller`."""
