"""What a fold stands for, as a sentence."""

from ctxrace.report.folding import Change, Fold
from ctxrace.report.layout import clean
from ctxrace.report.sentences.access import place_name, value_of
from ctxrace.report.sentences.context import context_name

__all__ = ["events_phrase", "fold_sentence"]

_CHANGES = 3  # places whose values a fold tells


def fold_sentence(fold: Fold, number: int) -> str:
    """Return what `fold` stands for; number: of its first event."""
    names = [context_name(name) for name in fold.contexts]
    by = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    facts = [_change(change) for change in fold.changes[:_CHANGES]]
    if len(fold.changes) > _CHANGES:
        facts.append(f"{len(fold.changes) - _CHANGES} more change")
    if fold.events:
        facts.insert(0, events_phrase(number, fold.events))
    sentence = f"{fold.times} more time{'' if fold.times == 1 else 's'} the same by {by}"
    if fold.tasks:
        of_them = f"{fold.tasks[0]} to {fold.tasks[-1]}"
        one_each = fold.times == len(fold.tasks)
        alike = f"{fold.times} more tasks do the same, {of_them}"
        sentence = alike if one_each else f"{sentence}, and so on, {of_them}"
    return clean(f"{sentence}: {'; '.join(facts)}" if facts else sentence)


def events_phrase(first: int, count: int) -> str:
    """Return the numbers of `count` events from number `first` on."""
    return f"event {first}" if count == 1 else f"events {first} to {first + count - 1}"


def _change(change: Change) -> str:
    first, last, low, high = (value_of(change.access, v) for v in (change.first, change.last, change.low, change.high))
    ends = f"{place_name(change.access)} goes from {first} to {last}"
    return ends if {low, high} == {first, last} else f"{ends}, within {low} to {high}"
