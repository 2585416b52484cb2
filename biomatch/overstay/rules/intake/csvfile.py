"""The shape of a user's CSV file, checked before anything is read from it.

A table reader fills short lines with nulls and stops at odd ones without a word about where. So one pass
over the bytes comes first: encoding, line ends, the header, and the number of cells of every line. After it
a fault can be named by its row and line, and nothing is dropped in silence.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from biomatch import files
from biomatch.errors import TableError
from biomatch.overstay.rules.base import nearest

CHUNK_BYTES = 1 << 24
_OTHER_KINDS = {
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"PK\x03\x04": "a spreadsheet or ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"PAR1": "a Parquet file",
}


class RowError(TableError):
    """A row that is no row: too many or too few cells, bytes that are no text. The others may be sound."""


@dataclass(frozen=True)
class CsvFile:
    """A CSV file whose shape is in order.

    Attributes
    ----------
    path : pathlib.Path
        Where it is.
    columns : tuple of str
        The header's names in their order, in lower case, without surrounding blanks.
    line_count : int
        Lines (records, where cells are quoted) after the header, blank ones too.
    """

    path: Path
    columns: tuple[str, ...]
    line_count: int

    def fault(self, row: int, what: str, *, allowed: str = "", remedy: str = "") -> TableError:
        """Make the error for a row (0 is the first that is not blank); it names the line too."""
        line, _ = self.locate(row)
        return TableError(
            f"{self.path.name}: row {row + 1} (line {line}): {what}", allowed=allowed, remedy=remedy
        )

    def locate(self, row: int) -> tuple[int, dict[str, str]]:
        """Give the line on which a row ends, and its cells as they stand in the file."""
        seen = -1
        for line, cells in records(self.path):
            seen += any(cell.strip() for cell in cells)
            if seen == row + 1:  # the header is the first
                return line, dict(zip(self.columns, cells, strict=False))
        raise TableError(f"{self.path.name} has no row {row + 1}")


def check(path: Path, needed: Sequence[str], optional: Sequence[str]) -> CsvFile:
    """Check encoding, header and cells of a CSV file.

    Parameters
    ----------
    path : pathlib.Path
        The file: UTF-8, with or without a byte order mark; commas; LF or CR LF.
    needed, optional : sequence of str
        Names of columns.

    Returns
    -------
    CsvFile
        What is known of it.

    Raises
    ------
    TableError
        In one line: what is wrong, where, and what to do.
    """
    check_kind(path, "a CSV file", needed)
    quoted = check_bytes(path)
    columns = header(path, needed, optional)
    return CsvFile(path, columns, check_cells(path, len(columns), quoted=quoted))


def check_kind(path: Path, allowed: str, needed: Sequence[str] = ()) -> None:
    """Refuse what is no text file: a folder, another format by its first bytes, an empty file."""
    if not files.exists(path):
        raise TableError(f"{path} does not exist", allowed=allowed)
    with files.open_file(path, pipe=True) as file:
        head = file.read(4)
    for mark, kind in _OTHER_KINDS.items():
        if head.startswith(mark):
            raise TableError(
                f"{path.name} is {kind}", allowed="CSV in UTF-8", remedy="save it as CSV in UTF-8"
            )
    if not head.removeprefix(codecs.BOM_UTF8):
        raise TableError(
            f"{path.name} is empty", allowed=f"a header: {','.join(needed)}" if needed else "a header"
        )


def check_cells(path: Path, width: int, *, quoted: bool) -> int:
    """Refuse a row without as many cells as the header; give the number of lines after it."""
    return _check_records(path, width) if quoted else _check_lines(path, width)


def check_bytes(path: Path) -> bool:
    """Refuse what is not UTF-8 text with proper line ends; say whether any cell is quoted."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines, quoted, after_return = 1, False, False
    with files.open_file(path, pipe=True) as file:
        while chunk := file.read(CHUNK_BYTES):
            if b"\0" in chunk:
                line = lines + chunk[: chunk.index(b"\0")].count(b"\n")
                raise RowError(
                    f"{path.name}: line {line} holds a NUL byte",
                    allowed="text",
                    remedy="save it as CSV in UTF-8",
                )
            try:
                if decoder.getstate()[0] or not chunk.isascii():
                    decoder.decode(chunk)
            except UnicodeDecodeError as wrong:
                line = lines + chunk[: wrong.start].count(b"\n")
                raise RowError(
                    f"{path.name}: row {line - 1} (line {line}) is not UTF-8: "
                    f"byte 0x{wrong.object[wrong.start]:02x}",
                    allowed="CSV in UTF-8",
                    remedy="save it again with the encoding UTF-8",
                ) from None
            quoted = quoted or b'"' in chunk
            lone = chunk.count(b"\r") - chunk.count(b"\r\n") - chunk.endswith(b"\r")
            lone += after_return and not chunk.startswith(b"\n")
            after_return = chunk.endswith(b"\r")
            if lone > 0 and not quoted:
                raise TableError(
                    f"{path.name} has line ends of CR alone, near line {lines}",
                    allowed="LF or CR LF",
                    remedy="save it again with one of those",
                )
            lines += chunk.count(b"\n")
    if decoder.getstate()[0]:
        raise TableError(f"{path.name}: line {lines} ends within a character", allowed="CSV in UTF-8")
    return quoted


def header(path: Path, needed: Sequence[str], optional: Sequence[str]) -> tuple[str, ...]:
    """Read and check the names of the columns."""
    _, cells = next(records(path))
    names = tuple(cell.strip().lower() for cell in cells)
    if not any(names):
        raise TableError(f"{path.name}: line 1 is blank", allowed=f"a header: {','.join(needed)}")
    known = [*needed, *optional]
    check_commas(path, names)
    for name in names:
        if name not in known:
            raise TableError(
                f"{path.name}: unknown column {name!r}",
                allowed=", ".join(known),
                remedy=nearest(name, known) or "leave it out",
            )
        if names.count(name) > 1:
            raise TableError(f"{path.name}: column {name!r} stands there twice", remedy="keep one of them")
    missing = [name for name in needed if name not in names]
    if missing:
        raise TableError(
            f"{path.name}: column {missing[0]!r} is missing",
            allowed=f"{', '.join(needed)}, and optionally {', '.join(optional)}",
        )
    return names


def check_commas(path: Path, names: Sequence[str]) -> None:
    """Refuse a header of one column that holds another separator than the comma."""
    if len(names) != 1:
        return
    for mark, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if mark in names[0]:
            raise TableError(
                f"{path.name}: its cells are separated by {word}",
                allowed="commas",
                remedy="save it with commas",
            )


def records(path: Path, *, errors: str = "replace") -> Iterator[tuple[int, list[str]]]:
    """Read records one by one, each with the line on which it ends.

    Parameters
    ----------
    path : Path
    errors : str
        What bytes that are no UTF-8 become, as `bytes.decode` names it.
    """
    with (
        files.open_file(path, pipe=True) as opened,
        io.TextIOWrapper(opened, encoding="utf-8-sig", newline="", errors=errors) as file,
    ):
        reader = csv.reader(file, strict=True)
        try:
            for cells in reader:
                yield reader.line_num, cells
        except csv.Error as wrong:
            raise TableError(
                f"{path.name}: line {reader.line_num}: {wrong}",
                allowed='cells quoted as "...", with quotes inside doubled',
            ) from None


def _wrong_cells(path: Path, row: int, line: int, given: int, wanted: int) -> RowError:
    return RowError(
        f"{path.name}: row {row} (line {line}) has {given} cell{'' if given == 1 else 's'}",
        allowed=f"{wanted}, as in the header",
        remedy="fill or remove cells; a cell with a comma in it needs quotes",
    )


def _check_records(path: Path, width: int) -> int:
    count, row = -1, -1
    for line, cells in records(path):
        count += 1
        row += any(cell.strip() for cell in cells)
        if cells and len(cells) != width:
            raise _wrong_cells(path, row, line, len(cells), width)
    return count


def _check_lines(path: Path, width: int) -> int:
    """Count the cells of every line of a file without quotes: commas between line ends, chunk by chunk."""
    lines = blank = 0
    rest = b""
    with files.open_file(path, pipe=True) as file:
        while True:
            chunk = file.read(CHUNK_BYTES)
            block = rest + chunk
            if not chunk:
                if not block:
                    return lines - 1
                block += b"\n"  # the last line may lack its end
            cut = block.rfind(b"\n") + 1
            block, rest = block[:cut], block[cut:]
            data = np.frombuffer(block, dtype=np.uint8)
            ends = np.flatnonzero(data == ord("\n"))
            commas = np.searchsorted(np.flatnonzero(data == ord(",")), ends)
            cells = np.diff(commas, prepend=0) + 1
            length = np.diff(ends, prepend=-1) - 1
            returns = np.zeros(len(ends), dtype=np.bool_)
            returns[length > 0] = data[ends[length > 0] - 1] == ord("\r")
            empty = length == returns
            wrong = np.flatnonzero((cells != width) & ~empty)
            if len(wrong):
                line = int(wrong[0])
                row = lines + line - blank - int(empty[:line].sum())
                raise _wrong_cells(path, row, lines + line + 1, int(cells[line]), width)
            lines, blank = lines + len(ends), blank + int(empty.sum())
            if not chunk:
                return lines - 1
