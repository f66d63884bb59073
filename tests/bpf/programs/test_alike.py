"""Programs that differ in numbers alone: one search is true of all of them only where the numbers decide nothing."""

import random
from collections.abc import Sequence

import pytest

from ctxrace.bpf.programs import whole
from ctxrace.bpf.programs.alike import Likeness
from ctxrace.bpf.programs.check import PairCheck, Placed, place
from ctxrace.bpf.programs.follow.operands import Code
from ctxrace.bpf.programs.request import Request
from ctxrace.bpf.programs.rules import placement
from ctxrace.core.meeting import ProgramsResult
from ctxrace.explore.processes import Done
from ctxrace.explore.watch import Limits

from .brute import Insn, random_program, tiny_object
from .compiled import compile_text
from .verdicts import kernel

NAMES = ("first", "second", "third", "fourth")
LIMITS = Limits(max_states=2_000)

AGENT = """
struct event { __u32 type, used; __u64 id; char data[64]; };
struct { __uint(type, PERCPU_ARRAY); __type(key, __u32); __type(value, struct event); __uint(max_entries, 1); }
scratch SEC(".maps");
struct { __uint(type, RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
const volatile __u32 features = ~0;
__u32 busy;

static __always_inline int emit(__u32 type, const void *from)
{
	__u32 zero = 0;
	struct event *event;

	if (!(features & 1 << type))
		return 0;
	event = bpf_map_lookup_elem(&scratch, &zero);
	if (event) {
		event->type = type;
		bpf_probe_read_kernel(event->data, sizeof(event->data), from);
		bpf_ringbuf_output(&events, event, sizeof(*event), 0);
	}
	return 0;
}

static __always_inline int guarded(__u32 free, const void *from)
{
	if (busy != free)
		return 0;
	busy = 1;
	emit(9, from);
	busy = 0;
	return 0;
}

SEC("raw_tp/a") int a(__u64 *ctx) { return emit(1, (void *)ctx[0]); }
SEC("raw_tp/b") int b(__u64 *ctx) { return emit(2, (void *)ctx[0]); }
SEC("raw_tp/c") int c(__u64 *ctx) { return emit(3, (void *)ctx[0]); }
#ifdef GUARDED
SEC("raw_tp/free") int is_free(__u64 *ctx) { return guarded(0, (void *)ctx[0]); }
SEC("raw_tp/never") int never(__u64 *ctx) { return guarded(2, (void *)ctx[0]); }
#endif
"""


def checked(monkeypatch: pytest.MonkeyPatch, *flags: str, alone: bool = False) -> tuple[ProgramsResult, list[int]]:
    """What is found in the agent, and how many pairs were searched each time. alone: each pair for itself."""
    searched: list[int] = []
    search_each = whole._search_each

    def counted(
        found: whole._Found, work: Sequence[tuple[int, int]], limits: Limits, jobs: int, done: Done | None
    ) -> dict[tuple[int, int], whole._Searched]:  # fmt: skip
        searched.append(len(work))
        return search_each(found, work, limits, jobs, done)

    path = compile_text(f'#include "program.h"\n{AGENT}', *flags)
    with monkeypatch.context() as changed:
        changed.setattr(whole, "_search_each", counted)
        if alone:
            changed.setattr(Likeness, "same", lambda *_: False)
        return whole.check_object(path, Request(kernel()), limits=LIMITS), searched


def test_of_pairs_that_are_alike_one_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The type of an event and the bit that turns a program on decide nothing."""
    result, searched = checked(monkeypatch)
    assert (result.searched, searched) == (3, [1, 0])
    assert (result, [1, 2]) == checked(monkeypatch, alone=True)


def test_a_number_that_decides_is_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that is free at 0 is not like one that is free at a number that nobody stores."""
    result, searched = checked(monkeypatch, "-DGUARDED")
    assert searched == [3, 3]  # of ten: of a, b and c, of these with a guard, of both guards; then `never` with a, b, c
    assert result == checked(monkeypatch, "-DGUARDED", alone=True)[0]


def varied(choice: random.Random, program: list[Insn]) -> list[Insn]:
    """A program with other numbers."""
    numbers = ("store", "unless", "count")
    return [
        x._replace(number=choice.randrange(1, 4)) if x.word in numbers and choice.random() < 0.5 else x for x in program
    ]


def summary(running: PairCheck) -> set[tuple[object, ...]]:
    return {
        (each.question.topic, each.question.region, each.question.ranges, each.outcome, each.side, len(each.run))
        for each in running.answers()
    }


def compare(seed: int, pairs: int) -> tuple[int, int]:
    """Search pairs and their variants; return how many are told to be alike, and how many not though of one kind."""
    choice = random.Random(seed)
    alike = unlike = 0
    for _ in range(pairs):
        programs = [random_program(choice, 5), random_program(choice, 5)]
        programs += [varied(choice, each) for each in programs]
        if programs[:2] == programs[2:]:
            continue
        code = Code(tiny_object(programs, NAMES))
        functions = [code.object.functions[name] for name in NAMES]
        every: list[Placed] = [place(code, each, placement("raw_tp/x", kernel())) for each in functions]
        likeness = Likeness(code, every)
        if likeness.kind((0, 1)) != likeness.kind((2, 3)):
            continue
        model = PairCheck(code, (every[0], every[1]), LIMITS)
        found = summary(model)
        if likeness.same((0, 1), (2, 3), model.looked_at()):
            alike += 1
            assert found == summary(PairCheck(code, (every[2], every[3]), LIMITS)), programs
        else:
            unlike += 1
    return alike, unlike


def test_what_is_alike_is_found_alike() -> None:
    alike, unlike = compare(3, 40)
    assert alike >= 5
    assert unlike >= 5


@pytest.mark.slow
@pytest.mark.parametrize("block", range(4))
def test_what_is_alike_is_found_alike_in_many_more(block: int) -> None:
    alike, _ = compare(100 + block, 200)
    assert alike >= 30
