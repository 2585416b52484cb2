"""Compares a user's templates with each other, and counts: what a fit sees of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomatch import portable
from biomatch.errors import TableError
from biomatch.scorelaw.fit.sample import EDGES, ScoreSample, binned_years, counted_above
from biomatch.streams import stream

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Vectors = NDArray[np.float32]
FEWEST, MOST = 30, 20_000
"""Identities that a fit needs, and that it compares at most (chosen by a named stream, and said)."""
IMAGES_EACH, BLOCK = 5, 512
FILLED = 1e-5
"""A direction is filled where its variance is more than this part of the largest one's: far above what
float16 or float32 rounding leaves in an empty one.
"""


@dataclass(frozen=True, eq=False)
class People:
    """Rows of a table of templates by identity.

    Attributes
    ----------
    names : ndarray
        Shape (p,), text, sorted.
    owner : ndarray
        Shape (n,), int64: identity of each row.
    rows : ndarray
        Shape (n,), int64: rows ordered by identity, then as they stood.
    start : ndarray
        Shape (p + 1,), int64: where each identity begins in `rows`.
    """

    names: NDArray[np.str_]
    owner: Integers
    rows: Integers
    start: Integers

    @classmethod
    def of(cls, labels: NDArray[np.str_]) -> People:
        """Sort rows by label."""
        names, owner = np.unique(labels, return_inverse=True)
        start = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(names)))])
        return cls(names, owner, np.argsort(owner, kind="stable"), start)

    @property
    def images(self) -> Integers:
        """Images of each identity, shape (p,)."""
        return np.diff(self.start)

    def of_person(self, person: int) -> Integers:
        """Rows of one identity, in the order of the table."""
        return self.rows[self.start[person] : self.start[person + 1]]


def from_embeddings(
    templates: Vectors,
    labels: NDArray[np.str_],
    seed: int = 0,
    only: Integers | None = None,
    first_enrolled: bool = False,
    years: Floats | None = None,
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
        probe. Without it all images are of one kind, and an identity with one image is a probe, too.
    years : ndarray, optional
        Shape (n,), float64: when each image was taken, in years from any day; NaN where it is not known.

    Raises
    ------
    TableError
        For too few identities, or fewer than two images of every identity.
    """
    people = People.of(labels)
    chosen = np.arange(len(people.names)) if only is None else only
    notes = []
    if not 32 <= templates.shape[1] <= 4096:
        raise TableError(f"embeddings of {templates.shape[1]} values", allowed="32 to 4,096 values each")
    if len(chosen) < FEWEST:
        raise TableError(f"{len(chosen)} identities", allowed=f"at least {FEWEST}", remedy="add identities")
    if len(chosen) > MOST:
        kept = stream(seed, "fit.identities").choice(len(chosen), MOST, replace=False)
        notes.append(f"{MOST:,} of {len(chosen):,} identities were compared, chosen at random")
        chosen = chosen[np.sort(kept)]
    several = chosen[people.images[chosen] > 1]
    if len(several) < FEWEST:
        raise TableError(
            f"{len(chosen) - len(several)} of {len(chosen)} identities have one image",
            allowed=f"two images or more of at least {FEWEST} identities",
            remedy="add images of the same people: without them there is no mated score",
        )
    if len(several) < len(chosen):
        notes.append(f"{len(chosen) - len(several):,} identities with one image serve as strangers only")
    enrolled = templates[people.rows[people.start[chosen]]]
    seekers = several if first_enrolled else chosen
    second = np.minimum(1, people.images[seekers] - 1)
    probes = templates[people.rows[people.start[seekers] + second]]
    pairs = _mated(templates, people, several, first_enrolled, years)
    above, best = _strangers(enrolled, probes, np.searchsorted(chosen, seekers), seed)
    return ScoreSample(
        dimension=span(templates if only is None else enrolled),
        identities=len(chosen),
        mated=pairs.scores,
        mated_people=len(several),
        above=above,
        non_mated=len(seekers) * (len(chosen) - 1),
        best=best,
        person_share=pairs.person_share,
        top_direction=_top_direction(enrolled),
        notes=tuple(notes),
        first_enrolled=first_enrolled,
        weights=pairs.weights,
        years=pairs.years,
    )


def span(templates: Vectors) -> int:
    """Count the directions that templates fill: what zero columns and rotations leave as it is.

    Fewer images than values tell of no direction that they do not fill: then it is the number of values.
    """
    sample = templates[:: max(len(templates) // 4000, 1)].astype(np.float64)
    values = np.linalg.eigvalsh(sample.T @ sample)
    filled = int((values > FILLED * values[-1]).sum())
    return max(filled if filled < 0.9 * len(sample) else templates.shape[1], 32)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Mated pairs: scores that rise, a weight each, the persons' part of the noise, years between images."""

    scores: Floats
    weights: Floats
    person_share: float | None
    years: tuple[tuple[float, float], ...]


def _mated(
    templates: Vectors, people: People, several: Integers, first_enrolled: bool, taken: Floats | None
) -> _Pairs:
    """Score images of one person, `IMAGES_EACH` at most; estimate the person's part of the noise."""
    scores, weights, apart, disjoint = [], [], [], []
    for person in several:
        rows = people.of_person(person)[:IMAGES_EACH]
        table = portable.unit_products(templates[rows], templates[rows])
        one, other = np.triu_indices(len(rows), 1)
        if first_enrolled:
            one, other = one[: len(rows) - 1], other[: len(rows) - 1]
        scores.append(table[one, other])
        weights.append(np.full(len(one), 1.0 / len(one)))
        if taken is not None:
            apart.append(np.abs(taken[rows[one]] - taken[rows[other]]))
        if len(rows) >= 4 and not first_enrolled:
            disjoint.append((table[0, 1], table[2, 3]))
    share = None
    if len(disjoint) >= 50:
        z = np.arctanh(np.clip(np.asarray(disjoint, dtype=np.float64), -0.99, 0.9999))
        # The images' common person contributes (2p)^2, the two images q^2 each: p/q = sqrt(r / (2 - 2r)).
        ranks = np.argsort(np.argsort(z, axis=0, kind="stable"), axis=0)
        r = float(np.clip(np.corrcoef(ranks[:, 0], ranks[:, 1]).ravel()[1], 0.0, 0.8))
        share = float(np.sqrt(r / (2.0 * (1.0 - r))))
    values = np.concatenate(scores).astype(np.float64)
    order = np.argsort(values, kind="stable")
    weight = np.concatenate(weights)[order] / len(several)
    years = () if taken is None else binned_years(np.concatenate(apart)[order], weight)
    return _Pairs(values[order], weight, share, years)


def _strangers(
    enrolled: Vectors, probes: Vectors, own: Integers, seed: int
) -> tuple[Integers, dict[int, Floats]]:
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
        above += counted_above(scores[scores > -1.5])
        for n in sizes:
            best[n].append(scores[:, : n + 1 if n == size - 1 else n].max(axis=1).astype(np.float64))
    return above, {n: np.sort(np.concatenate(parts)) for n, parts in best.items()}


def _top_direction(enrolled: Vectors) -> float:
    """Share of the identities' variance along their first principal direction."""
    centred = (enrolled - enrolled.mean(axis=0)).astype(np.float64)
    if len(centred) > 3000:
        centred = centred[:3000]
    gram = centred @ centred.T if len(centred) < centred.shape[1] else centred.T @ centred
    return float(np.linalg.eigvalsh(gram)[-1] / np.trace(gram))
