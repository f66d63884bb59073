"""The language of claims: one line, one form. What matches no form is an error that shows the nearest one."""

import difflib
import re
from collections.abc import Callable
from typing import NamedTuple

from ctxrace.claims.syntax import Act, Alias, Claim, Condition, Line, Tasks, Term, Value
from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.rules.contexts import INTERRUPT_NAMES

__all__ = ["FORMS", "looks_like_a_claim", "parse_claim"]

_LONGEST = 1_000  # characters of a line
_BOM = "\ufeff"  # some editors begin a file with it
_WHO = r"([A-Za-z_][\w:]*)"
_PLACE = r"([A-Za-z_][\w.\[\]]*)"
_NAME = r"([A-Za-z_][\w.]*)"
_VALUE = r"(-?0[xX][0-9a-fA-F]+|-?\d+|true|false|nonzero)"
_ANY = r"(-?0[xX][0-9a-fA-F]+|-?\d+|\?)"
_OPERATOR = r"(==|!=|<=|>=|<|>)"
_IRQ = f"({'|'.join(INTERRUPT_NAMES)})"
_ONCE = ("arch", "cc", "rcu", "preemption", "attempts", "trampoline", "programs", "interrupts")
_NUMBERED = re.compile(r"(\d{1,9}[a-z]?)[.)]\s+(strict\s+)?(.*)", re.DOTALL)

Make = Callable[..., Act]


class _Form(NamedTuple):
    shown: str
    pattern: re.Pattern[str]
    make: Make


def _form(shown: str, pattern: str, make: Make) -> _Form:
    return _Form(shown, re.compile(pattern), make)


_ACTS = (
    _form("A: VARIABLE 0 -> 1", rf"{_WHO}: {_PLACE} {_ANY} (?:->|➜|→) {_ANY}",
          lambda who, place, old, new: Act("write", who, place, Value(new), Value(old))),
    _form("A: writes VARIABLE", rf"{_WHO}: writes {_PLACE}", lambda who, place: Act("write", who, place)),
    _form("A: writes VARIABLE == 1", rf"{_WHO}: writes {_PLACE} {_OPERATOR} {_VALUE}",
          lambda who, place, op, value: Act("write", who, place, Value(value, op))),
    _form("A: reads VARIABLE", rf"{_WHO}: reads {_PLACE}", lambda who, place: Act("read", who, place)),
    _form("A: reads VARIABLE == 1", rf"{_WHO}: reads {_PLACE} {_OPERATOR} {_VALUE}",
          lambda who, place, op, value: Act("read", who, place, Value(value, op))),
    _form("A: calls FUNCTION", rf"{_WHO}: (?:calls|runs) {_NAME}", lambda who, name: Act("call", who, name)),
    _form("A: FUNCTION returns", rf"{_WHO}: {_NAME} returns", lambda who, name: Act("return", who, name)),
    _form("A: FUNCTION returns false", rf"{_WHO}: {_NAME} returns {_VALUE}",
          lambda who, name, value: Act("return", who, name, Value(value))),
    _form("A: does not call FUNCTION", rf"{_WHO}: (?:does not call|never calls|never runs) {_NAME}",
          lambda who, name: Act("avoid", who, name)),
    _form("FUNCTION is never called again", rf"{_NAME} is never called again", lambda name: Act("avoid", "", name)),
    _form("A starts", rf"{_WHO} starts", lambda who: Act("arrive" if who in INTERRUPT_NAMES else "start", who)),
    _form("A finishes", rf"{_WHO} finishes", lambda who: Act("leave" if who in INTERRUPT_NAMES else "finish", who)),
    _form("switch to A", rf"switch to {_WHO}", lambda who: Act("switch", who)),
    _form("nmi arrives", rf"{_IRQ} arrives", lambda who: Act("arrive", who)),
    _form("nmi arrives over A", rf"{_IRQ} arrives over {_WHO}", lambda who, over: Act("arrive", who, over=over)),
    _form("nmi returns", rf"{_IRQ} returns", lambda who: Act("leave", who)),
)  # fmt: skip

_TERMS = (
    ("idle", re.compile(r"idle"), lambda: Term("idle")),
    ("VARIABLE == 1", re.compile(rf"{_PLACE} {_OPERATOR} {_VALUE}"), lambda p, o, v: Term("value", p, Value(v, o))),
    ("hangs", re.compile(r"hangs"), lambda: Term("hangs")),
    ("stuck VARIABLE", re.compile(rf"stuck {_PLACE}"), lambda place: Term("stuck", place)),
    ("FUNCTION never ran", re.compile(rf"{_NAME} never ran"), lambda name: Term("never", name)),
    ("violates PROPERTY", re.compile(r"violates ([a-z]+(?:\([\w, ]+\))?)"), lambda name: Term("violates", name)),
)

_HEADS = (
    "system guard.c",
    "system guard.c, preemption full",
    "system bpf GUARD",
    "system bpf GUARD, preemption full",
    "tasks A, B",
    "tasks A, B run ENTRY",
    "call NAME = FUNCTION",
    "strict",
    "...",
    "outcome: idle and VARIABLE == 2",
    "outcome: stuck VARIABLE",
    "outcome: hangs",
    "outcome: idle and FUNCTION never ran",
    "outcome: violates PROPERTY",
)

FORMS = (*_HEADS, *(form.shown for form in _ACTS), "idle", "idle and VARIABLE == 2", "VARIABLE == 1",
         "stuck VARIABLE", "hangs", "FUNCTION never ran", "violates PROPERTY")  # fmt: skip
"""Every form of a line, with VARIABLE, FUNCTION, ENTRY and names of contexts to be filled in."""


def looks_like_a_claim(text: str) -> bool:
    """Return whether the first line that says anything begins as a claim must."""
    lines = (line.partition("#")[0].strip() for line in text.removeprefix(_BOM).splitlines())
    first = next(filter(None, lines), "")
    return bool(re.match(r"system\b|tasks\b|strict$|\d+[a-z]?[.)]\s", first))


def parse_claim(text: str, file: str = "claim") -> Claim:
    """Return what `text` says; raise `ScenarioError` that quotes the first line that says nothing known."""
    return _Reader(text, file).read()


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.number, self.line = 0, ""
        self.system: tuple[str, str, tuple[str, ...]] | None = None
        self.tasks: list[Tasks] = []
        self.aliases: list[Alias] = []
        self.lines: list[Line] = []
        self.outcome: Line | None = None
        self.strict = False

    def read(self) -> Claim:
        free = False
        for number, raw in enumerate(self.text.removeprefix(_BOM).splitlines(), 1):
            self.number = number
            if len(raw) > _LONGEST:
                raise ScenarioError(
                    f"{self.file}:{number}: the line has {len(raw):,} characters, and at most {_LONGEST:,} are read"
                )
            self.line = " ".join(raw.partition("#")[0].split())
            if not self.line:
                continue
            numbered = _NUMBERED.fullmatch(self.line)
            if self.line == "...":
                free = True
            elif numbered:
                self._step(numbered[1], bool(numbered[2]) or (self.strict and not free), numbered[3])
                free = False
            elif self.line.startswith("outcome:"):
                self._outcome(self.line.removeprefix("outcome:").strip())
            else:
                self._head()
        if self.system is None:
            raise ScenarioError(f"{self.file} does not say what it is about; begin it with: system guard.c")
        if not self.lines and self.outcome is None:
            raise ScenarioError(f"{self.file} claims nothing; add a step, for example: 1. A: reads VARIABLE == 1")
        return Claim(
            self.file, *self.system, tuple(self.tasks), tuple(self.aliases), tuple(self.lines), self.outcome
        )

    def _head(self) -> None:
        if match := re.fullmatch(r"system (.+)", self.line):
            if self.system is not None:
                raise self._wrong("a second system")
            name, *options = [word.strip() for word in match[1].split(",")]
            self._check_options(options)
            kind, _, subject = name.partition(" ")
            if kind == "bpf" and subject:
                self.system = ("bpf", subject.strip(), tuple(options))
            else:
                self.system = (name, "", tuple(options))
        elif match := re.fullmatch(r"tasks ([\w, ]+?)(?: run (\w+))?", self.line):
            names = tuple(name.strip() for name in match[1].split(","))
            known = [name for tasks in self.tasks for name in tasks.names]
            for name in names:
                if not re.fullmatch(r"[A-Za-z_]\w*", name) or name in INTERRUPT_NAMES:
                    raise self._wrong(f"{name!r} is no name of a task")
                if name in known:
                    raise self._wrong(f"the task {name} is named twice")
                known.append(name)
            tasks = Tasks(self.number, names, match[2] or "")
            for other in self.tasks:
                if not tasks.entry or not other.entry:
                    raise self._wrong(
                        f"line {other.number} names tasks, too; write all names in one line, or say of both: run ENTRY"
                    )
            self.tasks.append(tasks)
        elif match := re.fullmatch(r"call (\w+) = ([\w.]+)", self.line):
            for alias in self.aliases:
                if alias.name == match[1] and alias.function != match[2]:
                    raise self._wrong(f"line {alias.number} says: call {alias.name} = {alias.function}")
            self.aliases.append(Alias(self.number, match[1], match[2]))
        elif self.line == "strict":
            self.strict = True
        else:
            raise self._unknown(self.line, FORMS)

    def _check_options(self, options: list[str]) -> None:
        """Raise `ScenarioError` for two words of the system line that say different things of one."""
        known: dict[str, str] = {}
        for option in options:
            about = _about(option)
            if about and known.setdefault(about, option) != option:
                raise self._wrong(f"{option!r} contradicts {known[about]!r}; leave one out")

    def _step(self, label: str, strict: bool, text: str) -> None:
        if self.outcome is not None:
            raise self._wrong("a step after the outcome")
        if self.lines and _order(label) < _order(self.lines[-1].label):
            raise self._wrong(f"step {label} after step {self.lines[-1].label}")
        says: Act | Condition | None = next(
            (form.make(*match.groups()) for form in _ACTS if (match := form.pattern.fullmatch(text))), None
        )
        says = says or self._condition(text)
        if says is None:
            raise self._unknown(text, FORMS[len(_HEADS) :])
        if isinstance(says, Act) and says.kind == "switch" and says.who in INTERRUPT_NAMES:
            raise self._wrong(f"only tasks are switched to; write: {says.who} arrives")
        self.lines.append(Line(self.number, label, text, strict, says))

    def _outcome(self, text: str) -> None:
        if self.outcome is not None:
            raise self._wrong("a second outcome")
        condition = self._condition(text)
        if condition is None:
            raise self._unknown(f"outcome: {text}", [form for form in FORMS if form.startswith("outcome")])
        self.outcome = Line(self.number, "", text, False, condition)

    def _condition(self, text: str) -> Condition | None:
        terms = []
        for part in re.split(r"\s+and\s+", re.sub(r"\s+for ever$", "", text)):
            found = next((make(*match.groups()) for _, form, make in _TERMS if (match := form.fullmatch(part))), None)
            if found is None:
                return None
            terms.append(found)
        return Condition(tuple(terms))

    def _wrong(self, why: str) -> ScenarioError:
        return ScenarioError(f"{self.file}:{self.number}: {self.line!r}: {why}")

    def _unknown(self, text: str, forms: tuple[str, ...] | list[str]) -> ScenarioError:
        nearest = difflib.get_close_matches(_shape(text), forms, 1, 0)[0]
        return ScenarioError(
            f"{self.file}:{self.number}: {self.line!r} is not understood; the nearest form is: {nearest} "
            "(docs/claims.md has all)"
        )


def _shape(text: str) -> str:
    """Return `text` with what may vary replaced as in the forms, so that the nearest form is found by its words."""
    text = re.sub(r"^[A-Za-z_]\w*:", "A:", text)
    return re.sub(r"\b[a-z_]\w*\[\w*\]", "VARIABLE", text)


def _about(option: str) -> str:
    """Return what `option` of a system line is about, of which there is only one; empty where there may be several."""
    if option.startswith("-"):
        macro = re.match(r"-[DU]\s*'?(\w+)", option)
        return f"-D{macro[1]}" if macro else "-O" if option.startswith("-O") else ""
    word = option.partition(" ")[0]
    return word if word in _ONCE else ""


def _order(label: str) -> tuple[int, str]:
    digits = label.rstrip("abcdefghijklmnopqrstuvwxyz")
    return int(digits), label[len(digits) :]
