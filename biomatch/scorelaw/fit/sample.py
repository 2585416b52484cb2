"""What a fit sees of a user's data: counts of scores, never the embeddings themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biomatch import files
from biomatch.errors import TableError

Floats = NDArray[np.float64]
EDGES = np.linspace(-1.0, 1.0, 4001)
"""Thresholds at which non-mated scores are counted; a step of 0.0005 is far below any law's width."""


YEAR_BINS = 3


@dataclass(frozen=True, eq=False)
class ScoreSample:
    """Counted scores of one set of identities.

    Attributes
    ----------
    dimension : int or None
        Directions that the embeddings fill (`span`); None where only scores were given.
    identities : int or None
        Identities compared; None where only scores were given.
    mated : ndarray
        Shape (m,), float64, ascending: scores of two images of one person.
    mated_people : int
        Number of persons behind `mated` (m, where unknown).
    above : ndarray
        Shape (4001,), int64: non-mated scores at or above each of `EDGES`.
    non_mated : int
        Non-mated scores in all.
    best : dict
        Gallery size N -> best score of each non-mated probe, shape (probes,), ascending; empty for scores.
    person_share : float or None
        Person's part of the noise (standard deviation over that between images), from persons with four
        images or more; None where there are too few.
    top_direction : float or None
        Largest share of the identities' variance along one direction; large where people form clusters.
    notes : tuple of str
        What was left out, and why.
    first_enrolled : bool
        Whether the first image of each person is of the better, enrolled kind; else all images are alike.
    weights : ndarray or None
        Shape (m,), adds to 1: every person weighs the same, however many pairs of images; None: all alike.
    years : tuple of (float, float)
        Years between the images of mated pairs and the share of pairs, in a few bins; empty: not given.
    """

    dimension: int | None
    identities: int | None
    mated: Floats
    mated_people: int
    above: NDArray[np.int64]
    non_mated: int
    best: dict[int, Floats]
    person_share: float | None = None
    top_direction: float | None = None
    notes: tuple[str, ...] = ()
    first_enrolled: bool = False
    weights: Floats | None = None
    years: tuple[tuple[float, float], ...] = ()

    @property
    def mated_weights(self) -> Floats:
        """Weights of `mated`, which add to 1."""
        return np.full(len(self.mated), 1.0 / len(self.mated)) if self.weights is None else self.weights

    @property
    def mated_cumulative(self) -> Floats:
        """FNMR just above each of `mated`, shape (m,)."""
        return np.asarray(np.cumsum(self.mated_weights))

    def fmr(self, threshold: float) -> float:
        """Give the share of non-mated scores at or above a threshold, in [0, 1]."""
        return float(self.above[self._edge(threshold)]) / self.non_mated

    def count(self, threshold: float) -> int:
        """Count non-mated scores at or above a threshold (rounded up to `EDGES`)."""
        return int(self.above[self._edge(threshold)])

    def threshold_at(self, level: float) -> float:
        """Give the lowest of `EDGES` with FMR at most `level`."""
        return float(EDGES[int(np.argmax(self.above <= level * self.non_mated))])

    def fnmr(self, threshold: float) -> float:
        """Give the share of mated scores below a threshold, in [0, 1]."""
        return float(self.mated_weights[: np.searchsorted(self.mated, threshold)].sum())

    @property
    def median(self) -> float:
        """Median mated score."""
        at = int(np.searchsorted(self.mated_cumulative, 0.5))
        return float(self.mated[min(at, len(self.mated) - 1)])

    @property
    def mean_non_mated(self) -> float:
        """Mean of the non-mated scores, each taken at the middle of its cell of `EDGES`."""
        inside = -np.diff(np.append(self.above, 0))
        return float((inside * (EDGES + (EDGES[1] - EDGES[0]) / 2.0)).sum() / self.non_mated)

    @staticmethod
    def _edge(threshold: float) -> int:
        return min(int(np.searchsorted(EDGES, threshold - 1e-9)), len(EDGES) - 1)


def binned_years(years: Floats, weights: Floats) -> tuple[tuple[float, float], ...]:
    """Sum years between images up in `YEAR_BINS` bins of equal weight: (mean years, share) of each.

    Where some are not known (NaN), the others stand for them; empty where none are, or all are 0.
    """
    known = np.isfinite(years)
    if not known.any() or float(years[known].max()) == 0.0:
        return ()
    order = np.argsort(years[known], kind="stable")
    value, weight = years[known][order], weights[known][order]
    weight = weight / weight.sum()
    place = np.minimum((np.cumsum(weight) - weight / 2.0) * YEAR_BINS, YEAR_BINS - 1).astype(np.int64)
    found = []
    for bin_ in range(YEAR_BINS):
        inside = place == bin_
        share = float(weight[inside].sum())
        if share > 0.0:
            found.append((round(float((value * weight)[inside].sum()) / share, 3), share))
    return tuple(found)


def from_scores(mated: Floats, non_mated: Floats, years: Floats | None = None) -> ScoreSample:
    """Count mated and non-mated scores of unknown people.

    Parameters
    ----------
    mated, non_mated : ndarray
        Shape (n,), cosines in [-1, 1].
    years : ndarray, optional
        Shape of `mated`: years between the two images of each; NaN where not known.

    Raises
    ------
    TableError
        For scores that are not finite or not cosines, or too few of them.
    """
    for name, values in (("mated", mated), ("non-mated", non_mated)):
        if values.ndim != 1 or not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            raise TableError(
                f"{name} scores of shape {values.shape} with {bad} not finite", allowed="one number a line"
            )
        if len(values) and (values.min() < -1.0001 or values.max() > 1.0001):
            raise TableError(
                f"{name} scores from {values.min():g} to {values.max():g}",
                allowed="cosines, -1 to 1",
                remedy="give cosines of unit embeddings; distances and log odds have no profile",
            )
        if len(values) < 200:
            raise TableError(f"{len(values)} {name} scores", allowed="at least 200", remedy="give more")
    above = counted_above(np.asarray(non_mated))
    count = len(mated)
    if years is not None and years.shape != mated.shape:
        raise TableError(f"{len(years)} values of years for {count} mated scores", allowed="one for each")
    bins = () if years is None else binned_years(years, np.full(count, 1.0 / count))
    scores = np.sort(np.clip(mated, -1, 1))
    return ScoreSample(None, None, scores, count, above, len(non_mated), {}, years=bins)


def read_scores(path: str | Path) -> Floats:
    """Read scores: ``.npy``, or text with a number a line. Nothing is unpickled.

    Raises
    ------
    TableError
        For a file that cannot be read as numbers.
    """
    place = Path(path)
    if not files.exists(place):
        raise TableError(f"{place} does not exist", remedy="give a .npy file or text, a score a line")
    try:
        if place.suffix == ".npy":
            values = files.read_npy(place)
        else:
            values = np.array([float(x) for x in files.read_text(place, pipe=True).split()])
        if values.dtype.kind not in "fiu":
            raise ValueError(f"it holds {values.dtype}")
    except ValueError as fault:
        raise TableError(
            f"{place} cannot be read ({str(fault).splitlines()[0]})",
            allowed="a .npy array of numbers or text, a score a line; pickled objects are never loaded",
        ) from None
    return np.asarray(values, dtype=np.float64)


def counted_above(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """Count scores at or above each of `EDGES`, shape (4001,)."""
    cell = np.clip(np.floor((scores + 1.0) * 2000.0).astype(np.int64), 0, len(EDGES) - 1)
    return np.asarray(np.cumsum(np.bincount(cell, minlength=len(EDGES))[::-1])[::-1], dtype=np.int64)
