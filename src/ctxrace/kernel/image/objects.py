"""Objects and modules that are checked as they are: read, given our models, and linked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from ctxrace.core.errors import ImageError, ScenarioError
from ctxrace.kernel.image.boot import AS_IT_IS, Boot
from ctxrace.kernel.image.booted_image import BootedImage
from ctxrace.kernel.image.build_tree import BuildTree
from ctxrace.kernel.image.linked import Parts, link
from ctxrace.kernel.image.object_tasks import tasks_of_layout, tasks_of_objects
from ctxrace.kernel.image.written import arguments_file, name_of_start, stubs_file, ways
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.machine.arch import Architecture
from ctxrace.machine.image import Start
from ctxrace.machine.objects.join import compiled
from ctxrace.machine.objects.relocatable import ObjectFile, read_object
from ctxrace.machine.toolchain import FLAGS, MACHINE_FLAGS, Compiler, default_cache, find_compiler

__all__ = ["MODELS", "Objects", "Sources", "load_objects", "needs_linking"]

MODELS = Path(__file__).parents[1] / "models"
_LINKED = ("arm64", "x86-64")
_VERMAGIC = re.compile(rb"(?:^|\0)vermagic=([^\0]*)")
_TABLES = (".altinstructions", "__jump_table", ".return_sites", ".retpoline_sites", "__mcount_loc")


@dataclass(frozen=True)
class Sources:
    """Say what is compiled beside the objects, and how.

    harness: the user's C file, None for none. include: directories of headers. stubs: functions of which all that
    matters is the number that they return; arguments: what entries are given, by name.
    """

    harness: Path | None = None
    cc: str | None = None
    optimize: str = "-O2"
    flags: Sequence[str] = ()
    include: Sequence[Path] = ()
    stubs: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    arguments: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects as one image. preemption: the model that a module says it was built for, None where none does."""

    image: BootedImage
    compiler: str
    messages: str
    preemption: Preemption | None


def needs_linking(path: Path, arch: Architecture) -> bool:
    """Return whether the object `path` is more than one that stands for itself, as those of our own headers do.

    Raises `ImageError` where it is not an object for `arch`.
    """
    if path.suffix == ".ko":
        return True
    found = read_object(path, arch)
    return bool(found.undefined) or any(found.section(name) for name in _TABLES)


def load_objects(
    paths: Sequence[Path],
    arch: Architecture,
    sources: Sources,
    *,
    boot: Boot = AS_IT_IS,
    tree: str | None = None,
    cache: Path | None = None,
) -> Objects:
    """Link `paths`, relocatable objects, with what `sources` says and our models.

    tree: the directory in which a kernel was built; then `paths` are relative to it, and the harness has its headers.
    cache: as for `load_harness`. Raises `CtxraceError`: no such objects, they do not fit together, or something does
    not compile.
    """
    if arch.name not in _LINKED:
        raise ScenarioError(
            f"{paths[0]} is for {arch.name}: several objects, modules, and objects that leave names undefined are "
            f"linked for {' and '.join(_LINKED)} only; link it with what it needs, and name the executable"
        )
    cache = cache or default_cache()
    built = BuildTree(Path(tree), [str(path) for path in paths], arch, sources.cc, cache) if tree is not None else None
    objects = [read_object(path, arch) for path in (built.objects if built is not None else paths)]
    tasks = tasks_of_objects(objects) if built is None else tasks_of_layout(built.task_struct, arch, str(built.path))
    preemption = _preemption(objects) if built is None else built.preemption
    if preemption is Preemption.RT and not tasks.struct.softirq_disable_count:
        raise ImageError(
            f"{paths[0]} was built for PREEMPT_RT, and its debug information has no task_struct with "
            "softirq_disable_cnt; compile it with -g"
        )
    settings = [*_configured(objects, preemption, built), *tasks.flags(cache)]
    plain = [*FLAGS, *MACHINE_FLAGS.get(arch.elf_machine, ()), *arch.c_flags, "-O2"]
    ours = [*settings, *(f"-I{path}" for path in sources.include)]
    own = find_compiler(None, arch, cache=cache)
    harness, described, messages = _harness(sources, arch, [*plain, *ours], built, cache)
    harness += _written(sources, own, plain, cache)
    library = [compiled(model, own, [*plain, "-g0", *ours], cache=cache).path for model in _models(arch)]
    capabilities = built.capabilities if built is not None else {}
    name = str(sources.harness or paths[0])
    parts = Parts(
        arch, harness, objects, library, tasks.struct, boot, name, capabilities, tuple(sources.include)
    )
    image = link(parts, cache)
    image.starts.update({entry: _starts_of(image, entry, given) for entry, given in sources.arguments.items()})
    return Objects(image, described, messages, preemption)


def _harness(
    sources: Sources, arch: Architecture, options: Sequence[str], tree: BuildTree | None, cache: Path
) -> tuple[list[Path], str, str]:
    """Return the compiled harness, who compiled it, and what that printed."""
    if sources.harness is None:
        return [], "not known", ""
    if tree is not None:
        path, messages = tree.harness(sources.harness, sources.include[0], sources.flags)
        return [path], tree.compiler.description, messages
    compiler = find_compiler(sources.cc, arch, cache=cache)
    wanted = [*options, sources.optimize, *compiler.flags, *sources.flags]
    built = compiled(sources.harness, compiler, wanted, cache=cache)
    return [built.path], f"{compiler.description} {sources.optimize}", built.messages


def _models(arch: Architecture) -> list[Path]:
    special = MODELS / f"{arch.name}.S"
    return [*sorted(MODELS.glob("*.c")), *([special] if special.is_file() else [])]


def _written(sources: Sources, compiler: Compiler, options: Sequence[str], cache: Path) -> list[Path]:
    files = [stubs_file(sources.stubs, cache)] if sources.stubs else []
    files += [arguments_file(sources.arguments, cache)] if sources.arguments else []
    return [compiled(file, compiler, options, cache=cache).path for file in files]


def _starts_of(image: BootedImage, entry: str, given: Sequence[str]) -> tuple[Start, ...]:
    several = ways(entry, given)
    addresses = [image.symbols[name_of_start(entry, way)].address for way in range(len(several))]
    return tuple(map(Start, addresses, several if len(several) > 1 else [()]))


def _preemption(objects: Sequence[ObjectFile]) -> Preemption | None:
    """Return the model that the modules among `objects` were built for (include/linux/vermagic.h, Linux v7.2)."""
    found: dict[Preemption, Path] = {}
    for one in objects:
        magic = _VERMAGIC.search(one.section(".modinfo"))
        if magic is not None:
            words = magic[1].split()
            rt, full = b"preempt_rt" in words, b"preempt" in words
            found.setdefault(Preemption.RT if rt else Preemption.FULL if full else Preemption.VOLUNTARY, one.path)
    if len(found) > 1:
        (model, there), (another, here) = list(found.items())[:2]
        raise ImageError(f"{there} was built for preemption {model}, {here} for {another}; name modules of one kernel")
    return next(iter(found), None)


def _configured(
    objects: Sequence[ObjectFile], preemption: Preemption | None, tree: BuildTree | None
) -> list[str]:
    """Return the flags that make our headers those of the objects' kernel (ctxrace/config.h)."""
    called = any("__rcu_read_lock" in one.undefined | one.defined for one in objects)
    rcu = tree.preemptible_rcu if tree is not None else called
    # Only a kernel with preemption has preemptible RCU (kernel/rcu/Kconfig).
    preemptible = rcu or tree is None and preemption is not Preemption.VOLUNTARY
    return [f"-DCTXRACE_PREEMPT_RT={int(preemption is Preemption.RT)}", f"-DCTXRACE_PREEMPT_RCU={int(preemptible)}"]
