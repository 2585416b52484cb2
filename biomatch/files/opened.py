"""Opened once, under the very name that was given: bytes, text, JSON, TOML, and pipes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import polars as pl

from biomatch.errors import BiomatchError, TableError

Kind = type[BiomatchError]
T = TypeVar("T")
MOST_TEXT = 1 << 28
"""Bytes of a text that is read as a whole: settings, points, summaries, labels (256 MiB)."""
MOST_UNPACKED = (1 << 28, 200)
"""An archive may unpack to the first, or to the second times its own size, whichever is more."""
MOST_ROWS = (1 << 30, 2000)
"""Bytes of a table's cells, at 8 each: the first, or the second times the file's size."""
MOST_DIGITS = 100
"""Digits of a whole number in JSON: more fit into no number that is computed with."""
DEEPEST = 100
"""Levels to which JSON may nest."""
PIPE_SECONDS = 10.0
"""How long a pipe may have nobody at its other end before it is refused."""
_BLOCK = 1 << 20
_SPOOLED: ContextVar[dict[tuple[int, int], Any] | None] = ContextVar("_SPOOLED", default=None)


def open_file(
    path: str | Path, *, error: Kind = TableError, pipe: bool = False, remedy: str = "give a file that exists"
) -> BinaryIO:
    """Open a regular file for reading, never waiting for anybody.

    Parameters
    ----------
    path : path
        Taken as it stands.
    error : type
        What is raised.
    pipe : bool
        Whether a pipe is let in; it is first written to a temporary file, once in a command
        (`pipes_once`), so that every reader of the command sees all of it.
    remedy : str
        What to do where there is no file.

    Raises
    ------
    BiomatchError
        Of the kind `error`, for a file that is missing, may not be read, or is a folder, a device, a
        socket or (without `pipe`) a pipe.
    """
    name = os.fspath(path)
    try:
        found = Path(name).stat()
        fifo = stat.S_ISFIFO(found.st_mode)
        if not stat.S_ISREG(found.st_mode) and not (fifo and pipe):
            raise error(f"{name} is {_what(found.st_mode)}", allowed="a file", remedy="give a file")
        if fifo:
            return _spooled(name, (found.st_dev, found.st_ino), error)
        file: BinaryIO = open(name, "rb", opener=_plain)  # noqa: SIM115 - the reader closes it
    except OSError as fault:
        raise error(f"{name}: {fault.strerror or fault}", remedy=remedy) from None
    except ValueError as fault:  # a NUL byte, or text that no file name can be
        raise error(f"{name!r} is no file name ({fault})", remedy=remedy) from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # it was exchanged meanwhile
        file.close()
        raise error(f"{name} is no regular file", allowed="a file", remedy="give a file")
    return file


def _plain(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))


def _what(mode: int) -> str:
    for test, word in (
        (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"), (stat.S_ISSOCK, "a socket"),
    ):  # fmt: skip
        if test(mode):
            return word
    return "no regular file"


@contextmanager
def pipes_once() -> Iterator[None]:
    """Keep what comes through a pipe until the end of the block: each pipe is read once, and whole."""
    held: dict[tuple[int, int], Any] = {}
    token = _SPOOLED.set(held)
    try:
        yield
    finally:
        _SPOOLED.reset(token)
        for file in held.values():
            file.close()


def _spooled(name: str, key: tuple[int, int], error: Kind) -> BinaryIO:
    """Give all that comes through a pipe, as a file of its own position."""
    held = _SPOOLED.get()
    if held is not None and key in held:
        return _again(held[key])
    spool = tempfile.TemporaryFile(prefix="biomatch-pipe-")  # noqa: SIM115 - kept, or closed by the reader
    with open(name, "rb", buffering=0, opener=_plain) as source:
        handle, began, empty = source.fileno(), time.monotonic(), True
        while True:
            try:
                data = os.read(handle, _BLOCK)
            except BlockingIOError:  # somebody holds the other end and has not written yet
                os.set_blocking(handle, True)
                continue
            if data:
                spool.write(data)
                empty = False
            elif not empty:
                break
            elif time.monotonic() - began > PIPE_SECONDS:
                spool.close()
                raise error(
                    f"nothing came through the pipe {name}", remedy="is the program before it running?"
                )
            else:
                time.sleep(0.02)
    spool.flush()
    if held is None:
        spool.seek(0)
        return spool
    held[key] = spool
    return _again(spool)


def _again(spool: Any) -> BinaryIO:
    """Open a temporary file anew, with a position of its own."""
    try:
        return open(f"/proc/self/fd/{spool.fileno()}", "rb")  # noqa: PTH123
    except OSError:  # no /proc: a copy in memory
        spool.seek(0)
        return io.BytesIO(spool.read())


def read_bytes(
    path: str | Path, *, error: Kind = TableError, most: int | None = None, pipe: bool = False
) -> bytes:
    """Read a whole file; `most` bounds its size in bytes."""
    bound = most_in_memory() if most is None else most
    with open_file(path, error=error, pipe=pipe) as file:
        try:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            data = file.read(bound + 1) if size <= bound else b""
        except (OSError, MemoryError) as fault:
            said = getattr(fault, "strerror", None) or "it does not fit into memory"
            raise error(f"{os.fspath(path)}: {said}") from None
    if max(size, len(data)) > bound:
        raise error(f"{os.fspath(path)} has more than {bound:,} bytes", allowed=f"at most {bound:,}")
    return data


def most_in_memory() -> int:
    """Bytes of a file that is read as a whole: half of the machine's memory (4 GiB where it is not told)."""
    try:
        return max(1 << 30, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    except (AttributeError, ValueError, OSError):
        return 1 << 32


def read_text(path: str | Path, *, error: Kind = TableError, pipe: bool = False) -> str:
    """Read a UTF-8 text of at most `MOST_TEXT` bytes, without its byte order mark."""
    data = read_bytes(path, error=error, most=MOST_TEXT, pipe=pipe)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise error(
            f"{os.fspath(path)} is not UTF-8 text (byte {fault.start:,})", remedy="save it as UTF-8"
        ) from None


def parse_json(
    text: str | bytes,
    where: str,
    *,
    error: Kind = TableError,
    remedy: str = "make it again",
    constants: bool = False,
) -> Any:
    """Parse JSON within bounds: depth, digits of a number, no key twice, no NaN (save with `constants`).

    Raises
    ------
    BiomatchError
        Of the kind `error`, with what is wrong.
    """
    try:
        found = json.loads(
            text,
            object_pairs_hook=_once,
            parse_int=_short,
            parse_constant=float if constants else _no_constant,
        )
        _shallow(found)
        return found
    except (ValueError, RecursionError) as fault:
        said = "it nests too deep" if isinstance(fault, RecursionError) else str(fault)
        raise error(f"{where} is not JSON ({said[:200]})", remedy=remedy) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:60]!r} stands there twice")
    return found


def _short(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a whole number of {len(digits):,} digits")
    return int(digits)


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def _shallow(value: Any, left: int = DEEPEST) -> None:
    if left == 0:
        raise RecursionError
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inside:
        if isinstance(one, (dict, list)):
            _shallow(one, left - 1)


def read_json(
    path: str | Path, *, error: Kind = TableError, remedy: str = "make it again", constants: bool = False
) -> Any:
    """Read a JSON file; see `parse_json`."""
    text = read_text(path, error=error)
    return parse_json(text, os.fspath(path), error=error, remedy=remedy, constants=constants)


def parse_toml(text: str, where: str, *, error: Kind) -> dict[str, Any]:
    """Parse TOML; nesting and digits beyond all measure are errors like any other."""
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as fault:
        said = f"({fault})"
    except RecursionError:
        said = "(it nests too deep)"
    except ValueError as fault:  # an integer of more digits than Python reads
        said = f"({str(fault).splitlines()[0][:120]})"
    raise error(f"{where} is not TOML {said}", remedy="mend that line (https://toml.io)")


def guarded(
    work: Callable[[], T], where: str | Path, allowed: str, *, error: Kind = TableError, remedy: str = ""
) -> T:
    """Do `work`, which parses bytes of others, and turn whatever it raises into one message.

    Parsers have a dozen kinds of error for files that are not what they say, and Polars' panics are not even
    exceptions of the usual kind. A `BiomatchError` and an interrupt pass.
    """
    try:
        return work()
    except BiomatchError:
        raise
    except (Exception, pl.exceptions.PanicException) as fault:
        said = str(fault).splitlines()[0] if str(fault).strip() else type(fault).__name__
        if isinstance(fault, MemoryError):
            said = "it asks for more memory than there is"
        raise error(
            f"{os.fspath(where)} cannot be read ({said[:200]})",
            allowed=allowed,
            remedy=remedy or "it is damaged or something else: make it again",
        ) from None


def exists(path: str | Path) -> bool:
    """Say whether something stands at a path; at one that no disk takes, nothing does."""
    try:
        return os.path.exists(path)  # noqa: PTH110 - Path.exists raises for a name that is too long
    except ValueError:
        return False


def sha256(data: bytes | memoryview) -> str:
    """Give the SHA-256 of bytes, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
