"""CSV and Parquet files: no pattern in a path, and no more cells than memory holds."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from biomatch.errors import TableError
from biomatch.files.opened import (
    MOST_ROWS,
    Kind,
    guarded,
    open_file,
    read_bytes,
)

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


def csv_text(frame: pl.DataFrame, *, float_precision: int | None = None) -> str:
    """Write a table as the text of a CSV file, without formulas; every CSV that we write comes from here."""
    return no_formulas(frame).write_csv(float_precision=float_precision)


def _numeric(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String).cast(pl.Float64, strict=False).is_not_null()
