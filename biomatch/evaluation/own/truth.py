"""Links held against labels: precision, recall, and whether probabilities are what they claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from biomatch.errors import TableError
from biomatch.evaluation.probability_calibration import Honesty, honesty
from biomatch.overstay.records.columns import plain_name
from biomatch.overstay.records.result import OwnLinks
from biomatch.overstay.rules.intake.faults import Faults
from biomatch.overstay.rules.intake.source import ROW, Source, load
from biomatch.rates import Rate, rate

YES = frozenset({"yes", "y", "true", "1", "same", "match"})
NO = frozenset({"no", "n", "false", "0", "different", "other"})
UNSURE = frozenset({"unsure", "?", "unknown"})
TO_EXITS = ("document", "neighbour", "manifest", "exit", "own_document", "capture")
"""Kinds of links that end a stay with an exit."""


@dataclass(frozen=True)
class TruthReport:
    """Links against labelled pairs.

    Attributes
    ----------
    labelled : int
        Labels that were used.
    precision : Rate
        Of the links made that the labels speak of, those that are right.
    recall : Rate
        Of the labelled pairs of one person, those that were made.
    calibration : Honesty
        Of the links' probabilities, over labelled pairs that were weighed.
    leads : Rate or None
        Of the leads that labels speak of, those that are overstays; None: no such labels.
    leads_recall : Rate or None
        Of the labelled overstays, those that are leads.
    """

    labelled: int
    precision: Rate
    recall: Rate
    calibration: Honesty
    leads: Rate | None = None
    leads_recall: Rate | None = None

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        c = self.calibration
        return {
            "labelled": self.labelled,
            "precision": self.precision.to_json(),
            "recall": self.recall.to_json(),
            "calibration": {
                "cases": c.cases, "events": c.events, "slope": c.slope, "intercept": c.intercept,
                "log_loss": c.log_loss, "base_loss": c.base_loss,
            },
            "leads_precision": None if self.leads is None else self.leads.to_json(),
            "leads_recall": None if self.leads_recall is None else self.leads_recall.to_json(),
        }  # fmt: skip

    def lines(self) -> list[str]:
        """Say it in lines for a person."""
        said = [f"links: right {self.precision}; of the pairs of one person, made {self.recall}"]
        if self.calibration.slope is not None:
            said.append(
                f"probabilities: slope {self.calibration.slope:.2f} (1: calibrated, below: too sure), "
                f"log loss {self.calibration.log_loss:.3f} against {self.calibration.base_loss:.3f} by share"
            )
        if self.leads is not None:
            said.append(f"leads: overstays {self.leads}; of labelled overstays, listed {self.leads_recall}")
        return said


def labels(
    path: str | Path | pl.DataFrame, needed: tuple[str, ...], answers: tuple[str, ...]
) -> pl.DataFrame:
    """Read a table of labels.

    Parameters
    ----------
    path : path or frame
        CSV or Parquet.
    needed : tuple of str
        Columns of row or link numbers that must stand there (Int64; may be empty).
    answers : tuple of str
        Columns of yes or no (optional).

    Returns
    -------
    polars.DataFrame
        `needed` as Int64 and those of `answers` that are there as Boolean (null: unsure, or empty).
    """
    faults = Faults()
    source: Source = load(path, "labels", faults)
    frame = source.frame.rename({c: plain_name(c) for c in source.frame.columns if c != ROW})
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise TableError(
            f"{source.name}: column {missing[0]!r} is missing",
            allowed=", ".join((*needed, *(f"optionally {name}" for name in answers))),
        )
    made = {}
    for name in needed:
        text = frame[name].cast(pl.String).str.strip_chars()
        number = text.cast(pl.Int64, strict=False)
        wrong = text.is_not_null() & (text != "") & number.is_null()
        rows = frame[ROW].filter(wrong)
        faults.add(source.name, name, rows, text.filter(wrong), _same("is no whole number", len(rows)))
        made[name] = number
    for name in answers:
        if name not in frame.columns:
            continue
        text = frame[name].cast(pl.String).str.strip_chars().str.to_lowercase()
        wrong = text.is_not_null() & ~text.is_in([*YES, *NO, *UNSURE, ""])
        rows = frame[ROW].filter(wrong)
        faults.add(
            source.name, name, rows, text.filter(wrong), _same("is neither yes, no nor unsure", len(rows))
        )
        known: Mapping[str, bool] = {**dict.fromkeys(YES, True), **dict.fromkeys(NO, False)}
        made[name] = text.replace_strict(known, default=None, return_dtype=pl.Boolean)
    faults.refuse("correct them")
    return pl.DataFrame(made)


def _same(text: str, count: int) -> pl.Series:
    return pl.Series([text], dtype=pl.String).new_from_index(0, count)


def judge(found: OwnLinks, truth: str | Path | pl.DataFrame) -> TruthReport:
    """Hold links against labelled pairs.

    Parameters
    ----------
    found : OwnLinks
        From `link`.
    truth : path or frame
        Columns ``entry_row`` and ``exit_row`` (rows of the user's tables, the first as 1; an empty exit: the
        stay has none on record) and optionally ``same`` (yes, no, unsure; without it every row is a pair of
        one person, and all pairs of the entries and exits that are named) and ``overstay`` (yes, no).

    Raises
    ------
    TableError
        For a table without these columns, cells that are neither, or rows that are not among the stays.
    """
    given = labels(truth, ("entry_row", "exit_row"), ("same", "overstay"))
    known = found.stays["entry_row"].implode()
    strange = given.filter(~pl.col("entry_row").is_in(known)).height
    if strange:
        raise TableError(
            f"{strange:,} labels name an entry row that is no stay",
            remedy="give rows of the table of entries, the first after the header as 1",
        )
    links = found.links.filter(pl.col("kind").is_in(TO_EXITS)).select(
        "made", "probability", entry_row="from_row", exit_row="to_row"
    )
    made = links.filter("made")
    if "same" in given.columns:
        pairs = given.filter(pl.col("same").is_not_null() & pl.col("exit_row").is_not_null())
        spoken = made.join(pairs, on=["entry_row", "exit_row"])
        right = int(spoken["same"].sum())
    else:
        pairs = given.filter(pl.col("exit_row").is_not_null()).with_columns(same=pl.lit(value=True))
        about = pl.col("entry_row").is_in(given["entry_row"].implode()) | pl.col("exit_row").is_in(
            pairs["exit_row"].implode()
        )
        spoken = made.filter(about)
        right = spoken.join(pairs, on=["entry_row", "exit_row"], how="semi").height
    true = pairs.filter("same").unique(["entry_row", "exit_row"])
    caught = true.join(made, on=["entry_row", "exit_row"], how="semi").height
    weighed = links.join(pairs, on=["entry_row", "exit_row"], how="left")
    if "same" not in given.columns:
        about = pl.col("entry_row").is_in(given["entry_row"].implode())
        weighed = weighed.filter(about).with_columns(pl.col("same").fill_null(value=False))
    weighed = weighed.filter(pl.col("same").is_not_null())
    return TruthReport(
        len(given),
        rate(right, spoken.height),
        rate(caught, true.height),
        honesty(weighed["probability"].to_numpy(), weighed["same"].to_numpy()),
        *_leads(found, given),
    )


def _leads(found: OwnLinks, given: pl.DataFrame) -> tuple[Rate | None, Rate | None]:
    if "overstay" not in given.columns:
        return None, None
    told = given.filter(pl.col("overstay").is_not_null()).unique("entry_row", keep="first")
    listed = found.leads.select("entry_row").join(told, on="entry_row")
    true = int(listed["overstay"].sum())
    return rate(true, listed.height), rate(true, int(told["overstay"].sum()))
