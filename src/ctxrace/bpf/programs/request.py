"""What to check of a BPF object, as typed values, and the options that spell it.

A new option is a field of `Request`, a row of `REQUEST`, and what `request_of` makes of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ctxrace.bpf.programs.adapt.apply import adapted_to
from ctxrace.bpf.programs.adapt.kernel_types import KernelTypes, kernel_types
from ctxrace.bpf.programs.elf.object import BpfObject, load_object
from ctxrace.bpf.programs.rules.kernel import DISTRIBUTIONS, Kernel, parse_version
from ctxrace.core.errors import ScenarioError
from ctxrace.core.meeting import Defect, Finding
from ctxrace.core.setting import Setting
from ctxrace.core.verdict import Outcome
from ctxrace.kernel.option import Option
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption, Rcu
from ctxrace.kernel.scenario import parse_preemption
from ctxrace.machine.inputs import contents

__all__ = ["DEFAULT_KERNEL", "REQUEST", "Request", "request_of"]

DEFAULT_KERNEL = "debian-sid-amd64"

MOST_CONFIG = 1 << 22  # bytes; a distribution's .config has 300,000
MOST_RODATA = 64 << 20  # bytes, as many as an object may have


@dataclass(frozen=True)
class Request:
    """What to check. programs: only these; empty for all. contexts, attach: what section names do not say.

    apart: pairs of programs of which user space loads one alone. assumed: helpers and kfuncs that are to be taken as
    touching nothing; rodata: what user space puts into .rodata. ignored: what is no finding. btf: the types of the
    kernel that a loader adapts the object to; None: it is left as it was compiled.
    """

    kernel: Kernel
    programs: tuple[str, ...] = ()
    contexts: Mapping[str, Level] = field(default_factory=dict)
    attach: Mapping[str, str] = field(default_factory=dict)
    apart: frozenset[frozenset[str]] = frozenset()
    assumed: frozenset[str] = frozenset()
    rodata: bytes | None = None
    ignored: frozenset[Defect] = frozenset()
    btf: KernelTypes | None = None

    def load(self, path: Path) -> BpfObject:
        """Read the object. Raises `ImageError` where it is damaged, or no loader adapts it to the kernel."""
        loaded = load_object(path)
        return loaded if self.btf is None else adapted_to(loaded, self.btf)

    def ignores(self, finding: Finding) -> bool:
        """Return whether a finding is none. An open question about a guard may be about one that is stuck."""
        may_be = {finding.defect}
        if finding.defect is Defect.LEAKED and finding.outcome is Outcome.INCOMPLETE:
            may_be.add(Defect.STUCK)
        return may_be <= self.ignored


# What the options are read with


def _names(given: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in given for name in names.split(",")))


def _rcu(text: str) -> bool:
    try:
        return Rcu(text) is Rcu.PREEMPTIBLE
    except ValueError:
        raise ScenarioError(Setting("rcu", text), f" is neither {' nor '.join(Rcu)}") from None


def _assigned(name: str, form: str) -> Callable[[Sequence[str]], dict[str, str]]:
    def read(given: Sequence[str]) -> dict[str, str]:
        found = {}
        for text in given:
            program, sign, value = text.partition("=")
            if not (program and sign and value):
                raise ScenarioError(Setting(name, text), f" is not of the form {form}")
            found[program] = value
        return found

    return read


def _contexts(given: Sequence[str]) -> dict[str, Level]:
    known = {str(level): level for level in Level}
    found = _assigned("level", "PROGRAM=LEVEL")(given)
    for program, word in found.items():
        if word not in known:
            raise ScenarioError(Setting("level", f"{program}={word}"), f": the level is none of {', '.join(known)}")
    return {program: known[word] for program, word in found.items()}


def _apart(given: Sequence[str]) -> frozenset[frozenset[str]]:
    for text in given:
        if len(set(filter(None, text.split(",")))) != 2 or text.count(",") != 1:
            raise ScenarioError(Setting("not_together", text), " does not name two programs, like A,B")
    return frozenset(frozenset(text.split(",")) for text in given)


def _ignored(given: Sequence[str]) -> frozenset[Defect]:
    known = {each.value.replace(" ", "-"): each for each in Defect}
    words = _names(given)
    for word in words:
        if word not in known:
            raise ScenarioError(Setting("ignore", word), f" is none of {', '.join(known)}")
    return frozenset(known[word] for word in words)


def _config(text: str) -> str:
    return contents(Path(text), MOST_CONFIG, ScenarioError).decode("utf-8", "replace")


def _rodata(text: str) -> bytes:
    return contents(Path(text), MOST_RODATA, ScenarioError)


_KERNEL, _FINDINGS = "Kernel", "Findings"

REQUEST = (
    Option("kernel", "VERSION", f"a version, as 6.12, or a distribution's: {', '.join(DISTRIBUTIONS)}; default: "
           f"{DEFAULT_KERNEL}", str, panel=_KERNEL),
    Option("preemption", "MODEL", f"the model at boot: {', '.join(Preemption)}",
           lambda text: parse_preemption(text, Setting("preemption", text)), panel=_KERNEL),
    Option("rcu", "FLAVOUR", " or ".join(Rcu), _rcu, panel=_KERNEL),
    Option("config", "FILE", "the kernel's .config, which says both of these", _config, panel=_KERNEL),
    Option("program", "NAME[,NAME]", "only these programs", _names, repeated=True, field="programs"),
    Option("attach", "PROGRAM=HOOK", "what it is attached to, where its section does not say",
           _assigned("attach", "PROGRAM=HOOK"), repeated=True),
    Option("level", "PROGRAM=LEVEL", "where its hook is called: task, softirq, hardirq or nmi", _contexts,
           flag="--context", repeated=True, field="contexts"),
    Option("not_together", "A,B", "user space loads only one of these", _apart, repeated=True, field="apart"),
    Option("assume_harmless", "NAME", "a helper or kfunc that is not known touches nothing",
           lambda given: frozenset(_names(given)), repeated=True, field="assumed"),
    Option("btf", "FILE", "the kernel's types, which loaders adapt programs to (CO-RE): its vmlinux, or a copy of "
           "/sys/kernel/btf/vmlinux; default: left as compiled", lambda text: kernel_types(Path(text)), panel=_KERNEL),
    Option("rodata", "FILE", "what user space puts into .rodata", _rodata),
    Option("ignore", "KIND[,KIND]", "what is no finding: unmixed, lost-update, missed, leaked or stuck", _ignored,
           repeated=True, field="ignored", panel=_FINDINGS),
)  # fmt: skip
"""The options of `Request`."""


def request_of(given: Mapping[str, Any]) -> Request:
    """Return the request that `given` spells by the names of `REQUEST`; raise `ScenarioError` for what is none."""
    read = {option.field or option.name: option.read(given[option.name]) for option in REQUEST if option.name in given}
    named, model, preemptible_rcu = (read.pop(name, None) for name in ("kernel", "preemption", "rcu"))
    if "config" in read:
        return Request(_configured(read.pop("config"), named, model, preemptible_rcu), **read)
    return Request(_kernel(named or DEFAULT_KERNEL, model, preemptible_rcu), **read)


def _configured(config: str, named: str | None, model: Preemption | None, preemptible_rcu: bool | None) -> Kernel:
    if preemptible_rcu is not None:
        raise ScenarioError(Setting("config"), " says whether RCU is preemptible; leave out ", Setting("rcu"))
    if named in DISTRIBUTIONS:
        raise ScenarioError(
            Setting("kernel", named), " and ", Setting("config"), " are two kernels; leave one of them out, or write "
            "the version alone, as 6.12",
        )  # fmt: skip
    found = Kernel.from_config(config, version=None if named is None else parse_version(named))
    return found if model is None else found.booted(model)


def _kernel(named: str, model: Preemption | None, preemptible_rcu: bool | None) -> Kernel:
    if named in DISTRIBUTIONS:
        found = DISTRIBUTIONS[named]
        if preemptible_rcu is not None:
            return Kernel(found.version, model or found.preemption, preemptible_rcu)
        return found if model is None else found.booted(model)
    version = parse_version(named)
    if model is None:
        raise ScenarioError(
            Setting("kernel", named), " may boot with any preemption model; say which with ", Setting("preemption"),
            " MODEL",
        )  # fmt: skip
    return Kernel.of_model(version, model, preemptible_rcu)
