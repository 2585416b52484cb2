"""Bob's score files: two, four and five columns, and CSV."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from biomatch.curves.build import (
    IdentificationCurve,
    VerificationCurve,
    identification_curve,
    verification_curve,
)
from biomatch.errors import TableError
from biomatch.scorefiles.lines import fault_at, first_line, read_table
from biomatch.scorefiles.words import LABELS, classes

FOUR = (("claimed", "text"), ("real", "text"), ("probe", "text"), ("score", "score"))
FIVE = (
    ("claimed", "text"),
    ("model", "text"),
    ("real", "text"),
    ("probe", "text"),
    ("score", "score"),
)
TWO = (("label", "text"), ("score", "score"))
COLUMNS = {
    "bob-2": (TWO, "1 0.82"),
    "bob-4": (FOUR, "S17 S17 q0001 0.812345"),
    "bob-5": (FIVE, "S17 t17a S17 q0001 0.812345"),
}
"""Columns and a well-formed line of each text form."""
CSV_COLUMNS = {
    "claimed": ("bio_ref_subject_id",),
    "real": ("probe_subject_id",),
    # The name changed: probe_key in the 2023 source, probe_template_id in release 8.1.1.
    "probe": ("probe_template_id", "probe_key"),
    "model": ("bio_ref_template_id",),
    "score": ("score",),
}


def read_columns(path: Path, count: int) -> pl.DataFrame:
    """Read a four- or five-column file: claimed, (model,) real, probe, score."""
    columns, example = COLUMNS[f"bob-{count}"]
    return read_table(path, columns, example=example)


def is_mated(frame: pl.DataFrame) -> pl.Series:
    """Say which rows are mated: by the label of two columns, or where claimed and real id are the same."""
    if "label" in frame.columns:
        kind = classes(frame["label"])
        if kind.is_null().any() or (kind < 0).any():
            word = frame["label"].filter(kind.is_null() | (kind < 0))[0]
            raise TableError(f"label {word!r}", allowed=LABELS, remedy="write one of two known words a line")
        return kind == 1
    return frame["claimed"] == frame["real"]


def read_csv(path: Path) -> tuple[pl.DataFrame, int]:
    """Read Bob's CSV; give the bona fide comparisons and the number of presentation attacks left out."""
    given = [name.strip() for name in first_line(path).split(",")]
    names = {}
    for ours, theirs in CSV_COLUMNS.items():
        found = [name for name in theirs if name in given]
        if not found and ours != "model":
            raise TableError(
                f"{path} has the columns {', '.join(given[:8])}", allowed=f"one named {' or '.join(theirs)}"
            )
        if found:
            names[ours] = found[0]
    try:
        frame = pl.read_csv(path, infer_schema=False).with_columns(pl.all().fill_null(""))
        frame.columns = [name.strip() for name in frame.columns]
    except pl.exceptions.PolarsError as fault:
        raise TableError(
            f"{path}: {str(fault).splitlines()[0]}", remedy="mend the line that it names"
        ) from None
    attack = "probe_attack_type"
    columns = [pl.col(theirs).alias(ours) for ours, theirs in names.items()]
    kept = frame.select(
        *columns, attack=pl.col(attack) if attack in frame.columns else pl.lit("")
    ).with_columns(number=pl.col("score").str.strip_chars().cast(pl.Float64, strict=False))
    wrong = kept["number"].is_null() | ~kept["number"].is_finite()
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise fault_at(path, row + 2, f"score {kept['score'][row]!r} is no finite number")
    attacks = int((kept["attack"] != "").sum())
    genuine = kept.filter(pl.col("attack") == "").drop("attack", "score").rename({"number": "score"})
    return genuine, attacks


def comparisons(frame: pl.DataFrame) -> VerificationCurve:
    """Make the 1:1 curve; the subjects on both sides are the clusters."""
    same = is_mated(frame).to_numpy()
    scores = frame["score"].to_numpy()
    both = pl.concat([frame["real"], frame["claimed"].alias("real")]).rank("dense").to_numpy()
    subject, claimed = both[: len(frame)].astype(np.int64), both[len(frame) :].astype(np.int64)
    return verification_curve(
        scores[same],
        scores[~same],
        mated_subjects=subject[same],
        non_mated_subjects=subject[~same],
        non_mated_references=claimed[~same],
    )


def searches(frame: pl.DataFrame, path: Path) -> IdentificationCurve:
    """Make the 1:N curve: each probe is a search against all references that it was compared with.

    A probe whose subject is never claimed is a non-mated search. A subject with several templates counts
    with its best score, once. Ties count against the mate: its rank is one more than the number of other
    subjects that score as high or higher.
    """
    keys = ["claimed", "real", "probe"] + (["model"] if "model" in frame.columns else [])
    doubled = frame.select(pl.struct(keys).is_duplicated()).to_series()
    if doubled.any():
        row = int(doubled.arg_max() or 0)
        raise TableError(
            f"{path}: probe {frame['probe'][row]} is compared with {frame['claimed'][row]} more than once "
            f"(first in data row {row + 1})",
            remedy="give each probe its own label, or leave repeated lines out",
        )
    best = frame.group_by("probe", "claimed", "real").agg(pl.col("score").max())
    people = best.group_by("probe").agg(pl.col("real").n_unique().alias("people"))
    mixed = people.filter(pl.col("people") > 1)
    if len(mixed):
        raise TableError(
            f"{path}: probe {mixed['probe'][0]} belongs to {mixed['people'][0]} real ids",
            allowed="one person a probe",
        )
    mate = pl.col("score").filter(pl.col("claimed") == pl.col("real")).max().over("probe")
    found = (
        best.with_columns(mate=mate)
        .group_by("probe")
        .agg(
            pl.col("real").first(),
            pl.col("mate").first(),
            top=pl.col("score").max(),
            rank=1 + ((pl.col("claimed") != pl.col("real")) & (pl.col("score") >= pl.col("mate"))).sum(),
            enrolled=pl.len(),
        )
        .sort("probe")
        .with_columns(subject=pl.col("real").rank("dense"))
    )
    mated, other = found.filter(pl.col("mate").is_not_null()), found.filter(pl.col("mate").is_null())
    return identification_curve(
        mated["mate"].to_numpy(),
        mated["rank"].to_numpy().astype(np.int64),
        other["top"].to_numpy(),
        enrolled_count=found["enrolled"].to_numpy().astype(np.int64),
        list_length=int(found["enrolled"].max()),  # type: ignore[arg-type]
        mated_subjects=mated["subject"].to_numpy().astype(np.int64),
        non_mated_subjects=other["subject"].to_numpy().astype(np.int64),
    )


def looks_like(header: str) -> Mapping[str, bool]:
    """Guess the form from the first line: number of columns, or Bob's CSV header."""
    words = header.split()
    return {
        "bob-csv": "," in header and "bio_ref_subject_id" in header,
        "bob-2": len(words) == 2,
        "bob-4": len(words) == 4,
        "bob-5": len(words) == 5,
    }
