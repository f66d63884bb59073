"""Random C files whose entries count: bytes that are incremented, compared, used as indices, copied, and reset."""

import random

__all__ = ["COUNTED", "ENTRIES", "random_counters"]

ENTRIES = tuple(f"e{number}" for number in range(8))
COUNTERS = ("head", "tail")
COUNTED = ("head", "tail", "seen", "stats.hits", "total")
"""What may be left out."""

_DECLARED = """
typedef signed char s8c;
u8 head, tail, seen; u8 slots[4]; u8 x; u8 total; struct { u8 pad, hits, end; } stats;
noinline void body(void) { barrier(); }
static noinline u8 next(u8 of) { return of + 1; }
"""


class _Writer:
    def __init__(self, rng: random.Random, exclusives: bool) -> None:
        self.rng, self.locals, self.exclusives = rng, 0, exclusives

    def counter(self) -> str:
        return self.rng.choice(COUNTERS)

    def value(self) -> str:
        """Return an expression that drifts."""
        rng = self.rng
        read = f"READ_ONCE({self.counter()})"
        return rng.choice([read, read, *(f"v{number}" for number in range(self.locals))])

    def moved(self) -> str:
        """Return a value that drifts as a counter does."""
        rng = self.rng
        forms = ["(u8)({} + 1)"] * 2 + ["(u8)({} - 1)", "next({})", "{}", "(u8)({} ^ 0x80)", "(u8)({} + READ_ONCE(x))"]
        return rng.choice(forms).format(self.value())

    def condition(self) -> str:
        rng = self.rng
        if rng.random() < 0.12:  # what depends on the drift
            return rng.choice([f"{self.value()} < 3", f"{self.value()} == 5", f"(s8c){self.value()} < 0", self.value()])
        one, other, few = self.value(), self.value(), rng.randrange(1, 4)
        return rng.choice([
            f"(u8)({one} - {other}) < {few}",
            f"{one} == {other}",
            f"{one} != {other}",
            f"(s8c)({one} - {other}) > 0",
            f"{one} & 1",
            f"({one} & 3) == {few}",
            f"READ_ONCE(slots[{one} & 3]) == {few}",
            f"READ_ONCE(x) == {few}",
        ])

    def statement(self, depth: int) -> str:
        rng = self.rng
        if rng.random() < 0.05:
            return rng.choice([f"WRITE_ONCE({self.counter()}, 0);", f"WRITE_ONCE(x, {self.value()});"])
        if depth < 2 and rng.random() < 0.45:
            return f"if ({self.condition()}) {{ {self.block(depth + 1)} }}"
        counter, few = self.counter(), rng.randrange(4)
        plain = [
            f"WRITE_ONCE({counter}, {self.moved()});",
            f"WRITE_ONCE({counter}, READ_ONCE({counter}) + 1);",
            f"cmpxchg(&{counter}, {self.value()}, {self.moved()});",
            f"WRITE_ONCE(slots[{self.value()} & 3], {few});",
            f"WRITE_ONCE(x, {self.value()} & 3);",
            f"WRITE_ONCE(x, {few});",
            f"WRITE_ONCE(x, (u8)({self.value()} - {self.value()}) & 3);",
            "body();",
            "stats.hits++;",
            f"stats.hits += {self.value()};",
            "total = total * 2 + stats.hits;",
            "preempt_disable(); body(); preempt_enable();",
        ]
        if rng.random() < 0.05:
            return f"while ({self.condition()}) cpu_relax();"
        if rng.random() < 0.15:
            return f"ctxrace_check({self.condition()});"
        return rng.choice(plain)

    def block(self, depth: int) -> str:
        return " ".join(self.statement(depth) for _ in range(self.rng.randint(1, 3 - depth)))

    def entry(self, name: str) -> str:
        self.locals = self.rng.randrange(3)
        number, declared = self.locals, []
        self.locals = 0
        for each in range(number):
            value = self.value()
            if self.exclusives and self.rng.random() < 0.5:
                value = f"__atomic_fetch_add(&{self.counter()}, 1, __ATOMIC_RELAXED)"
            declared.append(f"u8 v{each} = {value};")
            self.locals += 1
        return f"void {name}(void) {{ {' '.join(declared)} {self.block(0)} }}"


def random_counters(rng: random.Random, *, exclusives: bool = False) -> str:
    """Return a C file with `ENTRIES`; exclusives: also with loops of exclusives, as arm64 has them."""
    writer = _Writer(rng, exclusives)
    head = f"#define CTXRACE_LSE {rng.randrange(2)}\n#include <ctxrace/kernel.h>\n"
    return head + _DECLARED + "\n".join(map(writer.entry, ENTRIES)) + "\n"
