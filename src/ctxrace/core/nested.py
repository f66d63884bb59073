"""What a system says so that an engine can sum up its nested runs.

A nested run begins in the midst of another one, and goes on to its own end while the run that it cut in on stands
still: an interrupt handler, a procedure. What it can do then depends on a small part of the state. A system that
knows this part names it, and an engine explores the nested run once for all states that have it in common.
"""

from typing import Any, NamedTuple, Protocol

from ctxrace.core.property import Property
from ctxrace.core.system import State, Step, System

__all__ = ["Begin", "NestedSystem", "Return"]


class Begin(NamedTuple):
    """A nested run begins.

    start: its first state. below: what `returned` has to know of the run that stands still; it can be hashed.
    """

    start: Any
    below: Any


class Return(NamedTuple):
    """A nested run is over.

    state: where the run goes on that stood still. broken, witnessed: what the step back breaks and witnesses, as in a
    `Step`, besides what it does within the nested run.
    """

    state: Any
    broken: tuple[Property, ...] = ()
    witnessed: tuple[Property, ...] = ()


class NestedSystem(System[State], Protocol[State]):
    """A system some of whose steps begin nested runs. Every such run is explored alone, from its first state.

    `steps` takes the states of a nested run, too. In a nested run the same steps are possible in the same order, with
    the same labels, lengths, `broken` and `witnessed`, as over every run that it cuts in on; but for what is only known
    at its return, or outside of it. Nested runs in nested runs are called in the same manner. No nested
    run is called within itself.
    """

    def called(self, state: State, step: Step) -> Begin | None:
        """Return the nested run that `step`, taken in `state`, begins; None where it begins none."""
        ...

    def ended(self, state: State) -> bool:
        """Return whether `state`, a state of a nested run, is its end."""
        ...

    def outside(self, state: State, prop: Property) -> Property | None:
        """Return what is broken for a run in `state` where a nested run that it calls breaks `prop`; None: nothing.

        So steps of a nested run may name as broken what is only a violation over some of the runs that it cuts in on.
        """
        ...

    def returned(self, below: Any, end: State) -> Return:  # noqa: ANN401 - what the system has named so itself
        """Return what comes after a nested run that has come to `end`, over what stands still (see `Begin`)."""
        ...
