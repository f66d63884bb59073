"""What a kernel is, from a .config, a distribution's name or a model alone; and which kernels there cannot be."""

import pytest

from ctxrace.bpf.programs.rules.kernel import DISTRIBUTIONS, Basis, Kernel, parse_version
from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.rules.preemption import Preemption


def config(version: str, *options: str, architecture: str = "x86") -> str:
    """A .config with what decides these rules, and some that resembles it."""
    return "\n".join(
        [
            "#",
            "# Automatically generated file; DO NOT EDIT.",
            f"# Linux/{architecture} {version} Kernel Configuration",
            "#",
            "CONFIG_HAVE_PREEMPT_DYNAMIC=y",
            "CONFIG_PREEMPT_NOTIFIERS=y",
            "# CONFIG_PREEMPT_NONE is not set",
            *(f"CONFIG_{option}=y" for option in options),
            "",
        ]
    )


@pytest.mark.parametrize(
    ("text", "kernel"),
    [
        # Debian's, as far as they decide something
        (config("5.10.223", "PREEMPT_VOLUNTARY"), Kernel((5, 10), Preemption.VOLUNTARY, False, basis=Basis.CONFIG)),
        (
            config("6.12.117", "PREEMPT_BUILD", "PREEMPT_VOLUNTARY", "PREEMPT_DYNAMIC", "PREEMPT_RCU"),
            Kernel((6, 12), Preemption.VOLUNTARY, True, basis=Basis.CONFIG),
        ),
        (
            config("7.2.13", "PREEMPT_BUILD", "PREEMPT_LAZY", "PREEMPT_DYNAMIC", "PREEMPT_RCU"),
            Kernel((7, 2), Preemption.LAZY, True, basis=Basis.CONFIG),
        ),
        (
            config("7.2.13", "PREEMPT_BUILD", "PREEMPT_LAZY", architecture="arm64"),
            Kernel((7, 2), Preemption.LAZY, False, basis=Basis.CONFIG),
        ),
        # PREEMPT_RT is a model of its own, whatever is chosen beside it
        (
            config("6.12.117", "PREEMPT_LAZY", "PREEMPT_RT", "PREEMPT_RCU"),
            Kernel((6, 12), Preemption.RT, True, basis=Basis.CONFIG),
        ),
        (
            config("7.2.13", "PREEMPT", "PREEMPT_RT", "PREEMPT_RCU", "PREEMPT_RT_NEEDS_BH_LOCK"),
            Kernel((7, 2), Preemption.RT, True, softirq_lock=True, basis=Basis.CONFIG),
        ),
        (config("6.6.1-rc1+", "PREEMPT", "PREEMPT_RCU"), Kernel((6, 6), Preemption.FULL, True, basis=Basis.CONFIG)),
        (config("6.6.1", "PREEMPT_NONE"), Kernel((6, 6), Preemption.NONE, False, basis=Basis.CONFIG)),
    ],
)
def test_from_config(text: str, kernel: Kernel) -> None:
    assert Kernel.from_config(text) == kernel


def test_version_may_be_given_where_the_header_is_missing() -> None:
    text = config("6.12.1", "PREEMPT_VOLUNTARY").replace("# Linux/", "# Anux/")
    assert Kernel.from_config(text, version=(6, 12)).version == (6, 12)
    with pytest.raises(ScenarioError, match="names no kernel version"):
        Kernel.from_config(text)


def test_file_that_is_no_config() -> None:
    with pytest.raises(ScenarioError, match="chooses no preemption model"):
        Kernel.from_config("# Linux/x86 6.12.1 Kernel Configuration\nCONFIG_PREEMPT_COUNT=y\n")


def test_version_that_is_no_number() -> None:
    with pytest.raises(ScenarioError, match="names no kernel version"):
        Kernel.from_config(config("9" * 5000 + ".1", "PREEMPT_VOLUNTARY"))


def test_comment_is_no_option() -> None:
    text = config("6.12.1", "PREEMPT_VOLUNTARY") + "# CONFIG_PREEMPT_RCU=y\n"
    assert not Kernel.from_config(text).preemptible_rcu


@pytest.mark.parametrize(
    ("version", "preemption", "preemptible_rcu", "message"),
    [
        ((5, 9), Preemption.FULL, True, "older than 5.10"),
        ((6, 12), Preemption.LAZY, True, "no preemption model lazy: it came with 6.13"),
        ((6, 12), Preemption.FULL, False, "comes with preemptible RCU"),
        ((6, 12), Preemption.RT, False, "comes with preemptible RCU"),
    ],
)
def test_kernels_that_do_not_exist(
    version: tuple[int, int], preemption: Preemption, preemptible_rcu: bool, message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        Kernel(version, preemption, preemptible_rcu)


def test_softirqs_exclude_one_another_on_older_rt_kernels() -> None:
    assert Kernel((6, 17), Preemption.RT, True).softirq_lock
    assert not Kernel((6, 18), Preemption.RT, True).softirq_lock
    assert not Kernel((6, 17), Preemption.FULL, True).softirq_lock


def test_model_alone_may_leave_rcu_open() -> None:
    assert Kernel.of_model((7, 0), Preemption.FULL).basis is Basis.MODEL
    assert not Kernel.of_model((7, 0), Preemption.LAZY, preemptible_rcu=False).preemptible_rcu
    for model in (Preemption.LAZY, Preemption.VOLUNTARY, Preemption.NONE):
        with pytest.raises(ScenarioError, match="does not say whether RCU is preemptible"):
            Kernel.of_model((7, 0), model)


def test_model_that_the_kernel_lacks_is_refused_as_such() -> None:
    with pytest.raises(ScenarioError, match="no preemption model lazy"):
        Kernel.of_model((6, 12), Preemption.LAZY)


def test_distributions_say_so() -> None:
    assert all(kernel.basis is Basis.DISTRIBUTION and kernel.name == name for name, kernel in DISTRIBUTIONS.items())
    assert not Kernel.of_distribution("debian-sid-arm64").preemptible_rcu
    with pytest.raises(ScenarioError, match=r"unknown distribution 'debian-99'; known: debian-11, "):
        Kernel.of_distribution("debian-99")


def test_booted_otherwise() -> None:
    assert Kernel.of_distribution("debian-13-amd64").booted(Preemption.FULL).preemptible
    with pytest.raises(ScenarioError, match="comes with preemptible RCU"):
        Kernel.of_distribution("debian-13-arm64").booted(Preemption.FULL)


@pytest.mark.parametrize(
    ("text", "version"),
    [("6.12", (6, 12)), ("v7.0", (7, 0)), ("6.12.117", (6, 12)), ("7.2-rc3", (7, 2)), ("6.1.0-47-amd64", (6, 1))],
)
def test_version(text: str, version: tuple[int, int]) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["", "7", "six", "6.", "6.12x", "6.1234", "-6.1"])
def test_no_version(text: str) -> None:
    with pytest.raises(ScenarioError, match="is no kernel version"):
        parse_version(text)
