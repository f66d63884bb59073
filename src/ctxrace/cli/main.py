"""The command line, and what it does where a verb cannot end as it should."""

import errno
import os
import sys

from ctxrace.core.errors import CtxraceError, LimitReached, ToolchainError

__all__ = ["main"]

BAD_INPUT = 2
INCOMPLETE = 3
INTERRUPTED = 130  # as a shell reports SIGINT
NOT_READ = 141  # and SIGPIPE

_CANNOT_WRITE = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the status that the verdicts call for."""
    try:
        if sys.stdout is None:
            raise CtxraceError("standard output is closed, so that no report can be written")
        _run(sys.argv[1:] if arguments is None else arguments)
    except LimitReached as limit:
        print(f"ctxrace: incomplete: {limit}", file=sys.stderr)
        sys.exit(INCOMPLETE)
    except CtxraceError as error:
        if isinstance(error, ToolchainError) and error.output:
            sys.stderr.write(error.output.rstrip("\n") + "\n")
        from ctxrace.cli.options import flag

        print(f"ctxrace: {error.spelled(flag)}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        print("ctxrace: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.exit(NOT_READ)


def _run(words: list[str]) -> None:
    """Run a verb, and write its report to the end. Raises `BrokenPipeError` where nobody reads it."""
    stdout = sys.stdout
    try:
        try:
            from ctxrace.cli.app import app  # takes a while, and Ctrl-C may come meanwhile
            from ctxrace.cli.programs import dispatched

            app(dispatched(words), obj=words)
        except SystemExit as end:
            if end.code == INTERRUPTED:  # so typer ends a verb that Ctrl-C interrupts
                raise KeyboardInterrupt from None
            if sys.stdout is not stdout:  # so a verb whose pipe is broken
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from None
            raise
        finally:
            stdout.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in _CANNOT_WRITE:
            raise CtxraceError(str(error)) from error
        # What could not be written would fail again at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise CtxraceError(f"cannot write the report to standard output: {error.strerror}") from None
