"""A kernel as far as BPF programs depend on it: version, preemption model, whether RCU is preemptible."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from ctxrace.core.errors import ScenarioError
from ctxrace.core.setting import Setting
from ctxrace.kernel.rules.preemption import Preemption

__all__ = ["DISTRIBUTIONS", "PREEMPTIBLE", "Basis", "Kernel", "Version", "parse_version"]

Version = tuple[int, int]

FIRST: Version = (5, 10)
"""The oldest kernel whose sources were read."""

MIGRATE_DISABLE_IS_PREEMPTIBLE: Version = (5, 11)
"""`commits.MIGRATE_DISABLE`; before, migrate_disable() is preempt_disable() except on PREEMPT_RT."""

MODEL_SINCE: dict[Preemption, Version] = {Preemption.LAZY: (6, 13)}
"""`commits.LAZY`."""

RT_SOFTIRQS_UNLOCKED: Version = (6, 18)
"""`commits.SOFTIRQ_LOCK`."""

PREEMPTIBLE = frozenset({Preemption.FULL, Preemption.LAZY, Preemption.RT})
"""The models in which a task loses the CPU between any two instructions."""


class Basis(StrEnum):
    """Where it is known from whether RCU is preemptible."""

    GIVEN = "given"
    CONFIG = "config"
    DISTRIBUTION = "distribution"
    MODEL = "model"  # the preemption model leaves no choice


@dataclass(frozen=True)
class Kernel:
    """What decides where BPF programs are preemptible.

    version: as `(major, minor)`. preemption: the model at boot. preemptible_rcu: CONFIG_PREEMPT_RCU.
    softirq_lock: whether tasks with bottom halves off exclude one another on PREEMPT_RT (before 6.18 always, since
    then CONFIG_PREEMPT_RT_NEEDS_BH_LOCK). basis: where preemptible_rcu is known from. name: a distribution's.
    Raises ScenarioError for a combination that no kernel has, and for kernels older than the rules.
    """

    version: Version
    preemption: Preemption
    preemptible_rcu: bool
    softirq_lock: bool = False
    basis: Basis = Basis.GIVEN
    name: str = ""

    def __post_init__(self) -> None:
        if self.version < FIRST:
            raise ScenarioError(
                f"kernel {_spell(self.version)} is older than {_spell(FIRST)}: no rule was read that far back; "
                "pass ", Setting("kernel", _spell(FIRST)), " or later"
            )
        since = MODEL_SINCE.get(self.preemption, FIRST)
        if self.version < since:
            raise ScenarioError(
                f"kernel {_spell(self.version)} has no preemption model {self.preemption}: it came with "
                f"{_spell(since)}; pass another ", Setting("preemption")
            )
        if self.preemption in (Preemption.FULL, Preemption.RT) and not self.preemptible_rcu:
            raise ScenarioError(
                f"preemption {self.preemption} comes with preemptible RCU (kernel/rcu/Kconfig, PREEMPT_RCU); "
                "pass ", Setting("rcu", "preemptible"), ", or another ", Setting("preemption")
            )
        if self.preemption is Preemption.RT and self.version < RT_SOFTIRQS_UNLOCKED:
            object.__setattr__(self, "softirq_lock", True)

    @property
    def preemptible(self) -> bool:
        """Whether a task may lose the CPU between any two instructions."""
        return self.preemption in PREEMPTIBLE

    @classmethod
    def from_config(cls, text: str, *, version: Version | None = None) -> "Kernel":
        """Return the kernel that a .config describes, as it boots without a preempt= parameter.

        text: the whole file. version: instead of the one in the file's header comment.
        Raises ScenarioError where the file names no version or no preemption model.
        """
        options = dict(re.findall(r"^(CONFIG_PREEMPT\w*)=(.*)$", text, re.MULTILINE))
        if version is None:
            header = re.search(r"^# Linux/\S+ (\d{1,3})\.(\d{1,3})\S* Kernel Configuration$", text, re.MULTILINE)
            if header is None:
                raise ScenarioError(
                    "the configuration names no kernel version: its header comment '# Linux/ARCH VERSION Kernel "
                    "Configuration' is missing; pass ", Setting("kernel"), ", its version, too"
                )
            version = int(header[1]), int(header[2])
        chosen = [model for option, model in _CONFIG_MODELS if options.get(option) == "y"]
        if not chosen:
            raise ScenarioError(
                "the configuration chooses no preemption model: none of "
                + ", ".join(option for option, _ in _CONFIG_MODELS)
                + " is y; is it a kernel's whole .config?"
            )
        return cls(
            version,
            chosen[0],
            options.get("CONFIG_PREEMPT_RCU") == "y",
            options.get("CONFIG_PREEMPT_RT_NEEDS_BH_LOCK") == "y",
            Basis.CONFIG,
        )

    @classmethod
    def of_distribution(cls, name: str) -> "Kernel":
        """Return the kernel of a distribution as it boots by default. Raises ScenarioError for an unknown name."""
        if name not in DISTRIBUTIONS:
            raise ScenarioError(
                f"unknown distribution {name!r}; known: {', '.join(DISTRIBUTIONS)}; or pass ", Setting("config")
            )
        return DISTRIBUTIONS[name]

    def booted(self, preemption: Preemption) -> "Kernel":
        """Return this kernel, booted with preempt=`preemption`.

        Only CONFIG_PREEMPT_DYNAMIC, which comes with PREEMPT_RCU, has the parameter.
        """
        return replace(self, preemption=preemption)

    @classmethod
    def of_model(cls, version: Version, preemption: Preemption, preemptible_rcu: bool | None = None) -> "Kernel":
        """Return a kernel of which only version and model are known.

        Raises ScenarioError where the model leaves open whether RCU is preemptible and `preemptible_rcu` is None.
        """
        if preemptible_rcu is not None:
            return cls(version, preemption, preemptible_rcu)
        kernel = cls(version, preemption, True, basis=Basis.MODEL)
        if preemption in (Preemption.FULL, Preemption.RT):
            return kernel
        raise ScenarioError(
            f"preemption {preemption} does not say whether RCU is preemptible: it is with CONFIG_PREEMPT_DYNAMIC; "
            "pass ", Setting("rcu"), " (preemptible or non-preemptible), ", Setting("config"), ", or ",
            Setting("kernel"), f" with one of {', '.join(DISTRIBUTIONS)}"
        )


_CONFIG_MODELS = (
    ("CONFIG_PREEMPT_RT", Preemption.RT),  # first: the choice that stands beside it means nothing then
    ("CONFIG_PREEMPT", Preemption.FULL),
    ("CONFIG_PREEMPT_LAZY", Preemption.LAZY),
    ("CONFIG_PREEMPT_VOLUNTARY", Preemption.VOLUNTARY),
    ("CONFIG_PREEMPT_NONE", Preemption.NONE),
)
"""kernel/Kconfig.preempt."""


def _distribution(name: str, version: Version, preemption: Preemption, *, preemptible_rcu: bool) -> Kernel:
    return Kernel(version, preemption, preemptible_rcu, basis=Basis.DISTRIBUTION, name=name)


DISTRIBUTIONS = {
    kernel.name: kernel
    for kernel in (
        _distribution("debian-11", (5, 10), Preemption.VOLUNTARY, preemptible_rcu=False),
        _distribution("debian-12-amd64", (6, 1), Preemption.VOLUNTARY, preemptible_rcu=True),
        _distribution("debian-12-arm64", (6, 1), Preemption.VOLUNTARY, preemptible_rcu=False),
        _distribution("debian-13-amd64", (6, 12), Preemption.VOLUNTARY, preemptible_rcu=True),
        _distribution("debian-13-arm64", (6, 12), Preemption.VOLUNTARY, preemptible_rcu=False),
        _distribution("debian-sid-amd64", (7, 2), Preemption.LAZY, preemptible_rcu=True),
        _distribution("debian-sid-arm64", (7, 2), Preemption.LAZY, preemptible_rcu=False),
        _distribution("ubuntu-22.04-amd64", (5, 15), Preemption.VOLUNTARY, preemptible_rcu=False),
        _distribution("ubuntu-24.04-amd64", (6, 8), Preemption.VOLUNTARY, preemptible_rcu=True),
        _distribution("ubuntu-26.04-amd64", (7, 0), Preemption.LAZY, preemptible_rcu=True),
    )
}
"""Kernels as their distributions build them and boot by default.

Read in Debian's packages linux-config-5.10 (5.10.223-1), linux-config-6.1 (6.1.176-1), linux-config-6.12 (6.12.117-1)
and linux-config-7.2 (7.2.13-1), files config.*_none_amd64 and _arm64; and in Ubuntu's linux-modules-5.15.0-204-generic,
linux-modules-6.8.0-151-generic and linux-modules-7.0.0-44-generic.
"""


def parse_version(text: str) -> Version:
    """Return "6.12", "6.12.117" or "v6.12-rc1" as `(6, 12)`. Raises ScenarioError for anything else."""
    match = re.fullmatch(r"v?(\d{1,3})\.(\d{1,3})(?:[.\-+~].*)?", text)
    if match is None:
        raise ScenarioError(f"{text!r} is no kernel version; write it as 6.12")
    return int(match[1]), int(match[2])


def _spell(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
