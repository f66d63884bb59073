"""The generators: one function for each kind of input, which makes a `Case` from a source of random choices."""

import random
from collections.abc import Callable, Sequence

from tests.fuzz.case import MEMORY, TIMEOUT, Case
from tests.fuzz.damage import NASTY, damaged, damaged_text, nasty_name
from tests.fuzz.originals import ARCHS, bpf_objects, claims, machine_code, schedules, sources

__all__ = ["KINDS"]

_LIMITED = ("--timeout", f"{TIMEOUT}", "--max-memory", f"{MEMORY}M")
_FEW = ("--max-states", "300")
_NAMES = ("attempt", "body", "active", "any_a", "any_b", "task_a", "x", "p")
_PROPERTIES = ("--exclusive", "--balanced", "--recovers", "--progress", "--property")
_VALUES: dict[str, Sequence[str]] = {
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
    "--arch": ARCHS,
    "--engine": ("reference", "summaries"),
    "--max-states": ("1", "10", "300"),
    "--schedule": ("00000000.00000000:A:1 B:3 A:2", "c70c59b7.ccc4cb45:A:1 B:2 A:1"),
    "--color": ("auto", "always", "never"),
    "--trampoline": ("raw_tp", "fentry", "fexit", "bare"),
    "--programs": ("1", "2"),
    "--interrupts": ("nmi", "softirq,hardirq,nmi", "none"),
    "--guard": ("generic", "arm64-v1", "arm64-merged"),
    "--kernel": ("7.0", "vmlinux", "guard.c"),
    "--cpu": ("lse",),
    "--static-key": ("name=on",),
    "--patch": ("0xffff800080397dc8=1f2003d5",),
}
_SWITCHES = ("--json", "--mail", "--strict", "--quiet", "--verbose", "--entry-window", "--sleepable", "--trust",
             "--claim", "--help", "--version", "-O0", "-O3", "-Os", "-DX=1")  # fmt: skip


def _encoding(choice: random.Random) -> str:
    return choice.choice(("utf-8", "utf-8", "utf-8", "ascii", "latin-1"))


def _some_options(choice: random.Random, most: int) -> list[str]:
    """Return up to `most` options that fit or do not fit; some with a value that is something else."""
    words: list[str] = []
    for _ in range(choice.randrange(most + 1)):
        if choice.random() < 0.3:
            words.append(choice.choice(_SWITCHES))
            continue
        option = choice.choice(tuple(_VALUES))
        value = choice.choice(_VALUES[option] if choice.random() < 0.85 else (*NASTY, *_NAMES))
        words += [option, value.replace("\0", "")] if choice.random() < 0.8 else [f"{option}={value}".replace("\0", "")]
    return words


def c_source(choice: random.Random) -> Case:
    """Make a C file out of one that compiles, with a name and for an architecture of any kind."""
    name = nasty_name(choice, ".c")
    parts = (*NASTY, *_NAMES, "while (1)", "for (;;) barrier();", "__attribute__((aligned(1)))", "asm(\"nop\");", "*",
             "[1 << 30]", "\n#include \"guard.c\"\n", "\n#line 1 \"\x1b[31m\"\n", "volatile", "(void *)1")  # fmt: skip
    text = damaged_text(choice.choice(sources()), choice, parts)
    words = ["check", f"./{name}", "--arch", choice.choice(ARCHS), choice.choice(("-O0", "-O1", "-O2", "-Os"))]
    more = choice.choice(((), ("--json",), ("--mail",), ("--engine", "summaries")))
    return Case((*words, *more, *_LIMITED, *_FEW), {name: text}, _encoding(choice))


def elf(choice: random.Random) -> Case:
    """Damage an object file or an executable of one of four architectures."""
    machine = choice.choice(machine_code())
    linked = choice.random() < 0.8
    name = nasty_name(choice, ".elf" if linked else ".o")
    data = damaged(machine.linked, choice, machine.code) if linked else damaged(machine.object, choice)
    if choice.random() < 0.15:  # what a symbol, a section or a source is called
        data = data.replace(choice.choice((b"body", b"active", b"attempt", b"guard.c")), b"\x1b[3\xff")
    verb = choice.choice(("check", "check", "check", "show"))
    arch = machine.arch if choice.random() < 0.95 else choice.choice(ARCHS)
    more = choice.choice(((), ("--json",), ("--mail",))) if verb == "check" else ()
    return Case((verb, f"./{name}", "--arch", arch, *more, *_LIMITED, *_FEW), {name: data}, _encoding(choice))


def bpf_object(choice: random.Random) -> Case:
    """Damage an object of BPF programs."""
    name = nasty_name(choice, ".bpf.o")
    more = choice.choice(((), ("--json",), ("--pairs",)))
    words = ("check", f"./{name}", *more, "--max-states", "300", "--jobs", "1")
    return Case(words, {name: damaged(choice.choice(bpf_objects()), choice)}, _encoding(choice))


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


def options(choice: random.Random) -> Case:
    """Type any options of any verb, about machine code or about nothing."""
    machine = choice.choice(machine_code())
    verb = choice.choice((["check"], ["check"], ["replay"], ["show"], ["bpf", "models"], ["bpf", "claims"], ["chek"]))
    names = choice.choice((["guard.elf"], ["guard.elf"], ["guard.txt"], [], ["."], ["no such file"], ["\x1b[31m.elf"]))
    words = [*verb, *(names if verb[0] != "bpf" else ()), *_some_options(choice, choice.choice((1, 2, 5)))]
    if verb[0] == "bpf":  # tables of many cases, which the other kinds decide one at a time
        words += ["--guard", choice.choice(NASTY).replace("\0", "") or "none"]
    if "--arch" not in words and verb[0] != "bpf":
        words += ["--arch", machine.arch]
    text = choice.choice(claims()).encode()
    return Case((*words, *_LIMITED, *_FEW), {"guard.elf": machine.linked, "guard.txt": text}, _encoding(choice))


KINDS: dict[str, tuple[int, Callable[[random.Random], Case]]] = {
    "c": (2, c_source),
    "elf": (7, elf),
    "bpf": (1, bpf_object),
    "claim": (4, claim),
    "schedule": (3, schedule),
    "options": (3, options),
}
"""How many of twenty inputs are of a kind, and what makes one."""
