"""The generators: one function for each kind of input, which makes a `Case` from a source of random choices."""

import random
from collections.abc import Callable, Mapping, Sequence

from tests.fuzz.case import MEMORY, TIMEOUT, Case
from tests.fuzz.damage import NASTY, damaged, damaged_elf, damaged_text, nasty_name
from tests.fuzz.originals import ARCHS, bpf_objects, claims, kernel, machine_code, modules, schedules, sources

__all__ = ["KINDS", "TYPED", "UNTYPED"]

_LIMITED = ("--timeout", f"{TIMEOUT}", "--max-memory", f"{MEMORY}M")
_FEW = ("--max-states", "300")
_NAMES = ("attempt", "body", "active", "any_a", "any_b", "task_a", "x", "p")
_PROPERTIES = ("--exclusive", "--balanced", "--recovers", "--progress", "--property")
_FILES = ("report", "guard.elf", ".", "nowhere/report", "\x1b[31m", "a b", "-")
_SCENARIO: dict[str, Sequence[str]] = {
    "--tasks": ("1", "2", "3", "17", "2:attempt", "any_a", "2:no_such"),
    "--fifo-tasks": ("1", "1:attempt", "0"),
    "--softirq": ("attempt", "none", "any_a"),
    "--hardirq": ("attempt", "none", "any_a,any_b"),
    "--nmi": ("attempt", "none", "any_b"),
    "--cpus": ("1", "2", "3"),
    "--preemption": ("none", "full", "lazy", "rt", "voluntary"),
    "--rcu": ("preemptible", "non-preemptible"),
    "--attempts": ("1", "2", "unlimited"),
    "--exclusive": ("body", "attempt"),
    "--balanced": ("active", "x", "p", "who"),
    "--recovers": ("attempt,body", "any_a,body"),
    "--progress": ("attempt,body", "any_a"),
    "--property": ("exclusive", "balanced", "hang"),
    "--statistic": ("x", "active"),
}
_BUILD: dict[str, Sequence[str]] = {
    "--arch": ARCHS,
    "--cc": ("no_such_cc", "zig cc", "'"),
    "--kernel": ("7.0", "vmlinux", "guard.c", "guard.elf", "."),
    "--cpu": ("lse", "erms"),
    "--static-key": ("name=on",),
    "--patch": ("0xffff800080397dc8=1f2003d5", "0x10000=1f2003d5"),
    "--stub": ("body", "body=1", "no_such=-1"),
    "--arg": ("attempt=1,active", "body=0x10"),
    "--source": (".", "guard.elf", "nowhere"),
    "--btf": ("guard.elf", "vmlinux", "nowhere", "."),
}
_LIMITS: dict[str, Sequence[str]] = {
    "--engine": ("reference", "summaries"),
    "--max-states": ("1", "10", "300"),
    "--max-memory": ("1", "1M", "100M", "300M", "1G"),
    "--timeout": ("0", "0.001", "0.1", "1"),
    "--jobs": ("1", "2"),
}
_OUTPUT: dict[str, Sequence[str]] = {
    "--color": ("auto", "always", "never"),
    "--format": ("text", "ktap", "junit", "sarif", "github", "mermaid", "plantuml"),
    "--output": _FILES,
    "--html": ("page.html", *_FILES),
    "--svg": ("lanes.svg", *_FILES),
    "--junit": ("report.xml", *_FILES),
}
_CALLER: dict[str, Sequence[str]] = {
    "--trampoline": ("raw_tp", "fentry", "fexit", "bare"),
    "--programs": ("1", "2"),
    "--interrupts": ("nmi", "softirq,hardirq,nmi", "none"),
    "--guard": ("generic", "arm64-v1", "arm64-merged"),
}
_VALUES = {
    **_SCENARIO, **_BUILD, **_LIMITS, **_OUTPUT, **_CALLER,
    "--schedule": ("00000000.00000000:A:1 B:3 A:2", "c70c59b7.ccc4cb45:A:1 B:2 A:1"),
}  # fmt: skip
_OF_PROGRAMS: dict[str, Sequence[str]] = {
    "--kernel": ("7.0", "6.12", "5.0", "debian-sid-amd64", "debian-13-arm64", "vmlinux"),
    "--preemption": _SCENARIO["--preemption"],
    "--rcu": _SCENARIO["--rcu"],
    "--config": ("config", "nowhere", "."),
    "--program": ("count", "no_such", "a,b"),
    "--attach": ("count=tcp_connect", "count="),
    "--context": ("count=nmi", "count=never"),
    "--not-together": ("a,b", "a"),
    "--assume-harmless": ("bpf_no_such", "bpf_map_lookup_elem"),
    "--rodata": ("config", "nowhere"),
    "--ignore": ("missed", "unmixed,lost-update", "leaked", "stuck", "nothing"),
    "--output": _FILES,
    "--color": _OUTPUT["--color"],
    "--schedule": _VALUES["--schedule"],
}
_SWITCHES = ("--json", "--mail", "--strict", "--quiet", "--verbose", "--entry-window", "--no-entry-window",
             "--sleepable", "--non-sleepable", "--trust", "--claim", "--coverage", "--update", "--pairs", "--help",
             "--version", "--schema", "-O0", "-O3", "-Os", "-DX=1")  # fmt: skip
_SWITCHES_OF = {
    "check": ("--json", "--mail", "--strict", "--quiet", "--verbose", "--coverage", "--help"),
    "replay": ("--json", "--mail", "--quiet", "--verbose", "--trust"),
    "show": ("--json", "--entry-window"),
    "test": ("--json", "--quiet", "--update"),
}
_OF_MODULES = (("--arg", "update=1", "--static-key", "count=on"), ("--arg", "update=0..2"), ("--arg", "update=&count"))
_PAGES = (("--html", "page.html"), ("--svg", "lanes.svg"), ("--format", "junit"), ("--format", "sarif"),
          ("--format", "ktap"), ("--format", "github"), ("--format", "mermaid"), ("--output", "report"))  # fmt: skip
_CONFIG = b"""# Linux/x86 7.0.0 Kernel Configuration
CONFIG_PREEMPT_DYNAMIC=y
CONFIG_PREEMPT_LAZY=y
CONFIG_PREEMPT_RCU=y
"""
_VERBS = (*[["check"]] * 8, ["replay"], ["show"], ["test"], ["bpf", "models"], ["bpf", "claims"],
          ["chek"])  # fmt: skip

TYPED = frozenset({*_VALUES, *_OF_PROGRAMS, *_SWITCHES, "-O", "-D"})
"""The options that are typed."""
UNTYPED = frozenset({"--dask"})
"""Those that are not, as they need a cluster."""


def _encoding(choice: random.Random) -> str:
    return choice.choice(("utf-8", "utf-8", "utf-8", "ascii", "latin-1"))


def _some_options(choice: random.Random, most: int, values: Mapping[str, Sequence[str]]) -> list[str]:
    """Return up to `most` options of `values` that fit or do not fit; some with a value that is something else.

    An option without values is a switch.
    """
    words: list[str] = []
    for _ in range(choice.randrange(most + 1)):
        option = choice.choice(tuple(values))
        if not values[option]:
            words.append(option)
            continue
        value = choice.choice(values[option] if choice.random() < 0.9 else (*NASTY, *_NAMES))
        words += [option, value.replace("\0", "")] if choice.random() < 0.8 else [f"{option}={value}".replace("\0", "")]
    return words


def c_source(choice: random.Random) -> Case:
    """Make a C file out of one that compiles, with a name and for an architecture of any kind."""
    name = nasty_name(choice, ".c")
    parts = (*NASTY, *_NAMES, "while (1)", "for (;;) barrier();", "__attribute__((aligned(1)))", "asm(\"nop\");", "*",
             "[1 << 30]", "\n#include \"guard.c\"\n", "\n#line 1 \"\x1b[31m\"\n", "volatile", "(void *)1")  # fmt: skip
    text = damaged_text(choice.choice(sources()), choice, parts)
    words = ["check", f"./{name}", "--arch", choice.choice(ARCHS), choice.choice(("-O0", "-O1", "-O2", "-Os"))]
    more = choice.choice(((), ("--json",), ("--mail",), ("--engine", "summaries"), ("--coverage",), *_PAGES))
    return Case((*words, *more, *_LIMITED, *_FEW), {name: text}, _encoding(choice))


def elf(choice: random.Random) -> Case:
    """Damage an object or an executable of one of four architectures, a module, or a kernel image with a harness."""
    some = choice.random()
    if some < 0.1:
        name = nasty_name(choice, choice.choice((".ko", ".o")))
        words = ("check", f"./{name}", "--tasks", "2:update", "--exclusive", "body", "--stub", "kfree")
        data = damaged_elf(choice.choice(modules()), choice)
        return Case((*words, *choice.choice(_OF_MODULES), *_LIMITED, *_FEW), {name: data}, _encoding(choice))
    if some < 0.2:
        image, harness = kernel()
        booted = choice.choice(((), ("--cpu", "lse"), ("--static-key", "guard_key=on")))
        words = ("check", "./harness.c", "--kernel", "./vmlinux", *booted)
        files = {"vmlinux": damaged_elf(image, choice), "harness.c": harness}
        return Case((*words, *_LIMITED, *_FEW), files, _encoding(choice))
    machine = choice.choice(machine_code())
    linked = choice.random() < 0.8
    name = nasty_name(choice, ".elf" if linked else ".o")
    data = damaged_elf(machine.linked, choice, machine.code) if linked else damaged_elf(machine.object, choice)
    if choice.random() < 0.15:  # what a symbol, a section or a source is called
        data = data.replace(choice.choice((b"body", b"active", b"attempt", b"guard.c")), b"\x1b[3\xff")
    verb = choice.choice(("check", "check", "check", "show"))
    arch = machine.arch if choice.random() < 0.95 else choice.choice(ARCHS)
    more = choice.choice(((), (), (), ("--json",), ("--mail",), ("--coverage",), *_PAGES)) if verb == "check" else ()
    return Case((verb, f"./{name}", "--arch", arch, *more, *_LIMITED, *_FEW), {name: data}, _encoding(choice))


def bpf_object(choice: random.Random) -> Case:
    """Damage an object of BPF programs."""
    name = nasty_name(choice, ".bpf.o")
    more = choice.choice(((), ("--json",), ("--pairs",), _some_options(choice, 3, _OF_PROGRAMS)))
    words = ("check", f"./{name}", *more, "--max-states", "300", "--jobs", "1")
    data = choice.choice(bpf_objects())
    files = {name: damaged_elf(data, choice) if choice.random() < 0.8 else data, "config": _config(choice)}
    return Case(words, files, _encoding(choice))


def _config(choice: random.Random) -> bytes:
    return damaged_text(_CONFIG.decode(), choice) if choice.random() < 0.5 else _CONFIG


def claim(choice: random.Random) -> Case:
    """Exchange words of a claim, by others of the language too."""
    name = nasty_name(choice, ".txt")
    texts = claims()
    others = tuple({word for text in texts for word in text.split()})
    text = damaged_text(choice.choice(texts), choice, (*NASTY, *sorted(others), "system guard.c\n", "violates hang"))
    more = choice.choice(((), ("--json",), ("--mail",)))
    return Case(("replay", f"./{name}", *more, *_LIMITED, *_FEW), {name: text}, _encoding(choice))


def schedule(choice: random.Random) -> Case:
    """Exchange parts of a schedule that fits the machine code."""
    machine, text = choice.choice(schedules())
    parts = (*NASTY, "A", "B", "C..T256", "nmi:attempt/0", "@1", "*", "*999999", "1", "2", "99", "999999999", " ", ":")
    changed = damaged_text(text, choice, parts).decode("utf-8", "surrogateescape").replace("\0", "")
    more = choice.choice(((), ("--claim",), ("--mail",)))
    words = ("replay", "./guard.elf", "--arch", machine.arch, "--schedule", changed, *more, *_LIMITED[:4])
    return Case(words, {"guard.elf": machine.linked}, _encoding(choice))


def _fitting(verb: str, name: str, code: bytes, choice: random.Random) -> Mapping[str, Sequence[str]]:
    """Return options that `verb` has for such a file, with the values whose names are in `code`; sometimes all."""
    if choice.random() < 0.1:
        return {**_VALUES, **dict.fromkeys(_SWITCHES, ())}
    known = {**_LIMITS, **_OUTPUT, **dict.fromkeys(_SWITCHES_OF.get(verb, ()), ())}
    if verb != "test":
        known |= _SCENARIO
    if name.endswith(".c"):
        known |= _BUILD
    else:
        known.pop("--cpus", None)
        known.pop("--rcu", None)
    for option in ("--jobs",) if verb == "test" else ("--jobs", "--junit"):
        known.pop(option)
    other = "any_" if b"any_a" not in code else "attempt"
    return {option: [value for value in values if other not in value] for option, values in known.items()}


def options(choice: random.Random) -> Case:
    """Type any options of any verb, about machine code, a C file, a claim or nothing."""
    machine = choice.choice(machine_code())
    verb = choice.choice(_VERBS)
    names = choice.choice((*[["guard.elf"]] * 6, *[["guard.c"]] * 3, ["guard.txt"], [], ["."], ["no such file"],
                           ["\x1b[31m.elf"], ["vmlinux"], ["guard.c", "guard.elf"]))  # fmt: skip
    names = ["guard.txt"] if verb == ["replay"] and choice.random() < 0.8 else names
    words = [*verb, *(names if verb[0] != "bpf" else ())]
    fitting = _fitting(verb[0], names[0] if names else "", machine.linked, choice)
    words += _some_options(choice, choice.choice((1, 2, 5)), fitting)
    if verb[0] == "bpf":  # tables of many cases, which the other kinds decide one at a time
        words += ["--guard", choice.choice(NASTY).replace("\0", "") or "none"]
    if "--arch" not in words and verb[0] not in ("bpf", "replay"):
        words += ["--arch", machine.arch]
    image = damaged(choice.choice(machine_code()).linked, choice)
    texts = choice.choice(claims()).encode(), choice.choice(sources()).encode()
    files = {"guard.elf": machine.linked, "guard.txt": texts[0], "guard.c": texts[1], "vmlinux": image}
    limits = (option for option in (_LIMITED[:2], _LIMITED[2:], _FEW) if option[0] not in words)
    return Case((*words, *(word for option in limits for word in option)), files, _encoding(choice))


KINDS: dict[str, tuple[int, Callable[[random.Random], Case]]] = {
    "c": (2, c_source),
    "elf": (6, elf),
    "bpf": (1, bpf_object),
    "claim": (3, claim),
    "schedule": (3, schedule),
    "options": (5, options),
}
"""How many of twenty inputs are of a kind, and what makes one."""
