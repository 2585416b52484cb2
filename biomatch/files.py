"""The one door through which files of others are read: opened once, under the very name that was given.

A path is a path: no character of it is a pattern, an address or a home folder. What is opened is a regular
file (or, at doors that say so, a pipe, which is kept whole for the command that reads it); devices, sockets
and folders are refused without waiting. Readers get the opened file or its bytes, so that what was hashed
is what is read. Whatever a damaged file does to a parser becomes one `BiomatchError`.

Limits, stated in ``docs/security.md``: `MOST_TEXT`, `MOST_UNPACKED`, `MOST_ROWS`, `DEEPEST`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

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


NPY = "a .npy array of numbers or text; pickled objects are never loaded"


def map_npy(path: str | Path, *, error: Kind = TableError) -> NDArray[Any]:
    """Memory-map a ``.npy`` file, read-only; its size must be what its header says."""
    with open_file(path, error=error) as file:
        return map_opened(file, path, error=error)


def map_opened(file: BinaryIO, path: str | Path, *, error: Kind = TableError) -> NDArray[Any]:
    """Memory-map an opened ``.npy`` file from its beginning; see `map_npy`."""

    def mapped() -> NDArray[Any]:
        file.seek(0)
        size = os.fstat(file.fileno()).st_size
        shape, order, dtype = _npy_header(file, size)
        if 0 in shape or not shape:
            return np.array(_from_buffer(bytearray(file.read()), shape, order, dtype))
        found: NDArray[Any] = np.memmap(
            file, dtype=dtype, mode="r", offset=file.tell(), shape=shape, order=order
        )
        return found

    return guarded(mapped, path, NPY, error=error)


def read_npy(path: str | Path, *, error: Kind = TableError) -> NDArray[Any]:
    """Read a ``.npy`` file into memory; its size must be what its header says."""
    return guarded(lambda: parse_npy(read_bytes(path, error=error)), path, NPY, error=error)


def parse_npy(data: bytes | bytearray) -> NDArray[Any]:
    """Give the array whose ``.npy`` file has these bytes; ValueError where they do not fit."""
    file = io.BytesIO(data)
    shape, order, dtype = _npy_header(file, len(data))
    held = data if isinstance(data, bytearray) else bytearray(data)
    return _from_buffer(memoryview(held)[file.tell() :], shape, order, dtype)


def _npy_header(file: BinaryIO, size: int) -> tuple[tuple[int, ...], Any, np.dtype[Any]]:
    """Read the header of ``.npy`` and check that what follows is as long as it says."""
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"format {version[0]}.{version[1]} of .npy")
    try:
        shape, fortran, dtype = readers[version](file)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as fault:
        raise ValueError(f"its header cannot be read: {str(fault).splitlines()[0][:100]}") from None
    if dtype.hasobject:
        raise ValueError("it holds pickled objects")
    if dtype.itemsize == 0 or len(shape) > 8 or any(not 0 <= one <= 1 << 48 for one in shape):
        raise ValueError(f"it says that it holds {dtype} of shape {shape}")
    count = 1
    for one in shape:
        count *= int(one)
    left = size - file.tell()
    if count * dtype.itemsize != left:
        raise ValueError(f"it has {left:,} bytes of data where {count * dtype.itemsize:,} belong")
    return shape, "F" if fortran else "C", dtype


def _from_buffer(data: Any, shape: tuple[int, ...], order: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    count = int(np.prod([int(one) for one in shape], dtype=object)) if shape else 1
    flat: NDArray[Any] = np.frombuffer(data, dtype=dtype, count=count)
    return flat.reshape(shape, order=order)


def read_npz(
    path: str | Path, only: Collection[str] | None = None, *, error: Kind = TableError
) -> dict[str, NDArray[Any]]:
    """Read the arrays of a ``.npz`` archive, all or those named in `only`.

    Raises
    ------
    BiomatchError
        Of the kind `error`: for what is no whole archive, is encrypted, unpacks beyond `MOST_UNPACKED`, has a
        name twice, or holds anything but arrays.
    """
    allowed = "a .npz archive of numbers and text, not encrypted; pickled objects are never loaded"
    with open_file(path, error=error) as file:
        return guarded(lambda: _members(file, only), path, allowed, error=error)


def _members(file: BinaryIO, only: Collection[str] | None) -> dict[str, NDArray[Any]]:
    size = os.fstat(file.fileno()).st_size
    found: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = [one.filename.removesuffix(".npy") for one in members]
        if len(set(names)) != len(names):
            raise ValueError("it has an array twice")
        most = max(MOST_UNPACKED[0], MOST_UNPACKED[1] * size)
        if sum(one.file_size for one in members) > most:
            raise ValueError(f"it unpacks to more than {most:,} bytes")
        for name, member in zip(names, members, strict=True):
            if only is not None and name not in only:
                continue
            if member.flag_bits & 1:
                raise ValueError("it is encrypted")
            held = bytearray(member.file_size)
            with archive.open(member) as inside:
                if _fill(inside, held) != len(held) or inside.read(1):
                    raise ValueError(f"the array {name[:60]!r} is cut short")
            found[name] = parse_npy(held)
    return found


def _fill(inside: Any, held: bytearray) -> int:
    at = 0
    view = memoryview(held)
    while at < len(held) and (read := inside.readinto(view[at : at + _BLOCK])):
        at += read
    return at


def is_npz(path: str | Path, *, error: Kind = TableError) -> bool:
    """Say whether a file begins as a zip archive does."""
    with open_file(path, error=error) as file:
        return file.read(2) == b"PK"


PARQUET = "a whole Parquet file"


def parse_parquet(data: bytes, where: str | Path, *, error: Kind = TableError) -> pl.DataFrame:
    """Read a table from the bytes of a Parquet file; one that unpacks beyond `MOST_ROWS` is refused."""

    def parsed() -> pl.DataFrame:
        bounded(pl.scan_parquet(io.BytesIO(data)), len(data))
        return pl.read_parquet(io.BytesIO(data), hive_partitioning=False)

    return guarded(parsed, where, PARQUET, error=error)


def bounded(lazy: pl.LazyFrame, size: int) -> None:
    """Refuse a Parquet file (ValueError) whose cells would take far more memory than the file has bytes."""
    cells = int(lazy.select(pl.len()).collect().item()) * len(lazy.collect_schema())
    if cells * 8 > max(MOST_ROWS[0], MOST_ROWS[1] * size):
        raise ValueError(f"{size:,} bytes that hold {cells:,} cells")


def read_parquet(path: str | Path, *, error: Kind = TableError) -> pl.DataFrame:
    """Read a Parquet file; see `parse_parquet`."""
    return parse_parquet(read_bytes(path, error=error, pipe=True), path, error=error)


@contextmanager
def scan_parquet(path: str | Path, *, error: Kind = TableError) -> Iterator[pl.LazyFrame]:
    """Give a Parquet file, without reading it yet; the path is no pattern."""
    with open_file(path, error=error) as file:
        size = os.fstat(file.fileno()).st_size

    def scanned() -> pl.LazyFrame:
        lazy = pl.scan_parquet(_literal(path), glob=False, hive_partitioning=False)
        bounded(lazy, size)
        return lazy

    yield guarded(scanned, path, PARQUET, error=error)


def _literal(path: str | Path) -> str:
    """Give a path in a form in which Polars sees neither an address nor a home folder."""
    return os.path.abspath(os.fspath(path))  # noqa: PTH100 - resolving links would change the name


def read_csv(path: str | Path, *, error: Kind = TableError, **options: Any) -> pl.DataFrame:
    """Read a CSV file with Polars' options; the path is no pattern. PolarsErrors are left to the caller."""
    return pl.read_csv(io.BytesIO(read_bytes(path, error=error, pipe=True)), **options)


def scan_csv(path: str | Path, **options: Any) -> pl.LazyFrame:
    """Scan a CSV file with Polars' options; the path is no pattern, and must have been opened before."""
    with open_file(path, pipe=True):
        pass
    if not stat.S_ISREG(Path(path).stat().st_mode):  # a pipe: what came through it is held
        return pl.scan_csv(io.BytesIO(read_bytes(path, pipe=True)), **options)
    return pl.scan_csv(_literal(path), glob=False, **options)


def exists(path: str | Path) -> bool:
    """Say whether something stands at a path; at one that no disk takes, nothing does."""
    try:
        return os.path.exists(path)  # noqa: PTH110 - Path.exists raises for a name that is too long
    except ValueError:
        return False


def sha256(data: bytes | memoryview) -> str:
    """Give the SHA-256 of bytes, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


FORMULA = ("=", "+", "-", "@", "\t", "\r")


def no_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """Keep a spreadsheet from running a text as a formula: such text gets an apostrophe.

    Only columns of text (and of names from a list) are touched; a number stays a number, also as text.
    """
    return frame.with_columns(
        pl.when(pl.col(name).cast(pl.String).str.contains(r"^[=+\-@\t\r]") & ~_numeric(name))
        .then(pl.lit("'") + pl.col(name).cast(pl.String))
        .otherwise(pl.col(name).cast(pl.String))
        .alias(name)
        for name, kind in frame.schema.items()
        if kind in (pl.String, pl.Categorical) or isinstance(kind, pl.Enum)
    ).rename({name: f"'{name}" for name in frame.columns if name.startswith(FORMULA)})


def _numeric(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String).cast(pl.Float64, strict=False).is_not_null()
