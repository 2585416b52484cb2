"""What a fit sees of a user's data: counts of scores, never the embeddings themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biomatch import files, portable
from biomatch.errors import TableError
from biomatch.portable.types import Floats
from biomatch.scorelaw.fit.suspects import check_duplicates
from biomatch.streams import stream

Vectors = NDArray[np.float32]
EDGES = np.linspace(-1.0, 1.0, 4001)
"""Thresholds at which non-mated scores are counted; a step of 0.0005 is far below any law's width."""
FEWEST, MOST = 30, 20_000
"""Identities that a fit needs, and that it compares at most (chosen by a named stream, and said)."""
FILLED = 1e-5
"""A direction is filled where its variance is more than this part of the largest one's: far above what
float16 or float32 rounding leaves in an empty one.
"""
PAIRS_EACH = 10
BLOCK = 512


@dataclass(frozen=True, eq=False)
class ScoreSample:
    """Counted scores of one set of identities.

    Attributes
    ----------
    dimension : int or None
        Directions that the embeddings fill (see `span`); None where only scores were given.
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

    def fmr(self, threshold: float) -> float:
        """Give the share of non-mated scores at or above a threshold, in [0, 1]."""
        return float(self.above[self._edge(threshold)]) / self.non_mated

    def count(self, threshold: float) -> int:
        """Count non-mated scores at or above a threshold (rounded up to `EDGES`)."""
        return int(self.above[self._edge(threshold)])

    @property
    def mean_non_mated(self) -> float:
        """Mean of the non-mated scores, within half a step of `EDGES`."""
        step = float(EDGES[1] - EDGES[0])
        return float(EDGES[0] + step * (self.above[1:].sum() / self.non_mated + 0.5))

    def threshold_at(self, level: float) -> float:
        """Give the lowest of `EDGES` with FMR at most `level`."""
        return float(EDGES[int(np.argmax(self.above <= level * self.non_mated))])

    def fnmr(self, threshold: float) -> float:
        """Give the share of mated scores below a threshold, in [0, 1]."""
        return float(np.searchsorted(self.mated, threshold)) / len(self.mated)

    @staticmethod
    def _edge(threshold: float) -> int:
        return min(int(np.searchsorted(EDGES, threshold - 1e-9)), len(EDGES) - 1)


def from_scores(mated: Floats, non_mated: Floats) -> ScoreSample:
    """Count mated and non-mated scores of unknown people.

    Parameters
    ----------
    mated, non_mated : ndarray
        Shape (n,), cosines in [-1, 1].

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
    above = _above(np.asarray(non_mated))
    return ScoreSample(None, None, np.sort(np.clip(mated, -1, 1)), len(mated), above, len(non_mated), {})


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


def from_embeddings(
    templates: Vectors,
    labels: NDArray[np.str_],
    seed: int = 0,
    only: NDArray[np.int64] | None = None,
    first_enrolled: bool = False,
) -> ScoreSample:
    """Compare identities with each other and themselves, and count.

    Parameters
    ----------
    templates : ndarray
        Shape (n, d), float32, unit rows (`biomatch.tables.embeddings.read_embeddings`).
    labels : ndarray
        Shape (n,), text: the identity of each row.
    seed : int
        Chooses identities where there are more than `MOST`.
    only : ndarray, optional
        Shape (m,), numbers of the identities (in the order of the sorted labels) to compare; default: all.
    first_enrolled : bool
        Whether the first image of each identity, in the order of the rows, is its enrolled one (a passport
        or visa photo) and only the others are probes. A mated score is then one of an enrolled image and a
        probe.

    Raises
    ------
    TableError
        For too few identities, fewer than two images of every identity, or one image that stands twice.
    """
    names, owner = np.unique(labels, return_inverse=True)
    images = np.bincount(owner, minlength=len(names))
    if only is None:
        check_duplicates(templates, labels)
    chosen = np.arange(len(names)) if only is None else only
    notes = []
    if not 32 <= templates.shape[1] <= 4096:
        raise TableError(f"embeddings of {templates.shape[1]} values", allowed="32 to 4,096 values each")
    if len(chosen) < FEWEST:
        raise TableError(f"{len(chosen)} identities", allowed=f"at least {FEWEST}", remedy="add identities")
    if len(chosen) > MOST:
        kept = stream(seed, "fit.identities").choice(len(chosen), MOST, replace=False)
        notes.append(f"{MOST:,} of {len(chosen):,} identities were compared, chosen at random")
        chosen = chosen[np.sort(kept)]
    several = chosen[images[chosen] > 1]
    if len(several) < FEWEST:
        raise TableError(
            f"{len(chosen) - len(several)} of {len(chosen)} identities have one image",
            allowed=f"two images or more of at least {FEWEST} identities",
            remedy="add images of the same people: without them there is no mated score",
        )
    if len(several) < len(chosen):
        notes.append(f"{len(chosen) - len(several):,} identities with one image serve as strangers only")
    order = np.argsort(owner, kind="stable")
    start = np.concatenate([[0], np.cumsum(images)])
    enrolled = templates[order[start[chosen]]]
    probes = templates[order[start[several] + 1]]
    mated, share = _mated(templates, order, start, several, first_enrolled)
    above, best = _strangers(enrolled, probes, np.searchsorted(chosen, several), seed)
    return ScoreSample(
        dimension=span(templates),
        identities=len(chosen),
        mated=mated,
        mated_people=len(several),
        above=above,
        non_mated=len(several) * (len(chosen) - 1),
        best=best,
        person_share=share,
        top_direction=_top_direction(enrolled),
        notes=tuple(notes),
        first_enrolled=first_enrolled,
    )


def span(templates: Vectors) -> int:
    """Count the directions that templates fill: what zero columns and rotations leave as it is.

    Fewer images than values tell of no direction that they do not fill: then it is the number of values.

    Parameters
    ----------
    templates : ndarray
        Shape (n, d), float32, unit rows.
    """
    sample = templates[:: max(len(templates) // 4000, 1)].astype(np.float64)
    values = np.linalg.eigvalsh(sample.T @ sample)
    filled = int((values > FILLED * values[-1]).sum())
    return max(filled if filled < 0.9 * len(sample) else templates.shape[1], 32)


def _mated(
    templates: Vectors,
    order: NDArray[np.int64],
    start: NDArray[np.int64],
    several: NDArray[np.int64],
    first_enrolled: bool,
) -> tuple[Floats, float | None]:
    """Score images of one person, at most `PAIRS_EACH` pairs each; estimate its part of the noise."""
    scores, disjoint = [], []
    for person in several:
        rows = order[start[person] : start[person + 1]][:5]
        table = portable.unit_products(templates[rows], templates[rows])
        scores.append(table[0, 1:] if first_enrolled else table[np.triu_indices(len(rows), 1)][:PAIRS_EACH])
        if len(rows) >= 4 and not first_enrolled:
            disjoint.append((table[0, 1], table[2, 3]))
    share = None
    if len(disjoint) >= 50:
        z = np.arctanh(np.clip(np.asarray(disjoint, dtype=np.float64), -0.99, 0.9999))
        # The images' common person contributes (2p)^2, the two images q^2 each: p/q = sqrt(r / (2 - 2r)).
        ranks = np.argsort(np.argsort(z, axis=0, kind="stable"), axis=0)
        r = float(np.clip(np.corrcoef(ranks[:, 0], ranks[:, 1]).ravel()[1], 0.0, 0.8))
        share = float(np.sqrt(r / (2.0 * (1.0 - r))))
    return np.sort(np.concatenate(scores).astype(np.float64)), share


def _strangers(
    enrolled: Vectors, probes: Vectors, own: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], dict[int, Floats]]:
    """Count all non-mated scores, and keep the best of each probe at several gallery sizes."""
    size = len(enrolled)
    mixed = stream(seed, "fit.gallery").permutation(size)
    place = np.argsort(mixed)[own]
    gallery = enrolled[mixed]
    sizes = sorted({size - 1, *(n for n in (size // 8, size // 3) if n >= 20)})
    above = np.zeros(len(EDGES), dtype=np.int64)
    best: dict[int, list[Floats]] = {n: [] for n in sizes}
    for first in range(0, len(probes), BLOCK):
        scores = portable.unit_products(probes[first : first + BLOCK], gallery)
        rows = np.arange(len(scores))
        scores[rows, place[first : first + BLOCK]] = -2.0  # the mate is not in the gallery
        above += _above(scores[scores > -1.5])
        for n in sizes:
            best[n].append(scores[:, : n + 1 if n == size - 1 else n].max(axis=1).astype(np.float64))
    return above, {n: np.sort(np.concatenate(parts)) for n, parts in best.items()}


def _above(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    cell = np.clip(np.floor((scores + 1.0) * 2000.0).astype(np.int64), 0, len(EDGES) - 1)
    return np.asarray(np.cumsum(np.bincount(cell, minlength=len(EDGES))[::-1])[::-1], dtype=np.int64)


def _top_direction(enrolled: Vectors) -> float:
    """Share of the identities' variance along their first principal direction."""
    centred = (enrolled - enrolled.mean(axis=0)).astype(np.float64)
    if len(centred) > 3000:
        centred = centred[:3000]
    gram = centred @ centred.T if len(centred) < centred.shape[1] else centred.T @ centred
    return float(np.linalg.eigvalsh(gram)[-1] / np.trace(gram))
