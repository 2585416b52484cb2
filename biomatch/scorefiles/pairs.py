"""Two files, mated and non-mated: a score a line, a table with one class, or a histogram of scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from biomatch import files
from biomatch.errors import TableError
from biomatch.portable.types import Reals
from biomatch.scorefiles import arrays, pyeer
from biomatch.scorefiles.lines import first_line, plain_suffix, read_table
from biomatch.scorefiles.words import classes, role_of


def check_two(paths: Sequence[Path]) -> None:
    """Refuse one file given as both classes."""
    one, two = paths
    if one.exists() and two.exists() and one.samefile(two):
        raise TableError(
            f"{one} was given as mated and as non-mated", allowed="two files",
            remedy="give the file of mated scores, then that of non-mated ones",
        )  # fmt: skip


def one_class(path: Path, wanted: bool) -> tuple[Reals, int, str]:
    """Read the scores of one class.

    Parameters
    ----------
    path : Path
        A score a line; with several columns the last one is the score, and a header is skipped.
    wanted : bool
        Whether the file is the mated one: labels in it must say so.

    Returns
    -------
    scores : ndarray
        Shape (n,), float64.
    whole : int
        1 where every score is a whole number from 0, else 0.
    taken_for : str
        What the columns were taken for.
    """
    if plain_suffix(path) in (".csv", ".parquet") or "," in first_line(path):
        return _table(path, wanted)
    lines = first_line(path).split()
    header = bool(lines) and not any(_number(word) for word in lines)
    columns = [(f"column {at + 1}", "text") for at in range(max(1, len(lines)))]
    frame = read_table(path, columns, header=int(header), example="0.91")
    for name in frame.columns:
        _one_label(frame[name], path, wanted, 1 + header)
    scores = arrays.numbers(frame[frame.columns[-1]].rename("score"), path, empty=False, first=1 + header)
    said = "a score a line" if len(columns) == 1 else f"the last of {len(columns)} columns"
    return scores, int(_whole(scores)), said


def _table(path: Path, wanted: bool) -> tuple[Reals, int, str]:
    frame = arrays.read_frame(path)
    first = 2
    if frame.columns and any(_number(name) for name in frame.columns):  # no header
        frame = files.read_csv(path, has_header=False, infer_schema=False)
        first = 1
    for name in frame.columns:
        if frame[name].dtype == pl.String:
            _one_label(frame[name], path, wanted, first)
    scores = [name for name in frame.columns if role_of(name) == "score"]
    if frame.width == 1:
        scores = frame.columns
    if len(scores) != 1:
        raise TableError(
            f"{path} has the columns {', '.join(frame.columns[:8])}", allowed="one column of scores",
            remedy="name it score",
        )  # fmt: skip
    found = arrays.numbers(frame[scores[0]], path, empty=False, first=first)
    return found, int(_whole(found)), f"column {scores[0]}"


def _one_label(column: pl.Series, path: Path, wanted: bool, first: int) -> None:
    """Refuse a file that holds both classes, or the other class."""
    kind = classes(column)
    if kind.null_count() or not {*kind.unique()} <= {0, 1}:
        return
    numeric = column.str.strip_chars().cast(pl.Float64, strict=False).is_not_null().all()
    both = {*kind.unique()} == {0, 1}
    if numeric and not both:
        return  # scores that are all 0 or all 1, most likely
    name = "mated" if wanted else "non-mated"
    place = column.name if column.name.startswith("column ") else f"column {column.name}"
    if both and not (numeric and first == 1 and column.name == "column 1" and _alone(path)):
        raise TableError(
            f"{path} holds both classes ({place})",
            allowed="two files, one class each: mated scores, then non-mated ones",
            remedy="give one such file alone; two matchers side by side: FILE --beside OTHER",
        )
    if not both and bool((kind == 1).all()) != wanted:
        raise TableError(
            f"{path} was given as {name} and its labels say the other class (line {first}: {column[0]!r})",
            remedy="give the mated file first",
        )


def _alone(path: Path) -> bool:
    """Say whether the file has one column: then 0 and 1 are scores (of a matcher that only decides)."""
    return len(first_line(path).split()) == 1


def histogram_or_scores(mated: Reals, second: Path, scores: Reals) -> bool:
    """Say whether the second file is a histogram; refuse where it can be read both ways.

    A histogram (line k, from 0, holds how many scores equal k) covers every mated score with a line, and
    as a histogram its scores lie below the mated ones. A list of scores lies below the mated ones itself.
    """
    lines = scores.size
    covers = bool((mated >= 0).all()) and float(mated.max(initial=0.0)) < lines and scores.sum() > 0
    if not covers or not np.all(mated % 1 == 0):
        return False
    middle = float(np.median(mated))
    half = np.searchsorted(np.cumsum(scores), scores.sum() / 2)
    as_histogram, as_scores = half < middle, float(np.median(scores)) <= middle
    if as_histogram and as_scores:
        raise TableError(
            f"{second} holds {lines:,} whole numbers: scores, or how often each of 0 to {lines - 1:,} occurs",
            allowed="--format pyeer (a score a line) or --format pyeer-hist (line k: how many scores are k)",
            remedy="say which",
        )
    return bool(as_histogram)


def read_histogram(path: Path) -> Reals:
    """Read a histogram of whole scores; see `biomatch.scorefiles.pyeer.read_histogram`."""
    return pyeer.read_histogram(path)


def _whole(scores: Reals) -> bool:
    return bool(scores.size and (scores >= 0).all() and (scores % 1 == 0).all())


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
