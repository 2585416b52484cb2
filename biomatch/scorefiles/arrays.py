"""Plain arrays (.npy, .npz) and tables with named columns (CSV, Parquet)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import files
from biomatch.curves.build import (
    IdentificationCurve,
    VerificationCurve,
    identification_curve,
    verification_curve,
)
from biomatch.errors import TableError

VERIFICATION = "score and mated (true/false or 1/0), optionally subject"
IDENTIFICATION = "mated, mate_score, mate_rank and top_score, optionally subject and enrolled_count"
TRUE, FALSE = {"1", "1.0", "true", "mated", "genuine"}, {"0", "0.0", "false", "non-mated", "impostor", "-1"}


def load_npy(path: Path) -> NDArray[Any]:
    """Open a .npy file without reading it (memory-mapped), refusing pickled objects."""
    return np.asarray(files.map_npy(path))


def load_npz(path: Path) -> Mapping[str, NDArray[Any]]:
    """Read the arrays of a .npz file."""
    return files.read_npz(path)


def npz_comparisons(arrays: Mapping[str, NDArray[Any]], path: Path) -> VerificationCurve:
    """Make a curve from ``mated_scores``, ``non_mated_scores`` (and subjects), or ``scores``, ``label``."""
    if {"mated_scores", "non_mated_scores"} <= {*arrays}:
        return verification_curve(
            arrays["mated_scores"],
            arrays["non_mated_scores"],
            mated_subjects=arrays.get("mated_subjects"),
            non_mated_subjects=arrays.get("non_mated_subjects"),
        )
    if {"scores", "label"} <= {*arrays}:
        label, scores = arrays["label"], arrays["scores"]
        if label.shape != scores.shape:
            raise TableError(f"{path}: {label.size} labels for {scores.size} scores")
        known = np.isin(label, [0, 1, -1] if -1 in label else [0, 1])
        if not known.all():
            at = int(np.flatnonzero(~known)[0])
            raise TableError(f"{path}: label {label[at]!r} at position {at}", allowed="1 and 0, or 1 and -1")
        return verification_curve(scores[label == 1], scores[label != 1])
    raise TableError(
        f"{path} holds {', '.join(arrays) or 'nothing'}",
        allowed="mated_scores and non_mated_scores, or scores and label",
    )


def npz_searches(
    arrays: Mapping[str, NDArray[Any]], path: Path, *, enrolled: int = 0, sign: int = 1
) -> IdentificationCurve:
    """Make a curve from ``mated_scores``, ``mated_ranks``, ``non_mated_top_scores`` (and more).

    Parameters
    ----------
    enrolled : int
        N, where the file does not hold ``enrolled_count``.
    sign : int
        -1 for distances.
    """
    needed = {"mated_scores", "mated_ranks", "non_mated_top_scores"}
    if not needed <= {*arrays}:
        raise TableError(f"{path} holds {', '.join(arrays)}", allowed=f"all of {', '.join(sorted(needed))}")
    return identification_curve(
        similarities(arrays["mated_scores"], sign),
        arrays["mated_ranks"],
        similarities(arrays["non_mated_top_scores"], sign),
        enrolled_count=arrays.get("enrolled_count", np.array([enrolled])),
        mated_subjects=arrays.get("mated_subjects"),
        non_mated_subjects=arrays.get("non_mated_subjects"),
    )


def similarities(scores: NDArray[Any], sign: int) -> NDArray[Any]:
    """Negate distances (``sign`` -1); -inf, which means "no score", stays."""
    if sign > 0 or scores.dtype.kind not in "fiu":
        return scores
    return np.where(np.isneginf(scores), scores, -scores.astype(np.float64))


def read_frame(path: Path) -> pl.DataFrame:
    """Read a CSV (all text, so that its lines can be named) or Parquet file."""
    try:
        if path.suffix == ".parquet":
            return files.read_parquet(path)
        return files.read_csv(path, infer_schema=False).with_columns(pl.all().fill_null(""))
    except (pl.exceptions.PolarsError, OSError) as fault:
        said = str(fault).splitlines()[0]
        if "utf-8" in said:
            raise TableError(
                f"{path} is not text", remedy="name its form with --format, or give a text file"
            ) from None
        raise TableError(f"{path}: {said}", remedy="mend the file") from None


def frame_comparisons(frame: pl.DataFrame, path: Path) -> VerificationCurve:
    """Make a curve from the columns score, mated and, where given, subject and strata."""
    need(frame, ("score", "mated"), VERIFICATION, path)
    scores = numbers(frame["score"], path, empty=False)
    mated = flags(frame["mated"], path)
    subjects = _subjects(frame, path)
    labels = _strata(frame, ("score", "mated", "subject"))
    return verification_curve(
        scores[mated],
        scores[~mated],
        mated_subjects=None if subjects is None else subjects[mated],
        non_mated_subjects=None if subjects is None else subjects[~mated],
        mated_strata={name: array[mated] for name, array in labels.items()},
        non_mated_strata={name: array[~mated] for name, array in labels.items()},
    )


def frame_searches(
    frame: pl.DataFrame, path: Path, *, enrolled: int = 0, sign: int = 1
) -> IdentificationCurve:
    """Make a curve from the columns mated, mate_score, mate_rank, top_score; one row a search.

    Empty: no such score (the mate got none, the list was empty). Further columns are strata. Parameters as
    of `npz_searches`.
    """
    known = ("mated", "mate_score", "mate_rank", "top_score")
    need(frame, known, IDENTIFICATION, path)
    own = similarities(numbers(frame["mate_score"], path, empty=True), sign)
    top = similarities(numbers(frame["top_score"], path, empty=True), sign)
    places = numbers(frame["mate_rank"], path, empty=True)
    mated = flags(frame["mated"], path)
    places = np.where(np.isneginf(places), 0.0, places)
    closer = "above" if sign > 0 else "below"
    for wrong, what, remedy in (
        ((places < 0) | (places % 1 != 0), "mate_rank is no whole number from 0", "0: not in the list"),
        (~mated & (np.isfinite(own) | (places > 0)), "a non-mated search has a mate", "is mated right?"),
        (mated & (places > 0) & np.isneginf(own), "the mate has a rank and no score", "give mate_score"),
        (
            mated & np.isfinite(top) & (own > top),
            f"mate_score lies {closer} top_score, the best of all candidates",
            "give --distances if lower is closer; else mend the columns",
        ),
    ):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            given = ", ".join(f"{name} {frame[name][row]!r}" for name in known)
            raise TableError(f"{path}, line {row + 2}: {what} ({given})", remedy=remedy)
    counts = np.array([enrolled])
    if "enrolled_count" in frame.columns:
        counts = numbers(frame["enrolled_count"], path, empty=False).astype(np.int64)
    ranks = places.astype(np.int64)
    subjects = _subjects(frame, path)
    labels = _strata(frame, (*known, "subject", "enrolled_count"))
    return identification_curve(
        own[mated],
        ranks[mated],
        top[~mated],
        enrolled_count=counts,
        mated_subjects=None if subjects is None else subjects[mated],
        non_mated_subjects=None if subjects is None else subjects[~mated],
        mated_strata={name: array[mated] for name, array in labels.items()},
        non_mated_strata={name: array[~mated] for name, array in labels.items()},
    )


def _subjects(frame: pl.DataFrame, path: Path) -> NDArray[Any] | None:
    if "subject" not in frame.columns:
        return None
    column = frame["subject"]
    absent = column.is_null() | ((column == "") if column.dtype == pl.String else False)
    if absent.any():
        row = int(absent.arg_max() or 0)
        raise TableError(
            f"{path}, line {row + 2}: subject is empty",
            allowed="a name for each row",
            remedy="subjects are the clusters of every interval: name them all, or leave the column out",
        )
    return column.to_numpy()


def _strata(frame: pl.DataFrame, others: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    return {
        name: frame[name].cast(pl.String).to_numpy().astype(str)
        for name in frame.columns
        if name not in others
    }


def need(frame: pl.DataFrame, names: tuple[str, ...], allowed: str, path: Path) -> None:
    """Refuse a table that lacks one of the columns."""
    lacking = [name for name in names if name not in frame.columns]
    if lacking:
        raise TableError(
            f"{path} lacks the column {lacking[0]!r} (it has {', '.join(frame.columns[:8])})", allowed=allowed
        )


def flags(column: pl.Series, path: Path, first: int = 2) -> NDArray[np.bool_]:
    """Read the column `mated`, whose first row stands in line `first`; a word that is neither is refused."""
    words = column.cast(pl.String).fill_null("").str.to_lowercase().str.strip_chars()
    unknown = ~words.is_in([*TRUE, *FALSE])
    if unknown.any():
        row = int(unknown.arg_max() or 0)
        raise TableError(
            f"{path}, line {row + first}: mated is {column[row]!r}", allowed="1 or 0, true or false"
        )
    return words.is_in([*TRUE]).to_numpy()


def numbers(column: pl.Series, path: Path, *, empty: bool, first: int = 2) -> NDArray[np.float64]:
    """Read finite numbers, the first of them in line `first`; empty (where allowed): -inf."""
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        found = text.cast(pl.Float64, strict=False)
        absent = text == ""
    else:
        found = column.cast(pl.Float64, strict=False)
        absent = column.is_null()
    wrong = (found.is_null() | ~found.is_finite()).fill_null(True) & ~(absent if empty else absent & False)
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        mixed = isinstance(column[row], str) and any(mark in column[row] for mark in ";\t|")
        raise TableError(
            f"{path}, line {row + first}: {column.name} is {column[row]!r}"
            + (" (mixed delimiters?)" if mixed else ""),
            allowed="a finite number" + (", or nothing where there is no score" if empty else ""),
        )
    return found.fill_null(-np.inf).to_numpy()
