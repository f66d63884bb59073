"""The command line, and what it does where a verb cannot end as it should."""

import _thread
import codecs
import errno
import gc
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ctxrace.cli.status import Status
from ctxrace.core.errors import CtxraceError, LimitReached, OutputError, ToolchainError

__all__ = ["main"]

_CANNOT_WRITE = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_STANDARD_ERROR = 2
_CALLBACK = 0.01  # seconds: more than one takes; if it is not over then, the next try drops out of it, too
ERROR_SCHEMA = "ctxrace-error/1"


_JSON_ESCAPES = "ctxrace.json"
_COUNTS_ITS_OBJECTS = "pypcode"  # and warns at the end of those that were not freed, as cycles are not by then


def _json_escapes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error(_JSON_ESCAPES, _json_escapes)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with a `Status`."""
    words = sys.argv[1:] if arguments is None else arguments
    _open_standard_error()
    with _no_interrupt_lost():
        try:
            status = _status(words)
        except KeyboardInterrupt:
            status = _end(words, Status.INTERRUPTED, "interrupted")
    if arguments is None and _COUNTS_ITS_OBJECTS not in sys.modules:
        gc.freeze()  # this process ends: what it holds need not be looked through for garbage, time and again
    sys.exit(status)


@contextmanager
def _no_interrupt_lost() -> Iterator[None]:
    """Let a Ctrl-C come again that Python drops, and tells of on standard error, as it was raised in a callback.

    Weak references have such callbacks: those of importlib's locks run wherever a module is imported. A handler other
    than Python's own has taken note of the signal already.
    """
    before, coming = sys.unraisablehook, threading.Lock()

    def dropped(unraisable: Any) -> None:  # noqa: ANN401 - a type that only typeshed has
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            before(unraisable)
        elif signal.getsignal(signal.SIGINT) is signal.default_int_handler and coming.acquire(blocking=False):
            _thread.start_new_thread(_interrupt_soon, (coming,))

    sys.unraisablehook = dropped
    try:
        yield
    finally:
        sys.unraisablehook = before


def _interrupt_soon(coming: threading.Lock) -> None:
    time.sleep(_CALLBACK)
    coming.release()
    main_thread = threading.main_thread().ident
    if main_thread is not None:
        signal.pthread_kill(main_thread, signal.SIGINT)


def _open_standard_error() -> None:
    """Let standard error be /dev/null where it is closed, lest a file that is opened take its number."""
    if sys.stderr is None:
        handle = os.open(os.devnull, os.O_WRONLY)
        while handle < _STANDARD_ERROR:
            handle = os.dup(handle)
        sys.stderr = os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace")


def _status(words: list[str]) -> int:
    """Run the command line and return its exit status; what goes wrong is written on standard error."""
    try:
        if sys.stdout is None:
            raise OutputError("standard output is closed, so that no report can be written")
        return _run(words)
    except LimitReached as limit:
        return _end(words, Status.INCOMPLETE, f"incomplete: {limit}", limit)
    except OutputError as error:
        return _end([], Status.NOT_WRITTEN, str(error))  # nor can an error be
    except CtxraceError as error:
        from ctxrace.cli.options import flag

        return _end(words, Status.BAD_INPUT, error.spelled(flag), error)
    except BrokenPipeError:
        return Status.NOT_READ
    except MemoryError:
        return _end(words, Status.NO_MEMORY, "out of memory; pass --max-memory or --max-states, or --jobs 1")
    except Exception as error:
        return _internal(words, error)


def _internal(words: Sequence[str], error: Exception) -> int:
    if "--verbose" in _options(words):
        import traceback

        from ctxrace.cli.status import say

        say("".join(traceback.format_exception(error)))
        how = "please report it with what stands above"
    else:
        how = "please report it; --verbose shows where it happened"
    return _end(words, Status.INTERNAL, f"internal error: {type(error).__name__}: {error}; {how}", error)


def _run(words: list[str]) -> int:
    """Run a verb, write its report to the end, and return its exit status.

    Raises `BrokenPipeError` where nobody reads the report, `OutputError` where it cannot be written.
    """
    stdout = sys.stdout
    if hasattr(stdout, "reconfigure"):
        if _wants_json(words) and "utf" not in stdout.encoding.lower():  # JSON is UTF-8 (RFC 8259), as ASCII is
            stdout.reconfigure(encoding="ascii", errors=_JSON_ESCAPES)
        else:
            stdout.reconfigure(errors="backslashreplace")  # a terminal may have no arrows
    try:
        try:
            return _typed(words)
        except SystemExit as end:
            if sys.stdout is not stdout:  # so typer ends a verb whose pipe is broken
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from None
            return end.code if isinstance(end.code, int) else Status.BAD_INPUT
        finally:
            stdout.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in _CANNOT_WRITE:
            raise CtxraceError(str(error)) from error
        # What could not be written would fail again at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputError(f"cannot write the report to standard output: {error.strerror}") from None


def _typed(words: list[str]) -> int:
    """Let typer run the verb; return what it exits with."""
    from typer import BadParameter  # takes a while, and Ctrl-C may come meanwhile

    from ctxrace.cli.app import app
    from ctxrace.cli.objects import dispatched

    usage_error: Any = BadParameter.__mro__[1]  # UsageError of click, which typer may bring along
    try:
        status = app(dispatched(words), obj=words, prog_name="ctxrace", standalone_mode=False)
    except usage_error as error:
        if not _wants_json(words):
            with suppress(OSError):  # standard error is full
                error.show()
            return Status.BAD_INPUT
        raise CtxraceError(error.format_message()) from None
    if status == Status.INTERRUPTED:  # so typer ends a verb that Ctrl-C interrupts
        raise KeyboardInterrupt
    return status if isinstance(status, int) else Status.HOLDS


def _options(words: Sequence[str]) -> Sequence[str]:
    return words[: words.index("--")] if "--" in words else words


def _wants_json(words: Sequence[str]) -> bool:
    return "--json" in _options(words)


def _end(words: Sequence[str], status: Status, message: str, error: Exception | None = None) -> Status:
    """Say on standard error why a command ends, and with --json on standard output, too; return `status`."""
    output = error.output if isinstance(error, ToolchainError) else ""
    from ctxrace.cli.status import say  # takes a while, and Ctrl-C may come meanwhile

    say(f"{output.rstrip()}\n" if output else "")
    say(f"ctxrace: {message}\n")
    if _wants_json(words):
        kind = type(error).__name__ if error else status.name.lower()
        facts = {"schema": ERROR_SCHEMA, "status": status, "kind": kind, "message": message, "output": output}
        try:
            print(json.dumps(facts, indent=2))
            sys.stdout.flush()
        except OSError:
            return Status.NOT_WRITTEN
    return status
