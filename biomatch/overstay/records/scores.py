"""Comparison scores of a user's records: a column of them, or a table of pairs, in place of templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import TableError
from biomatch.overstay.linkage.scored import GivenScores
from biomatch.overstay.records.columns import plain_name
from biomatch.overstay.rules.intake.faults import Faults
from biomatch.overstay.rules.intake.source import Source, load

SCORE_COLUMN = "face_score"
PAIR_COLUMNS = ("entry_row", "exit_row", "score")
_TABLES = (".csv", ".parquet", ".pq")


def is_pairs(faces: Any) -> bool:
    """Say whether what was given for faces is a table of pairs."""
    if isinstance(faces, (str, Path)):
        return Path(faces).suffix.lower() in _TABLES
    return isinstance(faces, pl.DataFrame)


def read_pairs(faces: Any, sources: list[Source]) -> pl.DataFrame:
    """Read scores of pairs of records.

    Parameters
    ----------
    faces : path or polars.DataFrame
        Columns ``entry_row``, ``exit_row`` (rows of the user's tables, the first as 1) and ``score``.
    sources : list of Source
        The tables: entries and exits, or one of both.

    Returns
    -------
    polars.DataFrame
        Columns entry_row, exit_row (Int64), score (Float64).

    Raises
    ------
    TableError
        For missing columns, rows that the tables do not have, or scores that are no finite numbers.
    """
    faults = Faults()
    given = load(faces, "the scores", faults)
    faults.refuse("correct them")
    names = {plain_name(column): column for column in given.frame.columns}
    missing = [name for name in PAIR_COLUMNS if name not in names]
    if missing:
        raise TableError(f"{given.name} has no column {missing[0]!r}", allowed=", ".join(PAIR_COLUMNS))
    text = given.frame.select(
        pl.col(names[name]).cast(pl.String).str.strip_chars().alias(name) for name in PAIR_COLUMNS
    )
    read = text.select(
        pl.col("entry_row", "exit_row").cast(pl.Int64, strict=False),
        pl.col("score").cast(pl.Float64, strict=False),
    )
    first, last = sources[0], sources[-1]
    for name, good, allowed in (
        ("entry_row", pl.col("entry_row").is_between(1, first.given), f"1 to {first.given}"),
        ("exit_row", pl.col("exit_row").is_between(1, last.given), f"1 to {last.given}"),
        ("score", pl.col("score").is_finite(), "a number"),
    ):  # fmt: skip
        wrong = read.select((~good).fill_null(value=True)).to_series().arg_true()
        if len(wrong):
            at = int(wrong[0])
            raise TableError(f"{given.name} row {at + 1}: {name} {text[name][at]!r}", allowed=allowed)
    return read


def sampled(records: pl.DataFrame, pairs: pl.DataFrame | None, tables: int) -> pl.DataFrame:
    """Say which records have a sample, where scores take the place of templates: numbered as the record.

    Parameters
    ----------
    records : polars.DataFrame
        From `read.order`.
    pairs : polars.DataFrame or None
        From `read_pairs`.
    tables : int
        How many tables the user gave.

    Returns
    -------
    polars.DataFrame
        `records` with ``template_row``.
    """
    if pairs is None:
        scored = pl.col(SCORE_COLUMN).is_not_null() | (pl.col("direction") == "entry")
    else:
        both = _by_record(records, pairs, tables)
        known = pl.concat([both["left"], both["right"]]).unique()
        scored = pl.col("record").is_in(known.implode())
    return records.with_columns(template_row=pl.when(scored).then("record").otherwise(-1))


def _by_record(records: pl.DataFrame, pairs: pl.DataFrame, tables: int) -> pl.DataFrame:
    """Name pairs by record; those of rows that were rejected are left out."""
    rows = records.select("record", "table", "row")
    first, last = (rows.filter(pl.col("table") == at).drop("table") for at in (0, tables - 1))
    return pairs.join(first.rename({"record": "left", "row": "entry_row"}), on="entry_row").join(
        last.rename({"record": "right", "row": "exit_row"}), on="exit_row"
    )


def scorer_of(
    records: pl.DataFrame, pairs: pl.DataFrame | None, tables: int, stays: pl.DataFrame
) -> GivenScores:
    """Make the scores that linkage looks up.

    Parameters
    ----------
    records, pairs, tables
        As `sampled` takes them.
    stays : polars.DataFrame
        Stays of the document pass, schema ``LINKS``: the column's score of an exit is that of the exit
        against the entry on its document.
    """
    if pairs is not None:
        both = _by_record(records, pairs, tables)
        left, right, score = both["left"], both["right"], both["score"]
    else:
        held = records.select("record", SCORE_COLUMN).drop_nulls()
        joined = stays.filter(pl.col("exit_id") >= 0).join(held, left_on="exit_id", right_on="record")
        left, right, score = joined["entry_id"], joined["exit_id"], joined[SCORE_COLUMN]
    values: NDArray[np.float32] = score.to_numpy().astype(np.float32)
    return GivenScores.of(left.to_numpy(), right.to_numpy(), values, len(records))
