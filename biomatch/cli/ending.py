"""How a command ends: signals, closed pipes, full disks and errors that nobody foresaw.

Exit code 1 is a claim that failed; an unexpected error is no claim. It ends with 70 (EX_SOFTWARE of
sysexits.h), one line on standard error, and its details in a file.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from types import FrameType
from typing import Any

from biomatch.errors import shown

CRASHED = 70
INTERRUPTED = 130
WHERE_TO_REPORT = "the section 'Reporting a fault' of CONTRIBUTING.md"


class StoppedError(BaseException):
    """A signal asked the process to end; raised where it was, so that everything cleans up as on Ctrl-C.

    Parameters
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def code(self) -> int:
        """Exit code, as a shell gives it: 128 and the signal's number."""
        return 128 + self.number


@contextmanager
def signals() -> Iterator[None]:
    """Within the block, SIGTERM and SIGHUP unwind the program as SIGINT does (of the main thread only)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # cleaning up is not interrupted again
        raise StoppedError(number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # `nohup` stays
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def prepare_streams() -> None:
    """Let output never fail over a character, nor over a stream that was closed before the start."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif hasattr(stream, "reconfigure"):
            with suppress(ValueError, OSError):
                stream.reconfigure(errors="backslashreplace")


def settle_output() -> str | None:
    """Write out what is left; give None, or why it could not be written (empty: nobody reads any more)."""
    said = None
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            said = said or ""
            _abandon(stream)
        except OSError as fault:
            said = f"standard output could not be written ({fault.strerror or fault})"
            _abandon(stream)
        except ValueError:  # closed already
            pass
    return said


def _abandon(stream: Any) -> None:
    """Send what is left of a stream nowhere, so that the interpreter's own end is quiet."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def crash(fault: BaseException, arguments: list[str]) -> str:
    """Write the details of an unexpected error to a file; give the one line that says so.

    The file holds the command line, the versions and the traceback, nothing of the data; it is readable by
    its owner alone.
    """
    lines = [
        f"biomatch {version('biomatch')}, Python {platform.python_version()}, {platform.platform()}",
        "command: biomatch " + " ".join(shown(one, 200) for one in arguments),
        "",
        *traceback.format_exception(fault),
    ]
    what = shown(f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__, 300)
    try:
        handle, name = tempfile.mkstemp(prefix="biomatch-crash-", suffix=".txt")
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123
            file.write("\n".join(lines))
        where = f"details: {name}"
    except OSError as full:
        where = f"its details could not be written ({full.strerror or full})"
    return (
        f"biomatch: unexpected error, a fault of biomatch and no verdict on your data ({what}); {where}; "
        f"how to report it: {WHERE_TO_REPORT}"
    )


def say(text: str) -> None:
    """Write a line to standard error, if anybody is there."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
