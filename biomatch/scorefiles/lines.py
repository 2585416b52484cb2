"""Reading text tables quickly, and naming the line at fault when a file is not what it should be."""

from __future__ import annotations

import gzip
import io
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import polars as pl

from biomatch.errors import TableError
from biomatch.files import most_in_memory, open_file, read_bytes

NUMBERS = ("score", "number")
COMPRESSED = (".gz", ".zst")
BLOCK = 1 << 24
"""Bytes of a text file that are read at once where it may be larger than memory."""


def read_table(
    path: Path,
    columns: Sequence[tuple[str, str]],
    *,
    separator: str = " ",
    header: int = 0,
    example: str,
) -> pl.DataFrame:
    """Read a text table without quoting: fast where all is well, and exact about where it is not.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of (name, kind)
        In order; kind is ``"score"`` (finite number), ``"number"`` (whole number) or ``"text"``.
        Text may be empty only between two separators.
    separator : str
        One character. A space also stands for tabs and runs of spaces where the file holds such.
    header : int
        Lines to skip at the top.
    example : str
        A well-formed line, for the message.

    Returns
    -------
    polars.DataFrame
        With a column for each of `columns`; row i came from line ``i + 1 + header``.

    Raises
    ------
    TableError
        Naming file, line and what is wrong with it.
    """
    return _parsed(_bytes(path), path, columns, separator, header, example, above=0)


def read_blocks(
    path: Path,
    columns: Sequence[tuple[str, str]],
    *,
    example: str,
    size: int = BLOCK,
) -> Iterator[pl.DataFrame]:
    """Read a text table of any length in blocks; parameters and errors as of `read_table`.

    Parameters
    ----------
    size : int
        Bytes a block, about; a block ends with a whole line.
    """
    above = 0
    for data in blocks(path, size):
        yield _parsed(data, path, columns, " ", 0, example, above=above)
        above += data.count(b"\n")
    if not above:
        raise TableError(f"{path} holds no scores", allowed=f"lines such as {example!r}")


def blocks(path: Path, size: int = BLOCK) -> Iterator[bytes]:
    """Give a text file's bytes in blocks of whole lines, the last one ended where it was not."""
    rest: list[
        bytes
    ] = []  # of a line that has not ended: pieces, for a sum of all would grow with the square
    with _open(path) as file:
        while data := file.read(size):
            if b"\0" in data[:4096]:
                raise TableError(
                    f"{path} is not text", remedy="name its form with --format, or give a text file"
                )
            cut = data.rfind(b"\n") + 1
            if cut:
                yield b"".join([*rest, data[:cut]])
                rest = [data[cut:]]
            else:
                rest.append(data)
    if any(rest):
        yield b"".join(rest) + b"\n"


def _parsed(
    data: bytes,
    path: Path,
    columns: Sequence[tuple[str, str]],
    separator: str,
    header: int,
    example: str,
    above: int,
) -> pl.DataFrame:
    kinds = {
        name: {"score": pl.Float64, "number": pl.Int64, "text": pl.String}[kind] for name, kind in columns
    }
    blanks = separator == " " and (b"\t" in data or _runs(data, columns) or _padded(data, columns))
    if blanks:
        data = re.sub(rb"[ \t]+", b" ", re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", data))
    try:
        frame = pl.read_csv(
            io.BytesIO(data),
            has_header=False,
            separator=separator,
            schema=kinds,
            quote_char=None,
            skip_lines=header,
            raise_if_empty=False,
        )
    except pl.exceptions.PolarsError:
        raise _first_fault(path, data, columns, separator, header, example, above) from None
    numbers = [name for name, kind in columns if kind in NUMBERS]
    # A line with fewer columns than the first leaves the last ones null, texts too; where a text may be
    # empty (a candidate log), an empty one is null as well.
    full = [name for name, _ in columns] if separator == " " and "template" not in kinds else numbers
    wrong = frame.select(
        pl.any_horizontal(
            *(pl.col(name).is_null() for name in full),
            *(~pl.col(name).is_finite() for name, kind in columns if kind == "score"),
        ).any()
    ).item()
    if not len(frame) or wrong:
        raise _first_fault(path, data, columns, separator, header, example, above)
    # An empty text is a text; only an empty number is missing.
    return frame.with_columns(pl.col(name).fill_null("") for name, kind in columns if kind == "text")


def opening(path: Path) -> str:
    """Give what stands before the first line feed of any file, text or not (64 KiB at most)."""
    return _begins(path).decode("utf-8-sig", errors="replace").rstrip("\r\n")


def first_line(path: Path) -> str:
    """Give the first line of a text file without its end; empty for an empty file.

    Raises
    ------
    TableError
        For UTF-16 and for lines that end in carriage returns alone.
    """
    begins = _begins(path)
    if begins[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise TableError(f"{path} is UTF-16 text", allowed="UTF-8", remedy="save it as UTF-8")
    line = begins.decode("utf-8-sig", errors="replace").rstrip("\r\n")
    if "\r" in line:
        raise TableError(
            f"{path} ends its lines with carriage returns alone",
            allowed="line feeds, or carriage returns and line feeds",
            remedy="save it with the line ends of Unix or Windows",
        )
    return line


def fault_at(path: Path, line: int, what: str, *, allowed: str = "", remedy: str = "") -> TableError:
    """Make the error that names a file's line (counted from 1)."""
    return TableError(f"{path}, line {line}: {what}", allowed=allowed, remedy=remedy)


def _begins(path: Path) -> bytes:
    with _open(path) as file:
        return file.readline(1 << 16)


def _bytes(path: Path) -> bytes:
    with _open(path) as file:
        data = file.read()
    if b"\0" in data[:4096]:
        raise TableError(f"{path} is not text", remedy="name its form with --format, or give a text file")
    return data


def plain_suffix(path: Path) -> str:
    """Give the suffix in lower case, without that of a compression: ``.csv`` for ``a.csv.gz``.

    Examples
    --------
    >>> plain_suffix(Path("scores.CSV.gz")), plain_suffix(Path("scores.zst"))
    ('.csv', '')
    """
    suffixes = [one.lower() for one in path.suffixes]
    while suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _open(path: Path) -> BinaryIO:
    packed = path.suffix.lower()
    if packed not in COMPRESSED:
        return open_file(path, pipe=True)
    return io.BytesIO(_unzipped(path) if packed == ".gz" else _unpacked(path))


def _unzipped(path: Path) -> bytes:
    try:
        with open_file(path) as packed, gzip.GzipFile(fileobj=packed) as file:
            data = file.read(most_in_memory() + 1)
    except (OSError, EOFError, zlib.error) as fault:
        raise TableError(f"{path}: {fault}", allowed="a whole gzip file", remedy="compress it anew") from None
    if len(data) > most_in_memory():
        raise TableError(
            f"{path} unpacks to more than half of this machine's memory", remedy="unpack it and use --stream"
        )
    return data


def _unpacked(path: Path) -> bytes:
    """Give the bytes of a Zstandard file; Polars carries the library, Python before 3.14 does not."""
    packed = read_bytes(path)
    try:
        table = pl.read_csv(
            packed,
            has_header=False,
            separator="\x01",
            quote_char=None,
            infer_schema=False,
            new_columns=["line"],
        )
    except pl.exceptions.PolarsError as fault:
        raise TableError(
            f"{path}: {str(fault).splitlines()[0]}", allowed="a whole Zstandard file of text",
            remedy="compress it anew",
        ) from None  # fmt: skip
    return "\n".join([*table["line"].fill_null("").to_list(), ""]).encode()


def _padded(data: bytes, columns: Sequence[tuple[str, str]]) -> bool:
    """Say whether a line begins or ends with a space (it separates nothing, save an empty text)."""
    if "template" in dict(columns):
        return False
    return data[:1] == b" " or b"\n " in data or b" \n" in data or b" \r" in data or data[-1:] == b" "


def _runs(data: bytes, columns: Sequence[tuple[str, str]]) -> bool:
    """Say whether runs of spaces separate the columns (they cannot where a text may be empty)."""
    return b"  " in data and "template" not in dict(columns)


def _first_fault(
    path: Path,
    data: bytes,
    columns: Sequence[tuple[str, str]],
    separator: str,
    header: int,
    example: str,
    above: int,
) -> TableError:
    """Find the first line at fault, slowly; `above` lines of the file come before these."""
    lines = data.decode("utf-8", errors="replace").splitlines()
    if not lines[header:]:
        return TableError(f"{path} holds no scores", allowed=f"lines such as {example!r}")
    for number, line in enumerate(lines[header:], start=above + header + 1):
        fields = line.split(separator)
        if not line.strip():
            return fault_at(path, number, "blank", remedy="remove it")
        if len(fields) != len(columns):
            other = [mark for mark in ",;\t " if mark != separator and mark in line]
            mixed = f" (it holds {other[0]!r}: mixed delimiters?)" if other else ""
            return fault_at(
                path,
                number,
                f"{len(fields)} columns{mixed}",
                allowed=f"{len(columns)} separated by {separator!r}, as {example!r}",
            )
        for (name, kind), text in zip(columns, fields, strict=True):
            if kind not in NUMBERS:
                continue
            try:
                value = float(text) if kind == "score" else int(text)
            except ValueError:
                return fault_at(
                    path, number, f"{name} {text!r} is no {kind_name(kind)}", allowed=f"as in {example!r}"
                )
            if not math.isfinite(value):
                return fault_at(
                    path,
                    number,
                    f"{name} {text}",
                    allowed="a finite number",
                    remedy="a failed comparison belongs in the failures, so leave its line out and count it",
                )
    return TableError(f"{path} cannot be read", allowed=f"lines such as {example!r}")  # pragma: no cover


def kind_name(kind: str) -> str:
    """Name a kind of column for a message."""
    return "number" if kind == "score" else "whole number"
