"""Decide many things on an existing Dask cluster, as `processes` does on this machine.

A worker that dies loses nothing: the scheduler gives what it was doing to another one. Each item is decided once as far
as the caller can see, since only one answer is taken for it. Whatever goes to the workers and comes back is pickled, so
that scheduler and workers are trusted as this process is.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, TypeVar

from ctxrace.core.errors import CtxraceError
from ctxrace.core.limits import Budget, current, default_memory, within
from ctxrace.explore.processes import Amount, Done, Stop, noticed, unless_stopped

__all__ = ["each_on_cluster"]

Item = TypeVar("Item")
Found = TypeVar("Found")

_CONNECTING = 10  # seconds
_BETWEEN_LOOKS = 0.2  # seconds, of the client
_ENDING = 30  # seconds that searches have to end after Ctrl-C


def each_on_cluster(
    decide: Callable[[Item, Stop], Found], items: Sequence[Item], address: str, lost: Callable[[Item, str], Found],
    done: Done | None = None,
) -> list[Found | None]:  # fmt: skip
    """Return what `decide` finds of each of the items, in their order; None of those that Ctrl-C came before.

    decide: see `processes.each`; its items are pickled. address: of the scheduler (``tcp://host:8786``).
    lost: what is found of an item whose workers died again and again, and why. done: is told now and then how much is
    done; workers do not tell how many states they have visited.
    Raises `CtxraceError` where Dask is not installed, no scheduler answers, it has no workers, or these have another
    version of ctxrace.
    """
    distributed = _library()
    try:
        with _client(distributed, address) as client:
            return _decided(distributed, client, decide, items, lost, done)
    except OSError as error:
        raise CtxraceError(
            f"the Dask scheduler at {address} went away before all was done ({type(error).__name__}); start it again, "
            "and type the same"
        ) from None


def _decided(
    distributed: Any,  # noqa: ANN401
    client: Any,  # noqa: ANN401
    decide: Callable[[Item, Stop], Found],
    items: Sequence[Item],
    lost: Callable[[Item, str], Found],
    done: Done | None,
) -> list[Found | None]:
    stop, ended = Stop(), distributed.Event(f"ctxrace-{uuid.uuid4().hex}", client=client)
    budget, name = current(), uuid.uuid4().hex
    share = (_version(), ended.name, budget.remaining(), budget.max_memory)
    with noticed(stop, at_once=False):
        futures = [
            client.submit(_serve, decide, item, *share, key=f"ctxrace-{name}-{number}", pure=False)
            for number, item in enumerate(items)
        ]
        while not stop and budget.remaining() != 0 and not _over(distributed, futures, _BETWEEN_LOOKS):
            if done:
                over = sum(future.done() for future in futures)
                done(Amount(over, len(items), min(len(client.nthreads()), len(items) - over)))
        ended.set()
        _over(distributed, futures, _ENDING)
    return [_found(distributed, item, future, lost) for item, future in zip(items, futures, strict=True)]


def _library() -> Any:  # noqa: ANN401 - a module without types
    try:
        import distributed
    except ImportError:
        raise CtxraceError("a Dask cluster needs the extra dask; type: pip install 'ctxrace[dask]'") from None
    return distributed


def _client(distributed: Any, address: str) -> Any:  # noqa: ANN401
    try:
        client = distributed.Client(address, timeout=_CONNECTING, set_as_default=False)
    except (OSError, ValueError) as error:
        raise CtxraceError(
            f"no Dask scheduler answers at {address} ({type(error).__name__}); start one with 'dask scheduler', which "
            "prints its address"
        ) from None
    if not client.scheduler_info()["workers"]:
        client.close()
        raise CtxraceError(f"the Dask scheduler at {address} has no workers; start some with: dask worker {address}")
    return client


def _over(distributed: Any, futures: Sequence[Any], seconds: float) -> bool:  # noqa: ANN401
    """Wait so long; return whether all is over, or something went wrong that ends everything."""
    deadline = time.monotonic() + seconds
    while not all(future.done() for future in futures):
        if any(future.status == "error" and not _killed(distributed, future) for future in futures):
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_BETWEEN_LOOKS / 4)
    return True


def _killed(distributed: Any, future: Any) -> bool:  # noqa: ANN401
    return isinstance(future.exception(), distributed.scheduler.KilledWorker)


def _found(
    distributed: Any,  # noqa: ANN401
    item: Item,
    future: Any,  # noqa: ANN401
    lost: Callable[[Item, str], Found],
) -> Found | None:
    if not future.done():
        future.cancel()
        return None
    if future.status not in ("finished", "error"):
        raise ConnectionError(future.status)
    error = future.exception()
    if error is None:
        found: Found | None = future.result()
        return found
    if _killed(distributed, future):
        return lost(item, "the workers that searched it were killed again and again")
    if isinstance(error, ImportError):
        raise CtxraceError(f"a worker of the cluster has no ctxrace {_version()}: {error}; install it there")
    raise error


# In the workers


class _Ended(Stop):
    """Whether the client has ended everything; asked at most once a second."""

    def __init__(self, name: str) -> None:
        super().__init__()
        import distributed

        self._event, self._next = distributed.Event(name), 0.0

    def __bool__(self) -> bool:
        if not super().__bool__() and time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            if self._event.is_set():
                self.set()
        return super().__bool__()


def _serve(
    decide: Callable[[Item, Stop], Found], item: Item, wanted: str, ended: str, seconds: float | None,
    memory: int | None,
) -> Found | None:  # fmt: skip
    if _version() != wanted:
        raise CtxraceError(f"a worker of the cluster has ctxrace {_version()}, not {wanted}; install that there")
    here = [size for size in (memory, default_memory()) if size is not None]
    with within(Budget(seconds, min(here, default=None))):
        return unless_stopped(decide, item, _Ended(ended))


def _version() -> str:
    return version("ctxrace")
