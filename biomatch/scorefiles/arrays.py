"""Plain arrays (.npy, .npz) and tables with named columns (CSV, Parquet)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.curves.build import (
    IdentificationCurve,
    VerificationCurve,
    identification_curve,
    verification_curve,
)
from biomatch.errors import TableError
from biomatch.scorefiles.lines import plain_suffix
from biomatch.scorefiles.words import LABELS, classes

VERIFICATION = "score and mated (or label, target, same), optionally subject and reference_subject"
IDENTIFICATION = "mated, mate_score, mate_rank and top_score, optionally subject and enrolled_count"


def load_npy(path: Path) -> NDArray[Any]:
    """Open a .npy file without reading it (memory-mapped), refusing pickled objects."""
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError) as fault:
        raise TableError(f"{path}: {fault}", allowed="a .npy file of numbers") from None


def load_npz(path: Path) -> Mapping[str, NDArray[Any]]:
    """Read the arrays of a .npz file."""
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError) as fault:
        raise TableError(f"{path}: {fault}", allowed="a .npz file of numbers") from None


LABEL_NAMES = ("label", "labels", "y_true", "mated", "target", "same", "issame", "actual_issame")
SCORE_NAMES = ("scores", "score", "y_score", "similarity", "similarities", "distances", "dist")
MATED_NAMES = (
    "mated_scores",
    "mated",
    "genuine",
    "genuine_scores",
    "gen",
    "target_scores",
    "positives",
    "tar",
)
NON_MATED_NAMES = (
    "non_mated_scores", "non_mated", "nonmated", "impostor", "impostor_scores", "imp", "nontarget_scores",
    "negatives", "non",
)  # fmt: skip


def named(
    arrays: Mapping[str, NDArray[Any]], chosen: Mapping[str, str], path: Path
) -> dict[str, NDArray[Any]]:
    """Give the arrays under our names: those that the user named (``--arrays``), else the usual ones.

    Parameters
    ----------
    chosen : mapping
        Our name to the name in the file.
    """
    found = dict(arrays)
    for ours, theirs in chosen.items():
        if theirs not in arrays:
            raise TableError(f"{path} holds no array {theirs!r}", allowed=", ".join(arrays) or "none")
        found[ours] = arrays[theirs]
    if {"mated_scores", "non_mated_scores"} <= {*found} or "non_mated_top_scores" in found:
        return found
    usual = {"scores": SCORE_NAMES, "label": LABEL_NAMES}
    pair = {"mated_scores": MATED_NAMES, "non_mated_scores": NON_MATED_NAMES}
    readings = []
    for names in (usual, pair):
        reading = {
            ours: [one for one in theirs if one in found and found[one].ndim == 1]
            for ours, theirs in names.items()
        }
        if all(reading.values()) and len({one for some in reading.values() for one in some}) > 1:
            readings.append(reading)
    if len(readings) != 1 or any(len(some) > 1 for some in readings[0].values()):
        raise TableError(
            f"{path} holds {', '.join(arrays) or 'nothing'}"
            + (": more than one of them could be meant" if readings else ""),
            allowed="mated_scores and non_mated_scores, or scores and label",
            remedy="say which is which, as --arrays scores=S,label=L or mated_scores=A,non_mated_scores=B",
        )
    return {**found, **{ours: found[some[0]] for ours, some in readings[0].items()}}


def npz_comparisons(
    given: Mapping[str, NDArray[Any]], path: Path, *, distances: bool = False
) -> VerificationCurve:
    """Make a curve from ``mated_scores``, ``non_mated_scores`` (and subjects), or ``scores``, ``label``."""
    if {"mated_scores", "non_mated_scores"} <= {*given}:
        return verification_curve(
            given["mated_scores"],
            given["non_mated_scores"],
            mated_subjects=given.get("mated_subjects"),
            non_mated_subjects=given.get("non_mated_subjects"),
            non_mated_references=given.get("non_mated_references"),
            distances=distances,
        )
    label, scores = given["label"], given["scores"]
    if label.shape != scores.shape:
        raise TableError(f"{path}: {label.size} labels for {scores.size} scores")
    kind = classes(pl.Series(label.astype(int) if label.dtype == bool else label).cast(pl.String))
    unknown = (kind.is_null() | (kind < 0)).to_numpy()
    if label.dtype.kind == "f":
        unknown |= ~np.isfinite(label)
    if unknown.any():
        at = int(np.flatnonzero(unknown)[0])
        raise TableError(f"{path}: label {label[at]!r} at position {at}", allowed=LABELS)
    own = (kind == 1).to_numpy()
    people = {one: given[one] for one in ("subjects", "references") if one in given}
    who, others = people.get("subjects"), people.get("references")
    return verification_curve(
        scores[own],
        scores[~own],
        mated_subjects=None if who is None else who[own],
        non_mated_subjects=None if who is None else who[~own],
        non_mated_references=None if others is None else others[~own],
        distances=distances,
    )


def npz_searches(
    arrays: Mapping[str, NDArray[Any]], path: Path, *, enrolled: int = 0, distances: bool = False
) -> IdentificationCurve:
    """Make a curve from ``mated_scores``, ``mated_ranks``, ``non_mated_top_scores`` (and more).

    Parameters
    ----------
    enrolled : int
        N, where the file does not hold ``enrolled_count``.
    distances : bool
        Whether lower is closer; a missing score is then +inf (-inf is understood too).
    """
    needed = {"mated_scores", "mated_ranks", "non_mated_top_scores"}
    if not needed <= {*arrays}:
        raise TableError(f"{path} holds {', '.join(arrays)}", allowed=f"all of {', '.join(sorted(needed))}")
    return identification_curve(
        missing_last(arrays["mated_scores"], distances),
        arrays["mated_ranks"],
        missing_last(arrays["non_mated_top_scores"], distances),
        enrolled_count=arrays.get("enrolled_count", np.array([enrolled])),
        mated_subjects=arrays.get("mated_subjects"),
        non_mated_subjects=arrays.get("non_mated_subjects"),
        distances=distances,
    )


def missing_last(scores: NDArray[Any], distances: bool) -> NDArray[Any]:
    """Write "no score", which is -inf in files, as the farthest distance where lower is closer."""
    if not distances or scores.dtype.kind != "f":
        return scores
    return np.where(np.isneginf(scores), np.inf, scores)


def read_frame(path: Path) -> pl.DataFrame:
    """Read a CSV (all text, so that its lines can be named) or Parquet file."""
    try:
        if plain_suffix(path) == ".parquet":
            return pl.read_parquet(path)
        frame = pl.read_csv(path, infer_schema=False).with_columns(pl.all().fill_null(""))
    except (pl.exceptions.PolarsError, OSError) as fault:
        said = str(fault).splitlines()[0]
        if "utf-8" in said:
            raise TableError(
                f"{path} is not text", remedy="name its form with --format, or give a text file"
            ) from None
        raise TableError(f"{path}: {said}", remedy="mend the file") from None
    names = [name.replace("\ufeff", "").strip() for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TableError(f"{path} has two columns {twice[0]!r}", allowed="each name once")
    frame.columns = names
    return frame


def frame_searches(
    frame: pl.DataFrame, path: Path, *, enrolled: int = 0, distances: bool = False
) -> IdentificationCurve:
    """Make a curve from the columns mated, mate_score, mate_rank, top_score; one row a search.

    Empty: no such score (the mate got none, the list was empty). Further columns are strata. Parameters as
    of `npz_searches`.
    """
    known = ("mated", "mate_score", "mate_rank", "top_score")
    need(frame, known, IDENTIFICATION, path)
    own = numbers(frame["mate_score"], path, empty=True)
    top = numbers(frame["top_score"], path, empty=True)
    places = numbers(frame["mate_rank"], path, empty=True)
    mated = flags(frame["mated"], path)
    places = np.where(np.isneginf(places), 0.0, places)
    closer = "below" if distances else "above"
    for wrong, what, remedy in (
        ((places < 0) | (places % 1 != 0), "mate_rank is no whole number from 0", "0: not in the list"),
        (~mated & (np.isfinite(own) | (places > 0)), "a non-mated search has a mate", "is mated right?"),
        (mated & (places > 0) & np.isneginf(own), "the mate has a rank and no score", "give mate_score"),
        (
            mated & np.isfinite(top) & np.isfinite(own) & (own < top if distances else own > top),
            f"mate_score lies {closer} top_score, the best of all candidates",
            "mend the columns" if distances else "give --distances if lower is closer; else mend the columns",
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
        missing_last(own[mated], distances),
        ranks[mated],
        missing_last(top[~mated], distances),
        enrolled_count=counts,
        distances=distances,
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
    """Read a column of labels, whose first row stands in line `first`; a word that is neither is refused."""
    found = classes(column)
    unknown = found.is_null() | (found < 0)
    if unknown.any():
        row = int(unknown.arg_max() or 0)
        raise TableError(
            f"{path}, line {row + first}: {column.name} is {column[row]!r}",
            allowed=LABELS,
            remedy="write one of two known words on every line, or name the right column with --label-column",
        )
    return (found == 1).to_numpy()


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
