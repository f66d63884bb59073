"""Tasks that count as one another, and labels of steps that must not."""

from ctxrace.kernel.model.state import (
    NO_FRAME,
    Arrive,
    Idle,
    KernelState,
    Numbers,
    Resume,
    Start,
    SwitchThereAndBack,
    with_task,
    without_task,
)


def test_one_task_more() -> None:
    assert with_task((), 4) == ((4, 1),)
    assert with_task(((2, 1), (4, 3)), 4) == ((2, 1), (4, 4))
    assert with_task(((2, 1), (4, 3)), 3) == ((2, 1), (3, 1), (4, 3))


def test_one_task_less() -> None:
    assert without_task(((2, 1), (3, 2), (4, 3)), 3) == ((2, 1), (3, 1), (4, 3))
    assert without_task(((2, 1), (3, 2), (4, 3)), 2) == ((3, 2), (4, 3))
    assert without_task(((2, 1),), 5) == ((2, 1),)


def test_the_interrupt_that_runs_is_the_last_one() -> None:
    state = KernelState(0, 0, 0, (), (), ())
    assert state.top == NO_FRAME
    assert state._replace(interrupts=(7, 8)).top == 8


def test_what_numbers_stand_for_is_kept_apart() -> None:
    numbers = Numbers()
    kinds = (numbers.shared, numbers.task_structs, numbers.tasks, numbers.frames, numbers.flows)
    assert [kind.values for kind in kinds] == [[]] * 5
    numbers.shared(b"content")
    assert [len(kind.values) for kind in kinds] == [1, 0, 0, 0, 0]


def test_labels_of_different_kinds_are_different() -> None:
    labels = {Arrive(1), Arrive(1, 1), Start(1), Start(1, 1), Resume(1), SwitchThereAndBack(1), Idle(), Arrive(1, 0)}
    assert len(labels) == 7
