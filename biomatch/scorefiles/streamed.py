"""Comparisons by the billion: files of any length in one pass and constant memory.

Non-mated scores keep their highest exactly, mated ones their lowest (they are accumulated negated): so
thresholds, false matches and false non-matches are exact wherever fewer errors than `TAIL` are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from biomatch import checks, files
from biomatch.curves import counting
from biomatch.curves.thresholds import turned
from biomatch.curves.verification import ComparisonRates
from biomatch.decimals import shortest
from biomatch.errors import ResultsError, TableError
from biomatch.portable.types import Reals
from biomatch.rates import Rate, rate
from biomatch.scorefiles import arrays, bob, lists, pyeer
from biomatch.scorefiles.accumulator import ScoreAccumulator
from biomatch.scorefiles.lines import BLOCK, blocks, first_line, read_blocks
from biomatch.scorefiles.read import checked_form
from biomatch.scorefiles.recognise import FORMATS
from biomatch.scorefiles.words import role_of

TAIL = 1 << 20
ROWS = 1 << 22  # rows of an array or a Parquet file at once
STREAMED = ("bob-2", "bob-4", "bob-5", "pyeer", "npy", "csv", "parquet")
Parts = Iterator[tuple[Reals, Reals]]


@dataclass(frozen=True, eq=False)
class StreamedComparisons(ComparisonRates):
    """What can be said of 1:1 comparisons that were read once and not kept.

    Attributes
    ----------
    format : str
        One of `STREAMED`.
    mated : ScoreAccumulator
        Of the negated mated scores: its exact tail holds the lowest.
    non_mated : ScoreAccumulator
        Of the non-mated scores.
    clustered : bool
        Whether the file names subjects. One pass in constant memory cannot keep them, so intervals and
        guarantees, which would have to respect them, are refused.
    distances : bool
        Whether the scores came as distances: they are accumulated negated, and every threshold that a
        method takes or gives is a distance.
    """

    format: str
    mated: ScoreAccumulator
    non_mated: ScoreAccumulator
    clustered: bool = False
    distances: bool = False

    @property
    def comparisons(self) -> None:
        """None: the scores were not kept."""

    def fmr(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FMR, in [0, 1]: non-mated comparisons at or above T, of all; None where there are none."""
        least, most = self.non_mated.accepted(turned(threshold, self.distances))
        return self._rate("false matches", least, most, self.non_mated.total, threshold, confidence)

    def fnmr(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Give FNMR, in [0, 1]: mated comparisons below T, of all; None where there are none."""
        # score < T is -score > -T, hence -score >= the next number above -T.
        inner = turned(threshold, self.distances)
        least, most = self.mated.accepted(float(np.nextafter(-inner, np.inf)))
        return self._rate("false non-matches", least, most, self.mated.total, threshold, confidence)

    def threshold(self, *, max_fmr: float) -> float:
        """Give the threshold with the fewest misses whose realised FMR is at most ``max_fmr``.

        A point estimate, the shortest decimal that decides so. Exact where at most `TAIL` - 1 comparisons
        may be accepted; else the next edge of a bin above it, higher by a part in 1,024 at most.
        """
        target = checks.share(max_fmr, "max_fmr")
        return self.threshold_allowing(counting.most_events(target, self.non_mated.total))

    def threshold_allowing(self, allowed: int) -> float:
        """Give the threshold that accepts at most so many non-mated comparisons; see `threshold`."""
        found = self.non_mated.threshold_allowing(allowed)
        low = self.non_mated.refused_allowing(allowed)
        if low is not None and low > -np.inf:
            # Mated scores are kept negated: the lowest one above `low` is the highest below -low.
            mated = self.mated.highest_below(-low)
            if mated is None:
                found = float(np.nextafter(low, np.inf))
            elif -mated < found:
                found = shortest(low, -mated)
        return turned(found, self.distances)

    def threshold_interval(self, *, max_fmr: float) -> tuple[float, float]:
        """Give (low, high]: thresholds that accept the same non-mated scores as `threshold` does.

        Of distances [low, high).
        """
        threshold = turned(self.threshold(max_fmr=max_fmr), self.distances)
        target = checks.share(max_fmr, "max_fmr")
        low = self.non_mated.refused_allowing(counting.most_events(target, self.non_mated.total))
        above = self.non_mated.next_score(threshold)
        ends = (
            float(np.nextafter(threshold, -np.inf)) if low is None else low,
            threshold if above is None else above,
        )
        return (turned(ends[1], True), turned(ends[0], True)) if self.distances else ends

    def _rate(
        self, what: str, least: int, most: int, trials: int, threshold: float, confidence: float
    ) -> Rate:
        if least != most:
            raise ResultsError(
                f"between {least:,} and {most:,} {what} at threshold {threshold:g}",
                remedy=f"exact where there are fewer than {TAIL:,}: read the file without --stream",
            )
        if self.clustered:
            return Rate(most, trials, (0.0, 1.0), confidence, method="none: subjects were not kept")
        return rate(most, trials, confidence)


def stream_scores(
    paths: Sequence[Path], *, form: str | None = None, distances: bool = False, block: int = BLOCK
) -> StreamedComparisons:
    """Read score files that may be larger than memory.

    Parameters
    ----------
    paths : sequence of Path
        One file, or two (mated, non-mated) for the forms that ask for a pair.
    form : str, optional
        One of `STREAMED`; default: told from suffix, header and number of columns.
    distances : bool
        Whether lower means closer: scores are negated.
    block : int
        Bytes of text that are read at once.

    Raises
    ------
    TableError
        Naming the line and what to do.
    """
    form = checked_form(paths, form)
    if form == "list":
        width = len(first_line(paths[0]).split())
        form = f"bob-{width}" if f"bob-{width}" in STREAMED else form
    form = "pyeer" if form == "pair" else form
    if form not in STREAMED:
        raise TableError(
            f"a {form} file cannot be streamed ({FORMATS[form]})",
            allowed=", ".join(STREAMED), remedy="read it without --stream",
        )  # fmt: skip
    mated, other = ScoreAccumulator(tail=TAIL), ScoreAccumulator(tail=TAIL)
    sign = -1.0 if distances else 1.0
    for own, others in _parts(form, paths, block):
        # Negating float32 by a Python float keeps float32.
        mated.add(_finite(own * -sign))
        other.add(others * sign if distances else others)
    for name, found in (("mated", mated), ("non-mated", other)):
        if not found.total:
            raise TableError(
                f"{paths[0]} holds one class only: no {name} score",
                allowed="mated and non-mated scores", remedy="are the labels right?",
            )  # fmt: skip
    middle, around = -mated.middle(), other.middle()
    if middle < around and not distances:
        raise TableError(
            f"mated scores lie below non-mated ones (medians {middle:.4g} and {around:.4g})",
            allowed="similarities: higher is closer",
            remedy="give --distances if lower is closer; otherwise the classes are swapped",
        )
    clustered = form in ("bob-4", "bob-5") or _names(form, paths)
    return StreamedComparisons(form, mated, other, clustered, distances)


def _finite(negated: Reals) -> Reals:
    """Turn the +inf of a mated comparison without a score into the largest number: a miss everywhere."""
    if negated.size and negated.max() == np.inf:
        return np.minimum(negated, np.finfo(negated.dtype).max)
    return negated


def _names(form: str, paths: Sequence[Path]) -> bool:
    """Say whether a table names subjects."""
    if form == "parquet":
        with files.scan_parquet(paths[0]) as lazy:
            names = lazy.collect_schema().names()
    elif form == "csv":
        names = next(blocks(paths[0], 1 << 16)).split(b"\n")[0].decode(errors="replace").split(",")
    else:
        return False
    return any(role_of(name) in ("probe", "reference") for name in names)


def _parts(form: str, paths: Sequence[Path], block: int) -> Parts:
    """Give mated and non-mated scores, part by part."""
    none: Reals = np.zeros(0)
    if form == "npy":
        for path, own in zip(paths, (True, False), strict=True):
            held = arrays.load_npy(path)
            if held.ndim != 1:
                raise TableError(f"{path} has shape {held.shape}", allowed="one dimension")
            for start in range(0, held.size, ROWS):
                part = held[start : start + ROWS]
                yield (part, none) if own else (none, part)
    elif form == "pyeer":
        for path, own in zip(paths, (True, False), strict=True):
            for part in pyeer.read_in_blocks(path, block):
                yield (part, none) if own else (none, part)
    elif form == "csv":
        yield from _table_parts(_csv_blocks(paths[0], block), paths[0])
    elif form == "parquet":
        with files.scan_parquet(paths[0]) as lazy:
            height = int(lazy.select(pl.len()).collect().item())
        slices = (_slice(lazy, start, paths[0]) for start in range(0, height, ROWS))
        yield from _table_parts(((frame, 2) for frame in slices), paths[0])
    else:
        columns, example = bob.COLUMNS[form]
        for frame in read_blocks(paths[0], columns, example=example, size=block):
            own_rows = bob.is_mated(frame).to_numpy()
            scores = frame["score"].to_numpy()
            yield scores[own_rows], scores[~own_rows]


def _slice(lazy: pl.LazyFrame, start: int, path: Path) -> pl.DataFrame:
    return files.guarded(lambda: lazy.slice(start, ROWS).collect(), path, files.PARQUET)


def _csv_blocks(path: Path, block: int) -> Iterator[tuple[pl.DataFrame, int]]:
    """Give the rows of a CSV file, all text, with the line of each part's first row."""
    header, first = b"", 2
    for data in blocks(path, block):
        if not header:
            header, _, data = data.partition(b"\n")
            if not data:
                continue
        try:
            frame = pl.read_csv(header + b"\n" + data, infer_schema=False)
        except pl.exceptions.PolarsError as fault:
            raise TableError(
                f"{path}, after line {first - 1:,}: {str(fault).splitlines()[0]}", remedy="mend the file"
            ) from None
        yield frame.with_columns(pl.all().fill_null("")), first
        first += data.count(b"\n")


def _table_parts(frames: Iterator[tuple[pl.DataFrame, int]], path: Path) -> Parts:
    for frame, first in frames:
        frame.columns = [name.strip() for name in frame.columns]
        roles = lists.roles_of(frame.columns, path, lists.Asked())
        if "label" not in roles:
            raise TableError(f"{path} lacks the column 'mated'", allowed=arrays.VERIFICATION)
        scores = arrays.numbers(frame[roles["score"]], path, empty=False, first=first)
        own = arrays.flags(frame[roles["label"]], path, first)
        yield scores[own], scores[~own]
