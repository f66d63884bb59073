"""Why a verdict is incomplete and what a reader must know besides, in words: each sentence is pinned here alone."""

import pickle
from typing import get_args

import pytest

from ctxrace.core.errors import LimitReached, VacuousError
from ctxrace.core.facts.forecast import Bound, Forecast, Seen
from ctxrace.core.facts.growth import Grows
from ctxrace.core.facts.reason import (
    BeginsOtherwise,
    BodyNeverRuns,
    ContextsUnread,
    EndedByViolationOf,
    EndedByViolations,
    ExtentUnknown,
    LargeAlone,
    NeverReturns,
    NoCheckRuns,
    NotAsked,
    NotJudged,
    NotKnownShortest,
    OnlyIfSequential,
    OutcomeNotSearched,
    Reason,
    SearchEnded,
)
from ctxrace.core.facts.remark import (
    AttemptsBounded,
    CompiledWith,
    DriftsLeftOut,
    HandlersInterleaved,
    LinesUnknown,
    NeverArrives,
    NeverBegins,
    NothingDeclared,
    Remark,
    SequentialMemory,
    SoftirqTasksBounded,
    StacksShared,
    StatisticsLeftOut,
    StatisticsProved,
    TasksToldApart,
)
from ctxrace.core.facts.stop import CountersGrow, Interrupted, MemoryLimit, StateLimit, TimeLimit
from ctxrace.core.property import Property
from ctxrace.core.source import Source
from ctxrace.report.sentences.reason import reason_sentence, remark_sentence

SEEN = (Seen(2, 190, exhausted=True), Seen(3, 297, exhausted=True), Seen(4, 404, exhausted=True))

REASONS = [
    (SearchEnded(StateLimit(3_000_000)), "the limit of 3,000,000 states is reached"),
    (
        SearchEnded(StateLimit(400, 2_001, 1)),
        "the limit of 400 states is reached: 2,001 are found, 1 of them visited",
    ),
    (SearchEnded(TimeLimit(0.5)), "the timeout of 0.5 s is over"),
    (SearchEnded(TimeLimit(2, "lifting f")), "the timeout of 2 s is over while lifting f"),
    (SearchEnded(MemoryLimit(5 << 30)), "the limit of 5,120 MiB of memory is reached"),
    (SearchEnded(Interrupted()), "interrupted"),
    (
        SearchEnded(StateLimit(1_000), Forecast(100_000, SEEN, Bound.ABOUT, 10_700_000)),
        "the limit of 1,000 states is reached; 2 tasks have 190 states, each further one 107 more: "
        "about 10.7 million for 100,000",
    ),
    (
        SearchEnded(CountersGrow(150_016), None, (Grows("n", 4, 3_000, Source("a/b.c", 7, "if (n > 9)")),)),
        "given up after 150,016 states, as counters grow on and on; n has had 3,000 values, and b.c:7 depends on it "
        "(if (n > 9)); bound how often each context begins (CTXRACE_ATTEMPTS, --attempts), or give it a narrower type",
    ),
    (
        SearchEnded(StateLimit(99), None, (Grows("seq", 4, 258, held=True),)),
        "the limit of 99 states is reached; seq grows on while a context keeps what it read of it (258 distances so "
        "far); bound how often each context begins (CTXRACE_ATTEMPTS, --attempts), or give it a narrower type",
    ),
    (
        SearchEnded(StateLimit(99), None, (Grows("a", 8, 70), Grows("b", 1, 20, Source("b.c", 7, "x" * 99), True))),
        "the limit of 99 states is reached; a has had 70 values; b has had 20 values, and a property asks for it; "
        "bound how often each context begins (CTXRACE_ATTEMPTS, --attempts), or decide other properties without that "
        "one (--property)",
    ),
    (
        EndedByViolations(),
        "all other properties are violated, and the search ended there; this one needs every state, which --property "
        "hang visits",
    ),
    (EndedByViolationOf(Property("fault")), "fault is violated, and what happens after that is not known"),
    (NotKnownShortest(), "the search ended before it was known to be the shortest"),
    (
        BodyNeverRuns("body"),
        "body() never runs in any interleaving, and that is why nothing was found; "
        "was its call inlined or optimised away? declare it noinline, with a barrier() in it",
    ),
    (
        NeverReturns("task"),
        "the entry task never returns, so that the CPU is never idle again and nothing is decided; "
        "let it return, its context runs it again and again",
    ),
    (NoCheckRuns(), "no ctxrace_check() is executed in any interleaving, and that is why none was found false"),
    (OnlyIfSequential(), "it holds if memory is sequentially consistent between CPUs, which hardware need not be"),
    (BeginsOtherwise((".bss+4",)), "it is so where .bss+4 begins as user space or another program may have left it"),
    (ExtentUnknown(), "an access of unknown extent may or may not overwrite these bytes"),
    (
        ContextsUnread(),
        "it is not known whether both run in these contexts: nobody read where their hooks are called; --context "
        "PROGRAM=LEVEL says where",
    ),
    (LargeAlone(2_000), "alone already, its programs have more than 2,000 states"),
    (NotAsked(), "interrupted before it was asked"),
    (NotJudged(), "no such property was judged"),
    (OutcomeNotSearched(), "the search for another way to the outcome was ended"),
]

REMARKS = [
    (AttemptsBounded(1), "each context begins its entry at most once; nothing is claimed beyond that"),
    (AttemptsBounded(3), "each context begins its entry at most 3 times; nothing is claimed beyond that"),
    (NeverArrives("nmi"), "no nmi could ever arrive"),
    (NeverBegins("reader"), "no task ever begins reader"),
    (StatisticsLeftOut(("hits", "misses")), "left out, as no branch depends on it: hits, misses"),
    (StatisticsProved(("hits", "misses")), "left out, as no step depends on it (proved): hits, misses"),
    (DriftsLeftOut(("n",), 1), "states count as one where n has grown by any number: every step is then the same "
                               "(proved)"),
    (DriftsLeftOut(("head", "tail"), 4), "states count as one where head, tail have all grown by a multiple of 4: "
                                         "every step is then the same (proved)"),
    (NothingDeclared(), "no property is declared, and no ctxrace_check() is in the machine code: only hangs, faults, "
                        "sleeping in atomic context and a preempt count that is left changed are looked for"),
    (TasksToldApart(), "tasks are told apart: one's own address or pid reaches what others see"),
    (SoftirqTasksBounded(2), "of each softirq, 2 tasks of a CPU are in the handler at once, not more"),
    (SequentialMemory(), "between CPUs, memory is taken to be sequentially consistent"),
    (HandlersInterleaved(), "handlers touch memory that another CPU touches: they are interleaved step by step, not "
     "summed up"),
    (StacksShared(), "stacks count as shared memory: one context reaches another one's"),
    (CompiledWith(("A", "B=1")), "compiled with A, B=1"),
    (LinesUnknown("Image"), "Image has no debug information: its instructions are shown, without source lines"),
]


@pytest.mark.parametrize(("reason", "sentence"), REASONS)
def test_reasons(reason: Reason, sentence: str) -> None:
    assert reason_sentence(reason) == sentence


@pytest.mark.parametrize(("remark", "sentence"), REMARKS)
def test_remarks(remark: Remark, sentence: str) -> None:
    assert remark_sentence(remark) == sentence


def test_every_fact_has_a_sentence() -> None:
    assert {type(reason) for reason, _ in REASONS} == set(get_args(Reason))
    assert {type(remark) for remark, _ in REMARKS} == set(get_args(Remark))


def test_names_reach_no_terminal_raw() -> None:
    assert "\x1b" not in reason_sentence(BodyNeverRuns("\x1b[31m"))
    assert "\x1b" not in remark_sentence(CompiledWith(("\x1b[31m",)))


def test_errors_with_facts_cross_processes() -> None:
    for error in (LimitReached(TimeLimit(2, "lifting")), VacuousError(BodyNeverRuns("body"), "exclusive(body)")):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
